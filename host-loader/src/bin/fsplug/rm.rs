//! `fsplug rm`.

use host_loader::plugin_api::{Error, ErrorKind};
use serde::Serialize;

use crate::cli::RmArguments;
use crate::failure::{At as _, Failure};
use crate::session::Session;

/// The JSON form of a deletion.
#[derive(Serialize)]
struct DeletionRecord<'a> {
    operation: &'static str,
    uri: &'a str,
    /// False if there was nothing.
    deleted: bool,
}

/// Deletes each path; a failure of one does not keep the others from being deleted.
pub(crate) async fn run(session: &mut Session, arguments: &RmArguments) -> Result<(), Failure> {
    for path in &arguments.paths {
        let result = delete(session, path, arguments).await;
        session.go_on(result)?;
    }
    Ok(())
}

async fn delete(session: &mut Session, path: &str, arguments: &RmArguments) -> Result<(), Failure> {
    let (file_system, location) = session.open(path).await?;
    if arguments.recursive && location.is_root() && location.scheme() == "file" {
        return Err(
            Error::new(ErrorKind::InvalidInput, "the root of this machine is not deleted")
                .with_operation("delete")
                .with_path(&location)
                .with_remedy("name the directories below it that are to go")
                .into(),
        );
    }
    let result = file_system.delete(&location, arguments.recursive).await;
    let deleted = match result.at("delete", &location) {
        Err(error) if arguments.force && error.kind() == ErrorKind::NotFound => false,
        Err(error) if !arguments.recursive && error.kind() == ErrorKind::DirectoryNotEmpty => {
            return Err(error.with_remedy("add -r to delete everything below it").into());
        }
        result => result?,
    };
    if !deleted && !arguments.force {
        return Err(
            Error::new(ErrorKind::NotFound, "there is no such file or directory")
                .with_operation("delete")
                .with_path(&location)
                .with_remedy("correct the path, or add -f if that is no error")
                .into(),
        );
    }
    if session.output.is_json() {
        session.output.record(&DeletionRecord {
            operation: "rm",
            uri: location.as_str(),
            deleted,
        })?;
    }
    Ok(())
}
