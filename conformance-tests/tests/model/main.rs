//! Random sequences of operations on all file systems at once, compared step by step with a model.
//!
//! The systems are local files, the mock plugin and the S3 plugin on the embedded server, the last two
//! with and without directories of their own. `FSPLUG_CONFORMANCE` chooses one, or the library of any
//! other plugin, as it does for the suite.
//!
//! The seed of a failure is written to `regressions.txt`, from which the next run begins; the sequence
//! that it came down to is to be kept in `kept.rs`, since a seed means something else once there are
//! other operations.

mod allowed;
mod drive;
mod flawed;
mod kept;
mod operation;
#[path = "../support/plugins.rs"]
mod plugins;
mod recoverables;
mod reference;
mod renaming;
mod rules;
mod streams;
mod systems;
mod unfinished;
mod verbs;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use futures_executor::block_on;
use proptest::test_runner::{
    Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner,
};

use flawed::{Flaw, Flawed};
use operation::Operation;
use systems::{Foreign, System, Systems};

/// Operations in a normal run, and in a long one.
const OPERATIONS: [usize; 2] = [5_000, 100_000];

/// Runs one sequence on all systems: the least number of operations that did something on one of them.
fn run_on_all(systems: &[System], operations: &[Operation]) -> Result<usize, String> {
    let results = block_on(join_all(
        systems.iter().map(|system| drive::run(system, operations)),
    ));
    let numbers: Result<Vec<usize>, String> = results.into_iter().collect();
    Ok(numbers?.into_iter().min().unwrap_or_default())
}

#[test]
fn no_system_diverges_from_the_model() {
    let long = std::env::var_os("FSPLUG_TEST_LONG").is_some_and(|value| value != "0");
    let wanted = OPERATIONS[usize::from(long)];
    let systems = block_on(Systems::chosen()).unwrap();
    let done = AtomicUsize::new(0);
    let config = Config {
        // More than enough: the number of operations ends the run.
        cases: (wanted / 5) as u32,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/model/regressions.txt"
        )))),
        max_shrink_iters: 4096,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&operation::sequence(), |operations| {
        if done.load(Ordering::Relaxed) < wanted {
            let number = run_on_all(&systems.all, &operations).map_err(TestCaseError::fail)?;
            done.fetch_add(number, Ordering::Relaxed);
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let done = done.into_inner();
    assert!(
        done >= wanted,
        "{done} operations were run, and {wanted} were wanted"
    );
    let names: Vec<_> = systems.all.iter().map(|system| system.name.as_str()).collect();
    println!("{done} operations on each of {}", names.join(", "));
}

#[test]
fn what_once_diverged_holds() {
    let systems = block_on(Systems::chosen()).unwrap();
    for (what, operations) in kept::sequences() {
        if let Err(why) = run_on_all(&systems.all, &operations) {
            panic!("{what}: {why}");
        }
    }
}

/// What a search of 512 sequences finds in the mock plugin with a mistake: the shortest sequence that
/// shows it.
fn search(flaw: Option<Flaw>) -> Result<(), TestError<Vec<Operation>>> {
    let systems = block_on(Systems::of(&["mock"])).unwrap();
    let sound = &systems.all[0];
    let fs = Arc::new(Flawed {
        fs: Arc::clone(&sound.fs),
        flaw,
    });
    let (root, other) = (sound.new_directory(), Foreign::Instance(Arc::clone(&sound.fs)));
    let system = block_on(System::new("flawed", fs, other, root, false)).unwrap();
    let config = Config {
        cases: 512,
        failure_persistence: None,
        max_shrink_iters: 4096,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng).run(&operation::sequence(), |operations| {
        let done = block_on(drive::run(&system, &operations));
        done.map(drop).map_err(TestCaseError::fail)
    })
}

#[test]
fn every_deliberate_mistake_is_found_and_shown_in_a_few_steps() {
    search(None).expect("without a mistake nothing diverges");
    for flaw in Flaw::ALL {
        match search(Some(flaw)) {
            Err(TestError::Fail(_, steps)) => {
                assert!(
                    steps.len() <= 5,
                    "{flaw:?} is shown by {} steps: {steps:?}",
                    steps.len()
                );
            }
            other => panic!("{flaw:?} came to {other:?}"),
        }
    }
}
