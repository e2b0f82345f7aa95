//! Delegation tokens and what they are made of show up neither in the log at its finest, nor in errors, metrics or
//! `Debug`. A test of its own, since the log of a process goes to one host.

use std::sync::{Arc, Mutex};

use plugin_api::{
    Callsite, Config, DelegationToken, Error, FieldValue, Fields, FileSystemExt as _, FileSystemFactory as _,
    Host, Level, Location, Measurement, MemoryPressure, telemetry,
};
use s3_native_plugin::S3FileSystemFactory;
use testkit::{Action, Canaries, Fault, Role, Server};

const ARN: &str = "arn:aws:iam::123456789012:role/canary";
const PREFIX: &str = "security.delegation.token.provider.s3-native.";

/// Hears everything.
#[derive(Default)]
struct Listener {
    heard: Mutex<String>,
    /// The targets of callsites, by number from 1.
    targets: Mutex<Vec<String>>,
}

impl Listener {
    fn hear(&self, said: &str) {
        let mut heard = self.heard.lock().unwrap();
        heard.push_str(said);
        heard.push('\n');
    }

    /// Of the server, which is in this process too, nothing is kept.
    fn hear_fields(&self, callsite: u64, fields: &[(u32, FieldValue)]) {
        let target = self.targets.lock().unwrap()[callsite as usize - 1].clone();
        if !target.starts_with("s3s") {
            self.hear(&format!("{target} {fields:?}"));
        }
    }
}

impl Host for Listener {
    fn max_level(&self) -> Option<Level> {
        Some(Level::Trace)
    }

    fn register_callsite(&self, callsite: &Callsite) -> u64 {
        let mut targets = self.targets.lock().unwrap();
        targets.push(callsite.target.clone());
        targets.len() as u64
    }

    fn is_enabled(&self, _: u64) -> bool {
        true
    }

    fn event(&self, callsite: u64, _: u64, fields: &Fields) {
        self.hear_fields(callsite, fields);
    }

    fn new_span(&self, callsite: u64, _: u64, fields: &Fields) -> u64 {
        self.hear_fields(callsite, fields);
        // The number of a span must be its own only as long as somebody closes it.
        callsite
    }

    fn record(&self, span: u64, fields: &Fields) {
        self.hear_fields(span, fields);
    }

    fn enter_span(&self, _: u64) {}
    fn exit_span(&self, _: u64) {}
    fn close_span(&self, _: u64) {}

    fn measure(&self, measurement: &Measurement<'_>) {
        self.hear(&format!("{measurement:?}"));
    }

    fn memory_budget(&self) -> u64 {
        0
    }

    fn memory_pressure(&self) -> MemoryPressure {
        MemoryPressure::Low
    }
}

fn config(server: &Server, secret: &str, more: &[(&str, &str)]) -> Config {
    let mut config = Config::from_pairs([
        ("s3.endpoint", server.endpoint()),
        ("s3.runtime.threads", "2".to_owned()),
        ("s3.retry.max-num-retries", "0".to_owned()),
        // The chain ends here: what this machine may have is none of the test's business.
        (
            "fs.s3.aws.credentials.provider",
            "DynamicTemporaryAWSCredentialsProvider".to_owned(),
        ),
    ]);
    let endpoint = server.endpoint();
    let keys = [
        ("access-key", "AKIDCANARY"),
        ("secret-key", secret),
        ("region", server.region()),
        ("sts.endpoint", &endpoint),
    ];
    for (key, value) in keys.iter().chain(more) {
        config.set(format!("{PREFIX}{key}"), *value);
    }
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn delegation_tokens_and_the_sessions_in_them_show_up_nowhere() {
    let listener = Arc::new(Listener::default());
    telemetry::install(listener.clone());
    let factory = S3FileSystemFactory::new(listener.clone()).unwrap();
    let mut canaries = Canaries::default();
    let secret = canaries.plant("secret key of the provider");
    let wrong = canaries.plant("secret key that is wrong");
    let server = Server::builder()
        .bucket("bucket")
        .credentials("AKIDCANARY", &secret)
        .role(Role::new(ARN))
        .start_blocking()
        .unwrap();
    server.store().put("bucket", "a", "content");
    let obtain = async |secret: &str, more: &[(&str, &str)]| {
        let config = config(&server, secret, more);
        let provider = factory.delegation_token_provider(&config).unwrap().unwrap();
        let obtained = provider.obtain().await;
        listener.hear(&format!("{obtained:?} {config:?}"));
        obtained
    };
    let hear = |error: &Error| listener.hear(&format!("{error} {error:?} {:?}", error.causes()));
    let receiver = factory.delegation_token_receiver().unwrap();
    let root = Location::parse("s3://bucket/").unwrap();
    let fs = factory
        .create(&root, &config(&server, &secret, &[]))
        .await
        .unwrap();
    hear(&fs.status(&root.with_key("a")).await.unwrap_err());
    for more in [&[][..], &[("role.arn", ARN)]] {
        let token = obtain(&secret, more).await.unwrap();
        receiver.receive(&token).await.unwrap();
        assert_eq!(fs.read_all(&root.with_key("a")).await.unwrap(), "content");
        for damaged in [token.bytes.slice(1..), token.bytes.slice(..token.bytes.len() - 1)] {
            let damaged = DelegationToken {
                bytes: damaged,
                valid_until: None,
            };
            hear(&receiver.receive(&damaged).await.unwrap_err());
        }
    }
    server.expire_sessions();
    hear(&fs.status(&root.with_key("a")).await.unwrap_err());
    hear(&obtain(&wrong, &[]).await.unwrap_err());
    for bytes in [300, 340, 380, 420] {
        let fault = Fault::on("GetSessionToken")
            .times(1)
            .action(Action::Truncate(bytes));
        server.faults().add(fault);
    }
    for _ in 0..4 {
        if let Err(error) = obtain(&secret, &[]).await {
            hear(&error);
        }
    }
    server
        .faults()
        .add(Fault::on("GetSessionToken").action(Action::Reset));
    hear(&obtain(&secret, &[]).await.unwrap_err());
    for (secret, token) in server.session_secrets() {
        canaries.add("secret key of a session", secret);
        canaries.add("token of a session", token);
    }
    listener.hear(&format!("{factory:?}"));
    let heard = listener.heard.lock().unwrap().clone();
    assert!(
        heard.contains("transmitting request") && heard.contains("<withheld>"),
        "the log of the SDK is there"
    );
    let mut found = canaries.find(heard.as_bytes());
    found.truncate(20);
    assert!(found.is_empty(), "{found:#?}");
}
