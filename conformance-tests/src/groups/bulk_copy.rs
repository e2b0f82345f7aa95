//! Bulk copies: inside the store, to the local disk and from it.

mod copies;

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use plugin_api::{
    Bytes, Capabilities, CopyOptions, CopyProgress, CopyRequest, ErrorKind, Location, NoProgress,
};

use super::table;
use crate::case::Case;
use crate::content::{LARGE, content};
use crate::context::Context;
use crate::failure::{CaseResult, ensure, ensure_eq, expect_error, expect_same};
use copies::{Copies, Direction, collect, files, io, local_location};

type Body = for<'a> fn(&'a Copies<'a>) -> futures::future::LocalBoxFuture<'a, CaseResult>;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = table![
        some_direction_works => "who claims bulk copies can copy in at least one direction";
        nothing_to_copy => "an empty list of files is a success";
        an_unknown_direction_is_unsupported =>
            "a copy that can_copy denies is Unsupported, and nothing is made";
        unknown_critical_options_are_refused => "an unknown critical option is Unsupported";
        a_dropped_copy_leaves_no_partial_file =>
            "a dropped copy leaves whole files or none, and nothing temporary";
        hostile_names_stay_in_their_folder => "a target outside of every name the caller gave is never made";
    ];
    let bodies: [(&str, &str, Body); 11] = [
        ("one_file", "one file is copied, and the source stays", |c| {
            Box::pin(one_file(c))
        }),
        (
            "sizes",
            "files of 0 bytes to several parts are copied whole",
            |c| Box::pin(sizes(c)),
        ),
        ("many_files", "60 files are copied, each to its own target", |c| {
            Box::pin(many_files(c))
        }),
        (
            "new_directories",
            "missing directories of a target are made",
            |c| Box::pin(new_directories(c)),
        ),
        (
            "an_existing_target_is_replaced",
            "an existing target is replaced whole",
            |c| Box::pin(replaced(c)),
        ),
        (
            "a_missing_source",
            "a missing source is NotFound, named, and makes no target",
            |c| Box::pin(missing(c)),
        ),
        (
            "a_failure_among_others",
            "beside a failure every target is whole or not there",
            |c| Box::pin(failure(c)),
        ),
        ("wrong_hints", "a wrong size hint does no harm", |c| {
            Box::pin(wrong_hints(c))
        }),
        (
            "one_at_a_time",
            "a limit of one file at a time is no obstacle",
            |c| Box::pin(one_at_a_time(c)),
        ),
        (
            "progress_adds_up",
            "progress tells every byte and every file once",
            |c| Box::pin(progress(c)),
        ),
        ("odd_names", "odd names are copied byte for byte", |c| {
            Box::pin(odd_names(c))
        }),
    ];
    for (direction, prefix) in [
        (Direction::Within, "within"),
        (Direction::Down, "to_local"),
        (Direction::Up, "from_local"),
    ] {
        for (name, description, body) in bodies {
            cases.push(Case::new(
                format!("{prefix}::{name}"),
                description,
                async move |c: &Context| run(c, direction, body).await,
            ));
        }
    }
    cases
        .into_iter()
        .map(|case| case.needs(Capabilities::BULK_COPY))
        .collect()
}

async fn run(c: &Context, direction: Direction, body: Body) -> CaseResult {
    let local = tempfile::tempdir().map_err(|error| io(&error))?;
    let copies = Copies { c, direction, local };
    let (source, target) = (copies.source("s")?, copies.target("t")?);
    let bulk_copy = c.fs().bulk_copy()?;
    if bulk_copy.can_copy(&source, &target) {
        return body(&copies).await;
    }
    copies.put("s", b"content").await?;
    let result = copies.copy(&[("s", "t")]).await;
    expect_error(
        result,
        &[ErrorKind::Unsupported],
        "a direction that can_copy denies",
    )?;
    copies.expect_targets(&BTreeMap::new()).await
}

async fn one_file(copies: &Copies<'_>) -> CaseResult {
    copies.round(&files([("file", content(5000, 1))])).await?;
    // The source is still there: it can be copied again.
    copies.copy(&[("file", "second")]).await?;
    let both = files([("file", content(5000, 1)), ("second", content(5000, 1))]);
    copies.expect_targets(&both).await
}

async fn sizes(copies: &Copies<'_>) -> CaseResult {
    let sizes = [0, 1, 65_535, 65_537, 1 << 20, LARGE, 2 * LARGE];
    let file = |size: usize| (size.to_string(), content(size, size as u64));
    copies.round(&sizes.into_iter().map(file).collect()).await
}

async fn many_files(copies: &Copies<'_>) -> CaseResult {
    let file = |index: u64| {
        (
            format!("d{}/{index}", index % 7),
            content(1000 + index as usize, index),
        )
    };
    copies.round(&(0..60).map(file).collect()).await
}

async fn new_directories(copies: &Copies<'_>) -> CaseResult {
    copies.put("file", b"content").await?;
    copies.copy(&[("file", "a/b/c/d/file")]).await?;
    copies
        .expect_targets(&files([("a/b/c/d/file", Bytes::from_static(b"content"))]))
        .await
}

async fn replaced(copies: &Copies<'_>) -> CaseResult {
    copies.put_target("file", &content(100_000, 9)).await?;
    copies.round(&files([("file", Bytes::from_static(b"new"))])).await
}

async fn missing(copies: &Copies<'_>) -> CaseResult {
    let error = expect_error(
        copies.copy(&[("no-such-file", "target")]).await,
        &[ErrorKind::NotFound],
        "a missing source",
    )?;
    ensure!(
        error.to_string().contains("no-such-file"),
        "the error does not name the file: {error}"
    );
    copies.expect_targets(&BTreeMap::new()).await
}

async fn failure(copies: &Copies<'_>) -> CaseResult {
    let mut names = vec!["0", "1", "2", "no-such-file", "4", "5", "6"];
    for name in &names {
        if *name != "no-such-file" {
            copies.put(name, &content(20_000, 1)).await?;
        }
    }
    let pairs: Vec<(&str, &str)> = names.iter().map(|&name| (name, name)).collect();
    expect_error(
        copies.copy(&pairs).await,
        &[ErrorKind::NotFound],
        "a missing source",
    )?;
    for (name, found) in copies.targets().await? {
        ensure!(
            names.contains(&name.as_str()),
            "there is a file {name:?} that nobody asked for"
        );
        expect_same(&found, &content(20_000, 1), format_args!("the target {name:?}"))?;
    }
    names.retain(|name| *name != "no-such-file");
    let pairs: Vec<(&str, &str)> = names.iter().map(|&name| (name, name)).collect();
    copies.copy(&pairs).await?;
    ensure_eq!(
        copies.targets().await?.len(),
        6,
        "the targets after a second copy"
    );
    Ok(())
}

async fn wrong_hints(copies: &Copies<'_>) -> CaseResult {
    let (small, large) = (content(10, 1), content(LARGE, 2));
    copies.put("small", &small).await?;
    copies.put("large", &large).await?;
    let requests = [
        copies.request("small", "small", 1 << 40)?,
        copies.request("large", "large", 1)?,
    ];
    copies
        .copy_requests(&requests, &CopyOptions::default(), Box::new(NoProgress))
        .await?;
    copies
        .expect_targets(&files([("small", small), ("large", large)]))
        .await
}

async fn one_at_a_time(copies: &Copies<'_>) -> CaseResult {
    let mut requests = Vec::new();
    for index in 0..8 {
        let name = index.to_string();
        copies.put(&name, &content(1000, index)).await?;
        requests.push(copies.request(&name, &name, 1000)?);
    }
    let options = CopyOptions {
        max_concurrent: 1,
        ..CopyOptions::default()
    };
    copies
        .copy_requests(&requests, &options, Box::new(NoProgress))
        .await?;
    ensure_eq!(copies.targets().await?.len(), 8, "the targets");
    Ok(())
}

/// Bytes and ends by request.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<BTreeMap<usize, (u64, u32)>>>);

impl CopyProgress for Counts {
    fn advanced(&self, request: usize, bytes: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.entry(request).or_default().0 += bytes;
    }

    fn finished(&self, request: usize) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.entry(request).or_default().1 += 1;
    }
}

async fn progress(copies: &Copies<'_>) -> CaseResult {
    let sizes = [0_usize, 10, 70_000, LARGE];
    let mut requests = Vec::new();
    for size in sizes {
        let name = size.to_string();
        copies.put(&name, &content(size, 1)).await?;
        requests.push(copies.request(&name, &name, size as u64)?);
    }
    let counts = Counts::default();
    copies
        .copy_requests(&requests, &CopyOptions::default(), Box::new(counts.clone()))
        .await?;
    let counted = counts.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let expected: BTreeMap<usize, (u64, u32)> = sizes
        .iter()
        .enumerate()
        .map(|(index, &size)| (index, (size as u64, 1)))
        .collect();
    ensure_eq!(counted, expected, "bytes and ends of each request");
    Ok(())
}

async fn odd_names(copies: &Copies<'_>) -> CaseResult {
    let names = [
        "a b", "a+b", "100%", "a%2Fb", "#", "?x", "\u{e9}", "e\u{301}", "[x]{y}", "-rf", ".hidden",
    ];
    let file = |name: &str| (name.to_owned(), Bytes::copy_from_slice(name.as_bytes()));
    copies.round(&names.into_iter().map(file).collect()).await
}

async fn some_direction_works(c: &Context) -> CaseResult {
    let local = tempfile::tempdir().map_err(|error| io(&error))?;
    let disk = local_location(&local.path().join("x"))?;
    let (here, there) = (c.at("a"), c.at("b"));
    let bulk_copy = c.fs().bulk_copy()?;
    let any = bulk_copy.can_copy(&here, &there)
        || bulk_copy.can_copy(&here, &disk)
        || bulk_copy.can_copy(&disk, &there);
    ensure!(any, "can_copy denies every direction");
    c.expect_missing("a", "afterwards").await
}

async fn nothing_to_copy(c: &Context) -> CaseResult {
    let bulk_copy = c.fs().bulk_copy()?;
    Ok(bulk_copy
        .copy_files(&[], &CopyOptions::default(), Box::new(NoProgress))
        .await?)
}

async fn an_unknown_direction_is_unsupported(c: &Context) -> CaseResult {
    c.write("source", "x").await?;
    let nowhere = Location::new("no-such-scheme", "nowhere", "file")?;
    let bulk_copy = c.fs().bulk_copy()?;
    for (source, target) in [(c.at("source"), nowhere.clone()), (nowhere, c.at("target"))] {
        ensure!(
            !bulk_copy.can_copy(&source, &target),
            "can_copy accepts {source} to {target}"
        );
        let request = CopyRequest {
            source,
            target,
            size_hint: 0,
        };
        let result = bulk_copy
            .copy_files(&[request], &CopyOptions::default(), Box::new(NoProgress))
            .await;
        expect_error(result, &[ErrorKind::Unsupported], "an unknown scheme")?;
    }
    c.expect_files(&["source"], "afterwards").await
}

async fn unknown_critical_options_are_refused(c: &Context) -> CaseResult {
    let mut options = CopyOptions::default();
    options
        .extensions
        .set("fsplug.conformance.no-such-option", 1, true);
    let result = c
        .fs()
        .bulk_copy()?
        .copy_files(&[], &options, Box::new(NoProgress))
        .await;
    expect_error(result, &[ErrorKind::Unsupported], "an unknown critical option").map(drop)
}

async fn a_dropped_copy_leaves_no_partial_file(c: &Context) -> CaseResult {
    for direction in [Direction::Within, Direction::Down, Direction::Up] {
        let local = tempfile::tempdir().map_err(|error| io(&error))?;
        let copies = Copies { c, direction, local };
        if !c
            .fs()
            .bulk_copy()?
            .can_copy(&copies.source("s")?, &copies.target("t")?)
        {
            continue;
        }
        for name in ["0", "1", "2"] {
            copies.put(name, &content(LARGE, 1)).await?;
        }
        for _ in 0..3 {
            // Polled once and dropped.
            let copy = copies.copy(&[("0", "0"), ("1", "1"), ("2", "2")]);
            drop(copy.now_or_never());
        }
        for (name, found) in copies.targets().await? {
            ensure!(
                ["0", "1", "2"].contains(&name.as_str()),
                "there is a temporary file {name:?}"
            );
            expect_same(&found, &content(LARGE, 1), format_args!("the target {name:?}"))?;
        }
        copies.copy(&[("0", "0"), ("1", "1"), ("2", "2")]).await?;
        ensure_eq!(copies.targets().await?.len(), 3, "the targets after a whole copy");
        c.fs().delete(c.directory(), true).await?;
    }
    Ok(())
}

async fn hostile_names_stay_in_their_folder(c: &Context) -> CaseResult {
    let local = tempfile::tempdir().map_err(|error| io(&error))?;
    let folder = local.path().join("outer/target");
    fs::create_dir_all(&folder).map_err(|error| io(&error))?;
    c.write("source", "hostile").await?;
    let bulk_copy = c.fs().bulk_copy()?;
    let target = local_location(&folder)?;
    for name in ["../up", "a/../../up", "x/../../../up", "nul\0", ".", "..", ""] {
        let request = CopyRequest {
            source: c.at("source"),
            target: target.with_key(&format!("{}/{name}", target.key())),
            size_hint: 0,
        };
        let result = bulk_copy
            .copy_files(&[request], &CopyOptions::default(), Box::new(NoProgress))
            .await;
        ensure!(result.is_err(), "a copy to {name:?} is a success");
    }
    let mut found = BTreeMap::new();
    collect(local.path(), local.path(), &mut found).map_err(|error| io(&error))?;
    ensure!(found.is_empty(), "files were made: {:?}", found.keys());
    Ok(())
}
