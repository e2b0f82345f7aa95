//! What the exploration finds, and what it must find. The whole of it is `cargo xtask explore`.

use exploration::{Options, Outcome, Report, Sabotage, explore};

/// Every script with every fault, and some of the pairs.
const SOME: usize = 1_600;

fn bounded(limit: usize, sabotage: Option<Sabotage>) -> Report {
    explore(&Options {
        seed: 7,
        schedule: None,
        limit: Some(limit),
        jobs: 2,
        sabotage,
    })
}

#[test]
fn no_schedule_loses_doubles_or_mixes_a_byte() {
    let report = bounded(SOME, None);
    assert!(report.violations().is_empty(), "{report}");
    assert_eq!(report.schedules(), SOME as u64);
    for outcome in [
        Outcome::Committed,
        Outcome::LeftOpen,
        Outcome::UploadGone,
        Outcome::Conflict,
    ] {
        assert!(report.ended(outcome) > 0, "{report}");
    }
    for fault in exploration::Fault::ALL {
        assert!(report.happened(fault.name()) > 0, "{fault}: {report}");
    }
}

#[cfg(debug_assertions)]
#[test]
fn a_committer_that_takes_whatever_exists_for_its_own_is_caught() {
    assert_caught(Sabotage::ExistenceOnly, "were committed, but");
}

#[cfg(debug_assertions)]
#[test]
fn a_committer_that_drops_the_tail_is_caught() {
    assert_caught(Sabotage::TailDropped, "were committed, but");
}

#[cfg(debug_assertions)]
#[test]
fn a_stream_that_aborts_what_it_handed_out_is_caught() {
    assert_caught(Sabotage::AbortOnClose, "without a reason");
}

/// The mistake is found, as such, and each finding can be replayed alone.
fn assert_caught(sabotage: Sabotage, how: &str) {
    let report = bounded(SOME, Some(sabotage));
    let found = report
        .violations()
        .iter()
        .find(|violation| violation.what.contains(how));
    let found = found.unwrap_or_else(|| panic!("{report}"));
    let replay = |sabotage| {
        explore(&Options {
            seed: 7,
            schedule: Some(found.schedule.clone()),
            limit: None,
            jobs: 1,
            sabotage,
        })
    };
    let again = replay(Some(sabotage));
    assert!(again.violations()[0].what.contains(how), "{again}");
    assert!(replay(None).violations().is_empty());
}
