//! Keys that somebody else chose, and directories that somebody else changes: nothing outside of the
//! target folder is ever touched.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use plugin_api::{CopyOptions, CopyRequest, ErrorKind};
use tempfile::TempDir;

use crate::fixture::{BUCKET, Fixture, location};
use crate::tree::{copy, copy_with, local, request, rooted, tree};

/// A target folder among things that must not be touched.
struct Place {
    outer: TempDir,
}

impl Place {
    fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        for directory in ["target/sub", "outside/sub", "targets"] {
            fs::create_dir_all(outer.path().join(directory)).unwrap();
        }
        for canary in [
            "canary",
            "x",
            "passwd",
            "outside/canary",
            "outside/sub/f",
            "targets/x",
        ] {
            fs::write(outer.path().join(canary), "canary").unwrap();
        }
        Self { outer }
    }

    fn target(&self) -> std::path::PathBuf {
        self.outer.path().join("target")
    }

    /// Plants links in the target folder.
    fn with_links(self) -> Self {
        let target = self.target();
        for (to, name) in [
            ("../outside", "link"),
            ("..", "up"),
            ("/", "slash"),
            ("../outside/canary", "file"),
            ("../../outside", "sub/link"),
            ("/proc/self/cwd", "magic"),
            (".", "self"),
        ] {
            std::os::unix::fs::symlink(to, target.join(name)).unwrap();
        }
        self
    }

    /// All that is not in the target folder.
    fn outside(&self) -> Vec<(String, Option<Vec<u8>>)> {
        tree(self.outer.path())
            .into_iter()
            .filter(|(name, _)| name != "target" && !name.starts_with("target/"))
            .collect()
    }
}

/// Keys made of what could lead out, in an order that is the same each time.
fn hostile_keys(count: usize) -> Vec<String> {
    const SEGMENTS: &[&str] = &[
        "..",
        ".",
        "",
        "x",
        "passwd",
        "link",
        "up",
        "slash",
        "file",
        "sub",
        "self",
        "magic",
        "\0",
        "..\0",
        " ",
        "...",
        "..\\..\\x",
        "%2e%2e",
        "canary",
        "\u{202e}txt",
        "~",
        "$HOME",
        "-rf",
        "\u{1}",
        "con:",
        "é",
    ];
    let mut state = 42_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut keys: Vec<String> = [
        "../../x",
        "/etc/x",
        "a/../../x",
        "n\0ul",
        "..",
        ".",
        "/",
        "//",
        "a/",
        "",
        "/..",
    ]
    .map(str::to_owned)
    .into();
    while keys.len() < count {
        let segments: Vec<&str> = (0..=random(5))
            .map(|_| SEGMENTS[random(SEGMENTS.len())])
            .collect();
        keys.push(segments.join("/"));
    }
    keys
}

#[tokio::test]
async fn five_thousand_hostile_keys_touch_nothing_outside_of_the_target() {
    let fixture = Fixture::new().await;
    let place = Place::new().with_links();
    let before = place.outside();
    let links = |place: &Place| -> Vec<String> {
        tree(&place.target())
            .into_keys()
            .filter(|name| name.contains(" -> "))
            .collect()
    };
    let planted = links(&place);
    let options = rooted(&place.target());
    let (mut refused, mut arrived) = (0, 0);
    for key in hostile_keys(5_000) {
        fixture
            .server
            .store()
            .put(BUCKET, &format!("dir/{key}"), format!("hostile {key}"));
        let target = local(&place.target(), &key);
        let requests = [request(location(&format!("dir/{key}")), target, 0)];
        let sent = fixture.server.requests().total();
        match copy_with(&fixture.fs, &requests, &options).await {
            Ok(_) => {
                arrived += 1;
                let content = fs::read(place.target().join(&key)).unwrap();
                assert_eq!(content, format!("hostile {key}").into_bytes(), "{key:?}");
            }
            Err(error) => {
                refused += 1;
                assert!(
                    matches!(
                        error.kind(),
                        ErrorKind::InvalidPath | ErrorKind::NotADirectory | ErrorKind::IsADirectory
                    ),
                    "{key:?}: {error}"
                );
                if key
                    .split('/')
                    .any(|s| matches!(s, "" | "." | "..") || s.contains('\0'))
                {
                    assert_eq!(error.kind(), ErrorKind::InvalidPath, "{key:?}: {error}");
                    assert_eq!(
                        fixture.server.requests().total(),
                        sent,
                        "refused before any byte: {key:?}"
                    );
                }
            }
        }
    }
    assert!(
        refused > 1_000 && arrived > 1_000,
        "{refused} refused, {arrived} arrived"
    );
    assert_eq!(place.outside(), before);
    // Links that were in the way of a file were replaced; those in the way of a directory are there.
    let left = links(&place);
    assert!(left.iter().all(|link| planted.contains(link)), "{left:?}");
}

#[tokio::test]
async fn one_hostile_key_among_many_stops_the_copy_before_the_first_byte() {
    let fixture = Fixture::new().await;
    let place = Place::new();
    let before = tree(place.outer.path());
    let mut requests: Vec<CopyRequest> = (0..100)
        .map(|number| {
            let key = format!("good/{number}");
            fixture.server.store().put(BUCKET, &key, "content");
            request(location(&key), local(&place.target(), &key), 0)
        })
        .collect();
    for hostile in ["../x", "a/../../x", "/etc/x", "sub/../../canary", "n\0x"] {
        requests.push(request(location("good/1"), local(&place.target(), hostile), 0));
        let error = copy_with(&fixture.fs, &requests, &rooted(&place.target()))
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidPath, "{error}");
        assert!(error.to_string().contains(hostile), "{error}");
        requests.pop();
    }
    // The absolute path itself, as a caller that joins paths gets it.
    let absolute = local(place.outer.path(), "outside/new");
    requests.push(request(location("good/1"), absolute, 0));
    let error = copy_with(&fixture.fs, &requests, &rooted(&place.target()))
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidPath, "{error}");
    assert_eq!(fixture.server.requests().total(), 0);
    assert_eq!(tree(place.outer.path()), before);
}

#[tokio::test]
async fn a_link_in_the_target_tree_is_refused_as_directory_and_replaced_as_file() {
    let fixture = Fixture::new().await;
    let place = Place::new().with_links();
    let before = place.outside();
    fixture.server.store().put(BUCKET, "key", "content");
    let down = |name: &str| [request(location("key"), local(&place.target(), name), 0)];
    let options = rooted(&place.target());
    for name in [
        "link/x",
        "link/sub/f",
        "up/x",
        "slash/tmp/x",
        "sub/link/x",
        "magic/x",
        "self/x",
        "link/new/x",
    ] {
        let sent = fixture.server.requests().total();
        let error = copy_with(&fixture.fs, &down(name), &options).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidPath, "{name}: {error}");
        assert!(error.to_string().contains("link"), "{error}");
        assert_eq!(fixture.server.requests().total(), sent);
    }
    copy_with(&fixture.fs, &down("file"), &options).await.unwrap();
    assert!(!place.target().join("file").is_symlink());
    assert_eq!(fs::read(place.target().join("file")).unwrap(), b"content");
    assert_eq!(place.outside(), before);
}

#[tokio::test]
async fn the_way_to_the_root_is_the_callers_own() {
    let fixture = Fixture::new().await;
    let place = Place::new();
    let alias = place.outer.path().join("alias");
    std::os::unix::fs::symlink("target", &alias).unwrap();
    fixture.server.store().put(BUCKET, "key", "content");
    for (root, name) in [(alias.clone(), "a/f"), (alias.join("new/root"), "g")] {
        let requests = [request(location("key"), local(&root, name), 0)];
        copy_with(&fixture.fs, &requests, &rooted(&root)).await.unwrap();
    }
    assert_eq!(fs::read(place.target().join("a/f")).unwrap(), b"content");
    assert_eq!(fs::read(place.target().join("new/root/g")).unwrap(), b"content");
}

#[tokio::test]
async fn without_a_root_only_the_directory_of_the_file_itself_must_be_no_link() {
    let fixture = Fixture::new().await;
    let place = Place::new().with_links();
    let before = place.outside();
    fixture.server.store().put(BUCKET, "key", "content");
    for name in ["link/x", "a/../../x", "../x", "a//x", "./x", "n\0x"] {
        let requests = [request(location("key"), local(&place.target(), name), 0)];
        let error = copy(&fixture.fs, &requests).await.err().unwrap();
        assert!(
            matches!(error.kind(), ErrorKind::InvalidPath | ErrorKind::NotADirectory),
            "{name:?}: {error}"
        );
    }
    assert_eq!(place.outside(), before);
    // What a caller links on the way is the caller's business.
    let requests = [request(
        location("key"),
        local(&place.target(), "link/sub/new"),
        0,
    )];
    copy(&fixture.fs, &requests).await.unwrap();
    assert_eq!(
        fs::read(place.outer.path().join("outside/sub/new")).unwrap(),
        b"content"
    );
}

/// Swaps a directory for a link that leads out, and back, until it is told to stop.
fn swap(target: &Path, stop: &AtomicBool) -> u64 {
    let (directory, aside) = (target.join("d"), target.join("aside"));
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        if fs::rename(&directory, &aside).is_ok() {
            // Somebody may have made the directory anew in the meantime.
            let _ = std::os::unix::fs::symlink("../outside", &directory);
            std::thread::yield_now();
            let _ = fs::remove_file(&directory);
            let _ = fs::remove_dir_all(&directory);
            let _ = fs::rename(&aside, &directory);
            rounds += 1;
        }
        // Time to be a directory, too.
        std::thread::yield_now();
    }
    rounds
}

#[tokio::test]
async fn a_directory_that_turns_into_a_link_during_the_copy_leads_nowhere() {
    const ROUNDS: usize = 60;
    let deadline = Instant::now() + Duration::from_mins(1);
    let fixture = Fixture::new().await;
    let place = Place::new();
    fs::create_dir_all(place.target().join("d/a")).unwrap();
    let before = place.outside();
    fixture.server.store().put(BUCKET, "key", "content");
    let stop = Arc::new(AtomicBool::new(false));
    let swapping = {
        let (target, stop) = (place.target(), Arc::clone(&stop));
        std::thread::spawn(move || swap(&target, &stop))
    };
    let bulk = fixture.fs.bulk_copy().unwrap();
    let (mut copied, mut refused) = (0, 0);
    for round in 0.. {
        let enough = round >= ROUNDS && copied > 0 && refused > 0;
        if enough || Instant::now() > deadline {
            break;
        }

        for name in ["d/f", "d/sub/f", "d/a/new/f", "d/canary"] {
            let requests = [request(
                location("key"),
                local(&place.target(), &format!("{name}{}", round % 3)),
                0,
            )];
            let options = CopyOptions {
                max_concurrent: 2,
                ..rooted(&place.target())
            };
            match bulk
                .copy_files(&requests, &options, Box::new(plugin_api::NoProgress))
                .await
            {
                Ok(()) => copied += 1,
                Err(_) => refused += 1,
            }
        }
    }
    stop.store(true, Ordering::Relaxed);
    let swapped = swapping.join().unwrap();
    assert_eq!(
        place.outside(),
        before,
        "{copied} copied, {refused} refused, {swapped} swaps"
    );
    assert!(
        swapped > 0 && copied > 0 && refused > 0,
        "{copied} copied, {refused} refused, {swapped} swaps"
    );
}
