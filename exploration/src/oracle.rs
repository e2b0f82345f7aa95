//! The oracle: knows byte for byte what may be published at the end of a run, and which uploads may be
//! open.

use std::collections::BTreeSet;

use plugin_api::{Error, ErrorKind};

use crate::engine::{Ending, Snapshot, Story};
use crate::overseer::{BUCKET, FOREIGN, KEY, Record};
use crate::world::{Process, World, location};

/// The legal ways in which a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Committed, and exactly that is published.
    Committed,
    /// Nothing was to be committed, and nothing is published.
    LeftOpen,
    /// The upload was gone, for a reason.
    UploadGone,
    /// Something else was published at the key, for a reason.
    Conflict,
    /// A part was replaced by one of a dead process that arrived late.
    Changed,
}

impl Outcome {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::LeftOpen => "left open",
            Self::UploadGone => "upload gone",
            Self::Conflict => "conflict",
            Self::Changed => "part replaced",
        }
    }
}

/// Judges a run: how it ended, or what is wrong.
pub(crate) async fn judge(world: &World, story: &Story) -> Result<Outcome, String> {
    let record = world.overseer.record();
    let outcome = judge_ending(world, story, &record)?;
    let keeper = world.unharmed_process().await;
    judge_uploads(world, story, &record, &keeper).await?;
    judge_live_states(world, story, &record, &keeper).await?;
    Ok(outcome)
}

/// What is published must be what was committed, and an error must have a reason.
fn judge_ending(world: &World, story: &Story, record: &Record) -> Result<Outcome, String> {
    let object = world.server.store().get(BUCKET, KEY);
    let is = |content: &[u8]| object.as_deref() == Some(content);
    let is_untouched = object.as_deref() == world.older() || (record.has_foreign && is(FOREIGN));
    let rival = &story.rival;
    let is_of_rival = rival.tried.as_deref().is_some_and(is);
    if story.was_early {
        return Err("something was published before anybody had begun to commit".to_owned());
    }
    if let Some(error) = &rival.refused {
        let was_overtaken = is_refusal(error) && !story.tried.is_empty();
        if !was_overtaken && !has_reason(error, record) {
            return Err(format!("the rival failed without a reason: {error}"));
        }
    }
    match &story.ending {
        Ending::Stuck(why) => Err(format!("it neither succeeds nor ends: {why}")),
        Ending::Done(Some(content)) => {
            if rival.has_committed && rival.tried.as_ref() != Some(content) {
                return Err("two writers of one file were both told that they had committed".to_owned());
            }
            if is(content) || (record.replaced_published && is(FOREIGN)) {
                return Ok(Outcome::Committed);
            }
            Err(format!(
                "{} bytes were committed, but {}",
                content.len(),
                describe(world, story, object.as_deref())
            ))
        }
        Ending::Done(None) if is_untouched => Ok(Outcome::LeftOpen),
        Ending::Done(None) => Err(format!(
            "nothing was committed, but {}",
            describe(world, story, object.as_deref())
        )),
        Ending::Refused(error) => {
            if story.finished.as_deref().is_some_and(is) {
                return Err(format!("it is published, but the commit is refused: {error}"));
            }
            let is_own = story.tried.iter().any(|tried| is(tried));
            if !is_untouched && !is_of_rival && !is_own {
                return Err(format!(
                    "it was refused ({error}), but {}",
                    describe(world, story, object.as_deref())
                ));
            }
            let was_overtaken = is_refusal(error) && (rival.tried.is_some() || is_own);
            if !was_overtaken && !has_reason(error, record) {
                return Err(format!("it is refused without a reason: {error}"));
            }
            Ok(match error.kind() {
                ErrorKind::UploadGone => Outcome::UploadGone,
                ErrorKind::Conflict => Outcome::Conflict,
                _ => Outcome::Changed,
            })
        }
    }
}

/// Whether what was done behind the back of the writers explains the refusal.
fn has_reason(error: &Error, record: &Record) -> bool {
    match error.kind() {
        ErrorKind::UploadGone => !record.expired.is_empty() || record.replaced_published,
        // Whether the upload expired is not asked when something else is at the key.
        ErrorKind::Conflict => !record.expired.is_empty() || record.has_foreign,
        ErrorKind::Changed => record.replaced_part,
        _ => false,
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::UploadGone | ErrorKind::Conflict)
}

/// What stands at the key, in the words of the story.
fn describe(world: &World, story: &Story, object: Option<&[u8]>) -> String {
    let Some(object) = object else {
        return "nothing is published".to_owned();
    };
    let what = if story.tried.iter().any(|tried| tried == object) {
        "what another life of the writer committed"
    } else if story.rival.tried.as_deref() == Some(object) {
        "what the rival committed"
    } else if object == FOREIGN {
        "the object of another program"
    } else if world.older() == Some(object) {
        "the older object"
    } else {
        "what nobody committed"
    };
    format!("{} bytes are published: {what}", object.len())
}

/// Aborts what no live state refers to. Then exactly those uploads must be open that one does refer to.
async fn judge_uploads(
    world: &World,
    story: &Story,
    record: &Record,
    keeper: &Process,
) -> Result<(), String> {
    let referenced = referenced(story, keeper)?;
    let expected: BTreeSet<_> = referenced
        .iter()
        .filter(|upload| is_usable(upload, record))
        .cloned()
        .collect();
    let open = || -> BTreeSet<_> {
        let open = world.server.store().open_uploads(BUCKET);
        open.into_iter().map(|upload| upload.upload_id).collect()
    };
    if record.faults.is_empty() && open() != expected {
        return Err(format!(
            "without any fault, {} uploads are open and {} are referred to",
            open().len(),
            expected.len()
        ));
    }
    collect_garbage(keeper, &referenced)
        .await
        .map_err(|error| format!("the garbage could not be collected: {error}"))?;
    let open = open();
    if open == expected {
        return Ok(());
    }
    Err(format!(
        "after gc {} uploads are open that no live state refers to, and {} are gone that one does",
        open.difference(&expected).count(),
        expected.difference(&open).count()
    ))
}

/// The uploads that live states refer to.
fn referenced(story: &Story, keeper: &Process) -> Result<BTreeSet<String>, String> {
    let mut referenced = BTreeSet::new();
    for snapshot in &story.live {
        let info = keeper.writer.inspect(&snapshot.state);
        referenced.insert(info.map_err(|error| error.to_string())?.upload_id);
    }
    referenced.remove("");
    Ok(referenced)
}

/// Whether an upload that a live state refers to must still be there.
fn is_usable(upload: &str, record: &Record) -> bool {
    !record.was_published && !record.expired.contains(upload)
}

async fn collect_garbage(keeper: &Process, referenced: &BTreeSet<String>) -> plugin_api::Result<()> {
    let mut token = String::new();
    loop {
        let (page, next) = keeper.writer.pending_uploads(&location(), &token).await?;
        for upload in page
            .iter()
            .filter(|upload| !referenced.contains(&upload.upload_id))
        {
            keeper.writer.abort_upload(upload).await?;
        }
        match next {
            Some(next) => token = next,
            None => return Ok(()),
        }
    }
}

/// The oldest live state must still publish exactly what it covers.
async fn judge_live_states(
    world: &World,
    story: &Story,
    record: &Record,
    keeper: &Process,
) -> Result<(), String> {
    let Some(Snapshot { state, content }) = story.live.first() else {
        return Ok(());
    };
    let info = keeper.writer.inspect(state).map_err(|error| error.to_string())?;
    if record.was_published
        || record.replaced_part
        || !(info.upload_id.is_empty() || is_usable(&info.upload_id, record))
    {
        return Ok(());
    }
    // Whoever was in the way has gone.
    world.server.store().delete(BUCKET, KEY);
    let committed = match keeper.writer.recover_for_commit(state).await {
        Ok(committer) => committer.commit_after_recovery().await,
        Err(error) => Err(error),
    };
    if let Err(error) = committed {
        return Err(format!("a live state cannot be committed any more: {error}"));
    }
    let object = world.server.store().get(BUCKET, KEY);
    if object.as_deref() == Some(content.as_slice()) {
        return Ok(());
    }
    Err(format!(
        "a live state of {} bytes was committed, but {}",
        content.len(),
        describe(world, story, object.as_deref())
    ))
}
