//! [`Engine`]: does what a script says, and what a data engine does when something goes wrong: it makes
//! a commit again, else it goes on from the last checkpoint.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use plugin_api::{Committer, Error, ErrorKind, Recoverable, RecoverableStream, Result};

use crate::overseer::Interrupt;
use crate::world::{Process, World, location};

mod steps;

/// How often a commit or a recovery is tried, and how often a writer starts again: more than the faults
/// of one schedule can bring to nothing.
const TRIES: usize = 10;

/// The requests that are on their way get this long before their sender is gone, in virtual time.
const SETTLE: Duration = Duration::from_millis(10);

/// A state and the bytes that it covers.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) state: Recoverable,
    pub(crate) content: Vec<u8>,
}

/// How a run ended for the engine, and what it has to know to be judged.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) ending: Ending,
    /// States from which somebody may still go on.
    pub(crate) live: Vec<Snapshot>,
    /// What the writer began to commit.
    pub(crate) tried: Vec<Vec<u8>>,
    /// What it finished and kept in a checkpoint.
    pub(crate) finished: Option<Vec<u8>>,
    pub(crate) rival: RivalStory,
    /// Whether an object was visible before anybody had begun to commit.
    pub(crate) was_early: bool,
}

#[derive(Debug)]
pub(crate) enum Ending {
    /// Every step was done; this was committed.
    Done(Option<Vec<u8>>),
    /// The plugin said for good that it cannot go on.
    Refused(Error),
    /// It failed again and again.
    Stuck(String),
}

/// What became of the second writer of the file.
#[derive(Debug, Default)]
pub(crate) struct RivalStory {
    /// What it began to commit.
    pub(crate) tried: Option<Vec<u8>>,
    pub(crate) has_committed: bool,
    pub(crate) refused: Option<Error>,
}

/// Does what a script says.
pub(crate) struct Engine<'a> {
    world: &'a World,
    /// Steps that are done once, whatever is repeated.
    done: BTreeSet<usize>,
    checkpoint: Checkpoint,
    retained: Option<Snapshot>,
    started: usize,
    lives: usize,
    process: Option<Process>,
    stream: Option<Box<dyn RecoverableStream>>,
    committer: Option<Arc<dyn Committer>>,
    /// What was written to the stream.
    content: Vec<u8>,
    rival: Option<Rival>,
    published: Option<Vec<u8>>,
    finished: Option<Vec<u8>>,
    tried: Vec<Vec<u8>>,
    rival_story: RivalStory,
    was_early: bool,
}

struct Rival {
    process: Process,
    committer: Arc<dyn Committer>,
    content: Vec<u8>,
}

/// Where the next life goes on.
struct Checkpoint {
    step: usize,
    saved: Saved,
}

#[derive(Clone)]
enum Saved {
    Nothing,
    Unfinished(Snapshot),
    Finished(Snapshot),
}

/// Why a life ends before the script does.
enum Stop {
    Crashed,
    Cancelled,
    Failed(Error),
    Refused(Error),
    /// The script wants the stream to be recovered.
    Closed,
}

impl<'a> Engine<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        Self {
            world,
            done: BTreeSet::new(),
            checkpoint: Checkpoint {
                step: 0,
                saved: Saved::Nothing,
            },
            retained: None,
            started: 0,
            lives: 0,
            process: None,
            stream: None,
            committer: None,
            content: Vec::new(),
            rival: None,
            published: None,
            finished: None,
            tried: Vec::new(),
            rival_story: RivalStory::default(),
            was_early: false,
        }
    }

    /// Runs the script to its end, or until it is clear that it has none.
    pub(crate) async fn run(mut self) -> Story {
        let ending = loop {
            let why = match self.live().await {
                Ok(()) => break Ending::Done(self.published.clone()),
                Err(Stop::Refused(error)) => break Ending::Refused(error),
                Err(Stop::Crashed) => {
                    self.die().await;
                    "the process crashed".to_owned()
                }
                Err(Stop::Closed) => "the stream was closed".to_owned(),
                Err(Stop::Cancelled) => {
                    self.give_up().await;
                    "a call was cancelled".to_owned()
                }
                Err(Stop::Failed(error)) => {
                    self.give_up().await;
                    error.to_string()
                }
            };
            self.lives += 1;
            if self.lives == TRIES {
                break Ending::Stuck(why);
            }
        };
        let live = match (&ending, self.checkpoint.saved) {
            (Ending::Done(Some(_)), _) => Vec::new(),
            (_, Saved::Nothing) => self.retained.into_iter().collect(),
            (_, Saved::Unfinished(saved) | Saved::Finished(saved)) => {
                self.retained.into_iter().chain([saved]).collect()
            }
        };
        Story {
            ending,
            live,
            tried: self.tried,
            finished: self.finished,
            rival: self.rival_story,
            was_early: self.was_early,
        }
    }

    /// One life: from the last checkpoint to the end of the script.
    async fn live(&mut self) -> Result<(), Stop> {
        if self.process.is_none() {
            self.process = Some(self.start().await);
        }
        self.restore().await?;
        let steps = self.world.script.steps;
        for (index, &step) in steps.iter().enumerate().skip(self.checkpoint.step) {
            self.step(index, step).await?;
            let nobody_commits = self.tried.is_empty() && self.rival_story.tried.is_none();
            self.was_early |= nobody_commits && self.world.overseer.record().was_published;
        }
        // What was interrupted after the last call.
        call(self.world, self.id(), async { Ok(()) }).await
    }

    /// Goes back to the last checkpoint.
    async fn restore(&mut self) -> Result<(), Stop> {
        (self.stream, self.committer) = (None, None);
        match self.checkpoint.saved.clone() {
            Saved::Nothing => {
                let options = self.world.script.options();
                let (path, writer) = (location(), self.writer());
                self.stream = Some(self.again(|| writer.open(&path, &options)).await?);
                self.content = Vec::new();
            }
            Saved::Unfinished(saved) => {
                let writer = self.writer();
                self.stream = Some(self.again(|| writer.recover(&saved.state)).await?);
                self.content = saved.content;
            }
            Saved::Finished(saved) => {
                let writer = self.writer();
                self.committer = Some(self.again(|| writer.recover_for_commit(&saved.state)).await?);
                self.content = saved.content;
            }
        }
        Ok(())
    }

    /// Makes a call of the writer's process until it succeeds or is refused.
    async fn again<T, F>(&self, make: impl FnMut() -> F) -> Result<T, Stop>
    where
        F: Future<Output = Result<T>>,
    {
        again(self.world, self.id(), make).await
    }

    /// The process dies: nothing that its destructors do has an effect.
    async fn die(&mut self) {
        if let Some(process) = self.process.take() {
            self.world.overseer.kill(process.id);
            tokio::time::sleep(SETTLE).await;
        }
        (self.stream, self.committer) = (None, None);
    }

    /// The process lives on without the stream.
    async fn give_up(&mut self) {
        if let Some(mut stream) = self.stream.take() {
            let closed = call(self.world, self.id(), stream.close()).await;
            if let Err(Stop::Crashed) = closed {
                self.die().await;
            }
        }
        self.committer = None;
    }

    async fn start(&mut self) -> Process {
        self.started += 1;
        self.world.process(self.started - 1).await
    }

    fn current(&self) -> &Process {
        self.process.as_ref().expect("a life begins with a process")
    }

    fn id(&self) -> usize {
        self.current().id
    }

    fn writer(&self) -> Arc<dyn plugin_api::RecoverableWriter> {
        Arc::clone(&self.current().writer)
    }
}

/// Makes a call of a process, which may be interrupted by what happens to its requests.
async fn call<T>(world: &World, process: usize, call: impl Future<Output = Result<T>>) -> Result<T, Stop> {
    world.overseer.calls(process);
    let mut call = std::pin::pin!(call);
    tokio::select! {
        biased;
        interrupt = world.overseer.interrupted() => {
            // The caller does nothing any more, but what it sent arrives.
            tokio::time::sleep(SETTLE).await;
            Err(match interrupt {
                Interrupt::Crash => Stop::Crashed,
                Interrupt::Cancel => Stop::Cancelled,
            })
        }
        outcome = &mut call => outcome.map_err(|error| {
            if world.overseer.is_dead(process) {
                Stop::Crashed
            } else {
                Stop::Failed(error)
            }
        }),
    }
}

/// Makes a call until it succeeds or is refused: those that may be made again, also after they were
/// cancelled.
async fn again<T, F>(world: &World, process: usize, mut make: impl FnMut() -> F) -> Result<T, Stop>
where
    F: Future<Output = Result<T>>,
{
    let mut tries = 0;
    loop {
        tries += 1;
        match call(world, process, make()).await {
            Err(Stop::Failed(error)) if is_final(&error) => return Err(Stop::Refused(error)),
            Err(Stop::Failed(_) | Stop::Cancelled) if tries < TRIES => {}
            outcome => return outcome,
        }
    }
}

/// Whether making the call again cannot help.
fn is_final(error: &Error) -> bool {
    !matches!(
        error.kind(),
        // The first may be injected, and passes.
        ErrorKind::PermissionDenied | ErrorKind::Throttled | ErrorKind::Timeout | ErrorKind::Unavailable
    )
}
