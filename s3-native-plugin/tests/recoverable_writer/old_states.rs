//! States of Flink's own S3 file systems.

use plugin_api::{ErrorKind, Recoverable};
use testkit::{Action, EtagKind, Fault};

use super::recovery::sdk_client;
use super::{recommit, through_a_checkpoint};
use crate::fixture::{BUCKET, Fixture, PART, location, pattern};

const SIDE_OBJECT: &str = "d/.incomplete/tail";

/// What Flink keeps of an unfinished file.
#[derive(Clone)]
struct FlinkState {
    key: String,
    upload_id: String,
    etags: Vec<String>,
    bytes_in_parts: i64,
    tail: Option<(String, i64)>,
}

/// Each family writes it in its own way.
const FAMILIES: [fn(&FlinkState) -> Recoverable; 2] = [native, hadoop];

fn native(state: &FlinkState) -> Recoverable {
    fn text(out: &mut Vec<u8>, text: &str) {
        // Modified UTF-8 is UTF-8 here.
        out.extend((text.len() as u16).to_be_bytes());
        out.extend(text.as_bytes());
    }
    let mut out = Vec::new();
    text(&mut out, &state.key);
    text(&mut out, &state.upload_id);
    out.extend(state.bytes_in_parts.to_be_bytes());
    out.extend((state.etags.len() as u32).to_be_bytes());
    for (number, etag) in (1_i32..).zip(&state.etags) {
        out.extend(number.to_be_bytes());
        text(&mut out, etag);
    }
    out.push(state.tail.is_some().into());
    if let Some((key, len)) = &state.tail {
        text(&mut out, key);
        out.extend(len.to_be_bytes());
    }
    Recoverable::new(1, out)
}

fn hadoop(state: &FlinkState) -> Recoverable {
    fn text(out: &mut Vec<u8>, text: &str) {
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text.as_bytes());
    }
    let mut out = vec![0x32, 0x14, 0x76, 0x98];
    text(&mut out, &state.key);
    text(&mut out, &state.upload_id);
    out.extend((state.etags.len() as u32).to_le_bytes());
    for (number, etag) in (1_i32..).zip(&state.etags) {
        out.extend(number.to_le_bytes());
        // Hadoop's client takes the quotes off.
        text(&mut out, etag.trim_matches('"'));
    }
    out.extend(state.bytes_in_parts.to_le_bytes());
    let none = (String::new(), -1);
    let (key, len) = state.tail.as_ref().unwrap_or(&none);
    text(&mut out, key);
    out.extend(len.to_le_bytes());
    Recoverable::new(1, out)
}

/// What Flink leaves in the store after a checkpoint of a file with these parts and this tail.
async fn begin(fixture: &Fixture, parts: &[&[u8]], tail: &[u8]) -> FlinkState {
    let client = sdk_client(fixture);
    let created = client.create_multipart_upload().bucket(BUCKET).key("d/file");
    let upload_id = created.send().await.unwrap().upload_id.unwrap();
    let mut etags = Vec::new();
    for (number, part) in (1..).zip(parts) {
        let stored = client
            .upload_part()
            .bucket(BUCKET)
            .key("d/file")
            .upload_id(&upload_id)
            .part_number(number)
            .body(part.to_vec().into())
            .send()
            .await
            .unwrap();
        etags.push(stored.e_tag.unwrap());
    }
    let tail = (!tail.is_empty()).then(|| {
        fixture.server.store().put(BUCKET, SIDE_OBJECT, tail.to_vec());
        (SIDE_OBJECT.to_owned(), (tail.len() as u64).cast_signed())
    });
    fixture.server.requests().clear();
    FlinkState {
        key: "d/file".to_owned(),
        upload_id,
        etags,
        bytes_in_parts: parts.iter().map(|part| (part.len() as u64).cast_signed()).sum(),
        tail,
    }
}

/// A file of two parts, the second larger, and a tail; all of it, and its state.
async fn begin_usual(fixture: &Fixture) -> (FlinkState, Vec<u8>) {
    let content = pattern(2 * PART + 100 + 7);
    let (parts, tail) = content.split_at(2 * PART + 100);
    let state = begin(fixture, &[&parts[..PART], &parts[PART..]], tail).await;
    (state, content)
}

fn clean(fixture: &Fixture) {
    for key in fixture.server.store().keys(BUCKET) {
        fixture.server.store().delete(BUCKET, &key);
    }
}

#[tokio::test]
async fn a_file_of_flink_is_continued_persisted_anew_and_committed() {
    let fixture = Fixture::new().await;
    for family in FAMILIES {
        for tail in [0, 1, 7, PART - 1] {
            let content = pattern(4 * PART + 100);
            let kept = PART + tail;
            let old = begin(&fixture, &[&content[..PART]], &content[PART..kept]).await;
            let mut stream = fixture.writer().recover(&family(&old)).await.unwrap();
            assert_eq!(
                (stream.position(), stream.location()),
                (kept as u64, location("d/file"))
            );
            // At once, and again behind new parts.
            let early = stream.persist().await.unwrap();
            stream.write(&content[kept..3 * PART]).await.unwrap();
            let state = through_a_checkpoint(&stream.persist().await.unwrap());
            assert_eq!((early.version(), state.version()), (2, 2));
            stream.write(b"lost").await.unwrap();
            drop(stream);
            assert_eq!(fixture.writer().inspect(&early).unwrap().len, kept as u64);
            let (_factory, fs) = fixture.another_process(&[]).await;
            let writer = fs.recoverable_writer().unwrap();
            let mut stream = writer.recover(&state).await.unwrap();
            stream.write(&content[3 * PART..]).await.unwrap();
            let committer = stream.close_for_commit().await.unwrap();
            committer.commit().await.unwrap();
            committer.commit_after_recovery().await.unwrap();
            let state = committer.recoverable().unwrap();
            recommit(&fixture, &state)
                .await
                .commit_after_recovery()
                .await
                .unwrap();
            assert!(fixture.content("d/file").unwrap() == content);
            assert_eq!(fixture.open_uploads(), 0);
            clean(&fixture);
        }
    }
}

#[tokio::test]
async fn two_recoveries_of_one_state_of_flink_each_begin_where_it_says() {
    let fixture = Fixture::new().await;
    for family in FAMILIES {
        let (old, content) = begin_usual(&fixture).await;
        let mut first = fixture.writer().recover(&family(&old)).await.unwrap();
        first.write(&pattern(2 * PART)).await.unwrap();
        first.persist().await.unwrap();
        first.close().await.unwrap();
        let mut second = fixture.writer().recover(&family(&old)).await.unwrap();
        second.write(b"second").await.unwrap();
        second.close_for_commit().await.unwrap().commit().await.unwrap();
        let expected = [&content[..], b"second"].concat();
        assert!(fixture.content("d/file").unwrap() == expected);
        // What is too old now says so.
        let error = fixture.writer().recover(&family(&old)).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::UploadGone, "{error}");
        clean(&fixture);
    }
}

#[tokio::test]
async fn exactly_the_state_of_flink_is_committed_any_number_of_times() {
    // Where the tags of parts are no MD5, a file without a tail is told by them all the same.
    for (forget, etag, tail) in [
        (false, EtagKind::Md5, 7),
        (true, EtagKind::Md5, 7),
        (true, EtagKind::Random, 0),
    ] {
        let fixture = Fixture::on(|server| server.forget_completed_uploads(forget).etag(etag)).await;
        for family in FAMILIES {
            let content = pattern(2 * PART + tail);
            let parts = [&content[..PART], &content[PART..2 * PART]];
            let old = begin(&fixture, &parts, &content[2 * PART..]).await;
            // What it replaces proves nothing, though it has the same length.
            fixture
                .server
                .store()
                .put(BUCKET, "d/file", vec![0; content.len()]);
            let state = family(&old);
            let committer = recommit(&fixture, &state).await;
            assert_eq!(committer.recoverable().unwrap(), state);
            for _ in 0..2 {
                committer.commit().await.unwrap();
                committer.commit_after_recovery().await.unwrap();
                recommit(&fixture, &state).await.commit().await.unwrap();
                recommit(&fixture, &state)
                    .await
                    .commit_after_recovery()
                    .await
                    .unwrap();
            }
            assert!(fixture.content("d/file").unwrap() == content);
            let completed = fixture.server.requests().of("CompleteMultipartUpload");
            assert_eq!(completed.iter().filter(|one| one.status == Some(200)).count(), 1);
            clean(&fixture);
        }
    }
}

#[tokio::test]
async fn a_lost_reply_to_the_commit_of_a_file_of_flink_is_settled_by_its_entity_tag() {
    for forget in [false, true] {
        for (times, action) in [
            (1, Action::ApplyThenReset),
            (1000, Action::ApplyThenReset),
            (1000, Action::apply_then_status(500, "InternalError")),
        ] {
            for family in FAMILIES {
                let fixture = Fixture::on(|server| server.forget_completed_uploads(forget)).await;
                let (old, content) = begin_usual(&fixture).await;
                let fault = Fault::on("CompleteMultipartUpload").times(times);
                fixture.server.faults().add(fault.action(action.clone()));
                recommit(&fixture, &family(&old)).await.commit().await.unwrap();
                assert!(fixture.content("d/file").unwrap() == content);
            }
        }
    }
}

#[tokio::test]
async fn a_stranger_in_the_place_of_a_file_of_flink_is_never_taken_for_it() {
    let fixture = Fixture::new().await;
    for family in FAMILIES {
        let (old, content) = begin_usual(&fixture).await;
        let state = family(&old);
        fixture.writer().abort(&state).await.unwrap();
        fixture.writer().abort(&state).await.unwrap();
        let error = recommit(&fixture, &state).await.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UploadGone, "{error}");
        // Another length, the same length, the same bytes in one piece, and a twin in as many parts.
        for stranger in [vec![1; 5], vec![1; content.len()], content.clone()] {
            fixture.server.store().put(BUCKET, "d/file", stranger.clone());
            let error = recommit(&fixture, &state).await.commit().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            assert!(fixture.content("d/file").unwrap() == stranger);
        }
        let twin = vec![1; content.len() - 7];
        let other = begin(&fixture, &[&twin[..PART], &twin[PART..]], b"1234567").await;
        recommit(&fixture, &family(&other)).await.commit().await.unwrap();
        let published = fixture.content("d/file").unwrap();
        fixture
            .server
            .store()
            .put(BUCKET, SIDE_OBJECT, content[content.len() - 7..].to_vec());
        let error = recommit(&fixture, &state).await.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(fixture.content("d/file").unwrap() == published);
        clean(&fixture);
    }
}

#[tokio::test]
async fn where_entity_tags_prove_nothing_it_is_said_that_it_cannot_be_told() {
    for etag in [EtagKind::Md5, EtagKind::Random] {
        let fixture = Fixture::on(|server| server.etag(etag)).await;
        for family in FAMILIES {
            let (mut old, content) = begin_usual(&fixture).await;
            let committer = recommit(&fixture, &family(&old)).await;
            committer.commit().await.unwrap();
            committer.commit().await.unwrap();
            if etag == EtagKind::Md5 {
                // As a store writes them that makes them from something else.
                old.etags = vec!["own-1".into(), "own-2".into()];
            }
            let error = recommit(&fixture, &family(&old))
                .await
                .commit()
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            assert!(error.to_string().contains("cannot be told"), "{error}");
            assert!(fixture.content("d/file").unwrap() == content);
            clean(&fixture);
        }
    }
}

#[tokio::test]
async fn a_side_object_that_is_missing_or_of_another_length_is_named_and_nothing_is_published() {
    let fixture = Fixture::new().await;
    for family in FAMILIES {
        let (old, _) = begin_usual(&fixture).await;
        let state = family(&old);
        for (content, kind, how) in [
            (Some("123456"), ErrorKind::Corrupt, "has 6 bytes"),
            (Some("12345678"), ErrorKind::Corrupt, "has 8 bytes"),
            (None, ErrorKind::NotFound, "is missing"),
        ] {
            match content {
                Some(content) => fixture.server.store().put(BUCKET, SIDE_OBJECT, content),
                None => assert!(fixture.server.store().delete(BUCKET, SIDE_OBJECT)),
            }
            for error in [
                fixture.writer().recover(&state).await.err().unwrap(),
                fixture.writer().recover_for_commit(&state).await.err().unwrap(),
            ] {
                assert_eq!(error.kind(), kind, "{error}");
                let text = error.to_string();
                assert!(
                    text.contains("'s3://bucket/d/.incomplete/tail'") && text.contains(how),
                    "{text}"
                );
            }
        }
        assert!(fixture.content("d/file").is_none());
        fixture.writer().abort(&state).await.unwrap();
    }
}

#[tokio::test]
async fn a_side_object_is_read_to_its_end_although_connections_break() {
    let fixture = Fixture::new().await;
    let content = pattern(2 * PART);
    let old = begin(&fixture, &[&content[..PART]], &content[PART..]).await;
    let cut = Fault::on("GetObject").times(2).action(Action::CutBodyAfter(1000));
    fixture.server.faults().add(cut);
    recommit(&fixture, &native(&old)).await.commit().await.unwrap();
    assert!(fixture.content("d/file").unwrap() == content);
}

#[tokio::test]
async fn cleanup_deletes_the_side_object_once_and_nothing_else() {
    let fixture = Fixture::new().await;
    assert!(!fixture.writer().requires_cleanup());
    for family in FAMILIES {
        let (old, content) = begin_usual(&fixture).await;
        let state = family(&old);
        recommit(&fixture, &state).await.commit().await.unwrap();
        assert!(fixture.content(SIDE_OBJECT).is_some());
        assert!(fixture.writer().cleanup(&state).await.unwrap());
        assert!(!fixture.writer().cleanup(&state).await.unwrap());
        assert_eq!(fixture.server.store().keys(BUCKET), ["d/file"]);
        assert!(fixture.content("d/file").unwrap() == content);
        // There is none without a tail, which needs no request to know.
        let old = begin(&fixture, &[&content[..PART]], b"").await;
        assert!(!fixture.writer().cleanup(&family(&old)).await.unwrap());
        assert_eq!(fixture.server.requests().total(), 0);
        fixture.writer().abort(&family(&old)).await.unwrap();
        clean(&fixture);
    }
}

#[tokio::test]
async fn parts_that_are_not_as_the_state_of_flink_says_are_refused() {
    let fixture = Fixture::new().await;
    for family in FAMILIES {
        let (old, _) = begin_usual(&fixture).await;
        let mut replaced = old.clone();
        replaced.etags[1] = "\"0123456789abcdef0123456789abcdef\"".into();
        let mut missing = old.clone();
        missing.etags.push(old.etags[0].clone());
        let mut longer = old.clone();
        longer.bytes_in_parts += 1;
        for (state, kind, text) in [
            (replaced, ErrorKind::Changed, "part 2"),
            (missing, ErrorKind::Changed, "part 3"),
            (longer, ErrorKind::Corrupt, "have 131172 bytes"),
        ] {
            let state = family(&state);
            for error in [
                fixture.writer().recover(&state).await.err().unwrap(),
                recommit(&fixture, &state).await.commit().await.unwrap_err(),
            ] {
                assert_eq!(error.kind(), kind, "{error}");
                assert!(error.to_string().contains(text), "{error}");
            }
        }
        assert_eq!(fixture.server.requests().count("CompleteMultipartUpload"), 0);
        fixture.writer().abort(&family(&old)).await.unwrap();
        fixture.server.requests().clear();
    }
}

#[tokio::test]
async fn a_file_that_flink_has_only_begun_is_continued_or_committed_empty() {
    let fixture = Fixture::new().await;
    for family in FAMILIES {
        let old = begin(&fixture, &[], b"").await;
        let committer = recommit(&fixture, &family(&old)).await;
        committer.commit().await.unwrap();
        committer.commit().await.unwrap();
        recommit(&fixture, &family(&old)).await.commit().await.unwrap();
        assert_eq!(fixture.content("d/file").unwrap(), b"");
        assert_eq!(fixture.open_uploads(), 0);
        clean(&fixture);

        let old = begin(&fixture, &[], b"").await;
        let mut stream = fixture.writer().recover(&family(&old)).await.unwrap();
        let state = stream.persist().await.unwrap();
        drop(stream);
        let mut stream = fixture.writer().recover(&state).await.unwrap();
        stream.write(b"content").await.unwrap();
        stream.close_for_commit().await.unwrap().commit().await.unwrap();
        assert_eq!(fixture.content("d/file").unwrap(), b"content");
        assert_eq!(fixture.open_uploads(), 0);
        clean(&fixture);
    }
}

#[tokio::test]
async fn a_state_of_flink_tells_what_it_is_about_without_a_request() {
    let fixture = Fixture::new().await;
    for (family, format) in FAMILIES.into_iter().zip(["flink-native-1", "flink-hadoop-1"]) {
        let (old, content) = begin_usual(&fixture).await;
        let info = fixture.writer().inspect(&family(&old)).unwrap();
        assert_eq!(
            (info.location, info.len),
            (location("d/file"), content.len() as u64)
        );
        assert_eq!(info.upload_id, old.upload_id);
        for (key, value) in [("format", format), ("parts", "2"), ("side-object", SIDE_OBJECT)] {
            assert!(info.attributes.contains(&(key.into(), value.into())), "{key}");
        }
        assert_eq!(fixture.server.requests().total(), 0);
        fixture.writer().abort(&family(&old)).await.unwrap();
        assert_eq!(fixture.open_uploads(), 0);
    }
}
