//! `fsplug uploads`.

mod gc;
mod key_pattern;
mod references;
mod state_files;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use host_loader::plugin_api::{Location, PendingUpload, RecoverableWriter};
use serde::Serialize;

use crate::age;
use crate::cli::{UploadsCommand, UploadsLsArguments};
use crate::failure::{At as _, Failure};
use crate::session::Session;
use crate::timestamp;

const OPERATION: &str = "list uploads";

/// The JSON form of an open upload. Every member is always there; what is not known is `null`.
#[derive(Serialize)]
struct UploadRecord<'a> {
    uri: &'a str,
    upload_id: &'a str,
    initiated: Option<String>,
    age_seconds: Option<u64>,
}

impl<'a> UploadRecord<'a> {
    fn new(upload: &'a PendingUpload, now: SystemTime) -> Self {
        Self {
            uri: upload.location.as_str(),
            upload_id: &upload.upload_id,
            initiated: upload.initiated.map(timestamp::with_millis),
            age_seconds: age_of(upload, now).map(|age| age.as_secs()),
        }
    }
}

pub(crate) async fn run(session: &mut Session, command: &UploadsCommand) -> Result<(), Failure> {
    match command {
        UploadsCommand::Ls(arguments) => list(session, arguments).await,
        UploadsCommand::Gc(arguments) => gc::run(session, arguments).await,
    }
}

/// Lists page by page, in the order of the store, without holding more than one page.
async fn list(session: &mut Session, arguments: &UploadsLsArguments) -> Result<(), Failure> {
    let mut pages = Pages::open(session, &arguments.uri).await?;
    let now = SystemTime::now();
    while let Some(page) = pages.next().await? {
        for upload in &page {
            if session.output.is_json() {
                session.output.record(&UploadRecord::new(upload, now))?;
            } else {
                session.output.line(&line(upload, now, arguments.long))?;
            }
        }
        session.output.flush()?;
    }
    Ok(())
}

/// An upload for a human.
fn line(upload: &PendingUpload, now: SystemTime, with_id: bool) -> String {
    let age = age_of(upload, now).map_or_else(|| "-".to_owned(), age::in_words);
    let initiated = upload
        .initiated
        .map_or_else(|| "-".to_owned(), timestamp::with_seconds);
    let id = if with_id {
        format!("  {}", upload.upload_id)
    } else {
        String::new()
    };
    format!("{age:>6}  {initiated:<20}  {}{id}", upload.location)
}

/// How long ago an upload was begun; no time at all if the store's clock is ahead of ours.
fn age_of(upload: &PendingUpload, now: SystemTime) -> Option<Duration> {
    let initiated = upload.initiated?;
    Some(now.duration_since(initiated).unwrap_or_default())
}

/// The open uploads below a path, a page at a time.
struct Pages {
    writer: Arc<dyn RecoverableWriter>,
    under: Location,
    /// `None` behind the last page.
    token: Option<String>,
}

impl Pages {
    async fn open(session: &Session, path: &str) -> Result<Self, Failure> {
        let (file_system, under) = session.open(path).await?;
        Ok(Self {
            writer: file_system.recoverable_writer().at(OPERATION, &under)?,
            under,
            token: Some(String::new()),
        })
    }

    async fn next(&mut self) -> Result<Option<Vec<PendingUpload>>, Failure> {
        let Some(token) = &self.token else {
            return Ok(None);
        };
        let page = self.writer.pending_uploads(&self.under, token).await;
        let (page, next) = page.at(OPERATION, &self.under).map_err(Failure::of_directory)?;
        self.token = next;
        Ok(Some(page))
    }
}
