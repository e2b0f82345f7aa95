//! A plugin's [`FileSystemFactory`].

use std::sync::Arc;
use std::time::Duration;

use abi_stable::std_types::RBox;
use async_trait::async_trait;

use super::delegation_token::{RemoteProvider, RemoteReceiver};
use super::file_system::RemoteFileSystem;
use crate::abi::error::from_wire;
use crate::abi::interface::FactoryAbi_TO;
use crate::abi::wire::{Diagnose, PairRef, extensions_to_wire};
use crate::{
    Config, DelegationTokenProvider, DelegationTokenReceiver, DiagnosisOptions, FileSystem,
    FileSystemFactory, Location, Probe, Result,
};

pub(in crate::abi) struct RemoteFactory(FactoryAbi_TO<RBox<()>>);

impl RemoteFactory {
    pub(in crate::abi) fn new(factory: FactoryAbi_TO<RBox<()>>) -> Self {
        Self(factory)
    }
}

fn config_to_wire(config: &Config) -> Vec<PairRef<'_>> {
    config
        .iter()
        .map(|(key, value)| PairRef::new(key, value))
        .collect()
}

#[async_trait]
impl FileSystemFactory for RemoteFactory {
    async fn create(&self, root: &Location, config: &Config) -> Result<Arc<dyn FileSystem>> {
        let config = config_to_wire(config);
        let object = from_wire(self.0.create(root.into(), config.as_slice().into()).await)?;
        Ok(Arc::new(RemoteFileSystem::new(object)))
    }

    fn delegation_token_provider(&self, config: &Config) -> Result<Option<Box<dyn DelegationTokenProvider>>> {
        let config = config_to_wire(config);
        let provider = from_wire(self.0.delegation_token_provider(config.as_slice().into()))?;
        Ok(provider
            .into_option()
            .map(|object| Box::new(RemoteProvider(object)) as _))
    }

    fn delegation_token_receiver(&self) -> Option<Box<dyn DelegationTokenReceiver>> {
        let receiver = from_wire(self.0.delegation_token_receiver()).ok()?;
        receiver
            .into_option()
            .map(|object| Box::new(RemoteReceiver(object)) as _)
    }

    async fn diagnose(
        &self,
        root: &Location,
        config: &Config,
        options: &DiagnosisOptions,
    ) -> Result<Vec<Probe>> {
        let config = config_to_wire(config);
        let extensions = extensions_to_wire(&options.extensions);
        let options = Diagnose::new(options, &extensions);
        let probes = self.0.diagnose(root.into(), config.as_slice().into(), options);
        Ok(from_wire(probes.await)?.into_iter().map(Into::into).collect())
    }

    fn telemetry_changed(&self) {
        self.0.telemetry_changed();
    }

    async fn shutdown(&self, deadline: Duration) -> Result<()> {
        from_wire(self.0.shutdown(deadline_ms(deadline)).await)
    }
}

pub(super) fn deadline_ms(deadline: Duration) -> u64 {
    u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX)
}
