//! Roles that STS gives sessions for.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use plugin_api::{CreateOptions, ErrorKind, FileSystemExt as _};
use testkit::{Action, Fault, Role, Server, ServerBuilder};

use crate::fixture::{BUCKET, PART, connect, location, pattern};

const ARN: &str = "arn:aws:iam::123456789012:role/writer";
const EXTERNAL_ID: &str = "of-the-customer";

fn with_role(server: ServerBuilder) -> Server {
    server
        .bucket(BUCKET)
        .min_part_size(PART as u64)
        .role(Role::new(ARN).external_id(EXTERNAL_ID))
        .start_blocking()
        .unwrap()
}

/// What assumes the role, besides the address of STS.
const ROLE: [(&str, &str); 2] = [
    ("s3.assume-role.arn", ARN),
    ("s3.assume-role.external-id", EXTERNAL_ID),
];

macro_rules! file_system {
    ($server:expr, $($more:expr),*) => {{
        let endpoint = $server.endpoint();
        let options = [("s3.assume-role.sts.endpoint", endpoint.as_str()), $($more),*];
        connect(&$server, BUCKET, &options).await
    }};
}

#[tokio::test]
async fn everything_is_done_in_the_role_with_the_session_that_was_asked_for() {
    let server = with_role(Server::builder());
    let (_factory, fs) = file_system!(
        server,
        ROLE[0],
        ROLE[1],
        ("s3.assume-role.session-name", "nightly"),
        ("s3.assume-role.session-duration", "1800"),
        (
            "s3.assume-role.policy",
            r#"{"Version":"2012-10-17","Statement":[]}"#
        )
    );
    fs.write_all(&location("a"), "content".into(), &CreateOptions::default())
        .await
        .unwrap();
    assert_eq!(fs.read_all(&location("a")).await.unwrap(), "content");
    let sessions = server.sessions();
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    let session = &sessions[0];
    assert_eq!(session.issued_by, "AssumeRole");
    assert_eq!(session.name.as_deref(), Some("nightly"));
    assert_eq!(session.external_id.as_deref(), Some(EXTERNAL_ID));
    assert_eq!(session.duration, Duration::from_mins(30));
    assert!(session.policy.is_some());
    // Not one request to S3 was signed with the base credentials.
    assert_eq!(
        session.requests + server.requests().count("AssumeRole"),
        server.requests().total()
    );
}

#[tokio::test]
async fn a_role_that_is_refused_names_the_cause_and_not_the_external_id() {
    let server = with_role(Server::builder());
    let (_factory, fs) = file_system!(server, ROLE[0], ("s3.assume-role.external-id", "canary"));
    let error = fs.status(&location("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(
        text.contains("AccessDenied") && !text.contains("canary"),
        "{text}"
    );
    assert!(
        error.to_string().contains("AssumeRole") || error.remedy().contains("role"),
        "{error}"
    );
}

#[tokio::test]
async fn a_thousand_operations_over_the_end_of_a_session_ask_sts_once() {
    let server = with_role(Server::builder());
    let (_factory, fs) = file_system!(server, ROLE[0], ROLE[1]);
    server.store().put(BUCKET, "a", "content");
    fs.status(&location("a")).await.unwrap();
    assert_eq!(server.requests().count("AssumeRole"), 1);
    server.expire_sessions();
    // The first one finds out; those that are on the way with it may find out too, and share the answer.
    let delay = Fault::on("AssumeRole").action(Action::Delay(Duration::from_millis(50)));
    server.faults().add(delay);
    let path = location("a");
    let all = join_all((0..1000).map(|_| fs.status(&path))).await;
    let failures: Vec<_> = all.into_iter().filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{} failed: {}", failures.len(), failures[0]);
    assert_eq!(server.requests().count("AssumeRole"), 2);
}

#[tokio::test]
async fn an_outage_of_sts_is_not_seen_while_the_session_lasts() {
    let server = with_role(Server::builder());
    let (_factory, fs) = file_system!(server, ROLE[0], ROLE[1]);
    server.store().put(BUCKET, "a", "content");
    fs.status(&location("a")).await.unwrap();
    server
        .faults()
        .add(Fault::on("AssumeRole").action(Action::status(500, "InternalFailure", "down")));
    for _ in 0..20 {
        fs.status(&location("a")).await.unwrap();
    }
}

#[tokio::test]
async fn a_session_that_ends_in_the_middle_of_an_upload_is_renewed_once_and_nothing_is_lost() {
    let server = with_role(Server::builder());
    let (_factory, fs) = file_system!(server, ROLE[0], ROLE[1]);
    let content = pattern(6 * PART + 5);
    let mut stream = fs
        .create(&location("a"), &CreateOptions::default())
        .await
        .unwrap();
    stream.write(&content[..3 * PART]).await.unwrap();
    server.expire_sessions();
    stream.write(&content[3 * PART..]).await.unwrap();
    stream.close().await.unwrap();
    assert_eq!(server.store().get(BUCKET, "a").unwrap(), content);
    assert_eq!(server.requests().count("AssumeRole"), 2);
}

#[tokio::test]
async fn a_right_that_is_missing_is_told_at_once() {
    let server = with_role(Server::builder());
    let (_factory, fs) = file_system!(server, ROLE[0], ROLE[1]);
    fs.status(&location("")).await.unwrap();
    server
        .faults()
        .add(Fault::on("ListObjectsV2").action(Action::status(403, "AccessDenied", "Access Denied")));
    let error = fs
        .list_all(&location(""), &plugin_api::ListOptions::default())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.attempts()),
        (ErrorKind::PermissionDenied, 1),
        "{error}"
    );
    assert_eq!(server.requests().count("AssumeRole"), 1);
}

#[tokio::test]
async fn each_bucket_has_a_role_of_its_own() {
    const OTHER: &str = "arn:aws:iam::123456789012:role/other";
    let server = with_role(Server::builder().bucket("other.logs").role(Role::new(OTHER)));
    let (factory, fs) = file_system!(
        server,
        ROLE[0],
        ROLE[1],
        ("s3.bucket.other.logs.assume-role.arn", OTHER),
        ("s3.bucket.other.logs.assume-role.session-name", "logs")
    );
    fs.status(&location("")).await.unwrap();
    let mut pairs = server.config("s3.");
    pairs.extend([
        ("s3.assume-role.arn".to_owned(), ARN.to_owned()),
        ("s3.assume-role.external-id".to_owned(), EXTERNAL_ID.to_owned()),
        ("s3.assume-role.sts.endpoint".to_owned(), server.endpoint()),
        (
            "s3.bucket.other.logs.assume-role.arn".to_owned(),
            OTHER.to_owned(),
        ),
    ]);
    let root = plugin_api::Location::new("s3", "other.logs", "").unwrap();
    let config = plugin_api::Config::from_pairs(pairs);
    let other: Arc<_> = plugin_api::FileSystemFactory::create(&factory, &root, &config)
        .await
        .unwrap();
    other.status(&root).await.unwrap();
    let arns: Vec<String> = server.sessions().into_iter().map(|session| session.arn).collect();
    assert!(
        arns[0].contains("writer") && arns[1].contains("other"),
        "{arns:?}"
    );
}
