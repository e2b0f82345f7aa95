//! `fsplug mkdir`.

use host_loader::plugin_api::{Capabilities, Error, ErrorKind, FileSystem, FileSystemExt as _, Location};
use serde::Serialize;

use crate::cli::MkdirArguments;
use crate::exit_status;
use crate::failure::{At as _, Failure};
use crate::session::Session;

/// The JSON form of a new directory.
#[derive(Serialize)]
struct DirectoryRecord<'a> {
    operation: &'static str,
    uri: &'a str,
}

/// Makes each directory; a failure of one does not keep the others from being made.
pub(crate) async fn run(session: &mut Session, arguments: &MkdirArguments) -> Result<(), Failure> {
    for path in &arguments.paths {
        let result = make(session, path, arguments.parents).await;
        session.go_on(result)?;
    }
    Ok(())
}

async fn make(session: &mut Session, path: &str, parents: bool) -> Result<(), Failure> {
    let (file_system, location) = session.open(path).await?;
    let real = file_system
        .capabilities()
        .contains(Capabilities::REAL_DIRECTORIES);
    if !parents {
        refuse_existing(&*file_system, &location).await?;
        if real {
            refuse_orphan(&*file_system, &location).await?;
        }
    }
    file_system.mkdirs(&location).await.at("mkdir", &location)?;
    if !real {
        session.console.note(&format!(
            "{location}: a directory of this store exists as soon as a file is below it"
        ));
    }
    if session.output.is_json() {
        session.output.record(&DirectoryRecord {
            operation: "mkdir",
            uri: location.as_str(),
        })?;
    }
    Ok(())
}

async fn refuse_existing(file_system: &dyn FileSystem, location: &Location) -> Result<(), Failure> {
    match file_system.status(location).await {
        Ok(_) => Err(Error::new(ErrorKind::AlreadyExists, "it exists")
            .with_operation("mkdir")
            .with_path(location)
            .with_remedy("choose another name, or add -p if an existing directory will do")
            .into()),
        Err(error) if error.kind() == ErrorKind::NotFound && !exit_status::is_missing_bucket(&error) => {
            Ok(())
        }
        Err(error) => Err(error.with_operation("mkdir").with_path(location).into()),
    }
}

async fn refuse_orphan(file_system: &dyn FileSystem, location: &Location) -> Result<(), Failure> {
    let Some(parent) = location.parent() else {
        return Ok(());
    };
    if file_system.exists(&parent).await.at("mkdir", location)? {
        return Ok(());
    }
    let error = Error::new(ErrorKind::NotFound, "the directory above it does not exist")
        .with_operation("mkdir")
        .with_path(location)
        .with_remedy("add -p to make it as well");
    Err(Failure::of_directory(error))
}
