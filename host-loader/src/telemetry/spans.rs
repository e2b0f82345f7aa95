//! Open spans of a plugin by the numbers that it knows them by.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tracing_core::Dispatch;
use tracing_core::span::Id;

use super::callsites::HostCallsite;

/// A plugin's span in the host.
pub(super) struct OpenSpan {
    /// The subscriber that knows the span, whatever the default is by now.
    pub(super) dispatch: Dispatch,
    pub(super) id: Id,
    pub(super) callsite: &'static HostCallsite,
}

/// All open spans of one plugin.
#[derive(Default)]
pub(super) struct Spans {
    open: RwLock<HashMap<u64, Arc<OpenSpan>>>,
    last_number: AtomicU64,
}

impl Spans {
    /// Keeps a span and gives it a number.
    pub(super) fn insert(&self, span: OpenSpan) -> u64 {
        let number = self.last_number.fetch_add(1, Ordering::Relaxed) + 1;
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.insert(number, Arc::new(span));
        number
    }

    pub(super) fn get(&self, number: u64) -> Option<Arc<OpenSpan>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.get(&number).cloned()
    }

    pub(super) fn remove(&self, number: u64) -> Option<Arc<OpenSpan>> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.remove(&number)
    }

    /// The parent that a plugin names.
    pub(super) fn parent(&self, number: u64) -> Parent {
        match number {
            0 => Parent::Current,
            _ => self
                .get(number)
                .map_or(Parent::None, |span| Parent::Span(span.id.clone())),
        }
    }
}

/// The parent of an event or span.
pub(super) enum Parent {
    /// What the thread has entered.
    Current,
    /// Nothing: the plugin named no open span.
    None,
    Span(Id),
}
