//! Files of two items, recovered from a state of each point in their life; and tails behind a part.

use plugin_api::Capabilities;

use crate::case::Case;
use crate::content::{LARGE, PART, content};
use crate::context::{Context, through_a_checkpoint};
use crate::failure::{CaseResult, ensure_eq};

pub(super) fn cases() -> Vec<Case> {
    let (writer, resume) = (Capabilities::RECOVERABLE_WRITER, Capabilities::RECOVERABLE_RESUME);
    let mut cases = Vec::new();
    for (size, item) in [("small", SMALL), ("large", LARGE)] {
        for point in POINTS {
            cases.push(
                Case::new(
                    format!("recover::{size}::{}", point.name()),
                    format!("{size} items are whole after a recovery {}", point.in_words()),
                    async move |c: &Context| persist_point(c, item, point, Way::Resume).await,
                )
                .needs(resume),
            );
            cases.push(
                Case::new(
                    format!("recover_for_commit::{size}::{}", point.name()),
                    format!("{size} items are published as persisted {}", point.in_words()),
                    async move |c: &Context| persist_point(c, item, point, Way::Commit).await,
                )
                .needs(writer),
            );
        }
    }
    for tail in [0_usize, 1, PART - 1, PART, PART + 1, 2 * PART - 1, 2 * PART + 1] {
        cases.push(
            Case::new(
                format!("tail_of_{tail}_behind_a_part"),
                format!("a tail of {tail} bytes behind 5 MiB survives persist, recovery and commit"),
                async move |c: &Context| tail_behind_a_part(c, tail).await,
            )
            .needs(resume),
        );
    }
    cases
}

/// Two items, as the suites of stream processors write them; the larger fill parts.
const SMALL: usize = 40;

/// When the state was taken from which a file of two items is recovered.
#[derive(Clone, Copy)]
enum Point {
    Empty,
    AfterFirst,
    AfterFirstAgain,
    AfterBoth,
}

const POINTS: [Point; 4] = [
    Point::Empty,
    Point::AfterFirst,
    Point::AfterFirstAgain,
    Point::AfterBoth,
];

impl Point {
    fn name(self) -> &'static str {
        match self {
            Self::Empty => "from_empty",
            Self::AfterFirst => "after_the_first_item",
            Self::AfterFirstAgain => "after_the_first_item_again",
            Self::AfterBoth => "after_both_items",
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Empty => "before the first",
            Self::AfterFirst => "after the first",
            Self::AfterFirstAgain => "after the first, by a second persist",
            Self::AfterBoth => "after both",
        }
    }
}

#[derive(Clone, Copy)]
enum Way {
    Resume,
    Commit,
}

async fn persist_point(c: &Context, item: usize, point: Point, way: Way) -> CaseResult {
    let (first, second, third) = (content(item, 1), content(item + 1, 2), content(item + 2, 3));
    let mut stream = c.begin("file", b"").await?;
    let empty = stream.persist().await?;
    stream.write(&first).await?;
    let after_first = stream.persist().await?;
    let again = stream.persist().await?;
    stream.write(&second).await?;
    let after_both = stream.persist().await?;
    stream.write(&content(item, 9)).await?;
    stream.close().await?;
    drop(stream);
    let (state, covered) = match point {
        Point::Empty => (empty, Vec::new()),
        Point::AfterFirst => (after_first, first.to_vec()),
        Point::AfterFirstAgain => (again, first.to_vec()),
        Point::AfterBoth => (after_both, [&first[..], &second[..]].concat()),
    };
    let writer = c.another().await?.recoverable_writer()?;
    let state = through_a_checkpoint(&state);
    ensure_eq!(
        writer.inspect(&state)?.len,
        covered.len() as u64,
        "the length that the state covers"
    );
    match way {
        Way::Commit => {
            writer.recover_for_commit(&state).await?.commit().await?;
            c.expect_content("file", &covered, "the published file").await?;
        }
        Way::Resume => {
            let mut stream = writer.recover(&state).await?;
            ensure_eq!(
                stream.position(),
                covered.len() as u64,
                "the position after recovery"
            );
            stream.write(&third).await?;
            stream.close_for_commit().await?.commit().await?;
            let expected = [&covered[..], &third[..]].concat();
            c.expect_content("file", &expected, "the published file").await?;
        }
    }
    c.expect_files(&["file"], "afterwards").await
}

async fn tail_behind_a_part(c: &Context, tail: usize) -> CaseResult {
    let expected = content(PART + tail + 100, 1);
    let state = c.persisted("file", &expected[..PART + tail]).await?;
    let writer = c.writer()?;
    let mut stream = writer.recover(&state).await?;
    ensure_eq!(stream.position(), (PART + tail) as u64, "the position");
    stream.write(&expected[PART + tail..]).await?;
    stream.close_for_commit().await?.commit().await?;
    c.expect_content("file", &expected, "the file").await
}
