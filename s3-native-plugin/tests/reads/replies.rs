//! Replies that are not what was asked for.

use plugin_api::ErrorKind;
use testkit::{Action, Fault};

use crate::fixture::{Ahead, pattern, read_all, rest, start};

#[tokio::test]
async fn a_store_without_ranges_is_read_right_in_every_mode() {
    let s3 = start(&[]).await;
    let content = pattern(2 << 20, 1);
    s3.put(content.clone());
    s3.server
        .faults()
        .add(Fault::on("GetObject").action(Action::IgnoreRange));
    for start in [1, 1 << 20, (2 << 20) - 1] {
        for ahead in [Ahead::Never, Ahead::Always] {
            let mut stream = s3.open(ahead).await;
            stream.seek(start).unwrap();
            assert!(
                read_all(&mut *stream).await == content[start as usize..],
                "{start} {ahead:?}"
            );
        }
    }
    let mut stream = s3.open(Ahead::Never).await;
    let chunks = stream.read_ranges(&[5..10, 1_500_000..1_500_100]).await.unwrap();
    assert!(chunks[0] == content[5..10] && chunks[1] == content[1_500_000..1_500_100]);
}

#[tokio::test]
async fn prefetching_ends_where_the_store_has_no_ranges() {
    let s3 = start(&[]).await;
    let content = pattern(8 << 20, 2);
    s3.put(content.clone());
    s3.server
        .faults()
        .add(Fault::on("GetObject").action(Action::IgnoreRange));
    assert!(read_all(&mut *s3.open(Ahead::Always).await).await == content);
    // The first, four ranges at a time, and another to the end.
    assert!(s3.gets().len() <= 8, "{}", s3.gets().len());
}

#[tokio::test]
async fn bytes_of_another_range_are_refused() {
    let mut s3 = start(&[]).await;
    let content = pattern(2 << 20, 3);
    for by in [-1, 1, 4096] {
        // An object of its own: the stream that fails last has requests in flight.
        s3.key = format!("shifted by {by}");
        s3.put(content.clone());
        s3.on_get(0, Action::WrongContentRange(by));
        let mut stream = s3.open(Ahead::Never).await;
        stream.seek(100_000).unwrap();
        let error = stream.read(10).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.path().contains(&s3.key), "{error}");
        assert_eq!(stream.position(), 100_000);
        assert_eq!(stream.read(1).await.unwrap(), content[100_000..100_001]);

        s3.forget();
        s3.on_get(0, Action::WrongContentRange(by));
        let error = stream
            .read_ranges(std::slice::from_ref(&(100..200)))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");

        s3.forget();
        s3.on_get(2, Action::WrongContentRange(by));
        let mut stream = s3.open(Ahead::Always).await;
        let (read, end) = rest(&mut *stream, usize::MAX).await;
        assert_eq!(end.unwrap_err().kind(), ErrorKind::Corrupt);
        assert!(content.starts_with(&read));
    }
}

#[tokio::test]
async fn a_replaced_file_is_noticed_by_a_store_without_conditions_too() {
    let s3 = start(&[]).await;
    s3.put(pattern(1 << 20, 4));
    s3.server
        .faults()
        .add(Fault::on("GetObject").action(Action::IgnoreConditions));
    let mut stream = s3.open(Ahead::Never).await;
    s3.put(pattern(1 << 20, 5));
    let error = stream.read(10).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
    let error = stream
        .read_ranges(std::slice::from_ref(&(0..10)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
}
