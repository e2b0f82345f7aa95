//! `fsplug uploads gc`.
//!
//! The order makes it safe: first the uploads are listed, then the state is read. An upload that was
//! listed and is in use is in the state of a checkpoint, unless it is younger than its first
//! checkpoint, and against that there is the age.

use std::collections::HashSet;
use std::time::SystemTime;

use futures::{StreamExt as _, stream};
use host_loader::plugin_api::{Error, PendingUpload};
use serde::Serialize;

use super::references::SHORTEST_ID;
use super::state_files::StateFiles;
use super::{Pages, UploadRecord, age_of, line};
use crate::age;
use crate::cli::UploadsGcArguments;
use crate::failure::{At as _, Failure, printable};
use crate::remedy;
use crate::session::Session;

/// Requests at a time.
const CONCURRENT: usize = 16;

/// Ids that are searched for at a time, which bounds the memory; more of them take more passes over
/// the state.
const BATCH: usize = 2048;

/// What becomes of an upload that is old enough, or may be.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Aborted,
    WouldAbort,
    /// A state file refers to it.
    Referenced,
    /// The store does not say when it was begun.
    NoTime,
    /// Its id could not be told from other bytes.
    ShortId,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::WouldAbort => "would abort",
            Self::Referenced => "referenced",
            Self::NoTime => "no time",
            Self::ShortId => "short id",
        }
    }
}

/// The JSON form of an upload that was looked at.
#[derive(Serialize)]
struct OutcomeRecord<'a> {
    operation: &'static str,
    #[serde(flatten)]
    upload: UploadRecord<'a>,
    outcome: Outcome,
}

/// The numbers of the uploads by what became of them.
#[derive(Debug, Default, Serialize)]
struct Summary {
    aborted: usize,
    would_abort: usize,
    referenced: usize,
    younger: usize,
    /// Without a time or with an id that is too short.
    unknown: usize,
    failed: usize,
}

#[derive(Serialize)]
struct SummaryLine<'a> {
    summary: &'a Summary,
}

pub(super) async fn run(session: &mut Session, arguments: &UploadsGcArguments) -> Result<(), Failure> {
    let mut summary = Summary::default();
    let now = SystemTime::now();
    let mut pages = Pages::open(session, &arguments.uri).await?;
    let state = StateFiles::new(session, &arguments.referenced_by, arguments.allow_compressed).await?;
    let mut old = Vec::new();
    while let Some(page) = pages.next().await? {
        for upload in page {
            let kept = match age_of(&upload, now) {
                Some(age) if age < arguments.older_than => {
                    summary.younger += 1;
                    continue;
                }
                None => Outcome::NoTime,
                Some(_) if upload.upload_id.len() < SHORTEST_ID && !arguments.no_references => {
                    Outcome::ShortId
                }
                Some(_) => {
                    old.push(upload);
                    continue;
                }
            };
            summary.unknown += 1;
            tell(session, &upload, now, kept)?;
        }
    }
    let referenced = referenced(&state, &old).await.map_err(nothing_was_aborted)?;
    let mut unreferenced = Vec::new();
    for (index, upload) in old.into_iter().enumerate() {
        if referenced.contains(&index) {
            summary.referenced += 1;
            tell(session, &upload, now, Outcome::Referenced)?;
        } else {
            unreferenced.push(upload);
        }
    }
    if arguments.yes {
        abort(session, &pages, unreferenced, now, &mut summary).await?;
    } else {
        for upload in &unreferenced {
            summary.would_abort += 1;
            tell(session, upload, now, Outcome::WouldAbort)?;
        }
    }
    tell_summary(session, arguments, &pages, &summary)
}

/// The indices of the uploads that state refers to.
async fn referenced(state: &StateFiles, uploads: &[PendingUpload]) -> Result<HashSet<usize>, Error> {
    // A glob with a typing error must not wait until there is something to abort.
    state.expect_some().await?;
    let mut all = HashSet::new();
    for (number, batch) in uploads.chunks(BATCH).enumerate() {
        let ids: Vec<&str> = batch.iter().map(|upload| upload.upload_id.as_str()).collect();
        let found = state.search(&ids).await?;
        all.extend(found.into_iter().map(|index| number * BATCH + index));
    }
    Ok(all)
}

fn nothing_was_aborted(error: Error) -> Failure {
    let error = remedy::complete(error);
    let remedy = format!("nothing was aborted: {}", error.remedy());
    error.with_remedy(remedy).into()
}

/// Aborts each; a failure of one does not keep the others from being aborted.
async fn abort(
    session: &mut Session,
    pages: &Pages,
    uploads: Vec<PendingUpload>,
    now: SystemTime,
    summary: &mut Summary,
) -> Result<(), Failure> {
    let mut aborts = stream::iter(uploads)
        .map(|upload| async move {
            let result = pages.writer.abort_upload(&upload).await;
            (result.at("abort upload", &upload.location), upload)
        })
        .buffer_unordered(CONCURRENT);
    while let Some((result, upload)) = aborts.next().await {
        match result {
            Ok(()) => {
                summary.aborted += 1;
                tell(session, &upload, now, Outcome::Aborted)?;
            }
            Err(error) => {
                summary.failed += 1;
                session.report(error.into())?;
            }
        }
    }
    Ok(())
}

fn tell(
    session: &mut Session,
    upload: &PendingUpload,
    now: SystemTime,
    outcome: Outcome,
) -> Result<(), Failure> {
    if session.output.is_json() {
        return session.output.record(&OutcomeRecord {
            operation: "uploads gc",
            upload: UploadRecord::new(upload, now),
            outcome,
        });
    }
    let line = line(upload, now, true);
    session.output.line(&format!("{:<11}  {line}", outcome.as_str()))
}

fn tell_summary(
    session: &mut Session,
    arguments: &UploadsGcArguments,
    pages: &Pages,
    summary: &Summary,
) -> Result<(), Failure> {
    if session.output.is_json() {
        session.output.record(&SummaryLine { summary })?;
    }
    session.output.flush()?;
    if session.output.is_json() {
        return Ok(());
    }
    let mut parts = vec![if arguments.yes {
        format!("{} aborted", summary.aborted)
    } else {
        format!("{} would be aborted", summary.would_abort)
    }];
    let kept = [
        (summary.failed, "could not be"),
        (summary.referenced, "kept for state that refers to them"),
        (summary.unknown, "kept for want of a time or a usable id"),
    ];
    let kept = kept.into_iter().filter(|&(number, _)| number > 0);
    parts.extend(kept.map(|(number, what)| format!("{number} {what}")));
    let younger = age::in_words(arguments.older_than);
    parts.push(format!("{} younger than {younger}", summary.younger));
    let mut line = parts.join(", ");
    if summary.would_abort > 0 {
        line.push_str("; add --yes to abort");
    }
    let under = pages.under.as_str();
    session
        .console
        .note(&printable(&format!("uploads of {under}: {line}")));
    Ok(())
}
