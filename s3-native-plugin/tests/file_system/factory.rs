use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use plugin_api::{Capabilities, ErrorKind, FileSystemExt, FileSystemFactory, OpenOptions, Result};
use s3_native_plugin::options::OPTIONS;
use testkit::Server;

use crate::fixture::{BUCKET, at, config, factory, pattern, start};

/// Polls a future as a host does: on a thread without a runtime, with the plugin's entered.
fn block_on<T>(factory: &dyn FileSystemFactory, future: impl Future<Output = T>) -> T {
    struct Unpark(mpsc::SyncSender<()>);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            // Full means that a wake-up is pending already.
            let _ = self.0.try_send(());
        }
    }
    let (sender, woken) = mpsc::sync_channel(1);
    let waker = Waker::from(std::sync::Arc::new(Unpark(sender)));
    let mut future = pin!(future);
    loop {
        let mut result = Poll::Pending;
        factory.enter(&mut || result = future.as_mut().poll(&mut Context::from_waker(&waker)));
        match result {
            Poll::Ready(value) => return value,
            Poll::Pending => woken.recv().unwrap(),
        }
    }
}

#[test]
fn any_executor_will_do_and_shutdown_is_idempotent() {
    let server = Server::builder().bucket(BUCKET).start_blocking().unwrap();
    server.store().put(BUCKET, "file", pattern(3 << 20));
    let factory = factory();
    let outcome: Result<()> = block_on(&factory, async {
        let fs = factory.create(&at(""), &config(&server, &[])).await?;
        let content = fs.read_all(&at("file")).await?;
        assert!(content == pattern(3 << 20));
        let mut stream = fs.open(&at("file"), &OpenOptions::default()).await?;
        stream.read(10).await?;
        for _ in 0..2 {
            factory.shutdown(Duration::from_secs(5)).await?;
        }
        assert_eq!(stream.read(10).await.unwrap_err().kind(), ErrorKind::Closed);
        stream.close().await?;
        assert_eq!(
            fs.status(&at("file")).await.unwrap_err().kind(),
            ErrorKind::Closed
        );
        let again = factory.create(&at(""), &config(&server, &[])).await;
        assert_eq!(again.err().unwrap().kind(), ErrorKind::Closed);
        Ok(())
    });
    outcome.unwrap();
}

#[tokio::test]
async fn a_factory_may_be_shut_down_before_its_first_file_system_and_dropped_anywhere() {
    factory().shutdown(Duration::ZERO).await.unwrap();
    let s3 = start().await;
    drop(s3.factory);
}

#[tokio::test]
async fn a_closed_file_system_refuses_and_its_siblings_go_on() {
    let s3 = start().await;
    let sibling = s3
        .factory
        .create(&at(""), &config(&s3.server, &[]))
        .await
        .unwrap();
    for _ in 0..2 {
        s3.fs.close(Duration::from_secs(5)).await.unwrap();
    }
    let error = s3.fs.status(&at("")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
    assert!(s3.fs.recoverable_writer().is_err());
    assert!(sibling.status(&at("")).await.unwrap().is_directory());
}

#[tokio::test]
async fn file_systems_of_equal_settings_share_their_connections() {
    let s3 = start().await;
    let sibling = s3
        .factory
        .create(&at(""), &config(&s3.server, &[]))
        .await
        .unwrap();
    for fs in [&s3.fs, &sibling, &s3.fs, &sibling] {
        fs.status(&at("")).await.unwrap();
    }
    let requests = s3.server.requests().all();
    assert_eq!(requests.len(), 4);
    assert!(requests.iter().all(|request| request.connection == 0));
}

#[tokio::test]
async fn what_is_claimed_is_there() {
    let s3 = start().await;
    assert!(s3.fs.capabilities().contains(Capabilities::RECOVERABLE_WRITER));
    assert!(s3.fs.recoverable_writer().is_ok());
    assert!(s3.fs.capabilities().contains(Capabilities::BULK_COPY));
    assert!(s3.fs.bulk_copy().is_ok());
}

#[test]
fn every_option_is_documented_and_no_name_is_used_twice() {
    let mut names = std::collections::HashSet::new();
    for option in OPTIONS {
        assert!(!option.description.is_empty(), "{}", option.key);
        for name in std::iter::once(&option.key).chain(option.aliases) {
            assert!(names.insert(*name), "{name} is used twice");
        }
    }
}
