//! The runner: what is green, what is red, and what is told of it.

use std::sync::Arc;
use std::time::Duration;

use conformance_tests::{
    Case, Connect, Context, KnownGaps, Outcome, Record, RunOptions, Target, cases, run, run_case,
};
use futures_executor::block_on;
use mock_plugin::MockFactory;
use plugin_api::{Capabilities, Config, FileSystemExt as _, FileSystemFactory as _, ListOptions, Location};

/// A target on a store of the mock plugin.
fn target(store: &str, config: &[(&str, &str)]) -> Arc<Target> {
    let root = Location::new("mock", store, "").unwrap();
    let config = Config::from_pairs(config.iter().copied());
    let at = root.clone();
    let connect: Connect = Arc::new(move || {
        let (root, config) = (at.clone(), config.clone());
        Box::pin(async move { MockFactory::default().create(&root, &config).await })
    });
    Arc::new(block_on(Target::new(&root, connect)).unwrap())
}

fn chosen(text: &str) -> Vec<Case> {
    let chosen: Vec<Case> = cases()
        .into_iter()
        .filter(|case| case.name().contains(text))
        .collect();
    assert!(!chosen.is_empty(), "no case has '{text}' in its name");
    chosen
}

fn records(target: &Arc<Target>, cases: Vec<Case>, options: &RunOptions) -> Vec<Record> {
    let mut records = Vec::new();
    run(target, cases, options, |record| {
        records.push(record);
        true
    })
    .unwrap();
    records
}

fn one(case: Case, options: &RunOptions) -> Outcome {
    let target = target("one-case", &[]);
    run_case(&target, &Arc::new(case), options).outcome
}

fn failure(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("not a failure: {other:?}"),
    }
}

#[test]
fn a_run_leaves_nothing_behind() {
    let target = target("tidy", &[]);
    let records = records(&target, chosen("rename::"), &RunOptions::default());
    assert!(
        records.iter().all(|record| !record.outcome.is_red()),
        "{records:?}"
    );
    let root = target.directory().with_key("");
    let left = block_on(target.fs().list_all(&root, &ListOptions::recursive()));
    assert_eq!(left.unwrap().len(), 0);
}

/// Each of these faults breaks a promise that some case of the group has to notice.
#[test]
fn a_plugin_that_breaks_a_promise_is_red() {
    for (rule, group) in [
        ("status:5:not-found", "status::"),
        ("next_page:3:not-found", "list::"),
        ("read:4:unexpected-eof", "open_read::"),
        ("read_ranges:2:corrupt", "read_ranges::"),
        ("write:3:unavailable", "create_overwrite::"),
        ("close:2:timeout", "output_stream::"),
        ("delete:2:permission-denied", "delete::"),
        ("rename:2:conflict", "rename::"),
        ("mkdirs:1:other", "mkdirs::"),
        ("persist:2:unavailable", "recoverable_writer::recover"),
        ("commit:2:conflict", "committer::"),
        ("copy_files:1:not-found", "bulk_copy::within"),
    ] {
        let store = format!("broken-{}", group.trim_end_matches("::"));
        let target = target(&store, &[("mock.fail", rule)]);
        let records = records(&target, chosen(group), &RunOptions::default());
        let red = records.iter().filter(|record| record.outcome.is_red()).count();
        assert!(red > 0, "nobody noticed {rule}");
    }
}

#[test]
fn a_failure_names_the_line_that_noticed_it() {
    let target = target("line", &[("mock.fail", "status:*:not-found")]);
    let records = records(
        &target,
        chosen("status::the_root_is_a_directory"),
        &RunOptions::default(),
    );
    let text = failure(&records[0].outcome);
    assert!(
        text.contains("call 1 of status") && text.contains("src/groups/status.rs:"),
        "{text}"
    );
}

#[test]
fn a_case_of_a_capability_that_is_not_claimed_does_not_apply() {
    let check = async |_: &Context| Ok(());
    let real = Capabilities::REAL_DIRECTORIES;
    let options = RunOptions::default();
    let needs = one(
        Case::new("x", "x", check).needs(real | Capabilities::BULK_COPY),
        &options,
    );
    assert_eq!(needs, Outcome::NotApplicable("needs REAL_DIRECTORIES".to_owned()));
    let without = one(
        Case::new("x", "x", check).without(Capabilities::BULK_COPY),
        &options,
    );
    assert_eq!(
        without,
        Outcome::NotApplicable("only without BULK_COPY".to_owned())
    );
    let entropy = one(Case::new("x", "x", check).needs_entropy_key(), &options);
    assert!(matches!(entropy, Outcome::NotApplicable(_)), "{entropy:?}");
    assert_eq!(
        one(Case::new("x", "x", check).without(real), &options),
        Outcome::Passed
    );
}

#[test]
fn a_known_gap_may_fail_and_must_not_pass() {
    let options = RunOptions {
        known_gaps: KnownGaps::parse("x = \"the server cannot\"").unwrap(),
        ..RunOptions::default()
    };
    let fails = async |c: &Context| Ok(c.fs().rename(&c.at("none"), &c.at("new")).await?);
    let outcome = one(Case::new("x", "x", fails), &options);
    assert!(
        matches!(&outcome, Outcome::KnownGap { reason, .. } if reason == "the server cannot"),
        "{outcome:?}"
    );
    let passes = one(Case::new("x", "x", async |_: &Context| Ok(())), &options);
    assert!(failure(&passes).contains("remove it from the file"));
}

#[test]
fn a_case_that_never_ends_is_cancelled_and_one_that_panics_fails() {
    let options = RunOptions {
        timeout: Duration::from_millis(20),
        ..RunOptions::default()
    };
    let never = async |_: &Context| std::future::pending().await;
    assert!(failure(&one(Case::new("x", "x", never), &options)).contains("did not end in time"));
    let panics = async |c: &Context| -> Result<(), conformance_tests::Failure> {
        panic!("in {}", c.directory().name())
    };
    let outcome = one(Case::new("x", "x", panics), &RunOptions::default());
    assert_eq!(failure(&outcome), "panicked: in x");
}

#[test]
fn a_case_that_cannot_be_cleaned_up_after_is_red() {
    let target = target("untidy", &[("mock.fail", "delete:1:permission-denied")]);
    let case = Case::new("x", "x", async |_: &Context| Ok(()));
    let outcome = run_case(&target, &Arc::new(case), &RunOptions::default()).outcome;
    assert!(failure(&outcome).starts_with("cannot clean up: "), "{outcome:?}");
}

#[test]
fn a_run_ends_early_when_nobody_listens() {
    let target = target("early", &[]);
    let options = RunOptions {
        jobs: 1,
        ..RunOptions::default()
    };
    let mut seen = 0;
    run(&target, chosen("status::"), &options, |_| {
        seen += 1;
        false
    })
    .unwrap();
    assert_eq!(seen, 1);
}
