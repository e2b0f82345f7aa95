//! inspect, `pending_uploads` and `abort_upload`.

use plugin_api::{ErrorKind, PendingUpload};

use super::begin;
use crate::fixture::{Fixture, PART, location, pattern};

async fn all_pending(fixture: &Fixture, under: &str) -> Vec<PendingUpload> {
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let (page, next) = fixture
            .writer()
            .pending_uploads(&location(under), &token)
            .await
            .unwrap();
        all.extend(page);
        match next {
            Some(next) => token = next,
            None => return all,
        }
    }
}

#[tokio::test]
async fn open_uploads_are_listed_below_a_path_and_can_be_aborted() {
    let fixture = Fixture::new().await;
    let keys = ["d/a b", "d/é+%", "d2/x", "d"];
    let mut streams = Vec::new();
    for key in keys {
        streams.push(begin(&fixture, key, &pattern(PART)).await);
    }
    for stream in &mut streams {
        stream.persist().await.unwrap();
    }
    let keys_under = |uploads: &[PendingUpload]| {
        let mut keys: Vec<_> = uploads
            .iter()
            .map(|upload| upload.location.key().to_owned())
            .collect();
        keys.sort();
        keys
    };
    let below = all_pending(&fixture, "d").await;
    assert_eq!(keys_under(&below), ["d", "d/a b", "d/é+%"]);
    assert!(below.iter().all(|upload| upload.initiated.is_some()));
    assert_eq!(all_pending(&fixture, "").await.len(), 4);
    assert_eq!(keys_under(&all_pending(&fixture, "d2").await), ["d2/x"]);
    for upload in &below {
        fixture.writer().abort_upload(upload).await.unwrap();
        fixture.writer().abort_upload(upload).await.unwrap();
    }
    assert_eq!(keys_under(&all_pending(&fixture, "").await), ["d2/x"]);
    let error = fixture
        .writer()
        .pending_uploads(&location(""), "no token")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_state_tells_what_it_is_about_without_a_request() {
    let fixture = Fixture::new().await;
    let mut stream = begin(&fixture, "k", &pattern(PART + 3)).await;
    let state = stream.persist().await.unwrap();
    fixture.server.requests().clear();
    let info = fixture.writer().inspect(&state).unwrap();
    assert_eq!((info.location, info.len), (location("k"), PART as u64 + 3));
    assert_eq!(
        info.upload_id,
        fixture.server.store().open_uploads("bucket")[0].upload_id
    );
    let attribute = |name| {
        let found = info.attributes.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(attribute("parts"), Some("1"));
    assert_eq!(attribute("tail-bytes"), Some("3"));
    assert_eq!(attribute("endpoint"), Some(fixture.server.endpoint().as_str()));
    assert_eq!(fixture.server.requests().total(), 0);
    assert!(!fixture.writer().requires_cleanup());
    assert!(!fixture.writer().cleanup(&state).await.unwrap());
}
