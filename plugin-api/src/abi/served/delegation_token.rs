//! Serves a [`DelegationTokenProvider`] and a [`DelegationTokenReceiver`].

use abi_stable::std_types::{RBox, RString};
use abi_stable::type_level::downcasting::TD_Opaque;

use crate::abi::error::{WireResult, to_wire};
use crate::abi::future::{Enter, Entered, WireFuture};
use crate::abi::interface::{
    TokenBuf, TokenProviderAbi, TokenProviderAbi_TO, TokenReceiverAbi, TokenReceiverAbi_TO,
};
use crate::{DelegationTokenProvider, DelegationTokenReceiver};

pub(super) fn serve_provider(
    provider: Box<dyn DelegationTokenProvider>,
    enter: &Enter,
) -> TokenProviderAbi_TO<RBox<()>> {
    TokenProviderAbi_TO::from_value(Entered::new(provider, enter.clone()), TD_Opaque)
}

pub(super) fn serve_receiver(
    receiver: Box<dyn DelegationTokenReceiver>,
    enter: &Enter,
) -> TokenReceiverAbi_TO<RBox<()>> {
    TokenReceiverAbi_TO::from_value(Entered::new(receiver, enter.clone()), TD_Opaque)
}

impl TokenProviderAbi for Entered<Box<dyn DelegationTokenProvider>> {
    fn service_name(&self) -> WireResult<RString> {
        to_wire(self.enter.run("service name", || (**self).service_name()))
    }

    fn is_required(&self) -> bool {
        Enter::ask(false, || (**self).is_required())
    }

    fn obtain(&self) -> WireFuture<'_, TokenBuf> {
        self.enter
            .future("obtain token", async move { Ok((**self).obtain().await?.into()) })
    }
}

impl TokenReceiverAbi for Entered<Box<dyn DelegationTokenReceiver>> {
    fn service_name(&self) -> WireResult<RString> {
        to_wire(self.enter.run("service name", || (**self).service_name()))
    }

    fn receive(&self, token: TokenBuf) -> WireFuture<'_, ()> {
        self.enter.future(
            "receive token",
            async move { (**self).receive(&token.into()).await },
        )
    }
}
