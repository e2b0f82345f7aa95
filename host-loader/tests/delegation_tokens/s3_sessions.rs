//! The S3 plugin: workers without keys, whose sessions the server ends early.

use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

use futures_executor::block_on;
use host_loader::FileSystems;
use host_loader::plugin_api::{Config, CreateOptions, FileSystemExt as _};
use testkit::Server;

use crate::artefacts;
use crate::clock::ManualClock;

/// How long a session is said to live.
const LIFE: Duration = Duration::from_hours(1);

const ROUNDS: usize = 6;
const THREADS: usize = 4;
const REQUESTS: usize = 5;

/// A session serves the round in which it came and the next one, and no more.
const SESSION_REQUESTS: u64 = 2 * (THREADS * REQUESTS) as u64;

#[test]
fn a_job_outlives_sessions_that_the_server_ends_early() {
    let server = Server::builder()
        .bucket("bucket")
        .announced_session_life(LIFE)
        .session_requests(SESSION_REQUESTS)
        .start_blocking()
        .unwrap();
    server.store().put("bucket", "key", "content");
    let plugins = artefacts::plugin_directory(&artefacts::plugin());
    let registry = |pairs: &[(&str, &str)]| {
        FileSystems::builder()
            .search_environment(false)
            .plugin_dir(plugins.path())
            .config(Config::from_pairs(pairs.iter().copied()))
            .build()
            .unwrap()
    };
    let endpoint = server.endpoint();
    let prefix = "security.delegation.token.provider.s3-native";
    let coordinator = registry(&[
        (&format!("{prefix}.region"), testkit::REGION),
        (&format!("{prefix}.access-key"), testkit::ACCESS_KEY),
        (&format!("{prefix}.secret-key"), testkit::SECRET_KEY),
        (&format!("{prefix}.sts.endpoint"), &endpoint),
        // All rounds together are shorter than a session is said to live, by whose end the real clock goes.
        ("security.delegation.tokens.renewal.time-ratio", "0.01"),
    ]);
    let worker = registry(&[
        ("s3.endpoint", &endpoint),
        ("s3.region", testkit::REGION),
        ("s3.path-style-access", "true"),
        // What is written is written without a look before, whose refusal would have no code.
        ("s3.conditional-writes", "true"),
        (
            "s3.aws.credentials.provider",
            "DynamicTemporaryAWSCredentialsProvider",
        ),
    ]);

    let clock = ManualClock::new();
    let manager = clock.govern(block_on(coordinator.delegation_tokens()).unwrap());
    assert_eq!(manager.services(), ["s3-native"]);
    let (connection, arrived) = mpsc::channel();
    manager.listen(move |tokens| connection.send(tokens.clone()).unwrap());
    block_on(manager.start()).unwrap();
    let take_over = || {
        let tokens = arrived.recv().unwrap();
        block_on(worker.receive_delegation_tokens(&tokens)).unwrap();
    };
    take_over();
    let (fs, path) = block_on(worker.open_path("s3://bucket/key")).unwrap();
    for round in 0..ROUNDS {
        let begin = Barrier::new(THREADS + 1);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    begin.wait();
                    for _ in 0..REQUESTS {
                        block_on(fs.status(&path)).unwrap();
                    }
                });
            }
            begin.wait();
            // The new session comes while requests are under way.
            clock.pass(LIFE / 50, &manager);
            take_over();
        });
        assert_eq!(server.sessions().len(), round + 2);
    }
    let used = server
        .sessions()
        .iter()
        .map(|session| session.requests)
        .sum::<u64>();
    assert!(used >= (ROUNDS * THREADS * REQUESTS) as u64 && used > SESSION_REQUESTS);

    // A manager that was stopped renews nothing, and nobody else's keys take the place of the session.
    block_on(manager.stop());
    server.expire_sessions();
    let error = block_on(fs.write_all(&path, "new".into(), &CreateOptions::default())).unwrap_err();
    assert_eq!(error.service_code(), "ExpiredToken", "{error}");
    block_on(coordinator.shutdown(Duration::from_secs(5))).unwrap();
    block_on(worker.shutdown(Duration::from_secs(5))).unwrap();
}
