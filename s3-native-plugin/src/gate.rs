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
    /// No task may go on.
    cut: bool,
    inside: usize,
}

/// What tasks have at most to end after they were cut off.
const CUT_OFF: Duration = Duration::from_secs(1);

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

    /// This gate and those outside of it.
    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |gate| gate.outer.as_deref())
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

    /// A task that goes on without the operation that begins it: it is inside from now on, also while the gate is
    /// being closed, and ends without a result when it is cut off.
    pub(crate) fn escort<T, F: Future<Output = T>>(
        self: &Arc<Self>,
        task: F,
    ) -> impl Future<Output = Option<T>> + use<T, F> {
        let escort = Escort::new(self);
        async move {
            tokio::select! {
                biased;
                output = task => Some(output),
                () = escort.cut_off() => None,
            }
        }
    }

    /// Closes the gate and waits until everybody has left, at most until the deadline, then cuts off the tasks:
    /// whether they all had left.
    pub(crate) async fn close(&self, deadline: Duration) -> bool {
        self.shut();
        if self.empty(deadline).await {
            return true;
        }
        self.state.send_modify(|state| state.cut = true);
        self.empty(CUT_OFF).await;
        false
    }

    async fn empty(&self, deadline: Duration) -> bool {
        let mut changes = self.state.subscribe();
        let empty = changes.wait_for(|state| state.inside == 0);
        matches!(tokio::time::timeout(deadline, empty).await, Ok(Ok(_)))
    }

    async fn cut_off(&self) {
        // The sender lives as long as this gate.
        let _ = self.state.subscribe().wait_for(|state| state.cut).await;
    }

    fn leave(&self) {
        self.state.send_if_modified(|state| {
            state.inside -= 1;
            state.closed && state.inside == 0
        });
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gate.leave();
    }
}

/// A task that is inside the gate and the outer ones.
struct Escort(Arc<Gate>);

impl Escort {
    fn new(gate: &Arc<Gate>) -> Self {
        for gate in gate.chain() {
            gate.state.send_if_modified(|state| {
                state.inside += 1;
                false
            });
        }
        Self(Arc::clone(gate))
    }

    /// Ends when the gate or the outer one has been cut.
    async fn cut_off(&self) {
        match &self.0.outer {
            Some(outer) => tokio::select! {
                biased;
                () = self.0.cut_off() => {}
                () = outer.cut_off() => {}
            },
            None => self.0.cut_off().await,
        }
    }
}

impl Drop for Escort {
    fn drop(&mut self) {
        self.0.chain().for_each(Gate::leave);
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

    #[tokio::test(start_paused = true)]
    async fn a_task_is_inside_until_it_ends_or_is_cut_off() {
        let outer = Gate::new(None);
        let inner = Gate::new(Some(outer.clone()));
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let task = tokio::spawn(inner.escort(ended));
        let endless = tokio::spawn(inner.escort(std::future::pending::<()>()));
        inner.shut();
        // Begun by an operation that is inside.
        let late = tokio::spawn(inner.escort(async { 7 }));
        assert_eq!(late.await.unwrap(), Some(7));
        end.send(()).unwrap();
        assert_eq!(task.await.unwrap(), Some(Ok(())));
        assert!(!outer.close(Duration::from_mins(1)).await);
        assert_eq!(endless.await.unwrap(), None);
        assert!(outer.close(Duration::ZERO).await);
    }
}
