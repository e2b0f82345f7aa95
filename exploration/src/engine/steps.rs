//! The steps of a script.

use std::sync::Arc;

use plugin_api::Committer;

use super::{Checkpoint, Engine, Rival, Saved, Snapshot, Stop, again, call};
use crate::script::Step;
use crate::world::World;

impl Engine<'_> {
    pub(super) async fn step(&mut self, index: usize, step: Step) -> Result<(), Stop> {
        match step {
            Step::Write(len) => self.write(len).await,
            Step::Persist => self.persist(index).await.map(drop),
            Step::Retain => {
                self.retained = Some(self.persist(index).await?);
                Ok(())
            }
            Step::Finish => self.finish(index, true).await,
            Step::FinishUnsaved => self.finish(index, false).await,
            Step::CommitterOfCheckpoint => self.committer_of_checkpoint(index).await,
            Step::Abandon => {
                let id = self.id();
                if let Some(mut stream) = self.stream.take() {
                    call(self.world, id, stream.close()).await?;
                }
                Ok(())
            }
            Step::Commit => self.commit().await,
            Step::CommitAgain => self.commit_again().await,
            // The others are done once.
            _ if !self.done.insert(index) => Ok(()),
            Step::Crash => Err(Stop::Crashed),
            Step::Rewind => {
                if let Some(retained) = self.retained.clone() {
                    self.checkpoint = Checkpoint {
                        step: index + 1,
                        saved: Saved::Unfinished(retained),
                    };
                }
                Err(Stop::Crashed)
            }
            Step::Close => {
                self.give_up().await;
                Err(Stop::Closed)
            }
            Step::Rival(len) => self.rival(len).await,
            Step::RivalCommits => self.rival_commits().await,
        }
    }

    async fn write(&mut self, len: usize) -> Result<(), Stop> {
        let bytes = bytes(self.world.seed, self.lives, self.content.len(), len);
        let (world, id) = (self.world, self.id());
        if let Some(stream) = &mut self.stream {
            call(world, id, stream.write(&bytes)).await?;
            self.content.extend(bytes);
        }
        Ok(())
    }

    async fn persist(&mut self, index: usize) -> Result<Snapshot, Stop> {
        let (world, id) = (self.world, self.id());
        let stream = self.stream.as_mut().expect("a script persists only what is open");
        let state = loop {
            match call(world, id, stream.persist()).await {
                // A cancelled call changes nothing.
                Err(Stop::Cancelled) => {}
                outcome => break outcome?,
            }
        };
        let snapshot = Snapshot {
            state,
            content: self.content.clone(),
        };
        self.checkpoint = Checkpoint {
            step: index + 1,
            saved: Saved::Unfinished(snapshot.clone()),
        };
        Ok(snapshot)
    }

    async fn finish(&mut self, index: usize, save: bool) -> Result<(), Stop> {
        let (world, id) = (self.world, self.id());
        let stream = self.stream.as_mut().expect("a script finishes only what is open");
        let committer = loop {
            match call(world, id, stream.close_for_commit()).await {
                // A cancelled call changes nothing.
                Err(Stop::Cancelled) => {}
                outcome => break outcome?,
            }
        };
        if save {
            let state = committer.recoverable().map_err(Stop::Failed)?;
            self.save_finished(index, state);
        }
        self.committer = Some(committer);
        Ok(())
    }

    fn save_finished(&mut self, index: usize, state: plugin_api::Recoverable) {
        self.finished = Some(self.content.clone());
        self.checkpoint = Checkpoint {
            step: index + 1,
            saved: Saved::Finished(Snapshot {
                state,
                content: self.content.clone(),
            }),
        };
    }

    async fn committer_of_checkpoint(&mut self, index: usize) -> Result<(), Stop> {
        self.stream = None;
        if let Saved::Unfinished(saved) = self.checkpoint.saved.clone() {
            let writer = self.writer();
            self.committer = Some(self.again(|| writer.recover_for_commit(&saved.state)).await?);
            self.content = saved.content;
            self.save_finished(index, saved.state);
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), Stop> {
        let committer = self.committer.clone().expect("a script commits what it finished");
        if !self.tried.contains(&self.content) {
            self.tried.push(self.content.clone());
        }
        // The first life has never seen a failure.
        let is_recovered = self.lives > 0;
        publish(self.world, self.id(), &committer, is_recovered).await?;
        self.published = Some(self.content.clone());
        Ok(())
    }

    async fn commit_again(&mut self) -> Result<(), Stop> {
        let Saved::Finished(saved) = self.checkpoint.saved.clone() else {
            return Ok(());
        };
        let (world, process) = (self.world, self.start().await);
        let recover = || process.writer.recover_for_commit(&saved.state);
        let committer = again(world, process.id, recover).await?;
        publish(world, process.id, &committer, true).await?;
        publish(world, process.id, &committer, false).await
    }

    /// A second process recovers from the checkpoint. What goes wrong with it is the end of it alone.
    async fn rival(&mut self, len: usize) -> Result<(), Stop> {
        let Saved::Unfinished(saved) = self.checkpoint.saved.clone() else {
            return Ok(());
        };
        let (world, process) = (self.world, self.start().await);
        let mut content = saved.content;
        let finished = async {
            let recover = || process.writer.recover(&saved.state);
            let mut stream = again(world, process.id, recover).await?;
            // Not those of any life of the writer.
            let bytes = bytes(world.seed, usize::MAX, content.len(), len);
            call(world, process.id, stream.write(&bytes)).await?;
            content.extend(bytes);
            call(world, process.id, stream.close_for_commit()).await
        };
        if let Ok(committer) = finished.await {
            self.rival = Some(Rival {
                process,
                committer,
                content,
            });
        }
        Ok(())
    }

    async fn rival_commits(&mut self) -> Result<(), Stop> {
        let Some(rival) = self.rival.take() else {
            return Ok(());
        };
        self.rival_story.tried = Some(rival.content);
        match publish(self.world, rival.process.id, &rival.committer, false).await {
            Ok(()) => self.rival_story.has_committed = true,
            Err(Stop::Refused(error) | Stop::Failed(error)) => self.rival_story.refused = Some(error),
            Err(Stop::Crashed | Stop::Cancelled | Stop::Closed) => {}
        }
        Ok(())
    }
}

async fn publish(
    world: &World,
    process: usize,
    committer: &Arc<dyn Committer>,
    is_recovered: bool,
) -> Result<(), Stop> {
    again(world, process, || async {
        if is_recovered {
            committer.commit_after_recovery().await
        } else {
            committer.commit().await
        }
    })
    .await
}

/// What a life writes at a position: without a period in which a mixed-up part could hide.
fn bytes(seed: u64, life: usize, position: usize, len: usize) -> Vec<u8> {
    let mut state = seed ^ (life as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ ((position as u64) << 32);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bytes.extend(state.rotate_left(17).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
