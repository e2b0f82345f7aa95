use std::fs;
use std::io::Read as _;
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::ptr;
use std::thread;

use futures_executor::block_on;
use host_loader::FileSystems;
use host_loader::plugin_api::{
    Bytes, Config, CopyOptions, CopyRequest, CreateOptions, FileSystemExt as _, Location, NoProgress,
};

use crate::artefacts;
use crate::fixture::{PART, file_systems, s3, server};
use crate::programs::alone;

/// What the process does with each signal (`sigaction(2)`).
fn dispositions() -> Vec<(usize, i32)> {
    let disposition = |signal| {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: without a new action the call only writes the old one, which is plain data and was zeroed for the
        // numbers that it refuses.
        let action = unsafe {
            libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
            action.assume_init()
        };
        (action.sa_sigaction, action.sa_flags)
    };
    (1..=64).map(disposition).collect()
}

/// Name and blocked signals of each thread (`proc_pid_status(5)`).
fn threads() -> Vec<(String, u64)> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let status =
        |task: std::io::Result<fs::DirEntry>| fs::read_to_string(task.ok()?.path().join("status")).ok();
    tasks
        .filter_map(status)
        .map(|status| {
            let value = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap().trim().to_owned()
            };
            let blocked = u64::from_str_radix(&value("SigBlk:"), 16).unwrap();
            (value("Name:"), blocked)
        })
        .collect()
}

fn is_blocked(mask: u64, signal: i32) -> bool {
    mask & (1 << (signal - 1)) != 0
}

/// The workers that are configured here, and the most threads for what blocks (docs/src/lifecycle.md).
const WORKERS: usize = 2;
const BLOCKING: usize = 32;

#[test]
fn a_plugins_threads_are_few_have_its_name_and_leave_signals_to_the_host() {
    alone(
        "signals::a_plugins_threads_are_few_have_its_name_and_leave_signals_to_the_host",
        || {
            let server = server();
            let before = dispositions();
            let file_systems = file_systems(&server, &[("s3.runtime.threads", "2")]);
            let target = tempfile::tempdir().unwrap();
            let fs = block_on(file_systems.get(&s3(""))).unwrap();
            let requests: Vec<_> = (0..200)
                .map(|number| {
                    let key = format!("file-{number}");
                    server.store().put("bucket", &key, vec![b'x'; 10_000]);
                    let local = format!("file://{}/{key}", target.path().display());
                    CopyRequest {
                        source: s3(&key),
                        target: Location::parse(&local).unwrap(),
                        size_hint: 10_000,
                    }
                })
                .collect();
            let options = CopyOptions {
                max_concurrent: 100,
                ..CopyOptions::default()
            };
            let copy = fs.bulk_copy().unwrap();
            block_on(copy.copy_files(&requests, &options, Box::new(NoProgress))).unwrap();

            let all = threads();
            let of_plugin: Vec<_> = all
                .iter()
                .filter(|(name, _)| name.starts_with("s3-native-"))
                .collect();
            assert!(
                (WORKERS..=WORKERS + BLOCKING).contains(&of_plugin.len()),
                "{all:?}"
            );
            for (name, mask) in of_plugin {
                for signal in [
                    libc::SIGINT,
                    libc::SIGTERM,
                    libc::SIGCHLD,
                    libc::SIGPIPE,
                    libc::SIGUSR1,
                ] {
                    assert!(is_blocked(*mask, signal), "{name} takes signal {signal}");
                }
                for signal in [
                    libc::SIGSEGV,
                    libc::SIGBUS,
                    libc::SIGFPE,
                    libc::SIGILL,
                    libc::SIGABRT,
                    libc::SIGTRAP,
                ] {
                    assert!(!is_blocked(*mask, signal), "{name} blocks signal {signal}");
                }
            }
            assert!(
                all.iter().any(|(_, mask)| !is_blocked(*mask, libc::SIGTERM)),
                "nobody takes signals"
            );
            assert_eq!(dispositions(), before);
        },
    );
}

#[test]
fn a_broken_connection_does_not_kill_a_host_that_does_not_ignore_sigpipe() {
    alone(
        "signals::a_broken_connection_does_not_kill_a_host_that_does_not_ignore_sigpipe",
        || {
            // SAFETY: what a program that is not written in Rust begins with; no handler is involved.
            unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
            // Takes a little of each request and goes away.
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let endpoint = format!("http://{}", listener.local_addr().unwrap());
            thread::spawn(move || {
                for connection in listener.incoming() {
                    let _ = connection.unwrap().read(&mut [0; 1000]);
                }
            });
            let plugins = artefacts::plugin_directory(&artefacts::plugin());
            let file_systems = FileSystems::builder()
                .search_environment(false)
                .plugin_dir(plugins.path())
                .config(Config::from_pairs([
                    ("s3.endpoint", endpoint.as_str()),
                    ("s3.region", "us-east-1"),
                    ("s3.path-style-access", "true"),
                    ("s3.access-key", "key"),
                    ("s3.secret-key", "secret"),
                    ("s3.retry.max-num-retries", "2"),
                    ("s3.retry.base-delay", "1 ms"),
                ]))
                .build()
                .unwrap();
            let fs = block_on(file_systems.get(&s3(""))).unwrap();
            for number in 0..20 {
                let content = Bytes::from(vec![1; PART - 1]);
                let written =
                    block_on(fs.write_all(&s3(&number.to_string()), content, &CreateOptions::default()));
                assert!(written.is_err());
            }
        },
    );
}
