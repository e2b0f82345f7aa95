//! A plugin's [`DelegationTokenProvider`] and [`DelegationTokenReceiver`].

use abi_stable::std_types::RBox;
use async_trait::async_trait;

use crate::abi::error::from_wire;
use crate::abi::interface::{TokenProviderAbi_TO, TokenReceiverAbi_TO};
use crate::{DelegationToken, DelegationTokenProvider, DelegationTokenReceiver, Result};

pub(super) struct RemoteProvider(pub(super) TokenProviderAbi_TO<RBox<()>>);

#[async_trait]
impl DelegationTokenProvider for RemoteProvider {
    fn service_name(&self) -> String {
        from_wire(self.0.service_name())
            .map(Into::into)
            .unwrap_or_default()
    }

    fn is_required(&self) -> bool {
        self.0.is_required()
    }

    async fn obtain(&self) -> Result<DelegationToken> {
        Ok(from_wire(self.0.obtain().await)?.into())
    }
}

pub(super) struct RemoteReceiver(pub(super) TokenReceiverAbi_TO<RBox<()>>);

#[async_trait]
impl DelegationTokenReceiver for RemoteReceiver {
    fn service_name(&self) -> String {
        from_wire(self.0.service_name())
            .map(Into::into)
            .unwrap_or_default()
    }

    async fn receive(&self, token: &DelegationToken) -> Result<()> {
        from_wire(self.0.receive(token.clone().into()).await)
    }
}
