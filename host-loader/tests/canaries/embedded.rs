//! A program that embeds the plugin: what its subscriber hears, the `Debug` of what it holds, metrics, states of
//! unfinished files, and the conformance suite.

use std::fmt::Debug;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use futures_executor::block_on;
use host_loader::FileSystems;
use host_loader::plugin_api::{Config, CreateOptions, FileSystemExt as _, Location};
use host_loader::telemetry::HostTelemetry;
use testkit::Server;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::talk::{PLUGINS, Talk};

/// What the subscriber of this process heard.
static HEARD: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Ear;

impl Write for Ear {
    fn write(&mut self, said: &[u8]) -> io::Result<usize> {
        HEARD
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(said);
        Ok(said.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn debug(value: &impl Debug) -> String {
    format!("{value:?}\n{value:#?}\n")
}

#[test]
fn a_program_that_embeds_the_plugin_hears_no_secret_and_keeps_none_in_its_states() {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
        .with_writer(|| Ear)
        .init();
    let mut talk = Talk::new();
    let secret = talk.canaries.plant("secret key");
    let other = talk.canaries.plant("secret key of another bucket");
    let server = Server::builder()
        .bucket("bucket")
        .credentials("AKIDCANARY", &secret)
        .start_blocking()
        .unwrap();
    let mut config = Config::from_pairs(server.config("s3."));
    config.set("s3.bucket.other.access-key", "AKIDOTHER");
    config.set("s3.bucket.other.secret-key", other.as_str());
    config.set("s3.retry.max-num-retries", "0");
    let telemetry = Arc::new(HostTelemetry::for_plugin("s3-native"));
    let file_systems = FileSystems::builder()
        .search_environment(false)
        .plugin_dir(PLUGINS.path())
        .config(config.clone())
        .host(telemetry.clone())
        .build()
        .unwrap();
    let root = Location::parse("s3://bucket/").unwrap();
    let file = root.with_key("file");
    let state = block_on(async {
        let fs = file_systems.get(&root).await.unwrap();
        fs.write_all(&file, "content".into(), &CreateOptions::default())
            .await
            .unwrap();
        assert_eq!(fs.read_all(&file).await.unwrap(), "content");
        let writer = fs.recoverable_writer().unwrap();
        let mut stream = writer
            .open(&root.with_key("large"), &CreateOptions::default())
            .await
            .unwrap();
        stream.write(&vec![7; 6 << 20]).await.unwrap();
        let state = stream.persist().await.unwrap();
        stream.close().await.unwrap();
        talk.hear(debug(&state));
        let missing = fs.status(&root.with_key("missing")).await.unwrap_err();
        talk.hear(debug(&missing));
        let refused = Location::parse("s3://other/").unwrap();
        let fs = file_systems.get(&refused).await.unwrap();
        let refused = fs.status(&refused.with_key("a")).await.unwrap_err();
        talk.hear(format!("{refused}\n{}{:?}", debug(&refused), refused.causes()));
        state
    });
    for held in [
        debug(&file_systems),
        debug(&config),
        debug(file_systems.configuration()),
        debug(&file_systems.explain(Some(&root)).unwrap()),
        debug(&file_systems.plugins()),
        debug(&telemetry.measurements()),
        debug(&telemetry),
    ] {
        talk.hear(held);
    }
    talk.hear(state.bytes());
    talk.fsplug.write("state", state.bytes());
    let endpoint = server.endpoint();
    let environment = [
        ("FSPLUG_S3_ENDPOINT", endpoint.as_str()),
        ("FSPLUG_S3_ACCESS_KEY", "AKIDCANARY"),
        ("FSPLUG_S3_SECRET_KEY", &secret),
    ];
    for verb in ["show", "verify", "commit", "verify", "abort"] {
        let yes: &[&str] = if verb == "abort" { &["--yes"] } else { &[] };
        talk.run(
            &environment,
            &[&["--json", "recoverable", verb, "state"], yes].concat(),
        );
    }
    let library = PLUGINS.path().join("s3-native/libs3_native_plugin.so");
    let suite = [
        "conformance",
        "run",
        library.to_str().unwrap(),
        "--uri",
        "s3://bucket/suite",
        "--rounds",
        "3",
    ];
    let (code, _) = talk.run(&environment, &suite);
    assert_eq!(code, 0);
    block_on(file_systems.shutdown(std::time::Duration::from_secs(10))).unwrap();
    let heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let text = String::from_utf8_lossy(&heard);
    assert!(
        text.contains("transmitting request") && text.contains("<withheld>"),
        "the log of the SDK is there"
    );
    talk.hear(&heard);
    talk.assert_silent(2);
}
