//! Serves a [`FileSystemFactory`].

use std::sync::Arc;
use std::time::Duration;

use abi_stable::std_types::{RBox, ROption, RSlice, RVec};
use abi_stable::type_level::downcasting::TD_Opaque;

use super::delegation_token::{serve_provider, serve_receiver};
use super::file_system::serve_file_system;
use crate::abi::error::WireResult;
use crate::abi::future::{Enter, Entered, WireFuture};
use crate::abi::interface::{
    FactoryAbi, FactoryAbi_TO, FileSystemAbi_TO, ProbeBuf, TokenProviderAbi_TO, TokenReceiverAbi_TO,
};
use crate::abi::remote::RemoteFactory;
use crate::abi::wire::{Diagnose, LocationRef, PairRef};
use crate::{Config, FileSystemFactory};

type Served = Entered<Arc<dyn FileSystemFactory>>;

/// Serves the factory; everything that it makes enters its runtime.
pub(in crate::abi) fn serve_factory(factory: Arc<dyn FileSystemFactory>) -> FactoryAbi_TO<RBox<()>> {
    let enter = Enter::new(Arc::clone(&factory));
    FactoryAbi_TO::from_value(Entered::new(factory, enter), TD_Opaque)
}

/// A factory that is part of this program, with the guarantees that the boundary gives to a plugin's: no panic
/// leaves it, and after its end its operations are [`ErrorKind::Closed`](crate::ErrorKind::Closed).
pub fn isolate(factory: Arc<dyn FileSystemFactory>) -> Arc<dyn FileSystemFactory> {
    Arc::new(RemoteFactory::new(serve_factory(factory)))
}

fn config_from_wire(config: RSlice<'_, PairRef<'_>>) -> Config {
    Config::from_pairs(config.iter().map(|pair| (pair.key.as_str(), pair.value.as_str())))
}

impl FactoryAbi for Served {
    fn create<'a>(
        &'a self,
        root: LocationRef<'a>,
        config: RSlice<'a, PairRef<'a>>,
    ) -> WireFuture<'a, FileSystemAbi_TO<RBox<()>>> {
        self.enter.future("create file system", async move {
            let root = root.to_location()?;
            let config = config_from_wire(config);
            let file_system = (**self).create(&root, &config).await?;
            Ok(serve_file_system(file_system, &self.enter))
        })
    }

    fn delegation_token_provider(
        &self,
        config: RSlice<'_, PairRef<'_>>,
    ) -> WireResult<ROption<TokenProviderAbi_TO<RBox<()>>>> {
        self.enter.call("delegation token provider", || {
            let provider = (**self).delegation_token_provider(&config_from_wire(config))?;
            Ok(provider.map(|provider| serve_provider(provider, &self.enter)))
        })
    }

    fn delegation_token_receiver(&self) -> WireResult<ROption<TokenReceiverAbi_TO<RBox<()>>>> {
        self.enter.call("delegation token receiver", || {
            let receiver = (**self).delegation_token_receiver();
            Ok(receiver.map(|receiver| serve_receiver(receiver, &self.enter)))
        })
    }

    fn telemetry_changed(&self) {
        Enter::ask((), || {
            crate::telemetry::refresh();
            (**self).telemetry_changed();
        });
    }

    fn shutdown(&self, deadline_ms: u64) -> WireFuture<'_, ()> {
        self.enter.last_future("shut down", async move {
            let deadline = Duration::from_millis(deadline_ms);
            self.enter.end(deadline, |rest| (**self).shutdown(rest)).await
        })
    }

    fn diagnose<'a>(
        &'a self,
        root: LocationRef<'a>,
        config: RSlice<'a, PairRef<'a>>,
        options: Diagnose<'a>,
    ) -> WireFuture<'a, RVec<ProbeBuf>> {
        self.enter.future("diagnose", async move {
            let root = root.to_location()?;
            let config = config_from_wire(config);
            let options = options.into_options()?;
            let probes = (**self).diagnose(&root, &config, &options).await?;
            Ok(probes.into_iter().map(ProbeBuf::from).collect::<RVec<_>>())
        })
    }
}
