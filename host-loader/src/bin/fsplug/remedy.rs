//! What to do about an error that does not say so itself.

use host_loader::plugin_api::{Error, ErrorKind};

/// The error with a remedy: its own, or what usually helps with its kind.
pub(crate) fn complete(error: Error) -> Error {
    if error.remedy().is_empty() {
        let remedy = usual(error.kind());
        error.with_remedy(remedy)
    } else {
        error
    }
}

fn usual(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "correct the path; `fsplug ls` shows what there is",
        ErrorKind::AlreadyExists => "choose another name, or delete what is there",
        ErrorKind::PermissionDenied => "ask the owner for the right to do this, or use other credentials",
        ErrorKind::Unauthenticated => "set valid credentials",
        ErrorKind::InvalidPath => "write the path as scheme://authority/key, or as a local path",
        ErrorKind::InvalidInput => "correct the arguments; see `fsplug help`",
        ErrorKind::InvalidConfig => "correct the value; `fsplug config explain` shows where it stands",
        ErrorKind::Unsupported => "use another command, or another version of the plugin",
        ErrorKind::NotADirectory => "name a directory",
        ErrorKind::IsADirectory => "name a file",
        ErrorKind::DirectoryNotEmpty => "add -r to include everything below it",
        ErrorKind::Changed | ErrorKind::PreconditionFailed => {
            "run the command again when nothing else writes there"
        }
        ErrorKind::Conflict => "look at what is there, and move it out of the way",
        ErrorKind::Throttled => "wait and run the command again, with fewer --jobs",
        ErrorKind::Timeout | ErrorKind::Unavailable => {
            "check that the service can be reached and run the command again"
        }
        ErrorKind::UnexpectedEof | ErrorKind::Corrupt => {
            "run the command again; if it persists, the stored data is damaged"
        }
        ErrorKind::PluginPanic => "report this to the author of the plugin, with the output of -vv",
        ErrorKind::PluginLoad | ErrorKind::UnknownScheme => "look at `fsplug plugins list`",
        ErrorKind::UploadGone => "write the file again from its beginning",
        ErrorKind::Exhausted => "free some space or memory and run the command again",
        _ => "run the command again with -v to see the causes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_remedy_and_an_errors_own_one_stays() {
        for &kind in ErrorKind::ALL {
            assert_ne!(complete(Error::new(kind, "x")).remedy(), "", "{kind}");
        }
        let own = Error::new(ErrorKind::Other, "x").with_remedy("own");
        assert_eq!(complete(own).remedy(), "own");
    }
}
