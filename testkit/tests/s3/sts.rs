//! STS on the port of S3.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::Credentials;
use testkit::{Action, Fault, Role, Server};

use crate::client::{BUCKET, refusal, start};
use crate::identities::{ROLE, credentials, s3_as, session, sts, sts_as};

#[tokio::test]
async fn a_role_is_assumed_and_its_keys_work_on_s3() {
    let (server, _) = start(Server::builder().role(Role::new(ROLE))).await;
    let before = SystemTime::now();
    let answer = sts(&server)
        .assume_role()
        .role_arn(ROLE)
        .role_session_name("job-1")
        .duration_seconds(900)
        .policy(r#"{"Version":"2012-10-17"}"#)
        .send()
        .await
        .unwrap();
    let expiration = SystemTime::try_from(*answer.credentials().unwrap().expiration()).unwrap();
    // Three decimals of a second are sent.
    assert!(expiration + Duration::from_millis(1) >= before + Duration::from_mins(15));
    assert!(expiration <= SystemTime::now() + Duration::from_mins(15));
    let user = answer.assumed_role_user().unwrap();
    assert_eq!(user.arn(), "arn:aws:sts::123456789012:assumed-role/writer/job-1");

    let assumed = credentials(answer.credentials());
    let listed = s3_as(&server, assumed.clone())
        .list_objects_v2()
        .bucket(BUCKET)
        .send()
        .await;
    listed.unwrap();
    let caller = sts_as(&server, assumed.clone())
        .get_caller_identity()
        .send()
        .await
        .unwrap();
    assert_eq!(caller.arn(), Some(user.arn()));
    assert_eq!(caller.account(), Some("123456789012"));

    let [known] = &server.sessions()[..] else {
        panic!("one session: {:?}", server.sessions());
    };
    assert_eq!(known.access_key, assumed.access_key_id());
    assert_eq!(
        (known.issued_by, known.name.as_deref()),
        ("AssumeRole", Some("job-1"))
    );
    assert_eq!(known.duration, Duration::from_mins(15));
    assert_eq!(known.policy.as_deref(), Some(r#"{"Version":"2012-10-17"}"#));
    assert_eq!(known.requests, 2);
    assert_eq!(server.requests().count("AssumeRole"), 1);
}

#[tokio::test]
async fn a_role_demands_its_external_id() {
    let role = Role::new(ROLE).external_id("of-the-customer");
    let (server, _) = start(Server::builder().role(role)).await;
    let assume = |id: Option<&str>| {
        sts(&server)
            .assume_role()
            .role_arn(ROLE)
            .role_session_name("job")
            .set_external_id(id.map(str::to_owned))
            .send()
    };
    assert_eq!(refusal(assume(None).await), (403, "AccessDenied".into()));
    assert_eq!(refusal(assume(Some("guess")).await), (403, "AccessDenied".into()));
    assert!(server.sessions().is_empty());
    assume(Some("of-the-customer")).await.unwrap();
    assert_eq!(
        server.sessions()[0].external_id.as_deref(),
        Some("of-the-customer")
    );
}

#[tokio::test]
async fn a_role_is_only_for_those_it_trusts() {
    let chained = "arn:aws:iam::123456789012:role/path/chained";
    let builder = Server::builder()
        .credentials("one", "1")
        .credentials("two", "2")
        .role(Role::new(ROLE).trust("one"))
        .role(Role::new(chained).trust(ROLE));
    let (server, _) = start(builder).await;
    let assume = |client: aws_sdk_sts::Client, role: &str| {
        client
            .assume_role()
            .role_arn(role)
            .role_session_name("job")
            .send()
    };
    let one = || sts(&server);
    let two = sts_as(&server, Credentials::new("two", "2", None, None, "test"));
    assert_eq!(refusal(assume(two, ROLE).await), (403, "AccessDenied".into()));
    let unknown = "arn:aws:iam::123456789012:role/unknown";
    assert_eq!(
        refusal(assume(one(), unknown).await),
        (403, "AccessDenied".into())
    );
    assert_eq!(
        refusal(assume(one(), chained).await),
        (403, "AccessDenied".into())
    );

    let first = assume(one(), ROLE).await.unwrap();
    let of_role = sts_as(&server, credentials(first.credentials()));
    assume(of_role.clone(), chained).await.unwrap();
    let long = of_role.assume_role().role_arn(chained).role_session_name("job");
    let long = long.duration_seconds(3601).send().await;
    assert_eq!(refusal(long), (400, "ValidationError".into()));
}

#[tokio::test]
async fn a_web_identity_token_is_compared() {
    let role = Role::new(ROLE)
        .web_identity_token("token")
        .expired_web_identity_token("old-token");
    let reader = "arn:aws:iam::123456789012:role/reader";
    let (server, _) = start(Server::builder().role(role).role(Role::new(reader))).await;
    let assume = |role: &str, token: &str| {
        sts(&server)
            .assume_role_with_web_identity()
            .role_arn(role)
            .role_session_name("pod")
            .web_identity_token(token)
            .send()
    };
    let answer = assume(ROLE, "token").await.unwrap();
    let sent = &server.requests().of("AssumeRoleWithWebIdentity")[0];
    assert_eq!(sent.header("authorization"), None);
    let listed = s3_as(&server, credentials(answer.credentials()))
        .list_objects_v2()
        .bucket(BUCKET)
        .send()
        .await;
    listed.unwrap();
    assert_eq!(
        refusal(assume(ROLE, "old-token").await),
        (400, "ExpiredTokenException".into())
    );
    assert_eq!(
        refusal(assume(ROLE, "forged").await),
        (400, "InvalidIdentityToken".into())
    );
    assert_eq!(
        refusal(assume(reader, "token").await),
        (403, "AccessDenied".into())
    );
    let by_key = sts(&server)
        .assume_role()
        .role_arn(ROLE)
        .role_session_name("job")
        .send()
        .await;
    assert_eq!(refusal(by_key), (403, "AccessDenied".into()));
}

#[tokio::test]
async fn what_is_out_of_range_is_refused_by_name() {
    let role = Role::new(ROLE).max_session(Duration::from_hours(2));
    let (server, _) = start(Server::builder().role(role)).await;
    let assume = || sts(&server).assume_role().role_arn(ROLE);
    for seconds in [0, 899, 7201, 43_201] {
        let result = assume()
            .role_session_name("job")
            .duration_seconds(seconds)
            .send()
            .await;
        assert_eq!(refusal(result), (400, "ValidationError".into()), "{seconds}");
    }
    let missing = assume().send().await.unwrap_err();
    let message = missing.into_service_error().to_string();
    assert!(message.contains("ValidationError"), "{message}");
    for name in ["x", "with space", &"x".repeat(65)] {
        let result = assume().role_session_name(name).send().await;
        assert_eq!(refusal(result), (400, "ValidationError".into()), "{name}");
    }
    let policy = assume().role_session_name("job").policy("allow all").send().await;
    assert_eq!(refusal(policy), (400, "MalformedPolicyDocument".into()));
    let token = sts(&server).get_session_token().duration_seconds(129_601);
    assert_eq!(refusal(token.send().await), (400, "ValidationError".into()));
    assert!(server.sessions().is_empty());
}

#[tokio::test]
async fn signatures_are_verified() {
    let (server, _) = start(Server::builder()).await;
    let caller = |key: &str, secret: &str| {
        let credentials = Credentials::new(key, secret, None, None, "test");
        sts_as(&server, credentials).get_caller_identity().send()
    };
    let known = caller(server.access_key(), server.secret_key()).await.unwrap();
    assert_eq!(
        known.arn(),
        Some("arn:aws:iam::123456789012:user/testkit-access-key")
    );
    assert_eq!(
        refusal(caller(server.access_key(), "wrong").await),
        (403, "SignatureDoesNotMatch".into())
    );
    assert_eq!(
        refusal(caller("unknown", "wrong").await),
        (403, "InvalidClientTokenId".into())
    );
}

#[tokio::test]
async fn a_session_is_no_way_to_another_session_token() {
    let (server, _) = start(Server::builder()).await;
    let temporary = session(&server).await;
    let again = sts_as(&server, temporary.clone())
        .get_session_token()
        .send()
        .await;
    assert_eq!(refusal(again), (403, "AccessDenied".into()));
    server.expire_sessions();
    let caller = sts_as(&server, temporary).get_caller_identity().send().await;
    assert_eq!(refusal(caller), (403, "ExpiredToken".into()));
}

#[tokio::test]
async fn faults_hit_operations_of_sts() {
    let (server, _) = start(Server::builder().role(Role::new(ROLE))).await;
    let rules = "op=AssumeRole,nth=1 -> status:500:InternalFailure; op=GetSessionToken -> lose-reply";
    server.faults().add_rules(rules, 0).unwrap();
    let assume = || sts(&server).assume_role().role_arn(ROLE).role_session_name("job");
    assert_eq!(refusal(assume().send().await), (500, "InternalFailure".into()));
    assume().send().await.unwrap();
    let lost = sts(&server).get_session_token().send().await.unwrap_err();
    assert!(lost.raw_response().is_none(), "{lost:?}");
    let issued: Vec<_> = server.sessions().iter().map(|s| s.issued_by).collect();
    assert_eq!(issued, ["AssumeRole", "GetSessionToken"]);

    let fault = Fault::on("GetCallerIdentity").action(Action::BlackHole);
    server.faults().add(fault);
    let mut hits = server.faults().hits();
    let silent = sts(&server).get_caller_identity().send();
    let request = tokio::spawn(silent);
    assert_eq!(hits.next().await.unwrap().operation, "GetCallerIdentity");
    assert!(!request.is_finished());
    request.abort();
}

#[tokio::test]
async fn what_sts_does_not_know_is_refused() {
    let (server, _) = start(Server::builder()).await;
    let federated = sts(&server).get_federation_token().name("somebody").send().await;
    assert_eq!(refusal(federated), (400, "InvalidAction".into()));
    assert_eq!(server.requests().count("Unknown"), 1);
}
