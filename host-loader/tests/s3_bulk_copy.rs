//! Bulk copies and entropy of the S3 plugin through the plugin boundary, and `fsplug cp` with them.

#[path = "support/artefacts.rs"]
mod artefacts;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "support/fsplug.rs"]
mod support;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use futures_executor::block_on;
use host_loader::FileSystems;
use host_loader::plugin_api::{
    Capabilities, Config, CopyOptions, CopyProgress, CopyRequest, CreateOptions, ErrorKind, FileSystem,
    FileSystemExt as _, Location, NoProgress,
};
use support::Fsplug;
use tempfile::TempDir;
use testkit::Server;

static PLUGINS: LazyLock<TempDir> = LazyLock::new(|| artefacts::plugin_directory(&artefacts::plugin()));

fn server() -> Server {
    Server::builder().bucket("bucket").start_blocking().unwrap()
}

fn at(key: &str) -> Location {
    Location::new("s3", "bucket", key).unwrap()
}

fn local(directory: &Path, name: &str) -> Location {
    let directory = directory.to_str().unwrap().trim_start_matches('/');
    Location::new("file", "", &format!("{directory}/{name}")).unwrap()
}

fn open(server: &Server, more: &[(&str, &str)]) -> (FileSystems, Arc<dyn FileSystem>) {
    let mut config = Config::from_pairs(server.config("s3."));
    for (key, value) in more {
        config.set(*key, *value);
    }
    let file_systems = FileSystems::builder()
        .search_environment(false)
        .plugin_dir(PLUGINS.path())
        .config(config)
        .build()
        .unwrap();
    let fs = block_on(file_systems.get(&at(""))).unwrap();
    (file_systems, fs)
}

#[derive(Clone, Default)]
struct Count(Arc<(AtomicU64, AtomicU64)>);

impl CopyProgress for Count {
    fn advanced(&self, _request: usize, bytes: u64) {
        self.0.0.fetch_add(bytes, Ordering::Relaxed);
    }

    fn finished(&self, _request: usize) {
        self.0.1.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn copies_options_progress_and_errors_cross_the_boundary() {
    let server = server();
    let (_file_systems, fs) = open(&server, &[]);
    assert!(fs.capabilities().contains(Capabilities::BULK_COPY));
    let target = tempfile::tempdir().unwrap();
    let mut requests = Vec::new();
    for number in 0..50_u64 {
        let key = format!("dir/{number}");
        server.store().put("bucket", &key, vec![number as u8; 1000]);
        requests.push(CopyRequest {
            source: at(&key),
            target: local(target.path(), &key),
            size_hint: 1000,
        });
    }
    let bulk = fs.bulk_copy().unwrap();
    assert!(bulk.can_copy(&requests[0].source, &requests[0].target));
    assert!(!bulk.can_copy(&requests[0].target, &requests[0].target));
    let mut options = CopyOptions::default();
    let root = local(target.path(), "");
    options.extensions.set("copy.root", root.as_str(), true);
    let count = Count::default();
    block_on(bulk.copy_files(&requests, &options, Box::new(count.clone()))).unwrap();
    assert_eq!(count.0.0.load(Ordering::Relaxed), 50_000);
    assert_eq!(count.0.1.load(Ordering::Relaxed), 50);
    for number in 0..50_u8 {
        let path = target.path().join(format!("dir/{number}"));
        assert_eq!(std::fs::read(path).unwrap(), vec![number; 1000]);
    }
    requests[7].target = local(target.path(), "../outside");
    let copied = bulk.copy_files(&requests, &options, Box::new(NoProgress));
    let error = block_on(copied).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidPath, "{error}");
    assert!(error.to_string().contains("s3://bucket/dir/7"), "{error}");
}

#[test]
fn entropy_survives_the_boundary() {
    let server = server();
    let (_file_systems, fs) = open(&server, &[("s3.entropy.key", "_entropy_")]);
    assert_eq!(fs.entropy_key().as_deref(), Some("_entropy_"));
    for (inject, keys) in [(false, 1), (true, 2)] {
        let options = CreateOptions {
            inject_entropy: inject,
            ..CreateOptions::default()
        };
        let (real, published) = block_on(async {
            let path = at("chk/_entropy_/data");
            let mut stream = fs.create(&path, &options).await.unwrap();
            stream.write(b"content").await.unwrap();
            let real = stream.location();
            let published = stream.close().await.unwrap().location;
            assert_eq!(fs.read_all(&real).await.unwrap(), "content");
            (real, published)
        });
        assert_eq!(real, published);
        assert_eq!(real.key() == "chk/data", !inject);
        assert!(!real.key().contains("_entropy_"));
        assert_eq!(server.store().keys("bucket").len(), keys);
    }
}

fn fsplug(server: &Server, fsplug: &Fsplug, arguments: &[&str]) -> support::Ended {
    let mut all: Vec<String> = server
        .config("s3.")
        .into_iter()
        .flat_map(|(key, value)| ["-D".to_owned(), format!("{key}={value}")])
        .collect();
    all.extend(arguments.iter().map(|&argument| argument.to_owned()));
    fsplug.run(&all.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn fsplug_copies_in_bulk_down_up_and_inside_the_store() {
    let server = server();
    let here = Fsplug::new().env("FSPLUG_PLUGIN_PATH", PLUGINS.path().to_str().unwrap());
    let large: Vec<u8> = (0..20_000_000_u32).map(|n| (n % 251) as u8).collect();
    server.store().put("bucket", "dir/large", large.clone());
    server.store().put("bucket", "dir/sub/empty", "");
    let ended = fsplug(
        &server,
        &here,
        &["cp", "--json", "-r", "s3://bucket/dir/", "down"],
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let mut bytes: Vec<_> = ended
        .json()
        .iter()
        .map(|record| record["bytes"].as_u64().unwrap())
        .collect();
    bytes.sort_unstable();
    assert_eq!(bytes, [0, 20_000_000]);
    assert!(here.read("down/large") == large);
    assert_eq!(here.tree("down").len(), 2);
    // In ranges, which reading one after the other would not have asked for.
    let gets = server.requests().of("GetObject");
    assert_eq!(gets.iter().filter(|get| get.range().is_some()).count(), 3);
    server.requests().clear();
    let ended = fsplug(
        &server,
        &here,
        &["cp", "-r", "s3://bucket/dir/", "s3a://bucket/copy"],
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(server.requests().count("CopyObject"), 2);
    assert_eq!(server.requests().count("GetObject"), 0);
    assert!(server.store().get("bucket", "copy/large").as_deref() == Some(&large[..]));
    let ended = fsplug(&server, &here, &["cp", "-r", "down", "s3://bucket/up"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(server.store().get("bucket", "up/large").as_deref() == Some(&large[..]));
    assert_eq!(
        server.store().get("bucket", "up/sub/empty").as_deref(),
        Some(&b""[..])
    );
}

#[test]
fn fsplug_follows_no_link_below_the_target_and_keeps_what_is_to_be_kept() {
    let server = server();
    let here = Fsplug::new().env("FSPLUG_PLUGIN_PATH", PLUGINS.path().to_str().unwrap());
    here.write("outside/canary", "canary");
    here.write("target/kept", "old");
    std::os::unix::fs::symlink("../outside", here.path("target/link")).unwrap();
    server.store().put("bucket", "dir/link/canary", "hostile");
    let ended = fsplug(&server, &here, &["cp", "-r", "s3://bucket/dir/", "target"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    ended.assert_names(&["s3://bucket/dir/link/canary", "target/link/canary", "link"]);
    assert_eq!(here.tree("outside"), [("canary".to_owned(), b"canary".to_vec())]);
    server.store().put("bucket", "dir/link/canary", "");
    server.store().put("bucket", "keep/kept", "new");
    let ended = fsplug(&server, &here, &["cp", "-rn", "s3://bucket/keep/", "target"]);
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    assert_eq!(here.read("target/kept"), b"old");
}
