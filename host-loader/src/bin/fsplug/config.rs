//! `fsplug config`.

mod explain;
mod keys;

use crate::cli::ConfigCommand;
use crate::failure::Failure;
use crate::session::Session;

/// Shows the configuration, or the keys that there are.
pub(crate) fn run(session: &mut Session, command: &ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Explain(arguments) => explain::run(session, arguments),
        ConfigCommand::Keys(arguments) => keys::run(session, arguments),
    }
}
