//! Entropy in the paths of new files.

#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "support/fixture.rs"]
mod fixture;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use fixture::{BUCKET, Fixture, connect, location};
use plugin_api::{
    Config, CreateOptions, Error, ErrorKind, FileSystem, FileSystemExt, FileSystemFactory, Location,
};
use proptest::prelude::*;
use s3_native_plugin::S3FileSystemFactory;

const KEY: &str = "_k_";

fn options(inject: bool) -> CreateOptions {
    CreateOptions {
        inject_entropy: inject,
        ..CreateOptions::overwrite()
    }
}

async fn start(more: &[(&str, &str)]) -> (Fixture, S3FileSystemFactory, Arc<dyn FileSystem>) {
    let fixture = Fixture::new().await;
    let mut pairs = vec![("s3.entropy.key", KEY)];
    pairs.extend(more);
    let (factory, fs) = connect(&fixture.server, BUCKET, &pairs).await;
    (fixture, factory, fs)
}

/// Where a stream for this key says that it writes.
async fn created(fs: &Arc<dyn FileSystem>, key: &str, inject: bool) -> Result<Location, Error> {
    let mut stream = fs.create(&location(key), &options(inject)).await?;
    let location = stream.location();
    stream.abort().await?;
    Ok(location)
}

#[tokio::test]
async fn without_injection_the_key_is_removed_and_a_whole_segment_with_one_of_its_slashes() {
    let (_fixture, _factory, fs) = start(&[]).await;
    for (key, expected) in [
        ("a/_k_/b", "a/b"),
        ("_k_/b", "b"),
        ("a/_k_", "a"),
        ("a/entropy-_k_-suffix/b", "a/entropy--suffix/b"),
        ("a/_k_b", "a/b"),
        ("a/b_k_", "a/b"),
        ("a/_k_/b/_k_/c", "a/b/_k_/c"),
        ("_k__k_/a", "_k_/a"),
        ("a//_k_/b", "a//b"),
        ("a/_k_//b", "a//b"),
        ("x//y/_k_/z//", "x//y/z//"),
        ("/_k_/b", "/b"),
        ("a/_K_/b", "a/_K_/b"),
        ("a/b", "a/b"),
        ("a/./../_k_/b", "a/./../b"),
    ] {
        assert_eq!(created(&fs, key, false).await.unwrap().key(), expected, "{key}");
    }
}

#[tokio::test]
async fn with_injection_the_first_occurrence_becomes_as_many_random_characters() {
    for (length, more) in [(4, None), (1, Some("1")), (40, Some("40"))] {
        let more: Vec<_> = more
            .map(|length| ("s3.entropy.length", length))
            .into_iter()
            .collect();
        let (_fixture, _factory, fs) = start(&more).await;
        let mut seen = BTreeSet::new();
        for _ in 0..100 {
            let location = created(&fs, "a//_k_/_k_-b", true).await.unwrap();
            let random = location
                .key()
                .strip_prefix("a//")
                .unwrap()
                .strip_suffix("/_k_-b")
                .unwrap();
            assert_eq!(random.len(), length, "{location}");
            assert!(
                random.bytes().all(|byte| byte.is_ascii_alphanumeric()),
                "{location}"
            );
            seen.insert(random.to_owned());
        }
        assert!(seen.len() > 10, "{seen:?}");
    }
}

#[tokio::test]
async fn the_bucket_is_never_touched() {
    let fixture = Fixture::on(|server| server.bucket("a-key-b")).await;
    let (_factory, fs) = connect(&fixture.server, "a-key-b", &[("s3.entropy.key", "key")]).await;
    let path = Location::parse("s3://a-key-b/x/key/y").unwrap();
    for (inject, keys) in [(false, vec!["x/y".to_owned()]), (true, Vec::new())] {
        let status = fs
            .write_all(&path, Bytes::from("1"), &options(inject))
            .await
            .unwrap();
        assert_eq!(status.location.authority(), "a-key-b");
        if !keys.is_empty() {
            assert_eq!(fixture.server.store().keys("a-key-b"), keys);
        }
    }
}

#[tokio::test]
async fn the_stream_tells_the_path_that_is_published_and_only_creating_rewrites() {
    let (fixture, _factory, fs) = start(&[]).await;
    let asked = location("chk/_k_/data");
    let mut stream = fs.create(&asked, &options(true)).await.unwrap();
    stream.write(b"content").await.unwrap();
    let status = stream.close().await.unwrap();
    assert_eq!(status.location, stream.location());
    assert_eq!(fixture.server.store().keys(BUCKET), [status.location.key()]);
    assert_eq!(fs.read_all(&status.location).await.unwrap(), "content");
    // The path that was asked for names nothing, with or without its key.
    for missing in [&asked, &location("chk/data")] {
        assert_eq!(fs.status(missing).await.unwrap_err().kind(), ErrorKind::NotFound);
        let opened = fs.open(missing, &plugin_api::OpenOptions::default()).await;
        assert_eq!(opened.err().unwrap().kind(), ErrorKind::NotFound);
    }
    // A file that really has the key in its name can be read, listed, renamed and deleted.
    fixture.server.store().put(BUCKET, "raw/_k_/file", "raw");
    let raw = location("raw/_k_/file");
    assert_eq!(fs.read_all(&raw).await.unwrap(), "raw");
    let listed = fs
        .list_all(&location("raw/_k_"), &plugin_api::ListOptions::default())
        .await;
    assert_eq!(listed.unwrap()[0].location, raw);
    fs.rename(&raw, &location("raw/_k_/moved")).await.unwrap();
    assert!(fs.delete(&location("raw/_k_/moved"), false).await.unwrap());
}

#[tokio::test]
async fn a_recoverable_stream_resolves_once_and_its_state_keeps_the_path() {
    let (fixture, _factory, fs) = start(&[]).await;
    let writer = fs.recoverable_writer().unwrap();
    let mut stream = writer
        .open(&location("part/_k_/f"), &options(true))
        .await
        .unwrap();
    stream.write(b"one").await.unwrap();
    let state = stream.persist().await.unwrap();
    let path = writer.inspect(&state).unwrap().location;
    assert!(!path.key().contains(KEY) && path.key().ends_with("/f"), "{path}");
    drop(stream);
    let mut recovered = writer.recover(&state).await.unwrap();
    recovered.write(b"two").await.unwrap();
    let committer = recovered.close_for_commit().await.unwrap();
    committer.commit().await.unwrap();
    assert_eq!(fixture.content(path.key()).as_deref(), Some(&b"onetwo"[..]));
    let removed = writer
        .open(&location("part/_k_/f"), &options(false))
        .await
        .unwrap();
    drop(removed);
    assert_eq!(fixture.server.store().keys(BUCKET), [path.key()]);
}

#[tokio::test]
async fn what_comes_out_is_checked_like_any_other_path() {
    let (_fixture, _factory, fs) = start(&[("s3.entropy.length", "255")]).await;
    let error = created(&fs, KEY, false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IsADirectory, "{error}");
    let long = format!("{}/_k_/b", "x".repeat(900));
    assert_eq!(
        created(&fs, &long, true).await.unwrap_err().kind(),
        ErrorKind::InvalidPath
    );
    assert!(created(&fs, &long, false).await.is_ok());
    // A key with a slash may leave no path.
    let fixture = Fixture::new().await;
    let (_factory, fs) = connect(&fixture.server, BUCKET, &[("s3.entropy.key", "/_k_/")]).await;
    let error = created(&fs, "_k_/b", false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidPath, "{error}");
    assert!(error.to_string().contains("s3.entropy.key"), "{error}");
    assert_eq!(created(&fs, "a/_k_/b", false).await.unwrap().key(), "ab");
}

async fn configured(pairs: &[(&str, &str)]) -> Result<Arc<dyn FileSystem>, Error> {
    let factory = S3FileSystemFactory::new(Arc::new(plugin_api::SilentHost)).unwrap();
    let mut config = Config::from_pairs([
        ("s3.endpoint", "http://127.0.0.1:1"),
        ("s3.access-key", "a"),
        ("s3.secret-key", "b"),
    ]);
    for (key, value) in pairs {
        config.set(*key, *value);
    }
    factory.create(&location(""), &config).await
}

#[tokio::test]
async fn the_key_is_told_and_bad_settings_are_refused_in_flinks_words() {
    assert_eq!(configured(&[]).await.unwrap().entropy_key(), None);
    let fs = configured(&[("s3.entropy.key", "_entropy_")]).await.unwrap();
    assert_eq!(fs.entropy_key().as_deref(), Some("_entropy_"));
    for forbidden in "~#@*+%{}<>[]|\"\\".chars() {
        let key = format!("a{forbidden}b");
        let error = configured(&[("s3.entropy.key", &key)]).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        let text = error.to_string();
        let wanted = format!("Invalid character in entropy injection key: {key}");
        assert!(
            text.contains(&wanted) && text.contains("s3.entropy.key"),
            "{text}"
        );
    }
    for length in ["0", "-1"] {
        let pairs = [("s3.entropy.key", "_k_"), ("s3.entropy.length", length)];
        let error = configured(&pairs).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        let text = error.to_string();
        assert!(
            text.contains("must be > 0") && text.contains("s3.entropy.length"),
            "{text}"
        );
        // Without a key nobody looks at the length.
        assert!(configured(&pairs[1..]).await.is_ok());
    }
    for (pairs, text) in [
        (
            [("s3.bulk-copy.max-concurrent", "0")],
            "must be positive, but was 0",
        ),
        (
            [("s3.bulk-copy.max-concurrent", "-2")],
            "must be positive, but was -2",
        ),
        ([("s3.bulk-copy.enabled", "perhaps")], "s3.bulk-copy.enabled"),
    ] {
        let error = configured(&pairs).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.to_string().contains(text), "{error}");
    }
    let off = [
        ("s3.bulk-copy.enabled", "false"),
        ("s3.bulk-copy.max-concurrent", "0"),
    ];
    assert!(configured(&off).await.is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// What Flink's rule says, byte by byte: only what stood around the first occurrence changes.
    #[test]
    fn everything_but_the_first_occurrence_survives(parts in prop::collection::vec("(a|/|//|_k_|_k|é|\\.|%2F| )", 1..8)) {
        let key = parts.concat();
        prop_assume!(!key.trim().is_empty());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (removed, injected) = runtime.block_on(async {
            let fs = configured(&[("s3.entropy.key", KEY)]).await.unwrap();
            (created(&fs, &key, false).await, created(&fs, &key, true).await)
        });
        match key.split_once(KEY) {
            None => {
                let (removed, injected) = (removed.unwrap(), injected.unwrap());
                prop_assert_eq!(removed.key(), key.as_str());
                prop_assert_eq!(injected.key(), key.as_str());
            }
            Some((before, after)) => {
                let injected = injected.unwrap();
                let random = injected.key().strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                prop_assert!(random.is_some_and(|random| random.len() == 4), "{injected}");
                let full = format!("/{before}");
                let mut expected = match (full.ends_with('/'), after) {
                    (true, "") => full.strip_suffix('/').unwrap().to_owned(),
                    (true, after) => format!("{full}{}", after.strip_prefix('/').unwrap_or(after)),
                    (false, after) => format!("{full}{after}"),
                };
                if expected.is_empty() {
                    expected.push('/');
                }
                let expected = &expected[1..];
                match removed {
                    Ok(removed) => prop_assert_eq!(removed.key(), expected),
                    // The root, or nothing but white space.
                    Err(error) => prop_assert!(expected.trim().is_empty(), "{}", error),
                }
            }
        }
    }
}
