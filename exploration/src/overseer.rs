//! [`Overseer`]: sits in the server, counts the requests of the clients, and lets the faults of the
//! schedule happen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::OnceLock;

use async_trait::async_trait;
use parking_lot::Mutex;
use testkit::{Action, Arrival, Director, Store};
use tokio::sync::Notify;

use crate::fault::Fault;
use crate::script::PART;

pub(crate) const BUCKET: &str = "bucket";
pub(crate) const KEY: &str = "dir/file";

/// What another program stores at the key.
pub(crate) const FOREIGN: &[u8] = b"of another program";

/// The metadata by which objects of the plugin are known.
const NONCE: &str = "fsplug-nonce";

/// Requests that fail in a row: more than a client repeats one.
const OUTAGE: u32 = 4;

/// What happens to the caller of the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// Its process is dead.
    Crash,
    /// It drops the call.
    Cancel,
}

/// A request that was counted, and the faults that it could have met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Boundary {
    pub(crate) operation: &'static str,
    pub(crate) part_number: Option<u16>,
    pub(crate) faults: Vec<Fault>,
}

/// Counts the requests of the clients, and lets the faults of the schedule happen.
#[derive(Debug)]
pub(crate) struct Overseer {
    state: Mutex<State>,
    interrupt: Notify,
    /// Known once the server is.
    keeper: OnceLock<Keeper>,
}

/// Who acts behind the back of the clients.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) store: Store,
    pub(crate) client: aws_sdk_s3::Client,
}

#[derive(Debug, Default)]
struct State {
    /// Those still to come.
    faults: VecDeque<(u32, Fault)>,
    is_over: bool,
    /// The process that calls the plugin now.
    calling: usize,
    dead: BTreeSet<usize>,
    interrupt: Option<Interrupt>,
    /// Requests that are still to fail.
    outage: u32,
    boundaries: Vec<Boundary>,
    record: Record,
    /// By process and upload, what the process sent last.
    sent: BTreeMap<(usize, String), Sent>,
    /// The parts that were received in time, by upload and number,
    numbers: BTreeSet<(String, u16)>,
    /// and those that arrived late.
    late: BTreeSet<(String, u16)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    last: u16,
    /// A part that was sent by a dying process and not received yet.
    on_its_way: Option<u16>,
}

/// What has happened so far.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct Record {
    pub(crate) faults: Vec<Fault>,
    /// Uploads that expired.
    pub(crate) expired: BTreeSet<String>,
    /// Whether an object of the plugin was seen at the key.
    pub(crate) was_published: bool,
    /// Whether another program stored an object.
    pub(crate) has_foreign: bool,
    /// Whether that replaced an object of the plugin.
    pub(crate) replaced_published: bool,
    /// Whether a part that arrived late has the number of another one.
    pub(crate) replaced_part: bool,
}

/// What is done before the request is handled, by requests of its own.
enum Errand {
    Nothing,
    Expire(Vec<String>),
    StoreParts(Vec<(String, u16)>),
}

impl Overseer {
    pub(crate) fn new(faults: &[(u32, Fault)]) -> Self {
        Self {
            state: Mutex::new(State {
                faults: faults.iter().copied().collect(),
                ..State::default()
            }),
            interrupt: Notify::new(),
            keeper: OnceLock::new(),
        }
    }

    pub(crate) fn employ(&self, keeper: Keeper) {
        // There is one server, so this is called once.
        drop(self.keeper.set(keeper));
    }

    /// The access key of a process.
    pub(crate) fn access_key(process: usize) -> String {
        format!("process-{process}")
    }

    fn process_of(access_key: &str) -> Option<usize> {
        access_key.strip_prefix("process-")?.parse().ok()
    }

    /// This process calls the plugin from now on.
    pub(crate) fn calls(&self, process: usize) {
        self.state.lock().calling = process;
    }

    /// From now on nothing that the process sends has an effect.
    pub(crate) fn kill(&self, process: usize) {
        let mut state = self.state.lock();
        state.dead.insert(process);
        state.interrupt = None;
    }

    pub(crate) fn is_dead(&self, process: usize) -> bool {
        self.state.lock().dead.contains(&process)
    }

    /// Returns when the caller of the plugin is interrupted.
    pub(crate) async fn interrupted(&self) -> Interrupt {
        loop {
            let pending = self.state.lock().interrupt.take();
            match pending {
                Some(interrupt) => return interrupt,
                None => self.interrupt.notified().await,
            }
        }
    }

    /// No further fault happens and no request is counted.
    pub(crate) fn end(&self) -> Vec<Boundary> {
        let mut state = self.state.lock();
        state.is_over = true;
        std::mem::take(&mut state.boundaries)
    }

    /// What has happened until now.
    pub(crate) fn record(&self) -> Record {
        let mut state = self.state.lock();
        if let Some(keeper) = self.keeper.get() {
            state.look(&keeper.store);
        }
        state.record.clone()
    }
}

#[async_trait]
impl Director for Overseer {
    async fn direct(&self, arrival: Arrival) -> Option<Action> {
        let process = Self::process_of(&arrival.access_key)?;
        let keeper = self.keeper.get()?;
        let (action, errand) = {
            let mut state = self.state.lock();
            let decision = state.decide(process, &arrival, &keeper.store);
            if state.interrupt.is_some() {
                self.interrupt.notify_one();
            }
            decision
        };
        match errand {
            Errand::Nothing => {}
            Errand::Expire(uploads) => {
                for upload in uploads {
                    keeper.abort(&upload).await;
                }
            }
            Errand::StoreParts(parts) => {
                for (upload, number) in parts {
                    keeper.store_part(&upload, number).await;
                }
            }
        }
        action
    }
}

impl State {
    fn decide(&mut self, process: usize, arrival: &Arrival, store: &Store) -> (Option<Action>, Errand) {
        if self.is_over {
            return (None, Errand::Nothing);
        }
        if self.dead.contains(&process) {
            return (Some(Action::Reset), Errand::Nothing);
        }
        self.look(store);
        if let (Some(upload), Some(number)) = (&arrival.upload_id, arrival.part_number) {
            let sent = self.sent.entry((process, upload.clone())).or_default();
            sent.last = sent.last.max(number);
            let part = (upload.clone(), number);
            self.record.replaced_part |= self.late.contains(&part);
            self.numbers.insert(part);
        }
        let index = self.boundaries.len() as u32;
        let faults = if self.outage > 0 {
            Vec::new()
        } else {
            self.possible(process, arrival, store)
        };
        self.boundaries.push(Boundary {
            operation: arrival.operation,
            part_number: arrival.part_number,
            faults,
        });
        if self.faults.front().is_some_and(|&(at, _)| at == index)
            && let Some((_, fault)) = self.faults.pop_front()
        {
            self.record.faults.push(fault);
            return (fault.action(), self.let_happen(fault, process, arrival, store));
        }
        if self.outage > 0 {
            self.outage -= 1;
            return (Fault::Outage.action(), Errand::Nothing);
        }
        (None, Errand::Nothing)
    }

    /// The faults that can happen to this request now.
    fn possible(&self, process: usize, arrival: &Arrival, store: &Store) -> Vec<Fault> {
        let possible = |fault: &Fault| {
            fault.concerns(arrival.operation)
                && match fault {
                    Fault::Cancel => process == self.calling,
                    Fault::Expire => !store.open_uploads(BUCKET).is_empty(),
                    Fault::Foreign => !self.record.has_foreign,
                    Fault::LateParts => !self.late_parts(store).is_empty(),
                    _ => true,
                }
        };
        Fault::ALL.into_iter().filter(possible).collect()
    }

    fn let_happen(&mut self, fault: Fault, process: usize, arrival: &Arrival, store: &Store) -> Errand {
        match fault {
            Fault::Outage => self.outage = OUTAGE - 1,
            Fault::Crash | Fault::CrashAfter => {
                self.dead.insert(process);
                if let (Fault::Crash, Some(upload), Some(number)) =
                    (fault, &arrival.upload_id, arrival.part_number)
                    && let Some(sent) = self.sent.get_mut(&(process, upload.clone()))
                {
                    sent.on_its_way = Some(number);
                    self.numbers.remove(&(upload.clone(), number));
                }
                if process == self.calling {
                    self.interrupt = Some(Interrupt::Crash);
                }
            }
            Fault::Cancel if process == self.calling => self.interrupt = Some(Interrupt::Cancel),
            Fault::Expire => {
                let uploads = store.open_uploads(BUCKET).into_iter();
                let uploads: Vec<_> = uploads.map(|upload| upload.upload_id).collect();
                self.record.expired.extend(uploads.iter().cloned());
                return Errand::Expire(uploads);
            }
            Fault::Foreign => {
                self.record.has_foreign = true;
                self.record.replaced_published |= is_published(store);
                store.put(BUCKET, KEY, FOREIGN);
            }
            Fault::LateParts => {
                let parts = self.late_parts(store);
                self.record.replaced_part |= parts.iter().any(|part| self.numbers.contains(part));
                self.late.extend(parts.iter().cloned());
                return Errand::StoreParts(parts);
            }
            _ => {}
        }
        Errand::Nothing
    }

    /// What may still arrive of dead processes: what they had sent when they died, and what they may
    /// have sent besides.
    fn late_parts(&self, store: &Store) -> Vec<(String, u16)> {
        let open: BTreeSet<_> = store
            .open_uploads(BUCKET)
            .into_iter()
            .map(|upload| upload.upload_id)
            .collect();
        let of_dead = self
            .sent
            .iter()
            .filter(|((process, upload), _)| self.dead.contains(process) && open.contains(upload));
        of_dead
            .flat_map(|((_, upload), sent)| {
                let numbers = sent.on_its_way.into_iter().chain([sent.last + 1, sent.last + 2]);
                numbers.map(|number| (upload.clone(), number))
            })
            .collect()
    }

    fn look(&mut self, store: &Store) {
        self.record.was_published |= is_published(store);
    }
}

/// Whether an object of the plugin is at the key.
fn is_published(store: &Store) -> bool {
    store
        .object(BUCKET, KEY)
        .is_some_and(|object| object.metadata.contains_key(NONCE))
}

impl Keeper {
    async fn abort(&self, upload: &str) {
        // What runs in the background may have ended the upload in the meantime.
        let outcome = self
            .client
            .abort_multipart_upload()
            .bucket(BUCKET)
            .key(KEY)
            .upload_id(upload)
            .send()
            .await;
        drop(outcome);
    }

    /// Stores a part of other bytes than any writer's.
    async fn store_part(&self, upload: &str, number: u16) {
        // As above: a part that comes too late for its upload does nothing.
        let outcome = self
            .client
            .upload_part()
            .bucket(BUCKET)
            .key(KEY)
            .upload_id(upload)
            .part_number(i32::from(number))
            .body(vec![0xee; PART].into())
            .send()
            .await;
        drop(outcome);
    }
}
