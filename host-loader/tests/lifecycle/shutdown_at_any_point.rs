use std::sync::Arc;
use std::time::Duration;

use futures_executor::block_on;
use host_loader::FileSystems;
use host_loader::plugin_api::{
    Committer, CreateOptions, Error, ErrorKind, FileSystemExt as _, Location, OutputStream, Recoverable,
    RecoverableStream, Result,
};
use proptest::prelude::*;

/// What is done to the file of this number.
#[derive(Clone, Copy, Debug)]
enum Step {
    Create(u8),
    Write(u8),
    Close(u8),
    Open(u8),
    WriteOn(u8),
    Persist(u8),
    Finish(u8),
    Commit(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let file = 0..3_u8;
    prop_oneof![
        file.clone().prop_map(Step::Create),
        file.clone().prop_map(Step::Write),
        file.clone().prop_map(Step::Close),
        file.clone().prop_map(Step::Open),
        file.clone().prop_map(Step::WriteOn),
        file.clone().prop_map(Step::Persist),
        file.clone().prop_map(Step::Finish),
        file.prop_map(Step::Commit),
    ]
}

/// A file that is being written in both ways, and what must come of it.
#[derive(Default)]
struct File {
    output: Option<Box<dyn OutputStream>>,
    stream: Option<Box<dyn RecoverableStream>>,
    /// The last committer and what it publishes.
    committer: Option<(Arc<dyn Committer>, String)>,
    written: String,
    written_on: String,
    published: Option<String>,
    committed: Option<String>,
    /// The last state and what it covers.
    state: Option<(Recoverable, String)>,
}

struct Files {
    root: Location,
    files: [File; 3],
}

impl Files {
    fn at(&self, number: u8, kind: &str) -> Location {
        self.root
            .with_key(&format!("{}/{kind}-{number}", self.root.key()))
    }

    async fn step(&mut self, file_systems: &FileSystems, step: Step) -> Result<()> {
        let options = CreateOptions::overwrite();
        let (Step::Create(number)
        | Step::Write(number)
        | Step::Close(number)
        | Step::Open(number)
        | Step::WriteOn(number)
        | Step::Persist(number)
        | Step::Finish(number)
        | Step::Commit(number)) = step;
        let (plain, recoverable) = (self.at(number, "plain"), self.at(number, "recoverable"));
        let file = &mut self.files[usize::from(number)];
        match step {
            Step::Create(_) => {
                let fs = file_systems.get(&plain).await?;
                file.output = Some(fs.create(&plain, &options).await?);
                file.written.clear();
            }
            Step::Write(_) => {
                if let Some(output) = &mut file.output {
                    output.write(b"ab").await?;
                    file.written.push_str("ab");
                }
            }
            Step::Close(_) => {
                if let Some(output) = &mut file.output {
                    output.close().await?;
                    file.published = Some(file.written.clone());
                    file.output = None;
                }
            }
            Step::Open(_) => {
                let fs = file_systems.get(&recoverable).await?;
                file.stream = Some(fs.recoverable_writer()?.open(&recoverable, &options).await?);
                file.written_on.clear();
                file.state = None;
            }
            Step::WriteOn(_) => {
                if let Some(stream) = &mut file.stream {
                    stream.write(b"cd").await?;
                    file.written_on.push_str("cd");
                }
            }
            Step::Persist(_) => {
                if let Some(stream) = &mut file.stream {
                    file.state = Some((stream.persist().await?, file.written_on.clone()));
                }
            }
            Step::Finish(_) => {
                if let Some(mut stream) = file.stream.take() {
                    let committer = stream.close_for_commit().await?;
                    file.state = Some((committer.recoverable()?, file.written_on.clone()));
                    file.committer = Some((committer, file.written_on.clone()));
                }
            }
            Step::Commit(_) => {
                if let Some((committer, content)) = file.committer.take() {
                    committer.commit().await?;
                    file.committed = Some(content);
                }
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_shutdown_at_any_point_loses_nothing_that_was_published_or_persisted(
        steps in prop::collection::vec(step(), 1..40),
        point in 0..40_usize,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let registry = || FileSystems::builder().search_environment(false).build().unwrap();
        let (before, after) = (registry(), registry());
        let mut files = Files {
            root: Location::parse(&format!("file://{}", directory.path().display())).unwrap(),
            files: Default::default(),
        };
        block_on(async {
            for (index, step) in steps.iter().enumerate() {
                if index == point {
                    before.shutdown(Duration::from_mins(1)).await?;
                }
                let uses_nothing = {
                    let plain = |number: u8| files.files[usize::from(number)].output.is_none();
                    let stream = |number: u8| files.files[usize::from(number)].stream.is_none();
                    match *step {
                        Step::Create(_) | Step::Open(_) => false,
                        Step::Write(number) | Step::Close(number) => plain(number),
                        Step::WriteOn(number) | Step::Persist(number) | Step::Finish(number) => stream(number),
                        Step::Commit(number) => files.files[usize::from(number)].committer.is_none(),
                    }
                };
                let result = files.step(&before, *step).await;
                if index >= point && !uses_nothing {
                    assert_eq!(result.expect_err("it was shut down").kind(), ErrorKind::Closed, "{step:?}");
                } else {
                    result?;
                }
            }
            for number in 0..3 {
                let (plain, recoverable) = (files.at(number, "plain"), files.at(number, "recoverable"));
                let file = std::mem::take(&mut files.files[usize::from(number)]);
                drop((file.output, file.stream, file.committer));
                let fs = after.get(&files.root).await?;
                match file.published {
                    Some(content) => assert_eq!(fs.read_all(&plain).await?, content),
                    None => assert!(!fs.exists(&plain).await?),
                }
                let last = match file.state {
                    Some((state, content)) => {
                        let writer = fs.recoverable_writer()?;
                        writer.recover_for_commit(&state).await?.commit_after_recovery().await?;
                        Some(content)
                    }
                    None => file.committed,
                };
                match last {
                    Some(content) => assert_eq!(fs.read_all(&recoverable).await?, content),
                    None => assert!(!fs.exists(&recoverable).await?),
                }
            }
            Ok::<_, Error>(())
        })
        .unwrap();
    }
}
