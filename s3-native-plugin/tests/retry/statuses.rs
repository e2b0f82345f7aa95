//! Every cell of the table that is about a reply, on the wire.

use plugin_api::ErrorKind;
use s3_native_plugin::retry::table::{Action, RequestClass, Row, TABLE, When};
use testkit::{Action as Fault, Fault as Rule, Server};

use crate::fixture::{Prepared, RETRIES, client, start};

/// The reply that a row is about; `None` for what is no reply.
fn reply(row: &Row, region: &str) -> Option<(u16, &'static str, Fault)> {
    let (status, code) = match row.when {
        When::Code(status, code) => (status, code),
        When::ErrorInSuccess => (200, "NobodyKnowsThis"),
        When::Status(status) => (status, ""),
        When::StatusClass(hundreds) => (hundreds * 100 + 18, ""),
        When::Transport(_) | When::Otherwise => return None,
    };
    let region = [("x-amz-bucket-region", region)];
    let headers: &[_] = match row.actions[0] {
        Action::ChangeRegion => &region,
        _ => &[],
    };
    Some((status, code, Fault::status_with_headers(status, code, headers)))
}

async fn check(row: &Row, class: RequestClass, server: &Server) {
    let Some((status, code, fault)) = reply(row, server.region()) else {
        return;
    };
    let cell = format!("{:?} × {class:?}", row.when);
    let action = row.action(class);
    // Of two regions the client has the wrong one, and is told the right one.
    let configured = match action {
        Action::ChangeRegion => "eu-west-3",
        _ => server.region(),
    };

    // One such reply.
    let request = Prepared::on(server, class, &format!("{cell} once")).await;
    let client_ = client(server, &[("s3.region", configured)]).await;
    server.requests().clear();
    let rule = server
        .faults()
        .add(Rule::on(request.operation).times(1).action(fault.clone()));
    let result = request.send(&client_).await;
    let sent = server.requests().count(request.operation);
    rule.remove();
    let goes_on = matches!(action, Action::Retry | Action::Wait | Action::ChangeRegion);
    assert_eq!(sent, if goes_on { 2 } else { 1 }, "{cell}: {result:?}");
    assert_eq!(result.is_ok(), goes_on, "{cell}: {result:?}");

    // Nothing but such replies.
    let client_ = client(server, &[("s3.region", configured)]).await;
    let request = Prepared::on(server, class, &format!("{cell} always")).await;
    server.requests().clear();
    let rule = server.faults().add(Rule::on(request.operation).action(fault));
    let error = request.send(&client_).await.unwrap_err();
    let sent = server.requests().count(request.operation);
    rule.remove();
    let attempts = match action {
        Action::Retry | Action::Wait => RETRIES + 1,
        Action::ChangeRegion => 2,
        // Static keys cannot be refreshed, and the server's clock is ours: see `credentials` and `clock`.
        Action::Fail | Action::RefreshCredentials | Action::CorrectClock => 1,
    };
    assert_eq!(sent, u64::from(attempts), "{cell}: {error}");
    assert_eq!(error.attempts(), attempts, "{cell}: {error}");
    let kind = match (row.kind, action) {
        // The header makes it the reply from another region.
        (ErrorKind::Other, Action::ChangeRegion) => ErrorKind::InvalidConfig,
        (kind, _) => kind,
    };
    assert_eq!(error.kind(), kind, "{cell}: {error}");
    assert_eq!(error.service_code(), code, "{cell}");
    assert_eq!(error.http_status(), Some(status), "{cell}");
    assert_eq!(
        error.retry() == plugin_api::Retry::No,
        !row.is_transient(),
        "{cell}"
    );
    assert!(!error.to_string().contains('\n'), "{error}");
}

async fn check_all(class: RequestClass) {
    let server = start().await;
    for row in TABLE {
        check(row, class, &server).await;
    }
}

#[tokio::test]
async fn every_reply_to_an_idempotent_request_has_the_outcome_of_its_cell() {
    check_all(RequestClass::Idempotent).await;
}

#[tokio::test]
async fn every_reply_to_a_conditional_request_has_the_outcome_of_its_cell() {
    check_all(RequestClass::Conditional).await;
}

#[tokio::test]
async fn every_reply_to_a_request_that_is_not_idempotent_has_the_outcome_of_its_cell() {
    check_all(RequestClass::NotIdempotent).await;
}

#[tokio::test]
async fn an_error_behind_a_status_of_success_is_an_error_of_a_completion_and_of_both_copies() {
    use crate::fixture::{BUCKET, plain};
    let server = start().await;
    server.store().put(BUCKET, "source", "content");
    let client = client(&server, &[]).await;
    let begun = client.create_multipart_upload().bucket(BUCKET).key("parts");
    let id = begun.send().await.unwrap().upload_id().unwrap().to_owned();
    for code in ["InternalError", "SlowDown", "NobodyKnowsThis"] {
        for operation in ["CopyObject", "UploadPartCopy"] {
            let send = async || {
                if operation == "CopyObject" {
                    let call = client.copy_object().bucket(BUCKET).key("copy");
                    plain(call.copy_source("bucket/source").send().await)
                } else {
                    let call = client.upload_part_copy().bucket(BUCKET).key("parts");
                    let call = call.upload_id(&id).part_number(1);
                    plain(call.copy_source("bucket/source").send().await)
                }
            };
            server.requests().clear();
            let fault = Rule::on(operation).action(Fault::error_in_200(code));
            server.faults().add(fault.clone().times(1));
            send().await.unwrap();
            assert_eq!(server.requests().count(operation), 2, "{operation} {code}");
            let always = server.faults().add(fault);
            let error = send().await.unwrap_err();
            always.remove();
            assert_eq!(
                (error.attempts(), error.service_code(), error.http_status()),
                (RETRIES + 1, code, Some(200)),
                "{error}"
            );
        }
    }
}
