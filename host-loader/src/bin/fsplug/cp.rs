//! `fsplug cp`.

mod bulk;
mod local_name;
mod overlap;
mod pipe;
mod plan;
mod progress;
#[cfg(test)]
mod tests;
mod transfer;

use std::pin::pin;

use futures::stream::TryStreamExt as _;
use host_loader::plugin_api::WriteMode;
use serde::Serialize;

use crate::cli::CpArguments;
use crate::failure::{Failure, printable};
use crate::session::Session;

use plan::Plan;
use progress::Progress;
use transfer::Outcome;

/// The argument that stands for standard input or output.
const PIPE: &str = "-";

/// The JSON form of a copy.
#[derive(Serialize)]
struct CopyRecord<'a> {
    operation: &'static str,
    source: &'a str,
    target: &'a str,
    bytes: u64,
}

/// Copies. The sources are listed while their first files are already being copied, so that memory
/// does not grow with their number; several files are in flight at a time, all on this thread.
pub(crate) async fn run(session: &mut Session, arguments: &CpArguments) -> Result<(), Failure> {
    if arguments.target == PIPE || arguments.sources.iter().any(|source| source == PIPE) {
        return pipe::run(session, arguments).await;
    }
    let mode = mode(arguments);
    let plan = Plan::new(session, arguments).await?;
    let progress = Progress::of_files(session.console.progress_bars(!session.output.is_json()));
    let outcomes = plan
        .into_tasks(&progress)
        .map_ok(|task| transfer::run(task, mode, &progress))
        .try_buffer_unordered(usize::from(arguments.jobs));
    // The first error drops the stream, and with it every copy in flight: nothing of those appears.
    let mut outcomes = pin!(outcomes);
    while let Some(outcome) = outcomes.try_next().await? {
        match outcome {
            Outcome::Kept(error) => session.report(error.into())?,
            Outcome::Directory => {}
            Outcome::Copied {
                source,
                target,
                bytes,
            } => record(session, source.as_str(), target.as_str(), bytes)?,
        }
    }
    Ok(())
}

/// Whether existing targets may be replaced.
fn mode(arguments: &CpArguments) -> WriteMode {
    if arguments.no_clobber {
        WriteMode::NoOverwrite
    } else {
        WriteMode::Overwrite
    }
}

/// Tells a finished copy to whoever reads JSON, or asked to hear more.
fn record(session: &mut Session, source: &str, target: &str, bytes: u64) -> Result<(), Failure> {
    if session.output.is_json() {
        session.output.record(&CopyRecord {
            operation: "cp",
            source,
            target,
            bytes,
        })?;
        session.output.flush()?;
    } else if session.console.is_verbose() {
        let line = format!("{source} -> {target} ({bytes} bytes)");
        session.console.note(&printable(&line));
    }
    Ok(())
}
