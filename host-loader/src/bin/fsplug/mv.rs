//! `fsplug mv`.

use host_loader::plugin_api::{Error, ErrorKind, Location};
use serde::Serialize;

use crate::cli::MvArguments;
use crate::failure::{At as _, Failure};
use crate::session::Session;

/// The JSON form of a renaming.
#[derive(Serialize)]
struct RenamingRecord<'a> {
    operation: &'static str,
    source: &'a str,
    target: &'a str,
}

/// Renames a file.
pub(crate) async fn run(session: &mut Session, arguments: &MvArguments) -> Result<(), Failure> {
    let (file_system, source) = session.open(&arguments.source).await?;
    let target = session.resolve(&arguments.target)?;
    if !session.are_in_one_store(&source, &target) {
        let message = format!("'{target}' is in another store, and a file is renamed only within its own");
        return Err(Error::new(ErrorKind::Unsupported, message)
            .with_operation("rename")
            .with_path(&source)
            .with_remedy("copy it with `fsplug cp` and then delete it with `fsplug rm`")
            .into());
    }
    // The two schemes may differ where one plugin serves both; its file system knows its own.
    let target = Location::new(source.scheme(), source.authority(), target.key())?;
    file_system.rename(&source, &target).await.at("rename", &source)?;
    if session.output.is_json() {
        session.output.record(&RenamingRecord {
            operation: "mv",
            source: source.as_str(),
            target: target.as_str(),
        })?;
    }
    Ok(())
}
