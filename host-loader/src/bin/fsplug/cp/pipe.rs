//! Copies from standard input and to standard output.

use std::io::{self, Read as _};

use bytes::Bytes;
use host_loader::plugin_api::{CreateOptions, Error, ErrorKind, OutputStream, Result};

use crate::cat;
use crate::cli::CpArguments;
use crate::failure::{At as _, Failure};
use crate::session::Session;

use super::progress::Progress;
use super::transfer::{self, CHUNK};
use super::{PIPE, mode, record};

/// Copies one file from or to a pipe.
pub(super) async fn run(session: &mut Session, arguments: &CpArguments) -> Result<(), Failure> {
    let refusal = |message: &str, remedy: &str| {
        Error::new(ErrorKind::InvalidInput, message)
            .with_operation("copy")
            .with_path(PIPE)
            .with_remedy(remedy)
    };
    let [source] = arguments.sources.as_slice() else {
        return Err(refusal(
            "standard input or output cannot be copied together with other files",
            "copy one at a time, or write a file named '-' as './-'",
        )
        .into());
    };
    match (source.as_str(), arguments.target.as_str()) {
        (PIPE, PIPE) => Err(refusal("neither source nor target is a file", "name one of them").into()),
        (source, PIPE) => cat::write_out(session, source, 0, u64::MAX).await,
        (_, target) if target.ends_with('/') => Err(refusal(
            "standard input has no name to be stored under",
            "give the whole name of the target, not only its directory",
        )
        .with_path(target)
        .into()),
        (_, target) => read_in(session, arguments, target).await,
    }
}

async fn read_in(session: &mut Session, arguments: &CpArguments, target: &str) -> Result<(), Failure> {
    let (file_system, location) = session.open(target).await?;
    let options = CreateOptions {
        mode: mode(arguments),
        ..CreateOptions::default()
    };
    let mut output = transfer::start(&*file_system, &location, &options).await?;
    let progress = Progress::of_pipe(session.console.progress_bars(!session.output.is_json()));
    let result = match pump(&mut *output, &progress).await {
        Ok(bytes) => transfer::publish(&mut *output, bytes, &location).await,
        Err(error) => Err(error),
    };
    drop(progress);
    transfer::give_up_unless(&result, &mut *output).await;
    record(session, "-", location.as_str(), result.at("copy", &location)?)
}

/// Moves all of standard input. It is read on this thread, which has nothing else to do meanwhile:
/// what a plugin uploads in the background goes on without it.
async fn pump(output: &mut dyn OutputStream, progress: &Progress) -> Result<u64> {
    let mut input = io::stdin().lock();
    let mut copied = 0;
    loop {
        let chunk = next_chunk(&mut input)?;
        if chunk.is_empty() {
            return Ok(copied);
        }
        let length = chunk.len() as u64;
        output.write_bytes(chunk).await?;
        copied += length;
        progress.advance(length);
    }
}

/// The next chunk, full unless the input ends.
fn next_chunk(input: &mut impl io::Read) -> Result<Bytes> {
    let mut chunk = Vec::with_capacity(CHUNK);
    let read = input.by_ref().take(CHUNK as u64).read_to_end(&mut chunk);
    read.map_err(|error| {
        Error::from(error)
            .with_operation("read")
            .with_path("standard input")
            .with_remedy("look at where the input comes from")
    })?;
    Ok(Bytes::from(chunk))
}
