//! What errors say, and options that are not known.

use plugin_api::{
    Capabilities, CreateOptions, Error, ErrorKind, Extensions, FileSystemExt as _, ListOptions, Location,
    OpenOptions, Retry,
};

use super::table;
use crate::case::Case;
use crate::context::Context;
use crate::failure::{CaseResult, Failure, ensure, ensure_eq, expect_error};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = table![
        a_plain_failure_is_not_retryable => "what fails for good does not ask to be tried again";
        an_error_is_one_line => "control characters of a path do not break the text of an error";
        unknown_options_are_ignored => "an option that is not known and not critical is ignored";
        unknown_critical_options_are_refused => "an unknown critical option is Unsupported, and named";
        unknown_critical_options_of_a_writer =>
            "so it is for a recoverable writer", needs(Capabilities::RECOVERABLE_WRITER);
        a_refused_option_changes_nothing => "a call that is refused for its options has no effect";
        a_failure_leaves_the_file_system_usable => "after failures of every kind the next call works";
        no_recoverable_writer =>
            "without a recoverable writer it is Unsupported", without(Capabilities::RECOVERABLE_WRITER);
        no_bulk_copy => "without bulk copies they are Unsupported", without(Capabilities::BULK_COPY);
    ];
    for operation in ["status", "list", "open", "rename"] {
        cases.push(Case::new(
            format!("{operation}_of_nothing_names_operation_and_path"),
            format!("{operation} of nothing is NotFound, names operation and path, and can be read"),
            async move |c: &Context| of_nothing(c, operation).await,
        ));
    }
    for operation in [
        "status",
        "list",
        "open",
        "create",
        "delete",
        "rename",
        "rename_to",
        "mkdirs",
    ] {
        cases.push(Case::new(
            format!("{operation}_elsewhere_is_refused"),
            format!("{operation} of a path with another authority is InvalidPath, and names it"),
            async move |c: &Context| elsewhere(c, operation).await,
        ));
    }
    cases
}

/// Makes one call on a path.
async fn call(c: &Context, operation: &str, path: &Location) -> Result<(), Error> {
    let fs = c.fs();
    match operation {
        "status" => fs.status(path).await.map(drop),
        "list" => fs.list_all(path, &ListOptions::default()).await.map(drop),
        "open" => fs.open(path, &OpenOptions::default()).await.map(drop),
        "create" => fs
            .write_all(path, plugin_api::Bytes::new(), &CreateOptions::default())
            .await
            .map(drop),
        "delete" => fs.delete(path, true).await.map(drop),
        "rename" => fs.rename(path, &c.at("target")).await,
        "rename_to" => fs.rename(&c.at("source"), path).await,
        _ => fs.mkdirs(path).await,
    }
}

async fn of_nothing(c: &Context, operation: &str) -> CaseResult {
    let path = c.at("no such file");
    let error = expect_error(call(c, operation, &path).await, &[ErrorKind::NotFound], operation)?;
    ensure_eq!(error.path(), path.as_str(), "the path in the error");
    ensure!(
        !error.operation().is_empty(),
        "the error names no operation: {error}"
    );
    ensure!(!error.message().is_empty(), "the error says nothing: {error}");
    for dump in ["Error {", "Some(", "panicked", "kind:", "Os {"] {
        ensure!(!error.to_string().contains(dump), "the error is a dump: {error}");
    }
    Ok(())
}

async fn elsewhere(c: &Context, operation: &str) -> CaseResult {
    c.write("source", "x").await?;
    let here = c.at("source");
    let there = Location::new(here.scheme(), "another-authority-than-this", here.key())?;
    let error = expect_error(
        call(c, operation, &there).await,
        &[ErrorKind::InvalidPath],
        operation,
    )?;
    ensure!(
        error.to_string().contains(there.as_str()),
        "the error does not name {there}: {error}"
    );
    ensure!(!error.remedy().is_empty(), "the error says no remedy: {error}");
    c.expect_content("source", b"x", "the file of the same name here")
        .await
}

async fn a_plain_failure_is_not_retryable(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    let again = c
        .fs()
        .write_all(&c.at("file"), plugin_api::Bytes::new(), &CreateOptions::default())
        .await;
    let error = expect_error(again, &[ErrorKind::AlreadyExists], "an existing file")?;
    ensure_eq!(error.retry(), Retry::No, "whether to try again: {error}");
    let error = expect_error(
        c.fs().status(&c.at("none")).await,
        &[ErrorKind::NotFound],
        "nothing",
    )?;
    ensure_eq!(error.retry(), Retry::No, "whether to try again: {error}");
    Ok(())
}

async fn an_error_is_one_line(c: &Context) -> CaseResult {
    let path = c.at("no such file");
    let error = expect_error(c.fs().status(&path).await, &[ErrorKind::NotFound], "nothing")?;
    ensure_eq!(error.message().lines().count(), 1, "the lines of the message");
    ensure!(
        !error.remedy().contains('\n'),
        "the remedy has several lines: {}",
        error.remedy()
    );
    let debug = format!("{error:?}");
    ensure!(
        debug.contains(path.as_str()),
        "the debug form does not name the path: {debug}"
    );
    Ok(())
}

fn extensions(critical: bool) -> Extensions {
    let mut extensions = Extensions::default();
    extensions.set("fsplug.conformance.no-such-option", "x", critical);
    extensions
}

/// Reads, writes and lists with an option that nobody knows.
async fn with_option(c: &Context, critical: bool) -> [Result<(), Error>; 3] {
    let extensions = extensions(critical);
    let open = OpenOptions {
        extensions: extensions.clone(),
        ..OpenOptions::default()
    };
    let create = CreateOptions {
        extensions: extensions.clone(),
        ..CreateOptions::overwrite()
    };
    let list = ListOptions {
        extensions,
        ..ListOptions::default()
    };
    [
        c.fs().open(&c.at("file"), &open).await.map(drop),
        c.fs()
            .write_all(&c.at("new"), plugin_api::Bytes::from_static(b"x"), &create)
            .await
            .map(drop),
        c.fs().list_all(c.directory(), &list).await.map(drop),
    ]
}

async fn unknown_options_are_ignored(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    for result in with_option(c, false).await {
        result?;
    }
    c.expect_content("new", b"x", "the file that was made").await
}

fn expect_refused(result: Result<(), Error>) -> CaseResult {
    let error = expect_error(result, &[ErrorKind::Unsupported], "an unknown critical option")?;
    ensure!(
        error.to_string().contains("fsplug.conformance.no-such-option"),
        "the error does not name the option: {error}"
    );
    Ok(())
}

async fn unknown_critical_options_are_refused(c: &Context) -> CaseResult {
    c.write("file", "x").await?;
    with_option(c, true)
        .await
        .into_iter()
        .try_for_each(expect_refused)
}

async fn unknown_critical_options_of_a_writer(c: &Context) -> CaseResult {
    let options = CreateOptions {
        extensions: extensions(true),
        ..CreateOptions::default()
    };
    expect_refused(c.writer()?.open(&c.at("file"), &options).await.map(drop))
}

async fn a_refused_option_changes_nothing(c: &Context) -> CaseResult {
    c.write("new", "old content").await?;
    let [_, create, _] = with_option(c, true).await;
    expect_refused(create)?;
    c.expect_content("new", b"old content", "the file").await?;
    c.expect_files(&["new"], "afterwards").await
}

async fn a_failure_leaves_the_file_system_usable(c: &Context) -> CaseResult {
    for _ in 0..20 {
        for operation in ["status", "list", "open", "rename"] {
            if call(c, operation, &c.at("none")).await.is_ok() {
                return Err(Failure::new(format!("{operation} of nothing is a success")));
            }
        }
    }
    c.write("file", "x").await?;
    c.expect_content("file", b"x", "the file").await
}

async fn no_recoverable_writer(c: &Context) -> CaseResult {
    let result = c.fs().recoverable_writer().map(drop);
    expect_error(result, &[ErrorKind::Unsupported], "the recoverable writer")?;
    c.expect_missing("none", "a status afterwards").await
}

async fn no_bulk_copy(c: &Context) -> CaseResult {
    let result = c.fs().bulk_copy().map(drop);
    expect_error(result, &[ErrorKind::Unsupported], "bulk copies")?;
    c.expect_missing("none", "a status afterwards").await
}
