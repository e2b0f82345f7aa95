//! Errors of a copy: which file they are about, and what the operating system means.

use std::io;

use plugin_api::{CopyRequest, Error, ErrorKind, Location};
use rustix::io::Errno;

use super::OPERATION;

/// A failure of the local file system at `path`.
pub(super) fn local_error(path: &Location, error: &io::Error) -> Error {
    let described = |kind, message: &str, remedy: &str| {
        let text = match message {
            "" => error.to_string(),
            message => format!("{message}: {error}"),
        };
        Error::new(kind, text).with_remedy(remedy)
    };
    let mapped = match Errno::from_io_error(error) {
        Some(Errno::NOSPC | Errno::DQUOT) => described(
            ErrorKind::Exhausted,
            "no room is left for the file",
            "make room on the disk, or raise the quota",
        ),
        Some(Errno::IO) => described(
            ErrorKind::Exhausted,
            "the disk does not take the file",
            "look at the log of the kernel, and use another disk",
        ),
        Some(Errno::MFILE | Errno::NFILE) => described(
            ErrorKind::Exhausted,
            "",
            "raise the limit of open files, or lower 's3.bulk-copy.max-concurrent'",
        ),
        Some(Errno::LOOP | Errno::XDEV) => described(
            ErrorKind::InvalidPath,
            "a directory of the path is a link, or leads out of the target folder",
            "remove the link, or name the directory that it leads to as the target",
        ),
        Some(Errno::NAMETOOLONG) => described(
            ErrorKind::InvalidPath,
            "",
            "copy this one on its own to a shorter name, and the others without it",
        ),
        Some(Errno::NOTDIR) => described(
            ErrorKind::NotADirectory,
            "",
            "remove the file or link in whose place a directory is needed",
        ),
        Some(Errno::ISDIR) => described(
            ErrorKind::IsADirectory,
            "a directory has the name of the file",
            "remove it, or choose another target",
        ),
        Some(Errno::ROFS | Errno::ACCESS | Errno::PERM) => described(
            ErrorKind::PermissionDenied,
            "",
            "check the permissions of the directory",
        ),
        Some(Errno::NOENT) => described(ErrorKind::NotFound, "", "check the path"),
        _ => Error::from(io::Error::new(error.kind(), error.to_string()))
            .with_remedy("look at the file and its disk"),
    };
    mapped.with_operation(OPERATION).with_path(path)
}

/// The same error, naming both ends of the copy.
pub(super) fn naming(error: Error, request: &CopyRequest) -> Error {
    let CopyRequest { source, target, .. } = request;
    let shown = error.to_string();
    if shown.contains(source.as_str()) && shown.contains(target.as_str()) {
        return error;
    }
    let (path, other) = if error.path() == target.as_str() {
        (target, format!("from '{source}'"))
    } else {
        (source, format!("to '{target}'"))
    };
    let mut named = Error::new(error.kind(), format!("{} (copying {other})", error.message()))
        .with_operation(error.operation().to_owned())
        .with_path(path)
        .with_remedy(error.remedy())
        .with_retry(error.retry())
        .with_service_code(error.service_code())
        .with_http_status(error.http_status().unwrap_or(0))
        .with_request_id(error.request_id())
        .with_attempts(error.attempts());
    for cause in error.causes() {
        named = named.with_cause(&cause.type_name, &cause.message);
    }
    for (key, value) in error.details() {
        named = named.with_detail(key, value);
    }
    named
}

/// The source is not what it was when the copy began.
pub(super) fn changed(source: &Location, how: &str) -> Error {
    Error::new(
        ErrorKind::Changed,
        format!("the file changed while it was copied: {how}"),
    )
    .with_operation(OPERATION)
    .with_path(source)
    .with_remedy("copy it again if the new content is meant")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_or_failing_disk_is_exhausted_and_says_what_to_do() {
        let path = Location::parse("file:///data/x").unwrap();
        for errno in [Errno::NOSPC, Errno::DQUOT, Errno::IO, Errno::MFILE] {
            let error = local_error(&path, &errno.into());
            assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
            assert!(error.to_string().contains(path.as_str()), "{error}");
            assert!(!error.remedy().is_empty());
        }
        let error = local_error(&path, &Errno::LOOP.into());
        assert_eq!(error.kind(), ErrorKind::InvalidPath);
    }

    #[test]
    fn both_ends_are_named_once_and_nothing_is_lost() {
        let request = CopyRequest {
            source: Location::parse("s3://b/k").unwrap(),
            target: Location::parse("file:///t").unwrap(),
            size_hint: 0,
        };
        let plain = Error::new(ErrorKind::NotFound, "no such file")
            .with_operation("copy")
            .with_path(&request.source)
            .with_http_status(404)
            .with_service_code("NoSuchKey")
            .with_remedy("check the path")
            .with_cause("T", "inner");
        let named = naming(plain, &request);
        assert_eq!(
            named.to_string(),
            "copy s3://b/k: no such file (copying to 'file:///t') (HTTP 404 NoSuchKey); check the path"
        );
        assert_eq!(named.causes().len(), 1);
        assert_eq!(naming(named.clone(), &request).to_string(), named.to_string());
    }
}
