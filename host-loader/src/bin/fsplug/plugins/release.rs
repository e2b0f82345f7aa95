//! `fsplug plugins release`.

use serde::Serialize;

use crate::cli::ReleaseArguments;
use crate::failure::Failure;
use crate::session::Session;

/// The JSON form of what became of a file.
#[derive(Serialize)]
struct ReleaseRecord {
    file: String,
    was_in_quarantine: bool,
}

/// Lets files out of quarantine; it is no error if one was not there.
pub(crate) fn run(session: &mut Session, arguments: &ReleaseArguments) -> Result<(), Failure> {
    for file in &arguments.files {
        let released = session.file_systems.release_plugin(file).map_err(Failure::from);
        let told = released.and_then(|was_in_quarantine| {
            let file = file.display().to_string();
            if session.output.is_json() {
                return session.output.record(&ReleaseRecord {
                    file,
                    was_in_quarantine,
                });
            }
            let what = if was_in_quarantine {
                "released"
            } else {
                "was not in quarantine"
            };
            session.output.line(&format!("{file} {what}"))
        });
        session.go_on(told)?;
    }
    Ok(())
}
