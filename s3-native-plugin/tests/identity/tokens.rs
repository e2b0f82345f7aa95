//! Delegation tokens: obtained from STS, handed over as bytes, swapped under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use plugin_api::{Config, DelegationToken, ErrorKind, FileSystem, FileSystemFactory as _, Location};
use s3_native_plugin::S3FileSystemFactory;
use testkit::{Action, Fault, Role, Server};

use crate::fixture::{BUCKET, factory, location};

const PREFIX: &str = "security.delegation.token.provider.s3-native.";
const ARN: &str = "arn:aws:iam::123456789012:role/reader";

fn server() -> Server {
    let server = Server::builder()
        .bucket(BUCKET)
        .role(Role::new(ARN))
        .start_blocking()
        .unwrap();
    server.store().put(BUCKET, "a", "content");
    server
}

/// What obtains tokens of this server, without any credentials for its buckets.
fn config(server: &Server, more: &[(&str, &str)]) -> Config {
    let mut config = Config::from_pairs([
        ("s3.endpoint", server.endpoint()),
        ("s3.runtime.threads", "2".to_owned()),
        // The chain ends here: what this machine may have is none of the test's business.
        (
            "fs.s3.aws.credentials.provider",
            "DynamicTemporaryAWSCredentialsProvider".to_owned(),
        ),
    ]);
    let keys = [
        ("access-key", server.access_key()),
        ("secret-key", server.secret_key()),
        ("region", server.region()),
        ("sts.endpoint", &server.endpoint()),
    ];
    for (key, value) in keys.iter().chain(more) {
        config.set(format!("{PREFIX}{key}"), *value);
    }
    config
}

async fn obtain(factory: &S3FileSystemFactory, config: &Config) -> DelegationToken {
    let provider = factory.delegation_token_provider(config).unwrap().unwrap();
    assert_eq!(provider.service_name(), "s3-native");
    assert!(provider.is_required());
    provider.obtain().await.unwrap()
}

async fn receive(factory: &S3FileSystemFactory, token: &DelegationToken) {
    let receiver = factory.delegation_token_receiver().unwrap();
    assert_eq!(receiver.service_name(), "s3-native");
    receiver.receive(token).await.unwrap();
}

async fn file_system(factory: &S3FileSystemFactory, config: &Config) -> Arc<dyn FileSystem> {
    let root = Location::new("s3", BUCKET, "").unwrap();
    factory.create(&root, config).await.unwrap()
}

#[tokio::test]
async fn one_process_obtains_what_another_one_works_with() {
    let server = server();
    for (more, issued_by) in [
        (vec![], "GetSessionToken"),
        (
            vec![("assume-role.arn", ARN), ("session-duration", "900")],
            "AssumeRole",
        ),
    ] {
        let config = config(&server, &more);
        let token = obtain(&factory(), &config).await;
        assert!(token.valid_until.unwrap() > SystemTime::now());
        let other = factory();
        receive(&other, &token).await;
        file_system(&other, &config)
            .await
            .status(&location("a"))
            .await
            .unwrap();
        let session = server.sessions().pop().unwrap();
        assert_eq!((session.issued_by, session.requests), (issued_by, 1));
    }
}

#[tokio::test]
async fn tokens_are_obtained_only_if_all_that_is_needed_is_configured_and_not_switched_off() {
    let server = server();
    let factory = factory();
    let required = |config: &Config| {
        factory
            .delegation_token_provider(config)
            .unwrap()
            .unwrap()
            .is_required()
    };
    assert!(required(&config(&server, &[])));
    assert!(!required(&config(&server, &[("enabled", "false")])));
    for key in ["access-key", "secret-key", "region"] {
        assert!(!required(&config(&server, &[(key, "")])), "{key}");
    }
    let provider = factory
        .delegation_token_provider(&Config::default())
        .unwrap()
        .unwrap();
    let error = provider.obtain().await.unwrap_err();
    assert!(error.remedy().contains("s3-native.region"), "{error}");
    let short = factory.delegation_token_provider(&config(&server, &[("session-duration", "10")]));
    assert_eq!(short.err().unwrap().kind(), ErrorKind::InvalidConfig);
}

#[tokio::test]
async fn what_sts_refuses_is_told_with_its_code_and_without_the_secret() {
    let server = server();
    let config = config(&server, &[("secret-key", "canary")]);
    let provider = factory().delegation_token_provider(&config).unwrap().unwrap();
    let error = provider.obtain().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.service_code()),
        (ErrorKind::PermissionDenied, "SignatureDoesNotMatch")
    );
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[tokio::test]
async fn without_a_token_and_with_one_that_is_over_the_error_says_so() {
    let server = server();
    let config = config(&server, &[]);
    let factory = factory();
    let token = obtain(&factory, &config).await;
    let text = String::from_utf8(token.bytes.to_vec()).unwrap();
    let valid = token
        .valid_until
        .unwrap()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let over = text.replace(&valid.as_millis().to_string(), "1000");
    assert_ne!(text, over);
    receive(
        &factory,
        &DelegationToken {
            bytes: over.into(),
            valid_until: None,
        },
    )
    .await;
    let error = file_system(&factory, &config)
        .await
        .status(&location("a"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");
    assert!(
        format!("{error:?}").contains("the delegation token has expired"),
        "{error:?}"
    );
    let corrupt = factory.delegation_token_receiver().unwrap();
    let corrupt = corrupt
        .receive(&DelegationToken {
            bytes: "x".into(),
            valid_until: None,
        })
        .await;
    assert_eq!(corrupt.unwrap_err().kind(), ErrorKind::Corrupt);
    receive(&factory, &token).await;
    file_system(&factory, &config)
        .await
        .status(&location("a"))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_swapped_under_load_and_no_request_fails() {
    let server = server();
    let config = config(&server, &[]);
    let factory = factory();
    receive(&factory, &obtain(&factory, &config).await).await;
    let fs = file_system(&factory, &config).await;
    let done = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..8)
        .map(|_| {
            let (fs, done) = (fs.clone(), done.clone());
            tokio::spawn(async move {
                let mut requests = 0_u64;
                while !done.load(Ordering::Relaxed) {
                    fs.status(&location("a")).await.unwrap();
                    requests += 1;
                }
                requests
            })
        })
        .collect();
    for swaps in 2..20 {
        receive(&factory, &obtain(&factory, &config).await).await;
        // Each token is used before the next one comes.
        while server.sessions().last().unwrap().requests == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(server.sessions().len(), swaps);
    }
    done.store(true, Ordering::Relaxed);
    for task in load {
        assert!(task.await.unwrap() > 0);
    }
}

#[tokio::test]
async fn a_slow_sts_is_waited_for_and_an_outage_is_an_error_that_may_be_tried_again() {
    let server = server();
    let config = config(&server, &[]);
    let factory = factory();
    let slow = Fault::on("GetSessionToken")
        .times(1)
        .action(Action::Delay(Duration::from_millis(20)));
    server.faults().add(slow);
    obtain(&factory, &config).await;
    let down = Fault::on("GetSessionToken").action(Action::Reset);
    server.faults().add(down);
    let provider = factory.delegation_token_provider(&config).unwrap().unwrap();
    let error = provider.obtain().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Unavailable, plugin_api::Retry::Yes),
        "{error}"
    );
}
