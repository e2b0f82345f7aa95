//! A clock that is wrong: the service's time is taken from its replies.

use plugin_api::{CreateOptions, ErrorKind, FileSystemExt as _};
use testkit::{Action, Fault};

use crate::fixture::{BUCKET, Fixture, location};

#[tokio::test]
async fn a_clock_that_is_twenty_minutes_off_costs_one_request() {
    for offset in [20 * 60, -20 * 60] {
        let fixture = Fixture::on(|server| server.clock_offset(offset)).await;
        fixture.server.store().put(BUCKET, "a", "content");
        // The reply to a HEAD has no code that would tell.
        fixture.fs.status(&location("a")).await.unwrap();
        assert_eq!(fixture.server.requests().total(), 2, "{offset}");
        assert_eq!(fixture.fs.read_all(&location("a")).await.unwrap(), "content");
        let created = CreateOptions::default();
        fixture
            .fs
            .write_all(&location("b"), "other".into(), &created)
            .await
            .unwrap();
        let refused = |request: &testkit::RecordedRequest| request.status == Some(403);
        assert_eq!(
            fixture
                .server
                .requests()
                .all()
                .iter()
                .filter(|r| refused(r))
                .count(),
            1
        );
    }
}

#[tokio::test]
async fn a_refusal_that_time_does_not_mend_is_told_after_one_more_try() {
    let fixture = Fixture::on(|server| server.clock_offset(20 * 60)).await;
    let skewed = Action::status(403, "RequestTimeTooSkewed", "The clocks differ.");
    fixture.server.faults().add(Fault::on_any().action(skewed));
    let options = plugin_api::ListOptions::default();
    let error = fixture.fs.list_all(&location(""), &options).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.attempts()),
        (ErrorKind::PermissionDenied, 2),
        "{error}"
    );
    assert!(error.remedy().contains("clock"), "{error}");
}
