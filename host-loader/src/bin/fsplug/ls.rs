//! `fsplug ls`.

use host_loader::plugin_api::{FileStatus, ListOptions, Location};
use indicatif::BinaryBytes;

use crate::cli::LsArguments;
use crate::failure::{At as _, Failure};
use crate::session::Session;
use crate::stat::StatusRecord;
use crate::timestamp;

/// Lists page by page, in the order of the store, without holding more than one page.
pub(crate) async fn run(session: &mut Session, arguments: &LsArguments) -> Result<(), Failure> {
    let (file_system, path) = session.open(&arguments.path).await?;
    let options = ListOptions {
        recursive: arguments.recursive,
        ..ListOptions::default()
    };
    let lister = file_system.list(&path, &options).await;
    let mut lister = lister.at("list", &path).map_err(Failure::of_directory)?;
    while let Some(page) = lister
        .next_page()
        .await
        .at("list", &path)
        .map_err(Failure::of_directory)?
    {
        for status in &page {
            if session.output.is_json() {
                session.output.record(&StatusRecord::new(status))?;
            } else {
                session.output.line(&line(&path, status, arguments))?;
            }
        }
        session.output.flush()?;
    }
    Ok(())
}

/// An entry for a human.
fn line(listed: &Location, status: &FileStatus, arguments: &LsArguments) -> String {
    let name = name(listed, status);
    if !arguments.long {
        return name;
    }
    let size = match status.is_directory() {
        true => "-".to_owned(),
        false if arguments.human_readable => BinaryBytes(status.len).to_string(),
        false => status.len.to_string(),
    };
    let modified = status
        .modified
        .map_or_else(|| "-".to_owned(), timestamp::with_seconds);
    format!("{size:>14}  {modified:<20}  {name}")
}

/// The name relative to what was listed; a file that was listed itself has its own name.
fn name(listed: &Location, status: &FileStatus) -> String {
    let relative = status.location.key().strip_prefix(&listed.directory_prefix());
    let name = relative
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| status.location.name());
    if status.is_directory() && !name.ends_with('/') {
        format!("{name}/")
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_relative_and_directories_end_with_a_slash() {
        let at = |text: &str| Location::parse(text).unwrap();
        let listed = at("s3://b/dir");
        let file = |text: &str| FileStatus::file(at(text), 1);
        assert_eq!(name(&listed, &file("s3://b/dir/a b")), "a b");
        assert_eq!(name(&listed, &file("s3://b/dir//x/y")), "/x/y");
        assert_eq!(name(&listed, &file("s3://b/dir")), "dir");
        assert_eq!(name(&listed, &FileStatus::directory(at("s3://b/dir/d/"))), "d/");
        assert_eq!(name(&listed, &FileStatus::directory(at("s3://b/dir/d"))), "d/");
        assert_eq!(name(&at("s3://b"), &file("s3://b/dir")), "dir");
    }
}
