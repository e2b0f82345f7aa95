//! Temporary keys on S3, and the clock of the server.

use std::time::Duration;

use aws_sdk_s3::config::Credentials;
use testkit::Server;

use crate::client::{BUCKET, put, refusal, start};
use crate::identities::{s3_as, session, sts};

/// Status and code of a listing with these credentials, if it is refused.
async fn listing(server: &Server, credentials: Credentials) -> Result<(), (u16, String)> {
    let listed = s3_as(server, credentials).list_objects_v2().bucket(BUCKET);
    match listed.send().await {
        Ok(_) => Ok(()),
        failed => Err(refusal(failed)),
    }
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn with_token(credentials: &Credentials, token: Option<&str>) -> Credentials {
    Credentials::new(
        credentials.access_key_id(),
        credentials.secret_access_key(),
        token.map(str::to_owned),
        None,
        "test",
    )
}

#[tokio::test]
async fn a_temporary_key_needs_its_own_token() {
    let (server, _) = start(Server::builder()).await;
    let (temporary, other) = (session(&server).await, session(&server).await);
    put(&s3_as(&server, temporary.clone()), "k", "v").await;
    let without = with_token(&temporary, None);
    assert_eq!(
        listing(&server, without).await,
        Err(refused(403, "InvalidAccessKeyId"))
    );
    let swapped = with_token(&temporary, other.session_token());
    assert_eq!(listing(&server, swapped).await, Err(refused(400, "InvalidToken")));
    let fixed = Credentials::new(server.access_key(), server.secret_key(), None, None, "test");
    let fixed = with_token(&fixed, temporary.session_token());
    assert_eq!(listing(&server, fixed).await, Err(refused(400, "InvalidToken")));
    let secret = Credentials::new(
        temporary.access_key_id(),
        "wrong",
        temporary.session_token().map(str::to_owned),
        None,
        "test",
    );
    assert_eq!(
        listing(&server, secret).await,
        Err(refused(403, "SignatureDoesNotMatch"))
    );
}

#[tokio::test]
async fn sessions_end_when_the_test_says_so() {
    let (server, client) = start(Server::builder()).await;
    let first = session(&server).await;
    assert_eq!(listing(&server, first.clone()).await, Ok(()));
    server.expire_sessions();
    assert_eq!(listing(&server, first).await, Err(refused(400, "ExpiredToken")));
    let second = session(&server).await;
    assert_eq!(listing(&server, second.clone()).await, Ok(()));
    server.revoke_sessions();
    assert_eq!(listing(&server, second).await, Err(refused(403, "AccessDenied")));
    put(&client, "static keys go on", "v").await;
}

#[tokio::test]
async fn sessions_end_earlier_than_they_say() {
    let (server, _) = start(Server::builder().session_requests(2)).await;
    let temporary = session(&server).await;
    assert_eq!(listing(&server, temporary.clone()).await, Ok(()));
    assert_eq!(listing(&server, temporary.clone()).await, Ok(()));
    assert_eq!(
        listing(&server, temporary).await,
        Err(refused(400, "ExpiredToken"))
    );

    let (server, _) = start(Server::builder().session_life(Duration::ZERO)).await;
    let answer = sts(&server)
        .get_session_token()
        .duration_seconds(900)
        .send()
        .await;
    let answer = answer.unwrap();
    let said = answer.credentials().unwrap().expiration().secs();
    let now = aws_sdk_s3::primitives::DateTime::from(std::time::SystemTime::now()).secs();
    assert!((said - now).abs() > 600, "said {said}, now {now}");
    let temporary = crate::identities::credentials(answer.credentials());
    assert_eq!(
        listing(&server, temporary).await,
        Err(refused(400, "ExpiredToken"))
    );
}

#[tokio::test]
async fn a_session_may_be_said_to_end_early() {
    let soon = Duration::from_secs(5);
    let (server, _) = start(Server::builder().announced_session_life(soon)).await;
    let answer = sts(&server).get_session_token().send().await.unwrap();
    let said = answer.credentials().unwrap().expiration().secs();
    let now = aws_sdk_s3::primitives::DateTime::from(std::time::SystemTime::now()).secs();
    assert!(said <= now + 5, "said {said}, now {now}");
    let temporary = crate::identities::credentials(answer.credentials());
    assert_eq!(listing(&server, temporary).await, Ok(()));
}

#[tokio::test]
async fn a_token_that_is_not_signed_is_refused() {
    let (server, _) = start(Server::builder()).await;
    let temporary = session(&server).await;
    let token = temporary.session_token().unwrap().to_owned();
    let client = s3_as(&server, with_token(&temporary, None));
    // Added behind the signature.
    let listed = client
        .list_objects_v2()
        .bucket(BUCKET)
        .customize()
        .interceptor(AddToken(token))
        .send()
        .await;
    assert_eq!(refusal(listed), (403, "AccessDenied".into()));
}

#[derive(Debug)]
struct AddToken(String);

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl aws_sdk_s3::config::Intercept for AddToken {
    fn name(&self) -> &'static str {
        "AddToken"
    }

    fn modify_before_transmit(
        &self,
        context: &mut aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut<'_>,
        _: &aws_sdk_s3::config::RuntimeComponents,
        _: &mut aws_sdk_s3::config::ConfigBag,
    ) -> Result<(), aws_sdk_s3::error::BoxError> {
        let headers = context.request_mut().headers_mut();
        headers.insert("x-amz-security-token", self.0.clone());
        Ok(())
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_noticed_in_both_directions() {
    for offset in [-1200, 1200] {
        let (server, client) = start(Server::builder().clock_offset(offset)).await;
        let listed = client.list_objects_v2().bucket(BUCKET).send().await;
        let error = listed.unwrap_err();
        let answer = error.raw_response().unwrap();
        assert_eq!(answer.status().as_u16(), 403);
        let body = String::from_utf8_lossy(answer.body().bytes().unwrap());
        assert!(body.contains("<Code>RequestTimeTooSkewed</Code>"), "{body}");
        let times = [("ServerTime", 24), ("RequestTime", 16)];
        for (element, len) in times {
            let text = body.split_once(&format!("<{element}>")).unwrap().1;
            let text = text.split_once('<').unwrap().0;
            assert_eq!(text.len(), len, "{element}: {text}");
        }
        let date = answer.headers().get("date").unwrap();
        let date = aws_sdk_s3::primitives::DateTime::from_str(
            date,
            aws_sdk_s3::primitives::DateTimeFormat::HttpDate,
        );
        let now = aws_sdk_s3::primitives::DateTime::from(std::time::SystemTime::now()).secs();
        let ahead = date.unwrap().secs() - now;
        assert!((ahead - offset).abs() < 120, "{ahead} for {offset}");
        let caller = sts(&server).get_caller_identity().send().await;
        assert_eq!(refusal(caller), (403, "SignatureDoesNotMatch".into()));
    }
}

#[tokio::test]
async fn a_clock_that_is_off_a_little_is_taken() {
    for offset in [-840, 840] {
        let (_server, client) = start(Server::builder().clock_offset(offset)).await;
        put(&client, "k", "v").await;
    }
}
