//! Flipped bits, and what checksums of a whole object can tell about them.

use bytes::Bytes;
use plugin_api::{CreateOptions, ErrorKind, FileSystemExt};
use testkit::{Action, Fault};

use crate::fixture::{Ahead, BUCKET, BUFFER, Fixture, KEY, LANE, location, pattern, read_all, rest, start};

/// Reads all and expects to be told; nothing but the flipped byte may be wrong.
async fn expect_corrupt(s3: &Fixture, content: &Bytes, offset: u64, ahead: Ahead, max: usize) {
    let mut stream = s3.open(ahead).await;
    let (read, end) = rest(&mut *stream, max).await;
    let error = end.expect_err("a flipped bit and no error");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{offset}: {error}");
    assert_eq!(
        (error.operation(), error.path()),
        ("read", location().as_str()),
        "{error}"
    );
    assert!(!error.remedy().is_empty() && !error.to_string().contains('\n'));
    assert!(read.len() < content.len(), "the last bytes were handed out");
    let wrong = (0..read.len()).filter(|&at| read[at] != content[at]);
    assert!(wrong.into_iter().all(|at| at as u64 == offset), "{offset}");
    let again = stream.read(1).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Corrupt, "it stays damaged");
}

#[tokio::test]
async fn a_flipped_bit_anywhere_is_an_error_before_the_end() {
    let s3 = start(&[]).await;
    let len = 256 << 10;
    let content = pattern(len, 1);
    s3.put(content.clone());
    for step in 0..1_100_u64 {
        // Every byte next to a frame's border is likely to come up.
        let offset = (step * 239 + (step % 7)).min(len as u64 - 1);
        s3.forget();
        // In one of three, the flip is behind a cut.
        let cut = if step % 3 == 0 { offset / 2 } else { 0 };
        if step % 3 == 0 {
            s3.on_get(0, Action::CutBodyAfter(cut));
        }
        // The first fault that hits a request decides, and the others do not count it.
        s3.on_get(0, Action::FlipBit(offset - cut));
        let max = [usize::MAX, 1_000, 65_536][step as usize % 3];
        expect_corrupt(&s3, &content, offset, Ahead::Never, max).await;
        assert_eq!(s3.gets().len(), if step % 3 == 0 { 2 } else { 1 });
    }
    s3.forget();
    assert!(read_all(&mut *s3.open(Ahead::Never).await).await == content);
}

#[tokio::test]
async fn a_bit_that_is_flipped_in_a_prefetched_range_is_noticed_too() {
    let s3 = start(&[]).await;
    // Twelve ranges behind what the first request brings.
    let content = pattern((12 * LANE + BUFFER) as usize, 2);
    s3.put(content.clone());
    let mut noticed = 0;
    for step in 0..96_u64 {
        s3.forget();
        let (number, at) = (step % 12, step * 2_711 % LANE);
        // What the first request brings behind the first range is not read.
        let at = if number == 0 { at % BUFFER } else { at };
        s3.on_get(number, Action::FlipBit(at));
        let mut stream = s3.open(Ahead::Always).await;
        let (read, end) = rest(&mut *stream, usize::MAX).await;
        let wrong = (0..read.len()).filter(|&at| read[at] != content[at]).count();
        match end {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{number} {at}: {error}");
                assert!(wrong <= 1 && read.len() < content.len());
                noticed += 1;
            }
            // The first request brought that byte, too, and it was taken from there.
            Ok(()) => assert!(wrong == 0 && read.len() == content.len()),
        }
    }
    assert!(noticed > 64, "{noticed}");
    s3.forget();
    assert!(read_all(&mut *s3.open(Ahead::Always).await).await == content);
}

#[tokio::test]
async fn what_this_plugin_writes_in_parts_is_verified_as_a_whole() {
    let s3 = start(&[
        ("s3.upload.allow-small-parts", "true"),
        ("s3.upload.min.part.size", "5 mb"),
    ])
    .await;
    let content = pattern(12 << 20, 3);
    s3.fs
        .write_all(&location(), content.clone(), &CreateOptions::overwrite())
        .await
        .unwrap();
    assert_eq!(s3.server.store().object(BUCKET, KEY).unwrap().parts, Some(3));
    s3.on_get(0, Action::FlipBit(7 << 20));
    expect_corrupt(&s3, &content, 7 << 20, Ahead::Never, usize::MAX).await;
    for ahead in [Ahead::Never, Ahead::Always] {
        assert!(read_all(&mut *s3.open(ahead).await).await == content);
    }
}

#[tokio::test]
async fn a_composite_checksum_is_never_taken_for_one_of_the_whole() {
    let s3 = start(&[("s3.upload.min.part.size", "5 mb")]).await;
    // A store that knows the algorithm, but no checksum over all parts.
    let refusal = Action::status(400, "InvalidRequest", "The checksum type is not supported");
    let create = Fault::on("CreateMultipartUpload").times(1).action(refusal);
    s3.server.faults().add(create);
    let content = pattern(11 << 20, 5);
    for _ in 0..2 {
        s3.fs
            .write_all(&location(), content.clone(), &CreateOptions::overwrite())
            .await
            .unwrap();
    }
    let (algorithm, value) = s3.server.store().object(BUCKET, KEY).unwrap().checksum.unwrap();
    assert_eq!(algorithm, "CRC32C");
    assert!(value.ends_with("-3"), "{value}");
    let creations = s3.server.requests().of("CreateMultipartUpload");
    let types: Vec<_> = creations
        .iter()
        .map(|create| create.header("x-amz-checksum-type").is_some())
        .collect();
    assert_eq!(types, [true, false, false], "asked once");
    for ahead in [Ahead::Never, Ahead::Always] {
        assert!(read_all(&mut *s3.open(ahead).await).await == content);
    }
}

#[tokio::test]
async fn a_read_that_skips_or_goes_back_is_never_called_damaged() {
    let s3 = start(&[]).await;
    let content = pattern(1 << 20, 4);
    s3.put(content.clone());
    for ahead in [Ahead::Never, Ahead::Always] {
        let mut stream = s3.open(ahead).await;
        for start in [100_000_u64, 0, 500, 700_000, 0, 64 << 10, 0] {
            stream.seek(start).unwrap();
            let wanted = &content[start as usize..];
            assert!(wanted.starts_with(&stream.read(1_000).await.unwrap()), "{start}");
        }
        stream.seek(10).unwrap();
        assert!(read_all(&mut *stream).await == content[10..]);
        // And from the beginning, after all that.
        stream.seek(0).unwrap();
        assert!(read_all(&mut *stream).await == content);
    }
}

#[tokio::test]
async fn verification_can_be_switched_off_and_is_given_up_where_the_store_refuses_it() {
    let off = start(&[("s3.read.verify-checksum", "false")]).await;
    off.put("content");
    off.on_get(0, Action::FlipBit(0));
    assert_eq!(read_all(&mut *off.open(Ahead::Never).await).await, "bontent");
    assert!(off.gets()[0].header("x-amz-checksum-mode").is_none());

    let s3 = start(&[]).await;
    s3.put("content");
    let refusal = Action::status(501, "NotImplemented", "x-amz-checksum-mode is not implemented");
    s3.server
        .faults()
        .add(Fault::on("GetObject").times(1).action(refusal));
    for _ in 0..2 {
        assert_eq!(read_all(&mut *s3.open(Ahead::Never).await).await, "content");
    }
    let modes: Vec<_> = s3
        .gets()
        .iter()
        .map(|get| get.header("x-amz-checksum-mode").is_some())
        .collect();
    assert_eq!(modes, [true, false, false], "asked once");
}
