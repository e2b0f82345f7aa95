use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Mutex;

use host_loader::FileSystems;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A directory with input, and a job on it, on the local file system.
struct Bench {
    directory: TempDir,
    text: Vec<u8>,
    config: JobConfig,
}

impl Bench {
    fn new(text: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| {
            let path = directory.path().join(name);
            let systems = FileSystems::builder().build().unwrap();
            let (files, at) = block_on(systems.open_path(path.to_str().unwrap())).unwrap();
            Place { files, at }
        };
        // Two files, one of them in a directory below; no word crosses from one to the other.
        let half = text.len() / 2;
        let (first, second) = text.split_at(half);
        std::fs::create_dir_all(directory.path().join("in/more")).unwrap();
        std::fs::write(directory.path().join("in/1.txt"), first).unwrap();
        std::fs::write(directory.path().join("in/more/2.txt"), second).unwrap();
        let config = JobConfig {
            input: at("in"),
            output: at("out"),
            checkpoints: at("checkpoints"),
            readers: 2,
            trigger: Trigger::Chunks(5),
            restore: false,
            split_size: 97,
            read_size: 31,
            batch_words: 3,
            part_size: 150,
            throttle: 0,
            probe: None,
        };
        Self {
            text: [first, b" ", second].concat(),
            directory,
            config,
        }
    }

    fn restored(&self) -> JobConfig {
        JobConfig {
            restore: true,
            ..self.config.clone()
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn assert_exact(&self, summary: &Summary) {
        let mut expected: HashMap<Vec<u8>, u64> = HashMap::new();
        for word in self
            .text
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
        {
            *expected.entry(word.to_vec()).or_default() += 1;
        }
        let mut counts: HashMap<Vec<u8>, u64> = HashMap::new();
        for part in names(&self.path("out")) {
            // The local file system cannot list what killed runs had begun: hidden files remain.
            if part.starts_with(".part-") {
                continue;
            }
            assert!(part.starts_with("part-"), "unexpected file {part}");
            for line in std::fs::read_to_string(self.path("out").join(part))
                .unwrap()
                .lines()
            {
                let (word, count) = line.split_once('\t').unwrap();
                *counts.entry(word.into()).or_default() += count.parse::<u64>().unwrap();
            }
        }
        assert_eq!(counts, expected);
        assert_eq!(summary.distinct, expected.len() as u64);
        assert_eq!(summary.words, expected.values().sum::<u64>());
        assert_eq!(summary.bytes, self.text.len() as u64 - 1);
    }
}

/// Runs until the step with this number, counted from 1; `None` if the job ended before.
fn crash_at(config: &JobConfig, step: u64) -> (Option<Step>, Result<Summary>) {
    let seen = AtomicU64::new(0);
    let crashed = Arc::new(Mutex::new(None));
    let at = crashed.clone();
    let probe: Arc<Probe> = Arc::new(move |now| {
        // Every step behind the crash fails too: nothing goes on in a process that is dead.
        if seen.fetch_add(1, Ordering::Relaxed) + 1 < step {
            return Ok(());
        }
        at.lock().unwrap().get_or_insert(now);
        Err(Error::new(ErrorKind::Cancelled, "crash"))
    });
    let config = JobConfig {
        probe: Some(probe),
        ..config.clone()
    };
    let result = run_quietly(&config);
    let crashed = *crashed.lock().unwrap();
    (crashed, result)
}

fn run_quietly(config: &JobConfig) -> Result<Summary> {
    run(config, &mut |_| Ok(()))
}

fn names(directory: &Path) -> BTreeSet<String> {
    match std::fs::read_dir(directory) {
        Ok(entries) => entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect(),
        Err(_) => BTreeSet::new(),
    }
}

fn text(bytes: usize) -> Vec<u8> {
    let words = [
        "the",
        "häufigste",
        "word",
        "is\nthe",
        "one",
        "that",
        "comes\t again",
    ];
    let mut text = Vec::new();
    for number in 0.. {
        if text.len() >= bytes {
            break;
        }
        text.extend_from_slice(words[number * number % words.len()].as_bytes());
        text.extend_from_slice(if number % 5 == 0 { b"  " } else { b" " });
    }
    text
}

#[test]
fn a_run_without_interruption_counts_every_word_once() {
    let bench = Bench::new(&text(3000));
    let summary = run_quietly(&bench.config).unwrap();
    bench.assert_exact(&summary);
    assert!(summary.parts > 2 && summary.checkpoints > 5, "{summary:?}");
}

#[test]
fn only_the_last_three_checkpoints_are_kept() {
    let bench = Bench::new(&text(2000));
    let last = run_quietly(&bench.config).unwrap().checkpoints;
    let kept: BTreeSet<_> = (last - 2..=last).map(|number| format!("chk-{number}")).collect();
    assert_eq!(names(&bench.path("checkpoints")), kept);
}

#[test]
fn the_last_three_checkpoints_outlive_a_restart_too() {
    let bench = Bench::new(&text(2000));
    // Ends when the checkpoint is complete, before what it supersedes is deleted.
    let run_to = |config: &JobConfig, last: u64| {
        let result = run(config, &mut |event| match event {
            Event::Checkpoint { number, .. } if *number == last => {
                Err(Error::new(ErrorKind::Cancelled, "crash"))
            }
            _ => Ok(()),
        });
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
        names(&bench.path("checkpoints"))
    };
    let numbered = |numbers: std::ops::RangeInclusive<u64>| numbers.map(|number| format!("chk-{number}"));
    assert_eq!(run_to(&bench.config, 5), numbered(2..=5).collect());
    assert_eq!(run_to(&bench.restored(), 7), numbered(4..=7).collect());
}

#[test]
fn a_worker_that_died_before_its_first_checkpoint_begins_anew() {
    let bench = Bench::new(&text(2000));
    for state_written in 1..=2 {
        let seen = AtomicU64::new(0);
        let mut config = bench.restored();
        config.probe = Some(Arc::new(move |step| {
            let dies =
                step == Step::StateWritten && seen.fetch_add(1, Ordering::Relaxed) + 1 == state_written;
            if dies {
                Err(Error::new(ErrorKind::Cancelled, "crash"))
            } else {
                Ok(())
            }
        }));
        assert_eq!(run_quietly(&config).unwrap_err().kind(), ErrorKind::Cancelled);
    }
    let summary = run_quietly(&bench.restored()).unwrap();
    assert_eq!(summary.restored_from, None);
    bench.assert_exact(&summary);
}

#[test]
fn an_empty_input_gives_an_empty_output() {
    let bench = Bench::new(b"");
    let summary = run_quietly(&bench.config).unwrap();
    assert_eq!((summary.words, summary.parts, summary.checkpoints), (0, 0, 1));
}

#[test]
fn a_crash_at_any_step_and_a_restart_count_every_word_once() {
    let mut crashed_at = std::collections::HashSet::new();
    for step in 1.. {
        let bench = Bench::new(&text(400));
        let (crashed, result) = crash_at(&bench.config, step);
        let Some(crashed) = crashed else {
            bench.assert_exact(&result.unwrap());
            break;
        };
        crashed_at.insert(crashed);
        assert!(result.is_err(), "the crash at step {step} went unnoticed");
        bench.assert_exact(&run_quietly(&bench.restored()).unwrap());
    }
    assert_eq!(
        crashed_at.len(),
        6,
        "not every kind of step was hit: {crashed_at:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]
    #[test]
    fn crash_after_crash_with_ever_other_readers_counts_every_word_once(
        crashes in prop::collection::vec((1_u64..40, 1_usize..5), 1..6),
        readers in 1_usize..5,
        split_size in 10_u64..300,
        read_size in 16_u64..100,
        part_size in 1_u64..400,
    ) {
        let mut bench = Bench::new(&text(600));
        bench.config = JobConfig { readers, split_size, read_size, part_size, ..bench.config };
        for (step, readers) in crashes {
            let config = JobConfig { readers, ..bench.restored() };
            // A run that ends before its crash finished the job; a further one finds nothing to do.
            let (_, _) = crash_at(&config, step);
        }
        bench.assert_exact(&run_quietly(&bench.restored()).unwrap());
    }
}

#[test]
fn restoring_a_finished_job_changes_nothing() {
    let bench = Bench::new(&text(600));
    let first = run_quietly(&bench.config).unwrap();
    let parts = names(&bench.path("out"));
    let again = run_quietly(&bench.restored()).unwrap();
    assert_eq!(names(&bench.path("out")), parts);
    assert_eq!(
        (again.checkpoints, again.restored_from),
        (0, Some(first.checkpoints))
    );
    bench.assert_exact(&again);
}

#[test]
fn a_second_run_over_the_first_is_refused_with_the_way_out() {
    let bench = Bench::new(&text(300));
    run_quietly(&bench.config).unwrap();
    let error = run_quietly(&bench.config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("--restore"), "{error}");

    std::fs::remove_dir_all(bench.path("checkpoints")).unwrap();
    for config in [&bench.config, &bench.restored()] {
        let error = run_quietly(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("part files"), "{error}");
    }
}

#[test]
fn a_damaged_checkpoint_is_an_error_and_never_passed_over() {
    for name in ["_metadata", "state-1"] {
        let bench = Bench::new(&text(2000));
        let last = run_quietly(&bench.config).unwrap().checkpoints;
        let path = bench.path(&format!("checkpoints/chk-{last}/{name}"));
        let mut content = std::fs::read(&path).unwrap();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        std::fs::write(&path, content).unwrap();
        let error = run_quietly(&bench.restored()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_checkpoint_of_another_input_is_refused() {
    let bench = Bench::new(&text(300));
    run_quietly(&bench.config).unwrap();
    let mut config = bench.restored();
    config.input.at = config.input.at.join("more");
    let error = run_quietly(&config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("--input"), "{error}");
}

#[test]
fn an_input_that_changed_since_the_checkpoint_is_refused() {
    let bench = Bench::new(&text(2000));
    let (crashed, _) = crash_at(&bench.config, 40);
    assert!(crashed.is_some());
    for name in ["in/1.txt", "in/more/2.txt"] {
        std::fs::write(bench.path(name), "another text").unwrap();
    }
    let error = run_quietly(&bench.restored()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
}

#[test]
fn a_missing_input_names_the_path() {
    let bench = Bench::new(b"a");
    let mut config = bench.config.clone();
    config.input.at = config.input.at.join("missing");
    let error = run_quietly(&config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("missing"), "{error}");
}
