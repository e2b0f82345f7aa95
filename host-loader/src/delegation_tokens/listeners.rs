//! [`Listeners`]: who wants to hear of new tokens.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::DelegationTokens;

type Listener = Box<dyn Fn(&DelegationTokens) + Send>;

/// Who wants to hear of new tokens, and the last ones for whoever comes late.
#[derive(Default)]
pub(super) struct Listeners {
    all: Vec<Listener>,
    last: Option<Arc<DelegationTokens>>,
}

impl Listeners {
    pub(super) fn add(&mut self, listener: Listener) {
        if let Some(last) = &self.last {
            tell(&listener, last);
        }
        self.all.push(listener);
    }

    pub(super) fn tell_all(&mut self, tokens: DelegationTokens) {
        for listener in &self.all {
            tell(listener, &tokens);
        }
        self.last = Some(Arc::new(tokens));
    }

    /// The last tokens, if there were any.
    pub(super) fn last(&self) -> Option<Arc<DelegationTokens>> {
        self.last.clone()
    }
}

/// A listener that panics must not end the renewal.
fn tell(listener: &Listener, tokens: &DelegationTokens) {
    if catch_unwind(AssertUnwindSafe(|| listener(tokens))).is_err() {
        tracing::error!("a listener of delegation tokens panicked");
    }
}
