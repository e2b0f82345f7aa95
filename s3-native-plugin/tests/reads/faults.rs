//! One object, and faults at thousands of its offsets.

use std::env;
use std::ops::Range;

use bytes::Bytes;
use plugin_api::{Error, ErrorKind, InputStream};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use testkit::Action;

use crate::fixture::{Ahead, BUFFER, Fixture, LANE, pattern, range_of, read_all, rest, start};

/// Offsets at which something happens, for each mode.
const OFFSETS: usize = 1_152;

/// Threads, each with a server of its own.
const WORKERS: usize = 2;

/// Objects that take turns: what a stream has in flight when it is dropped may arrive in the next case,
/// and is told from its requests by the key.
const KEYS: usize = 9;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The connection ends in order.
    Cut,
    /// The connection is reset in the middle of a body.
    Reset,
    /// The connection is reset in place of a reply.
    Refused,
    /// Another object stands there when a cut body is resumed.
    Replaced,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Read,
    ReadInto,
    Ranges,
    Prefetch,
}

const KINDS: [Kind; 4] = [Kind::Cut, Kind::Reset, Kind::Refused, Kind::Replaced];
const MODES: [Mode; 4] = [Mode::Read, Mode::ReadInto, Mode::Ranges, Mode::Prefetch];

fn object_len() -> u64 {
    let mib = env::var("FSPLUG_TEST_READ_MIB").map_or(64, |mib| mib.parse::<u64>().unwrap());
    mib << 20
}

/// Both ends, powers of two and what is beside them, and then random ones.
fn offsets(len: u64, random: &mut StdRng) -> Vec<u64> {
    let mut offsets = vec![0, 1, len - 1];
    for power in 10..=len.ilog2() {
        offsets.extend((0..3).map(|by| ((1_u64 << power) - 1 + by).min(len - 1)));
    }
    while offsets.len() < OFFSETS {
        offsets.push(random.random_range(0..len));
    }
    offsets
}

#[test]
fn a_fault_at_any_offset_costs_one_request_at_most_and_never_a_byte() {
    let len = object_len();
    let seed = env::var("FSPLUG_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("FSPLUG_TEST_SEED={seed}");
    let contents = [pattern(len as usize, 1), pattern(len as usize, 2)];
    let mut random = StdRng::seed_from_u64(seed);
    let cases: Vec<_> = MODES
        .into_iter()
        .flat_map(|mode| {
            let offsets = offsets(len, &mut random).into_iter();
            offsets
                .zip(KINDS.into_iter().cycle())
                .map(move |(offset, kind)| (mode, kind, offset))
        })
        .collect();
    let changed: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let (contents, cases) = (&contents, &cases);
                let random = StdRng::seed_from_u64(seed ^ worker as u64);
                scope.spawn(move || {
                    // Blocks of four, so that each worker has every kind.
                    let own = cases.chunks(KINDS.len()).skip(worker).step_by(WORKERS).flatten();
                    tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap()
                        .block_on(work(contents, own, random))
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    // Not where the cut lay behind what was read.
    assert!(changed > OFFSETS / 2, "only {changed} replacements were noticed");
}

/// How many replacements were noticed.
async fn work(
    contents: &[Bytes; 2],
    cases: impl Iterator<Item = &(Mode, Kind, u64)>,
    mut random: StdRng,
) -> usize {
    let mut s3 = start(&[]).await;
    // Which of the contents each object has.
    let mut current = [0; KEYS];
    for key in 0..KEYS {
        s3.key = key.to_string();
        s3.put(contents[0].clone());
    }
    let mut changed = 0;
    for (number, &(mode, kind, offset)) in cases.enumerate() {
        let current = &mut current[number % KEYS];
        s3.key = (number % KEYS).to_string();
        s3.forget();
        let case = Case {
            s3: &s3,
            content: &contents[*current],
            replacement: &contents[1 - *current],
            kind,
            offset,
        };
        let outcome = case.run(mode, &mut random).await;
        if kind == Kind::Replaced {
            *current = 1 - *current;
        }
        match outcome {
            Ok(()) => {}
            Err(error) if kind == Kind::Replaced && error.kind() == ErrorKind::Changed => changed += 1,
            Err(error) => panic!("{kind:?} at {offset} in {mode:?}: {error}"),
        }
    }
    changed
}

struct Case<'a> {
    s3: &'a Fixture,
    content: &'a Bytes,
    replacement: &'a Bytes,
    kind: Kind,
    offset: u64,
}

impl Case<'_> {
    /// Reads around the offset; every byte that comes is compared.
    async fn run(&self, mode: Mode, random: &mut StdRng) -> Result<(), Error> {
        let len = self.content.len() as u64;
        let reach = if mode == Mode::Prefetch { 3 * LANE } else { 100_000 };
        let start = self.offset.saturating_sub(random.random_range(0..reach));
        let end = (self.offset + random.random_range(1..=reach)).min(len);
        match mode {
            Mode::Read | Mode::ReadInto => self.read(start..end, mode, random).await,
            Mode::Ranges => self.read_ranges(start..end, random).await,
            Mode::Prefetch => self.read_ahead(start..end, random).await,
        }
    }

    /// The fault for a request whose body begins at `start`.
    fn action(&self, start: u64) -> Action {
        match self.kind {
            Kind::Cut | Kind::Replaced => Action::CutBodyAfter(self.offset - start),
            Kind::Reset => Action::ResetBodyAfter(self.offset - start),
            Kind::Refused => Action::Reset,
        }
    }

    fn check(&self, start: u64, chunk: &[u8]) {
        let start = start as usize;
        assert!(
            self.content[start..].starts_with(chunk),
            "{:?} at {}: wrong bytes in {start}..{}",
            self.kind,
            self.offset,
            start + chunk.len()
        );
    }

    /// Reads the window; the object is replaced behind the first chunk.
    async fn read_window(
        &self,
        stream: &mut dyn InputStream,
        window: Range<u64>,
        into: bool,
        random: &mut StdRng,
    ) -> Result<(), Error> {
        stream.seek(window.start)?;
        let mut buffer = vec![0; 70_000];
        let mut is_first = true;
        while stream.position() < window.end {
            let position = stream.position();
            let max = random
                .random_range(1..=70_000)
                .min((window.end - position) as usize);
            if into {
                let read = stream.read_into(&mut buffer[..max]).await?;
                assert!(read > 0 && read <= max);
                self.check(position, &buffer[..read]);
            } else {
                let chunk = stream.read(max).await?;
                assert!(!chunk.is_empty() && chunk.len() <= max);
                self.check(position, &chunk);
            }
            if std::mem::take(&mut is_first) && self.kind == Kind::Replaced {
                self.s3.put(self.replacement.clone());
            }
        }
        Ok(())
    }

    async fn read(&self, window: Range<u64>, mode: Mode, random: &mut StdRng) -> Result<(), Error> {
        self.s3.on_get(0, self.action(window.start));
        let mut stream = self.s3.open(Ahead::Never).await;
        let into = mode == Mode::ReadInto;
        let outcome = self.read_window(&mut *stream, window.clone(), into, random).await;
        let gets = self.s3.gets();
        let asked: Vec<_> = gets
            .iter()
            .map(|get| (range_of(get), get.fault.clone()))
            .collect();
        assert!(
            gets.len() <= 2,
            "{:?} at {} in {window:?}: {asked:?}",
            self.kind,
            self.offset
        );
        if let [_, resumed] = gets.as_slice()
            && self.kind == Kind::Cut
        {
            assert_eq!(range_of(resumed).0, self.offset, "resumed at the cut");
        }
        outcome
    }

    async fn read_ranges(&self, window: Range<u64>, random: &mut StdRng) -> Result<(), Error> {
        let len = self.content.len() as u64;
        // Some lie beside each other, some overlap, one is far away.
        let mut ranges = vec![window.clone()];
        for _ in 0..random.random_range(0..4) {
            let start = random.random_range(window.clone());
            ranges.push(start..(start + random.random_range(0..50_000)).min(len));
        }
        let far = (window.end + len / 2) % len;
        ranges.push(far..(far + 1_000).min(len));
        let mut stream = self.s3.open(Ahead::Never).await;
        if self.kind == Kind::Replaced {
            self.s3.put(self.replacement.clone());
        } else {
            self.s3
                .on_get(random.random_range(0..2), self.action(window.start));
        }
        let outcome = stream.read_ranges(&ranges).await;
        let gets = self.s3.gets();
        let planned = ranges.iter().map(|range| range.start);
        let mut planned: Vec<u64> = planned
            .filter(|start| gets.iter().any(|get| range_of(get).0 == *start))
            .collect();
        planned.sort_unstable();
        planned.dedup();
        let asked: Vec<_> = gets
            .iter()
            .map(|get| (range_of(get), get.fault.clone()))
            .collect();
        assert!(
            gets.len() <= planned.len() + 1,
            "{:?} at {} in {ranges:?}: {asked:?}",
            self.kind,
            self.offset
        );
        for (range, chunk) in ranges.iter().zip(outcome?) {
            assert_eq!(chunk.len() as u64, range.end - range.start);
            self.check(range.start, &chunk);
        }
        Ok(())
    }

    async fn read_ahead(&self, window: Range<u64>, random: &mut StdRng) -> Result<(), Error> {
        // The first request is read until the first range, which begins here.
        let handover = window.start + BUFFER;
        let behind = self.offset.checked_sub(handover);
        let (number, start) = match behind {
            None => (0, window.start),
            Some(behind) => (1 + behind / LANE, self.offset - behind % LANE),
        };
        self.s3.on_get(number, self.action(start));
        let mut stream = self.s3.open(Ahead::Always).await;
        let into = random.random();
        let outcome = self.read_window(&mut *stream, window.clone(), into, random).await;
        drop(stream);
        let gets: Vec<_> = self.s3.gets().iter().map(range_of).collect();
        let is_planned = |start: u64| {
            start == window.start
                || start
                    .checked_sub(handover)
                    .is_some_and(|behind| behind % LANE == 0)
        };
        let mut planned: Vec<u64> = gets.iter().map(|get| get.0).filter(|&s| is_planned(s)).collect();
        planned.sort_unstable();
        planned.dedup();
        assert!(gets.len() <= planned.len() + 1, "{window:?} {gets:?}");
        outcome
    }
}

#[tokio::test]
async fn the_whole_object_is_right_in_every_mode_with_a_fault_in_each_reply() {
    let mut s3 = start(&[("s3.retry.max-num-retries", "10")]).await;
    let len = object_len();
    let content = pattern(len as usize, 3);
    s3.put(content.clone());
    let cuts: Vec<u64> = (0..6).map(|i| (len / 7 * i + i * 4_099) / 3).collect();
    for ahead in [Ahead::Never, Ahead::Measured, Ahead::Always] {
        s3.forget();
        for (number, cut) in cuts.iter().enumerate() {
            let at = if ahead == Ahead::Always { cut % LANE } else { *cut };
            let action = if number % 2 == 0 {
                Action::CutBodyAfter(at)
            } else {
                Action::ResetBodyAfter(at)
            };
            // Each hits one request that those before it have not.
            s3.on_get(number as u64 % 3, action);
        }
        let mut stream = s3.open(ahead).await;
        assert!(read_all(&mut *stream).await == content, "{ahead:?}");
        let planned = match ahead {
            Ahead::Always => 1 + (len - BUFFER).div_ceil(LANE),
            // It may have turned to ranges.
            Ahead::Measured => continue,
            Ahead::Never => 1,
        };
        let gets = s3.gets().len() as u64;
        assert!(gets <= planned + cuts.len() as u64, "{ahead:?}: {gets} requests");
    }
    // A flipped bit anywhere in it, however it is read.
    for ahead in [Ahead::Never, Ahead::Always] {
        for number in 0..4_u64 {
            // An object of its own: what the stream before had in flight must not meet this fault.
            s3.key = format!("{ahead:?}-{number}");
            s3.put(content.clone());
            s3.forget();
            match ahead {
                Ahead::Always => s3.on_get(number * 5, Action::FlipBit(number * 12_345)),
                _ => s3.on_get(0, Action::FlipBit(len / 4 * number + number)),
            }
            let (read, end) = rest(&mut *s3.open(ahead).await, usize::MAX).await;
            let error = end.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert!((read.len() as u64) < len);
        }
    }
}
