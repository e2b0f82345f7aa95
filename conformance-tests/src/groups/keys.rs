//! Odd keys: each either names exactly one file, or is refused.

mod odd_keys;

use std::collections::BTreeSet;

use plugin_api::{Bytes, Capabilities, CreateOptions, Error, ErrorKind, FileSystemExt as _, ListOptions};

use super::table;
use crate::case::Case;
use crate::context::Context;
use crate::failure::{CaseResult, Failure, ensure, ensure_eq, expect_error, expect_same};
use odd_keys::KEYS;
use odd_keys::Refusal::{self, Anybody, Nobody, Parent, RealDirectories};

#[derive(Clone, Copy)]
struct Key {
    text: &'static str,
    refusal: Refusal,
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = table![
        all_are_told_apart => "files under all odd keys at once are distinct, and deleted by one call";
        lookalikes_are_missing => "a key that only looks like an existing one is NotFound";
        normal_forms_are_different_files => "the composed and the decomposed form of a letter are two files";
        encodings_are_different_files => "a slash, a plus and their percent-encodings are different files";
        a_key_of_1024_bytes => "a key of 1,024 bytes works in every operation, or is InvalidPath";
        a_key_of_1025_bytes => "so does one byte more";
        directories_with_odd_names => "odd names work for directories too";
        dot_dot_is_refused_or_the_parent =>
            "on a disk '..' is refused or the directory above, in each operation", needs(Capabilities::REAL_DIRECTORIES);
    ];
    for &(name, text, refusal) in KEYS {
        let key = Key { text, refusal };
        let first = cases.len();
        let of = |operation: &str| format!("{operation}::{name}");
        cases.push(Case::new(
            of("round_trip"),
            format!("{text:?} is written, found and read under exactly this name"),
            async move |c: &Context| round_trip(c, key).await,
        ));
        cases.push(Case::new(
            of("list"),
            format!("{text:?} is listed byte for byte, and found by the listed location"),
            async move |c: &Context| list(c, key).await,
        ));
        cases.push(Case::new(
            of("rename"),
            format!("{text:?} is renamed to and from"),
            async move |c: &Context| rename(c, key).await,
        ));
        cases.push(Case::new(
            of("delete"),
            format!("{text:?} is deleted, and nothing else"),
            async move |c: &Context| delete(c, key).await,
        ));
        cases.push(
            Case::new(
                of("recoverable"),
                format!("{text:?} is published by a committer that was recovered from its state"),
                async move |c: &Context| recoverable(c, key).await,
            )
            .needs(Capabilities::RECOVERABLE_WRITER),
        );
        if refusal == Parent {
            let of_this_key = cases.split_off(first);
            let not_on_a_disk = |case: Case| case.without(Capabilities::REAL_DIRECTORIES);
            cases.extend(of_this_key.into_iter().map(not_on_a_disk));
        }
    }
    cases
}

impl Key {
    fn may_be_refused(self, c: &Context) -> bool {
        match self.refusal {
            Nobody | Parent => false,
            RealDirectories => c.has(Capabilities::REAL_DIRECTORIES),
            Anybody => true,
        }
    }

    /// Whether a call that makes a file under this key succeeded; a refusal has to be `InvalidPath`.
    fn accepted<T>(self, c: &Context, result: Result<T, Error>, what: &str) -> CaseResult<bool> {
        match result {
            Ok(_) => Ok(true),
            Err(error) if self.may_be_refused(c) => {
                expect_error::<()>(Err(error), &[ErrorKind::InvalidPath], what)?;
                Ok(false)
            }
            Err(error) => Err(Failure::new(format!("{what} of {:?}: {error}", self.text))),
        }
    }

    /// Writes a file; false if the key is refused, in which case nothing may be there.
    async fn write(self, c: &Context, content: &[u8]) -> CaseResult<bool> {
        let content = Bytes::copy_from_slice(content);
        let options = CreateOptions::overwrite();
        let written = c.fs().write_all(&c.at(self.text), content, &options).await;
        let accepted = self.accepted(c, written, "a write")?;
        if !accepted {
            let files = c.files().await?;
            let named_otherwise = files.iter().find(|name| !name.starts_with("other"));
            ensure!(
                named_otherwise.is_none(),
                "{:?} was refused, and made {named_otherwise:?}",
                self.text
            );
        }
        Ok(accepted)
    }
}

async fn round_trip(c: &Context, key: Key) -> CaseResult {
    if !key.write(c, b"content").await? {
        return Ok(());
    }
    let status = c.status(key.text).await?;
    ensure_eq!(status.location, c.at(key.text), "the location in the status");
    ensure!(status.is_file() && status.len == 7, "the status is {status:?}");
    c.expect_content(key.text, b"content", "the content").await?;
    let result = c
        .fs()
        .write_all(&c.at(key.text), Bytes::new(), &CreateOptions::default())
        .await;
    // A name with a slash at its end may count as that of a directory.
    let kinds = [ErrorKind::AlreadyExists, ErrorKind::IsADirectory];
    let kinds = if key.text.ends_with('/') {
        &kinds[..]
    } else {
        &kinds[..1]
    };
    expect_error(result, kinds, "a second file of this name").map(drop)
}

async fn list(c: &Context, key: Key) -> CaseResult {
    c.write("other", "x").await?;
    if !key.write(c, b"content").await? {
        return Ok(());
    }
    c.expect_files(&["other", key.text], "the files below").await?;
    for recursive in [false, true] {
        let options = ListOptions {
            recursive,
            ..ListOptions::default()
        };
        let mut directories = vec![c.directory().clone()];
        let mut files = BTreeSet::new();
        while let Some(directory) = directories.pop() {
            for entry in c.fs().list_all(&directory, &options).await? {
                if entry.is_directory() {
                    ensure!(entry.location != directory, "{directory} is in its own listing");
                    directories.push(entry.location);
                } else {
                    let content = c.fs().read_all(&entry.location).await?;
                    ensure_eq!(
                        content.len() as u64,
                        entry.len,
                        "the length of {}",
                        entry.location
                    );
                    files.insert(c.name_of(&entry.location)?);
                }
            }
        }
        let expected: BTreeSet<String> = ["other", key.text].map(str::to_owned).into();
        ensure_eq!(files, expected, "the files found level by level");
    }
    Ok(())
}

async fn rename(c: &Context, key: Key) -> CaseResult {
    c.write("other", "content").await?;
    let renamed = c.fs().rename(&c.at("other"), &c.at(key.text)).await;
    if key.text.ends_with('/') {
        // A target with a slash is a directory, which may have to exist.
        return match renamed {
            Ok(()) => c.expect_files(&["a/other"], "after the rename").await,
            Err(_) => c.expect_files(&["other"], "after a refused rename").await,
        };
    }
    if !key.accepted(c, renamed, "a rename")? {
        return c.expect_files(&["other"], "after a refused rename").await;
    }
    c.expect_files(&[key.text], "after the rename").await?;
    c.expect_content(key.text, b"content", "the content").await?;
    c.fs().rename(&c.at(key.text), &c.at("other")).await?;
    c.expect_files(&["other"], "after the rename back").await?;
    c.expect_content("other", b"content", "the content afterwards")
        .await
}

async fn delete(c: &Context, key: Key) -> CaseResult {
    c.write("other", "x").await?;
    c.write("other2/below", "x").await?;
    if !key.write(c, b"content").await? {
        // What a key that cannot exist looks like must not be deleted in its place.
        c.write("a/b", "lookalike").await?;
        let _: Result<bool, Error> = c.fs().delete(&c.at(key.text), true).await;
        let lookalike = key.text.trim_end_matches('/') != "a" && key.text != ".";
        ensure!(
            !lookalike || c.files().await?.contains("a/b"),
            "a deletion of {:?} deleted 'a/b'",
            key.text
        );
        return Ok(());
    }
    ensure!(
        c.fs().delete(&c.at(key.text), false).await?,
        "there was nothing to delete"
    );
    c.expect_files(&["other", "other2/below"], "afterwards").await?;
    c.expect_missing(key.text, "the deleted file").await
}

async fn recoverable(c: &Context, key: Key) -> CaseResult {
    let writer = c.writer()?;
    let opened = writer.open(&c.at(key.text), &CreateOptions::default()).await;
    let Ok(mut stream) = opened else {
        return key
            .accepted(c, opened.map(drop), "open of a recoverable stream")
            .map(drop);
    };
    stream.write(b"content").await?;
    let state = stream.persist().await?;
    drop(stream);
    ensure_eq!(
        writer.inspect(&state)?.location,
        c.at(key.text),
        "the location in the state"
    );
    let committer = writer
        .recover_for_commit(&crate::context::through_a_checkpoint(&state))
        .await?;
    if !key.accepted(c, committer.commit().await, "a commit")? {
        return Ok(writer.abort(&state).await?);
    }
    expect_same(&c.read(key.text).await?, b"content", "the content")?;
    c.expect_files(&[key.text], "afterwards").await
}

async fn all_are_told_apart(c: &Context) -> CaseResult {
    let mut expected = BTreeSet::new();
    for &(_, text, refusal) in KEYS {
        if refusal == Nobody || (refusal != Anybody && !c.has(Capabilities::REAL_DIRECTORIES)) {
            c.write(text, text.as_bytes().to_vec()).await?;
            expected.insert(text.to_owned());
        }
    }
    let files = c.files().await?;
    let difference: Vec<_> = files.symmetric_difference(&expected).collect();
    ensure!(
        difference.is_empty(),
        "listed or expected, but not both: {difference:?}"
    );
    for text in &expected {
        c.expect_content(text, text.as_bytes(), &format!("{text:?}"))
            .await?;
    }
    ensure!(
        c.fs().delete(c.directory(), true).await?,
        "there was nothing to delete"
    );
    c.expect_files(&[], "after the deletion").await
}

async fn lookalikes_are_missing(c: &Context) -> CaseResult {
    for name in ["a/b", "a b", "a+c", "\u{e9}"] {
        c.write(name, "x").await?;
    }
    let lookalikes = [
        "a//b", "a/./b", "a/b/", "a%2Fb", "a+b", "a%20b", "a c", "a%2Bc", "e\u{301}", "a/b ", " a/b", "A/b",
        "a/B", "a\\b",
    ];
    for name in lookalikes {
        let result = c.fs().status(&c.at(name)).await;
        let kinds = [ErrorKind::NotFound, ErrorKind::InvalidPath];
        expect_error(result, &kinds, format_args!("the status of {name:?}"))?;
    }
    Ok(())
}

async fn normal_forms_are_different_files(c: &Context) -> CaseResult {
    c.write("caf\u{e9}", "composed").await?;
    c.expect_missing("cafe\u{301}", "the decomposed form").await?;
    c.write("cafe\u{301}", "decomposed").await?;
    c.expect_content("caf\u{e9}", b"composed", "the composed form")
        .await?;
    c.expect_content("cafe\u{301}", b"decomposed", "the decomposed form")
        .await?;
    c.expect_files(&["caf\u{e9}", "cafe\u{301}"], "both").await
}

async fn encodings_are_different_files(c: &Context) -> CaseResult {
    let names = ["a/b", "a%2Fb", "a%2fb", "a%252Fb", "a+b", "a b", "a%2Bb", "a%20b"];
    for name in names {
        c.write(name, name.to_owned()).await?;
    }
    c.expect_files(&names, "all of them").await?;
    for name in names {
        c.expect_content(name, name.as_bytes(), name).await?;
    }
    Ok(())
}

async fn key_of(c: &Context, len: usize) -> CaseResult {
    let used = c.at("").key().len();
    ensure!(used < 800, "the directory '{}' leaves no room", c.directory());
    // Segments that any disk can hold.
    let name: String = (0..len - used)
        .map(|at| if at % 100 == 99 { '/' } else { 'k' })
        .collect();
    ensure_eq!(c.at(&name).key().len(), len, "the length of the key");
    let options = CreateOptions::overwrite();
    let written = c
        .fs()
        .write_all(&c.at(&name), Bytes::from_static(b"content"), &options)
        .await;
    if let Err(error) = written {
        expect_error::<()>(Err(error), &[ErrorKind::InvalidPath], "a long key")?;
        return c.expect_files(&[], "after the refusal").await;
    }
    c.expect_files(&[&name], "the files").await?;
    c.expect_content(&name, b"content", "the file").await?;
    c.fs().rename(&c.at(&name), &c.at("short")).await?;
    c.fs().rename(&c.at("short"), &c.at(&name)).await?;
    ensure!(
        c.fs().delete(&c.at(&name), false).await?,
        "there was nothing to delete"
    );
    c.expect_files(&[], "afterwards").await
}

async fn a_key_of_1024_bytes(c: &Context) -> CaseResult {
    key_of(c, 1024).await
}

async fn a_key_of_1025_bytes(c: &Context) -> CaseResult {
    key_of(c, 1025).await
}

async fn directories_with_odd_names(c: &Context) -> CaseResult {
    let names = [
        "a b", "100%", "a+b", "%2F", "#", "?", "[x]", "\u{e9}", "e\u{301}", "\u{1}", "...",
    ];
    for name in names {
        c.write(&format!("{name}/below/file"), name.to_owned()).await?;
    }
    let expected = names.iter().map(|name| format!("{name}/")).collect();
    ensure_eq!(c.list("").await?, expected, "the directories");
    for name in names {
        ensure!(c.status(name).await?.is_directory(), "{name:?} is no directory");
        ensure_eq!(
            c.list(name).await?,
            ["below/".to_owned()].into(),
            "what is in {name:?}"
        );
        ensure!(
            c.fs().delete(&c.at(name), true).await?,
            "there was nothing to delete"
        );
        c.expect_missing(name, "the deleted directory").await?;
    }
    c.expect_files(&[], "afterwards").await
}

async fn dot_dot_is_refused_or_the_parent(c: &Context) -> CaseResult {
    c.write("a/file", "x").await?;
    let written = c
        .fs()
        .write_all(
            &c.at("a/../b"),
            Bytes::from_static(b"content"),
            &CreateOptions::overwrite(),
        )
        .await;
    if let Err(error) = written {
        expect_error::<()>(Err(error), &[ErrorKind::InvalidPath], "a write")?;
        return c.expect_files(&["a/file"], "after the refusal").await;
    }
    // One file, by either name or as a name of its own: never two, and never a third name.
    let files = c.files().await?;
    let named = |name: &str| BTreeSet::from(["a/file".to_owned(), name.to_owned()]);
    ensure!(
        files == named("b") || files == named("a/../b"),
        "the files are {files:?}"
    );
    expect_same(&c.read("a/../b").await?, b"content", "the content")?;
    ensure!(
        c.fs().delete(&c.at("a/../b"), false).await?,
        "there was nothing to delete"
    );
    c.expect_files(&["a/file"], "after the deletion").await
}
