//! [`Faults`]: the faults of a running server, and how often they hit.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use super::language::{RuleError, Rules, escaped};
use super::{Action, Fault, chance};
use crate::operation::Operation;

/// The faults of a server.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    rules: Vec<Arc<Rule>>,
    /// How many faults were added one by one.
    added: u64,
    /// How many requests of each identity arrived while there was a fault with a chance.
    seen: HashMap<u64, u64>,
    listeners: Vec<mpsc::UnboundedSender<Hit>>,
}

#[derive(Debug)]
struct Rule {
    fault: Fault,
    /// With the place among the rules, what random decisions come from.
    seed: u64,
    place: u64,
    matched: AtomicU64,
    hit: AtomicU64,
    kills: watch::Sender<u64>,
}

impl Rule {
    /// Counts a request that matches, and tells whether it is hit. Only to be called under the lock, so that
    /// of concurrent requests exactly as many are hit as have to be.
    fn hits(&self, identity: u64, earlier: u64) -> bool {
        let fault = &self.fault;
        let index = self.matched.fetch_add(1, Ordering::Relaxed);
        let is_hit = index >= fault.skip
            && fault
                .every
                .is_none_or(|nth| (index - fault.skip) % nth == nth - 1)
            && fault
                .chance
                .is_none_or(|of| chance::falls_on(self.seed, self.place, identity, earlier, of))
            && fault
                .times
                .is_none_or(|times| self.hit.load(Ordering::Relaxed) < times);
        if is_hit {
            self.hit.fetch_add(1, Ordering::Relaxed);
        }
        is_hit
    }
}

/// What is to happen to a request.
#[derive(Debug, Default)]
pub(crate) struct Decision {
    /// How long it waits before anything else.
    pub(crate) delay: Duration,
    /// What others do to the store just before it is handled, in this order.
    pub(crate) changes: Vec<Action>,
    /// How it is handled.
    pub(crate) action: Option<Action>,
    /// Is told when the client is to be killed.
    pub(crate) kill: Option<Kill>,
}

/// A kill that is still to be told of.
#[derive(Debug)]
pub(crate) struct Kill {
    rule: Arc<Rule>,
    hit: Hit,
    faults: Faults,
}

impl Kill {
    /// The client is to be killed now.
    pub(crate) fn tell(self) {
        self.faults.inner.lock().tell(&self.hit);
        self.rule.kills.send_modify(|kills| *kills += 1);
    }
}

impl Inner {
    fn tell(&mut self, hit: &Hit) {
        self.listeners
            .retain(|listener| listener.send(hit.clone()).is_ok());
    }

    /// Which request of its identity this is, counted from zero.
    fn count(&mut self, identity: u64) -> u64 {
        if self.rules.iter().all(|rule| rule.fault.chance.is_none()) {
            return 0;
        }
        let seen = self.seen.entry(identity).or_default();
        *seen += 1;
        *seen - 1
    }
}

impl Faults {
    /// Adds a fault behind those that are there; the first that hits a request decides.
    ///
    /// # Panics
    /// If the fault could never do anything, such as a swapped object for an operation that names none.
    pub fn add(&self, fault: Fault) -> FaultHandle {
        if let Some(problem) = fault.impossible() {
            panic!("the fault '{fault}' hits nothing: {problem}");
        }
        let place = {
            let mut inner = self.inner.lock();
            inner.added += 1;
            inner.added - 1
        };
        self.install(fault, 0, place)
    }

    /// Adds the faults that a text describes, in the language of [`Rules`], behind those that are there.
    ///
    /// The seed decides for rules with a `chance`. The same text and seed on a new server hit the same
    /// requests again; see [`Rules`] for what that means when requests are concurrent.
    pub fn add_rules(&self, rules: &str, seed: u64) -> Result<Vec<FaultHandle>, RuleError> {
        let rules: Rules = rules.parse()?;
        Ok(self.add_all(&rules, seed))
    }

    /// [`Self::add_rules`] for rules that were read already.
    pub fn add_all(&self, rules: &Rules, seed: u64) -> Vec<FaultHandle> {
        let faults = (0..).zip(rules.faults());
        faults
            .map(|(place, fault)| self.install(fault.clone(), seed, place))
            .collect()
    }

    fn install(&self, fault: Fault, seed: u64, place: u64) -> FaultHandle {
        let rule = Arc::new(Rule {
            fault,
            seed,
            place,
            matched: AtomicU64::new(0),
            hit: AtomicU64::new(0),
            kills: watch::Sender::new(0),
        });
        self.inner.lock().rules.push(Arc::clone(&rule));
        FaultHandle {
            rule,
            faults: self.clone(),
        }
    }

    /// Removes all faults; requests that were hit already stay so.
    pub fn clear(&self) {
        self.inner.lock().rules.clear();
    }

    /// Every hit from now on, until what is returned is dropped. What is not taken out is kept in memory.
    pub fn hits(&self) -> Hits {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.inner.lock().listeners.push(sender);
        Hits { receiver }
    }

    /// How long to wait with a request, and what to do to it.
    pub(crate) fn decide(&self, operation: &Operation) -> Decision {
        let mut decision = Decision::default();
        let mut inner = self.inner.lock();
        if inner.rules.is_empty() {
            return decision;
        }
        let identity = chance::identity(operation);
        let earlier = inner.count(identity);
        let mut hits = Vec::new();
        for rule in inner.rules.iter().filter(|rule| rule.fault.matches(operation)) {
            if !rule.hits(identity, earlier) {
                continue;
            }
            let action = rule.fault.action.clone();
            let hit = Hit {
                action: action.clone(),
                operation: operation.name,
                key: operation.key.clone(),
                part_number: operation.part_number,
            };
            match action {
                Action::Delay(more) => decision.delay += more,
                change if change.goes_on() => decision.changes.push(change),
                action => {
                    decision.kill = action.kills().then(|| Kill {
                        rule: Arc::clone(rule),
                        hit: hit.clone(),
                        faults: self.clone(),
                    });
                    decision.action = Some(action);
                }
            }
            if decision.kill.is_none() {
                hits.push(hit);
            }
            if decision.action.is_some() {
                break;
            }
        }
        for hit in &hits {
            inner.tell(hit);
        }
        decision
    }
}

/// An added fault.
#[derive(Clone, Debug)]
pub struct FaultHandle {
    rule: Arc<Rule>,
    faults: Faults,
}

impl FaultHandle {
    /// How many requests it has hit.
    pub fn hits(&self) -> u64 {
        self.rule.hit.load(Ordering::Relaxed)
    }

    /// Returns once so many requests have come to the point at which their client is to be killed: at once
    /// for [`Action::KillClient`], with the effect in the store for [`Action::ApplyThenKillClient`]. May be
    /// dropped and called again; runs on any executor.
    ///
    /// # Panics
    /// If the fault kills no client: this would never return.
    pub async fn kill_due(&self, requests: u64) {
        assert!(
            self.rule.fault.action.kills(),
            "the fault '{}' kills no client",
            self.rule.fault
        );
        let mut kills = self.rule.kills.subscribe();
        // The sender lives in the rule, so that waiting ends in no other way.
        drop(kills.wait_for(|kills| *kills >= requests).await);
    }

    /// Removes the fault.
    pub fn remove(&self) {
        let mut inner = self.faults.inner.lock();
        inner.rules.retain(|rule| !Arc::ptr_eq(rule, &self.rule));
    }
}

/// A request that a fault hit.
///
/// Shown as action, operation and key, separated by spaces: `lose-reply UploadPart out/part-1`. Spaces and
/// the like in keys are percent-encoded as in [`Rules`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hit {
    /// What happens to it.
    pub action: Action,
    /// Name of the operation as in the API of S3 or STS.
    pub operation: &'static str,
    /// Key, decoded.
    pub key: Option<String>,
    /// Part number of multipart operations.
    pub part_number: Option<u16>,
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action, self.operation)?;
        match &self.key {
            Some(key) => write!(f, " {}", escaped(key)),
            None => Ok(()),
        }
    }
}

/// The hits on a server as they happen: before the request is handled, and for
/// [`Action::ApplyThenKillClient`] behind that.
#[derive(Debug)]
pub struct Hits {
    receiver: mpsc::UnboundedReceiver<Hit>,
}

impl Hits {
    /// The next hit; none once the server and all handles to its faults are gone. May be dropped and called again.
    pub async fn next(&mut self) -> Option<Hit> {
        self.receiver.recv().await
    }
}
