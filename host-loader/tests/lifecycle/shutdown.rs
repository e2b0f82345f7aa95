use std::future::poll_fn;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use futures::future::{join, join_all};
use futures_executor::block_on;
use host_loader::blocking;
use host_loader::plugin_api::{
    Bytes, Committer, CreateOptions, Error, ErrorKind, FileSystemExt as _, OpenOptions, Recoverable, Result,
};

use crate::fixture::{Call, Opened, PART, file_systems, open_everywhere, roots, s3, server};

const LONG: Duration = Duration::from_mins(2);

#[test]
fn after_a_shutdown_everything_that_was_open_is_closed() {
    let (server, local) = (server(), tempfile::tempdir().unwrap());
    let file_systems = file_systems(&server, &[]);
    let opened = open_everywhere(&file_systems, &local);
    for _ in 0..3 {
        block_on(file_systems.shutdown(LONG)).unwrap();
    }
    for opened in opened {
        block_on(opened.expect_closed("closed"));
    }
    for root in roots(&local) {
        let waiting = blocking::FileSystems::new(file_systems.clone());
        let error = waiting.get(&root).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
    }
}

#[test]
fn a_closed_file_system_leaves_the_others_open() {
    let (server, local) = (server(), tempfile::tempdir().unwrap());
    let (one, other) = (file_systems(&server, &[]), file_systems(&server, &[]));
    for (index, opened) in open_everywhere(&one, &local).into_iter().enumerate() {
        let mut untouched = block_on(Opened::below(&other, &roots(&local)[index])).unwrap();
        block_on(opened.fs.close(LONG)).unwrap();
        block_on(opened.expect_closed("closed"));
        let root = &roots(&local)[index];
        let again = block_on(one.get(root)).unwrap();
        assert!(
            block_on(again.exists(root)).unwrap(),
            "whoever goes on gets a new one"
        );
        let results = block_on(untouched.use_all());
        let error = results.into_iter().find_map(|(call, result)| {
            let error = result.err().filter(|error| error.kind() == ErrorKind::Closed)?;
            (call != "write recoverable" && call != "close_for_commit").then_some((call, error))
        });
        assert!(error.is_none(), "{error:?}");
    }
}

/// Polls every call once.
async fn begin(calls: &mut [Call<'_>]) {
    for call in calls {
        poll_fn(|cx| {
            assert!(call.as_mut().poll(cx).is_pending(), "it does not wait");
            Poll::Ready(())
        })
        .await;
    }
}

#[test]
fn whatever_an_operation_waits_for_it_is_closed_at_the_deadline() {
    let server = server();
    server.store().put("bucket", "held", vec![7; 100]);
    server
        .faults()
        .add_rules(
            "op=*,key=unavailable -> status:503:SlowDown; op=UploadPart -> black-hole; op=*,key=held -> black-hole",
            7,
        )
        .unwrap();
    let file_systems = file_systems(
        &server,
        &[
            ("s3.connection.max", "3"),
            ("s3.connection.timeout", "1 h"),
            ("s3.memory.budget", "1"),
            ("s3.upload.min.part.size", "5 mb"),
            ("s3.upload.max.concurrent.uploads", "2"),
            // A try is given up when the pause before the next one leads beyond the operation's own end.
            ("s3.operation.timeout", "9 h"),
            ("s3.retry.throttle.base-delay", "1 h"),
            ("s3.retry.base-delay", "1 h"),
            ("s3.retry.max-backoff", "1 h"),
        ],
    );
    block_on(async {
        let fs = file_systems.get(&s3("")).await.unwrap();
        let mut streams = Vec::new();
        for number in 0..3 {
            let key = format!("output-{number}");
            streams.push(fs.create(&s3(&key), &CreateOptions::default()).await.unwrap());
        }
        let (held, unavailable) = (s3("held"), s3("unavailable"));
        // For a reply, between two tries, for a part, for memory, for a connection, and for several at once.
        let mut calls: Vec<Call<'_>> = vec![
            Box::pin(async { fs.status(&held).await.map(drop) }),
            Box::pin(async { fs.status(&unavailable).await.map(drop) }),
        ];
        for stream in &mut streams {
            calls.push(Box::pin(async move {
                for _ in 0..8 {
                    stream.write_bytes(Bytes::from(vec![1; PART])).await?;
                }
                stream.close().await.map(drop)
            }));
        }
        for _ in 0..8 {
            calls.push(Box::pin(async {
                let mut input = fs.open(&held, &OpenOptions::default()).await?;
                input.read(1).await.map(drop)
            }));
        }
        begin(&mut calls).await;
        let began = Instant::now();
        let shutdown = file_systems.shutdown(Duration::from_millis(300));
        let (shutdown, results) = join(shutdown, join_all(calls)).await;
        let error = shutdown.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        for result in results {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        // Those that run now have ended, so there is nothing left to cut off.
        file_systems.shutdown(Duration::ZERO).await.unwrap();
    });
}

#[test]
fn what_runs_may_end_within_the_deadline() {
    let server = server();
    server.store().put("bucket", "slow", vec![7; 100]);
    server.faults().add_rules("op=* -> delay:200ms", 7).unwrap();
    let file_systems = file_systems(&server, &[]);
    block_on(async {
        let fs = file_systems.get(&s3("")).await.unwrap();
        let (slow, new) = (s3("slow"), s3("new"));
        let mut output = fs.create(&new, &CreateOptions::default()).await.unwrap();
        output.write(b"whole").await.unwrap();
        let mut calls: Vec<Call<'_>> = vec![
            Box::pin(async { fs.status(&slow).await.map(drop) }),
            Box::pin(async { output.close().await.map(drop) }),
        ];
        begin(&mut calls).await;
        let (shutdown, results) = join(file_systems.shutdown(LONG), join_all(calls)).await;
        shutdown.unwrap();
        results.into_iter().for_each(Result::unwrap);
        assert_eq!(server.store().object("bucket", "new").unwrap().size, 5);
    });
}

#[test]
fn a_shutdown_aborts_what_is_unfinished_and_nothing_that_was_persisted() {
    let server = server();
    let file_systems = file_systems(&server, &[("s3.upload.min.part.size", "5 mb")]);
    let part = Bytes::from(vec![9; PART]);
    let (states, committers): (Vec<Recoverable>, Vec<std::sync::Arc<dyn Committer>>) = block_on(async {
        let fs = file_systems.get(&s3("")).await?;
        let writer = fs.recoverable_writer()?;
        let options = CreateOptions::default();
        let mut output = fs.create(&s3("plain"), &options).await?;
        output.write_bytes(part.clone()).await?;
        output.sync().await?;
        let mut streams = Vec::new();
        for key in ["unknown", "persisted", "finished", "kept"] {
            let mut stream = writer.open(&s3(key), &options).await?;
            stream.write_bytes(part.clone()).await?;
            stream.write(b"tail").await?;
            streams.push(stream);
        }
        let persisted = streams[1].persist().await?;
        let finished = streams[2].close_for_commit().await?;
        let kept = streams[3].close_for_commit().await?;
        let states = vec![persisted, kept.recoverable()?];
        assert_eq!(server.store().open_uploads("bucket").len(), 5);
        // The streams are still there.
        file_systems.shutdown(LONG).await?;
        drop((output, streams));
        Ok::<_, Error>((states, vec![finished, kept]))
    })
    .unwrap();
    let mut left: Vec<String> = server
        .store()
        .open_uploads("bucket")
        .into_iter()
        .map(|upload| upload.key)
        .collect();
    left.sort();
    assert_eq!(left, ["kept", "persisted"]);
    // Nobody gets a state that can no longer be committed, and one that was given out stays what it is.
    let error = committers[0].recoverable().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
    assert_eq!(committers[1].recoverable().unwrap(), states[1]);
    let later = self::file_systems(&server, &[]);
    block_on(async {
        let writer = later.get(&s3("")).await?.recoverable_writer()?;
        for state in &states {
            writer
                .recover_for_commit(state)
                .await?
                .commit_after_recovery()
                .await?;
        }
        Ok::<_, Error>(())
    })
    .unwrap();
    for key in ["persisted", "kept"] {
        assert_eq!(
            server.store().object("bucket", key).unwrap().size,
            (PART + 4) as u64
        );
    }
}

#[test]
fn shutdowns_and_first_uses_at_the_same_time_all_end() {
    let (server, local) = (server(), tempfile::tempdir().unwrap());
    server.store().put("bucket", "file", vec![7; 100]);
    for _ in 0..8 {
        let file_systems = file_systems(&server, &[]);
        thread::scope(|scope| {
            for root in roots(&local) {
                let file_systems = &file_systems;
                scope.spawn(move || {
                    // Until it is closed; what succeeds is right.
                    loop {
                        let used = block_on(async {
                            let fs = file_systems.get(&root).await?;
                            fs.exists(&root).await
                        });
                        match used {
                            Ok(exists) => assert!(exists || root.scheme() == "s3"),
                            Err(error) => {
                                assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
                                return;
                            }
                        }
                    }
                });
            }
            for _ in 0..3 {
                scope.spawn(|| block_on(file_systems.shutdown(LONG)).unwrap());
            }
        });
    }
}
