//! `fsplug recoverable`.

mod embedded;
mod source;

use std::collections::BTreeMap;
use std::sync::Arc;

use host_loader::plugin_api::{Error, ErrorKind, RecoverableCondition, RecoverableWriter};
use indicatif::BinaryBytes;
use serde::Serialize;

use crate::cli::{RecoverableArguments, RecoverableCommand};
use crate::failure::{At as _, Failure, printable};
use crate::session::Session;
use embedded::{Encoding, Found};
use source::{ANY_AUTHORITY, Source};

/// The JSON form of a state. Every member is always there; what is not known is `null`.
#[derive(Serialize)]
struct StateRecord<'a> {
    index: usize,
    uri: &'a str,
    size: u64,
    upload_id: Option<&'a str>,
    version: u32,
    encoding: Encoding,
    /// Where it begins in the file.
    offset: usize,
    attributes: BTreeMap<&'a str, &'a str>,
}

/// The JSON form of what was done with a state.
#[derive(Serialize)]
struct ActionRecord<'a> {
    operation: &'static str,
    uri: &'a str,
    size: u64,
}

/// The JSON form of a verification.
#[derive(Serialize)]
struct ConditionRecord<'a> {
    operation: &'static str,
    uri: &'a str,
    size: u64,
    condition: &'static str,
    reason: Option<&'a str>,
}

pub(crate) async fn run(session: &mut Session, command: &RecoverableCommand) -> Result<(), Failure> {
    match command {
        RecoverableCommand::Show(arguments) => show(session, arguments).await,
        RecoverableCommand::Verify(arguments) => verify(session, arguments).await,
        RecoverableCommand::Commit(arguments) => commit(session, arguments).await,
        RecoverableCommand::Abort { arguments, yes } => abort(session, arguments, *yes).await,
    }
}

/// Shows all states of the file, or the one that was chosen.
async fn show(session: &mut Session, arguments: &RecoverableArguments) -> Result<(), Failure> {
    let source = Source::open(session, arguments).await?;
    let mut is_first = true;
    for (number, found) in (1..).zip(source.states()) {
        if arguments.index.is_some_and(|index| index != number) {
            continue;
        }
        if session.output.is_json() {
            session.output.record(&record(number as usize, found))?;
            continue;
        }
        if !is_first {
            session.output.line("")?;
        }
        is_first = false;
        for (label, value) in facts(number, found) {
            session
                .output
                .line(&format!("{label:>12}: {}", printable(&value)))?;
        }
    }
    if let Some(index) = arguments.index {
        source.chosen(Some(index))?;
    }
    session.output.flush()
}

fn record(index: usize, found: &Found) -> StateRecord<'_> {
    let info = &found.info;
    StateRecord {
        index,
        uri: info.location.as_str(),
        size: info.len,
        upload_id: (!info.upload_id.is_empty()).then_some(&info.upload_id),
        version: found.state.version(),
        encoding: found.encoding,
        offset: found.offset,
        attributes: info
            .attributes
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect(),
    }
}

/// What a state says, for a human.
fn facts(number: u32, found: &Found) -> Vec<(&str, String)> {
    let info = &found.info;
    let upload = match info.upload_id.as_str() {
        "" => "none: the state holds the whole file".to_owned(),
        id => id.to_owned(),
    };
    let mut facts = vec![
        (
            "state",
            format!("{number}, {} at byte {}", found.encoding.as_str(), found.offset),
        ),
        ("uri", info.location.to_string()),
        ("size", format!("{} ({})", info.len, BinaryBytes(info.len))),
        ("upload", upload),
        ("version", found.state.version().to_string()),
    ];
    let further = info.attributes.iter();
    facts.extend(further.map(|(key, value)| (key.as_str(), value.clone())));
    facts
}

/// The state that was chosen, and the writer of the file system that it is about.
async fn chosen(
    session: &Session,
    arguments: &RecoverableArguments,
) -> Result<(Found, Arc<dyn RecoverableWriter>), Failure> {
    let source = Source::open(session, arguments).await?;
    let found = source.chosen(arguments.index)?.clone();
    let location = match &arguments.uri {
        Some(uri) => session.resolve(uri)?,
        None if found.info.location.authority() == ANY_AUTHORITY => {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "the state does not say in which store its file is",
            )
            .with_operation("choose store")
            .with_path(&found.info.location)
            .with_remedy("name it with --uri, such as s3://bucket")
            .into());
        }
        None => found.info.location.clone(),
    };
    let file_system = session.file_systems.get(&location).await?;
    let writer = file_system.recoverable_writer().at("open writer", &location)?;
    Ok((found, writer))
}

async fn verify(session: &mut Session, arguments: &RecoverableArguments) -> Result<(), Failure> {
    let (found, writer) = chosen(session, arguments).await?;
    let location = &found.info.location;
    let condition = writer.verify(&found.state).await.at("verify", location)?;
    let (name, refused) = match condition {
        RecoverableCondition::Committable => ("committable", None),
        RecoverableCondition::Committed => ("committed", None),
        RecoverableCondition::Gone(why) => ("gone", Some((ErrorKind::UploadGone, why))),
        RecoverableCondition::Conflict(why) => ("conflict", Some((ErrorKind::Conflict, why))),
        RecoverableCondition::Damaged(why) => ("damaged", Some((ErrorKind::Corrupt, why))),
        // A newer interface may know more; what this program does not know is no success.
        other => ("unknown", Some((ErrorKind::Other, format!("{other:?}")))),
    };
    if session.output.is_json() {
        session.output.record(&ConditionRecord {
            operation: "recoverable verify",
            uri: location.as_str(),
            size: found.info.len,
            condition: name,
            reason: refused.as_ref().map(|(_, why)| why.as_str()),
        })?;
    }
    let Some((kind, why)) = refused else {
        if !session.output.is_json() {
            let size = found.info.len;
            session.output.line(&format!("{name}  {size:>14}  {location}"))?;
        }
        return session.output.flush();
    };
    let remedy = match kind {
        ErrorKind::Conflict => "look at what is there, and move it out of the way if it is not wanted",
        _ => "use the state of another checkpoint, or write the file again",
    };
    Err(Error::new(kind, why)
        .with_operation("verify")
        .with_path(location)
        .with_remedy(remedy)
        .into())
}

async fn commit(session: &mut Session, arguments: &RecoverableArguments) -> Result<(), Failure> {
    let (found, writer) = chosen(session, arguments).await?;
    let location = &found.info.location;
    let committer = writer
        .recover_for_commit(&found.state)
        .await
        .at("commit", location)?;
    committer.commit_after_recovery().await.at("commit", location)?;
    done(session, "recoverable commit", &found)
}

async fn abort(session: &mut Session, arguments: &RecoverableArguments, yes: bool) -> Result<(), Failure> {
    let (found, writer) = chosen(session, arguments).await?;
    let location = &found.info.location;
    if !yes {
        let message = format!("this would give up {} bytes for good", found.info.len);
        return Err(Error::new(ErrorKind::InvalidInput, message)
            .with_operation("abort")
            .with_path(location)
            .with_remedy("add --yes if no checkpoint needs the file any more")
            .into());
    }
    writer.abort(&found.state).await.at("abort", location)?;
    done(session, "recoverable abort", &found)
}

fn done(session: &mut Session, operation: &'static str, found: &Found) -> Result<(), Failure> {
    if session.output.is_json() {
        session.output.record(&ActionRecord {
            operation,
            uri: found.info.location.as_str(),
            size: found.info.len,
        })?;
    }
    Ok(())
}
