//! Random histories of one file against a model that is a plain vector of bytes.

use plugin_api::{CreateOptions, Recoverable, RecoverableStream};
use proptest::prelude::*;

use super::through_a_checkpoint;
use crate::fixture::{BUCKET, Fixture, PART, location, pattern};

#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    Persist,
    /// The process dies, and another goes on from the newest state.
    Crash,
    /// The stream is closed in a living process, which goes on from an older state.
    CloseAndGoBack(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop_oneof![
            Just(0),
            1..100_usize,
            Just(PART - 1),
            Just(PART),
            Just(PART + 1),
            1..3 * PART,
        ]
        .prop_map(Step::Write),
        3 => Just(Step::Persist),
        1 => Just(Step::Crash),
        1 => any::<prop::sample::Index>().prop_map(Step::CloseAndGoBack),
    ]
}

/// What was persisted, and the bytes that it stands for.
type History = Vec<(Recoverable, Vec<u8>)>;

async fn go_on(fixture: &Fixture, history: &History, at: usize) -> (Box<dyn RecoverableStream>, Vec<u8>) {
    let (state, content) = &history[at];
    let stream = fixture
        .writer()
        .recover(&through_a_checkpoint(state))
        .await
        .unwrap();
    (stream, content.clone())
}

async fn run(fixture: &Fixture, steps: Vec<Step>, commit: (bool, prop::sample::Index)) {
    let path = location("k");
    let mut stream = fixture
        .writer()
        .open(&path, &CreateOptions::default())
        .await
        .unwrap();
    let mut model = Vec::new();
    let source = pattern(16 * PART);
    let mut history = vec![(stream.persist().await.unwrap(), Vec::new())];
    for (index, step) in steps.into_iter().enumerate() {
        match step {
            Step::Write(len) => {
                // Other bytes each time, so that no part can stand for another.
                let from = (index * 7919) % (8 * PART);
                stream.write(&source[from..from + len]).await.unwrap();
                model.extend_from_slice(&source[from..from + len]);
            }
            Step::Persist => history.push((stream.persist().await.unwrap(), model.clone())),
            Step::Crash => {
                drop(stream);
                (stream, model) = go_on(fixture, &history, history.len() - 1).await;
            }
            Step::CloseAndGoBack(index) => {
                stream.close().await.unwrap();
                (stream, model) = go_on(fixture, &history, index.index(history.len())).await;
            }
        }
        assert_eq!(stream.position(), model.len() as u64);
    }
    let (from_stream, index) = commit;
    let committer = if from_stream {
        let committer = stream.close_for_commit().await.unwrap();
        let state = committer.recoverable().unwrap();
        committer.commit().await.unwrap();
        fixture
            .writer()
            .recover_for_commit(&through_a_checkpoint(&state))
            .await
            .unwrap()
    } else {
        drop(stream);
        let (state, content) = &history[index.index(history.len())];
        model.clone_from(content);
        fixture
            .writer()
            .recover_for_commit(&through_a_checkpoint(state))
            .await
            .unwrap()
    };
    committer.commit_after_recovery().await.unwrap();
    committer.commit_after_recovery().await.unwrap();
    assert!(fixture.content("k").unwrap() == model, "{} bytes", model.len());
}

#[test]
fn every_history_publishes_exactly_what_its_state_covers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fixture = runtime.block_on(Fixture::new());
    proptest!(
        ProptestConfig::with_cases(96),
        |(
            steps in prop::collection::vec(step(), 0..14),
            commit in (any::<bool>(), any::<prop::sample::Index>()),
        )| {
            runtime.block_on(run(&fixture, steps, commit));
            fixture.server.store().delete(BUCKET, "k");
        }
    );
}
