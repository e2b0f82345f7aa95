//! [`Gate`]: lets operations in until it is closed, and waits for those that are inside.

use std::sync::Arc;
use std::time::Duration;

use plugin_api::{Error, ErrorKind, Result};
use tokio::sync::watch;

/// Lets operations in until it is closed.
///
/// The number of operations inside lives in a watch channel, so that closing waits without polling.
#[derive(Debug)]
pub(crate) struct Gate {
    state: watch::Sender<State>,
    /// The gate of the factory, which closes those of all its file systems.
    outer: Option<Arc<Gate>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    closed: bool,
    inside: usize,
}

/// An operation that is inside the gate.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    gate: &'a Gate,
    _outer: Option<Box<Pass<'a>>>,
}

impl Gate {
    pub(crate) fn new(outer: Option<Arc<Gate>>) -> Arc<Self> {
        let (state, _) = watch::channel(State::default());
        Arc::new(Self { state, outer })
    }

    /// Enters, or fails with [`ErrorKind::Closed`].
    pub(crate) fn enter(&self) -> Result<Pass<'_>> {
        let outer = match &self.outer {
            Some(outer) => Some(Box::new(outer.enter()?)),
            None => None,
        };
        let mut entered = false;
        self.state.send_if_modified(|state| {
            if !state.closed {
                state.inside += 1;
                entered = true;
            }
            // Nobody waits for a rising number.
            false
        });
        if entered {
            Ok(Pass {
                gate: self,
                _outer: outer,
            })
        } else {
            Err(closed())
        }
    }

    /// Fails with [`ErrorKind::Closed`] once the gate or an outer one is closed.
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.state.borrow().closed {
            return Err(closed());
        }
        self.outer.as_ref().map_or(Ok(()), |outer| outer.check_open())
    }

    /// Closes the gate at once.
    pub(crate) fn shut(&self) {
        self.state.send_modify(|state| state.closed = true);
    }

    /// Closes the gate and waits until everybody has left, at most until the deadline: whether they
    /// all have.
    pub(crate) async fn close(&self, deadline: Duration) -> bool {
        self.shut();
        let mut changes = self.state.subscribe();
        let empty = changes.wait_for(|state| state.inside == 0);
        matches!(tokio::time::timeout(deadline, empty).await, Ok(Ok(_)))
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gate.state.send_if_modified(|state| {
            state.inside -= 1;
            state.closed && state.inside == 0
        });
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the file system has been closed")
        .with_remedy("get a new file system from the host")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_gate_waits_for_those_inside_and_lets_nobody_in() {
        let outer = Gate::new(None);
        let inner = Gate::new(Some(outer.clone()));
        let pass = inner.enter().unwrap();
        assert!(!outer.close(Duration::from_millis(1)).await);
        assert_eq!(inner.enter().unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(inner.check_open().unwrap_err().kind(), ErrorKind::Closed);
        drop(pass);
        assert!(outer.close(Duration::ZERO).await);
        assert!(inner.close(Duration::ZERO).await);
    }
}
