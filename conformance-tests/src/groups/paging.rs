//! Listings of many pages.

use std::collections::BTreeMap;

use plugin_api::{FileStatus, ListOptions};

use super::table;
use crate::case::Case;
use crate::context::Context;
use crate::failure::{CaseResult, Failure, ensure, ensure_eq};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = table![
        after_the_last_page_there_is_none => "a listing that has ended stays ended";
        two_listings_do_not_disturb_each_other => "listings of one directory run side by side";
        a_listing_may_be_given_up => "a listing that is not read to its end does no harm";
        more_entries_than_a_usual_page => "1,100 files are all listed, and deleted by one call";
        more_files_below_than_a_usual_page => "1,100 files in 11 directories are listed recursively";
        a_page_larger_than_the_store_allows => "a page size of a million is served by several pages";
    ];
    for size in [1, 2, 3, 7] {
        cases.push(Case::new(
            format!("pages_of_{size}"),
            format!("pages of {size} hold each entry once, are never empty and never larger"),
            async move |c: &Context| pages(c, size, false).await,
        ));
        cases.push(Case::new(
            format!("recursive_pages_of_{size}"),
            format!("recursive pages of {size} hold each file once"),
            async move |c: &Context| pages(c, size, true).await,
        ));
    }
    cases
}

/// Reads every page; fails on an empty or too large one.
async fn read_pages(c: &Context, name: &str, options: &ListOptions) -> CaseResult<Vec<FileStatus>> {
    let mut lister = c.fs().list(&c.at(name), options).await?;
    let mut all = Vec::new();
    while let Some(page) = lister.next_page().await? {
        ensure!(!page.is_empty(), "a page is empty");
        let limit = options.page_size as usize;
        ensure!(
            limit == 0 || page.len() <= limit,
            "a page of {limit} has {} entries",
            page.len()
        );
        all.extend(page);
    }
    Ok(all)
}

/// Fails unless each of these is an entry, once.
fn expect_once(c: &Context, entries: &[FileStatus], expected: impl Iterator<Item = String>) -> CaseResult {
    let mut counts: BTreeMap<String, usize> = expected.map(|name| (name, 0)).collect();
    for entry in entries {
        let name = c.name_of(&entry.location)?;
        match counts.get_mut(name.trim_end_matches('/')) {
            Some(count) => *count += 1,
            None => return Err(Failure::new(format!("there is an entry '{name}'"))),
        }
    }
    match counts.iter().find(|(_, count)| **count != 1) {
        Some((name, count)) => Err(Failure::new(format!("'{name}' is listed {count} times"))),
        None => Ok(()),
    }
}

async fn pages(c: &Context, size: u32, recursive: bool) -> CaseResult {
    // Directories between files, so that some begin and end in the middle of a page.
    let files: Vec<String> = (0..13)
        .map(|number| match number % 3 {
            0 => format!("d/dir{number:02}/file"),
            _ => format!("d/file{number:02}"),
        })
        .collect();
    for name in &files {
        c.write(name, "x").await?;
        if name.ends_with("/file") {
            c.write(&format!("{name}2"), "x").await?;
        }
    }
    let options = ListOptions {
        recursive,
        page_size: size,
        ..ListOptions::default()
    };
    let entries = read_pages(c, "d", &options).await?;
    if recursive {
        let second = files.iter().filter(|name| name.ends_with("/file"));
        let second: Vec<String> = second.map(|name| format!("{name}2")).collect();
        return expect_once(c, &entries, files.into_iter().chain(second));
    }
    let top = files.iter().map(|name| name.trim_end_matches("/file").to_owned());
    expect_once(c, &entries, top)
}

async fn after_the_last_page_there_is_none(c: &Context) -> CaseResult {
    for name in ["d/a", "d/b", "d/c"] {
        c.write(name, "x").await?;
    }
    let options = ListOptions {
        page_size: 2,
        ..ListOptions::default()
    };
    let mut lister = c.fs().list(&c.at("d"), &options).await?;
    while lister.next_page().await?.is_some() {}
    for _ in 0..3 {
        ensure!(lister.next_page().await?.is_none(), "a page follows the last one");
    }
    Ok(())
}

async fn two_listings_do_not_disturb_each_other(c: &Context) -> CaseResult {
    let names: Vec<String> = (0..7).map(|number| format!("d/{number}")).collect();
    for name in &names {
        c.write(name, "x").await?;
    }
    let options = |page_size| ListOptions {
        page_size,
        ..ListOptions::default()
    };
    let mut one = c.fs().list(&c.at("d"), &options(2)).await?;
    let mut other = c.fs().list(&c.at("d"), &options(3)).await?;
    let (mut of_one, mut of_other) = (Vec::new(), Vec::new());
    loop {
        let (page, other_page) = (one.next_page().await?, other.next_page().await?);
        if page.is_none() && other_page.is_none() {
            break;
        }
        of_one.extend(page.into_iter().flatten());
        of_other.extend(other_page.into_iter().flatten());
    }
    expect_once(c, &of_one, names.clone().into_iter())?;
    expect_once(c, &of_other, names.into_iter())
}

async fn a_listing_may_be_given_up(c: &Context) -> CaseResult {
    for number in 0..6 {
        c.write(&format!("d/{number}"), "x").await?;
    }
    let options = ListOptions {
        page_size: 2,
        ..ListOptions::default()
    };
    for pages in 0..3 {
        let mut lister = c.fs().list(&c.at("d"), &options).await?;
        for _ in 0..pages {
            ensure!(lister.next_page().await?.is_some(), "a page is missing");
        }
        drop(lister);
    }
    ensure_eq!(c.list("d").await?.len(), 6, "the number of entries");
    Ok(())
}

/// Writes empty files from several threads.
async fn write_many(c: &Context, names: Vec<String>) -> CaseResult {
    const THREADS: usize = 8;
    let fs = c.shared();
    let paths: std::sync::Arc<Vec<_>> = std::sync::Arc::new(names.iter().map(|name| c.at(name)).collect());
    let results = c
        .on_threads(THREADS, async move |thread| {
            use plugin_api::{CreateOptions, FileSystemExt as _};
            for path in paths.iter().skip(thread).step_by(THREADS) {
                fs.write_all(path, plugin_api::Bytes::new(), &CreateOptions::default())
                    .await?;
            }
            Ok::<(), plugin_api::Error>(())
        })
        .await?;
    results
        .into_iter()
        .try_for_each(|result| result.map_err(Failure::from))
}

async fn more_entries_than_a_usual_page(c: &Context) -> CaseResult {
    let names: Vec<String> = (0..1100).map(|number| format!("d/{number:04}")).collect();
    write_many(c, names.clone()).await?;
    let entries = read_pages(c, "d", &ListOptions::default()).await?;
    expect_once(c, &entries, names.into_iter())?;
    ensure!(
        c.fs().delete(&c.at("d"), true).await?,
        "there was nothing to delete"
    );
    c.expect_files(&[], "after the deletion").await
}

async fn more_files_below_than_a_usual_page(c: &Context) -> CaseResult {
    let names: Vec<String> = (0..1100)
        .map(|number| format!("d/{}/{number:04}", number % 11))
        .collect();
    write_many(c, names.clone()).await?;
    let entries = read_pages(c, "d", &ListOptions::recursive()).await?;
    expect_once(c, &entries, names.into_iter())?;
    ensure_eq!(c.list("d").await?.len(), 11, "the number of directories");
    Ok(())
}

async fn a_page_larger_than_the_store_allows(c: &Context) -> CaseResult {
    let names: Vec<String> = (0..20).map(|number| format!("d/{number}")).collect();
    for name in &names {
        c.write(name, "x").await?;
    }
    let options = ListOptions {
        page_size: 1_000_000,
        ..ListOptions::default()
    };
    expect_once(c, &read_pages(c, "d", &options).await?, names.into_iter())
}
