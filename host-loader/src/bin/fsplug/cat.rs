//! `fsplug cat`.

use host_loader::plugin_api::{Error, ErrorKind, OpenOptions};

use crate::cli::CatArguments;
use crate::failure::{At as _, Failure};
use crate::session::Session;

/// At most this much of a file is in memory at a time.
const CHUNK: u64 = 1 << 20;

/// Writes each file; a failure of one does not keep the others from being written.
pub(crate) async fn run(session: &mut Session, arguments: &CatArguments) -> Result<(), Failure> {
    for path in &arguments.paths {
        let length = arguments.length.unwrap_or(u64::MAX);
        let result = write_out(session, path, arguments.offset, length).await;
        session.go_on(result)?;
    }
    Ok(())
}

/// Writes at most `length` bytes from `offset` on to standard output.
pub(crate) async fn write_out(
    session: &mut Session,
    path: &str,
    offset: u64,
    length: u64,
) -> Result<(), Failure> {
    let (file_system, location) = session.open(path).await?;
    let input = file_system.open(&location, &OpenOptions::default()).await;
    let mut input = input.at("open", &location)?;
    let end = input.len().min(offset.saturating_add(length));
    if offset > 0 {
        if offset > input.len() {
            let message = format!("the offset {offset} lies beyond the end");
            return Err(Error::new(ErrorKind::InvalidInput, message)
                .with_operation("read")
                .with_path(&location)
                .with_remedy(format!(
                    "give an offset of at most {}, the file's length",
                    input.len()
                ))
                .into());
        }
        input.seek(offset).at("read", &location)?;
    }
    let mut position = offset;
    while position < end {
        let wanted = (end - position).min(CHUNK) as usize;
        let chunk = input.read(wanted).await.at("read", &location)?;
        if chunk.is_empty() {
            return Err(Error::new(
                ErrorKind::UnexpectedEof,
                format!("the content ends at byte {position} of {}", input.len()),
            )
            .with_operation("read")
            .with_path(&location)
            .with_remedy("run the command again; if it persists, the store is damaged")
            .into());
        }
        position += chunk.len() as u64;
        session.output.content(&chunk)?;
    }
    session.output.flush()?;
    input.close().await.at("close", &location)?;
    Ok(())
}
