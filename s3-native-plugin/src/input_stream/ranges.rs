//! Vectored reads: neighbouring ranges share a request, and the requests run at the same time.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use plugin_api::{Error, ErrorKind, Result};

use super::object::Object;
use super::range_reader::RangeReader;

/// A gap that is cheaper to read than another request.
const MAX_GAP: u64 = 256 << 10;

/// No request grows beyond this by taking in neighbours.
const MAX_SHARED: u64 = 16 << 20;

/// Requests at a time.
const PARALLEL: usize = 8;

/// One request, and the ranges that it serves by their index.
#[derive(Debug, PartialEq, Eq)]
struct Fetch {
    range: Range<u64>,
    serves: Vec<usize>,
}

/// Reads `ranges`; the results come in the same order.
pub(super) async fn read(object: &Arc<Object>, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
    if let Some(range) = ranges.iter().find(|range| range.start > range.end) {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("the range {}..{} ends before it starts", range.start, range.end),
        )
        .with_operation("read")
        .with_path(&object.path)
        .with_remedy("swap its ends"));
    }
    if let Some(range) = ranges.iter().find(|range| range.end > object.len) {
        return Err(Error::new(
            ErrorKind::UnexpectedEof,
            format!(
                "the range {}..{} ends beyond the file of {} bytes",
                range.start, range.end, object.len
            ),
        )
        .with_operation("read")
        .with_path(&object.path)
        .with_remedy("ask for ranges within the file"));
    }
    let mut results = vec![Bytes::new(); ranges.len()];
    let mut fetches = futures::stream::iter(plan(ranges))
        .map(|fetch| async move {
            let content = read_one(object, fetch.range.clone()).await?;
            Ok::<_, Error>((fetch, content))
        })
        .buffer_unordered(PARALLEL);
    while let Some((fetch, content)) = fetches.try_next().await? {
        for index in fetch.serves {
            let start = (ranges[index].start - fetch.range.start) as usize;
            let len = (ranges[index].end - ranges[index].start) as usize;
            results[index] = content.slice(start..start + len);
        }
    }
    Ok(results)
}

/// Puts neighbours together. Empty ranges need no request.
fn plan(ranges: &[Range<u64>]) -> Vec<Fetch> {
    let mut order: Vec<usize> = (0..ranges.len()).filter(|&i| !ranges[i].is_empty()).collect();
    order.sort_by_key(|&i| (ranges[i].start, ranges[i].end));
    let mut fetches: Vec<Fetch> = Vec::new();
    for index in order {
        let range = ranges[index].clone();
        if let Some(last) = fetches.last_mut() {
            let end = last.range.end.max(range.end);
            let inside = range.end <= last.range.end;
            let near = range.start <= last.range.end.saturating_add(MAX_GAP);
            if inside || (near && end - last.range.start <= MAX_SHARED) {
                last.range.end = end;
                last.serves.push(index);
                continue;
            }
        }
        fetches.push(Fetch {
            range,
            serves: vec![index],
        });
    }
    fetches
}

/// The bytes of one range in one piece; copied only if they come in several.
async fn read_one(object: &Arc<Object>, range: Range<u64>) -> Result<Bytes> {
    let len = (range.end - range.start) as usize;
    let mut reader = RangeReader::new(Arc::clone(object), &range);
    let mut content = BytesMut::new();
    while let Some(frame) = reader.next_frame().await? {
        if frame.len() == len {
            return Ok(frame);
        }
        content.reserve(len - content.len());
        content.extend_from_slice(&frame);
    }
    Ok(content.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetches(ranges: &[Range<u64>]) -> Vec<(Range<u64>, Vec<usize>)> {
        plan(ranges)
            .into_iter()
            .map(|fetch| (fetch.range, fetch.serves))
            .collect()
    }

    #[test]
    fn neighbours_share_a_request_and_distant_ranges_do_not() {
        let far = MAX_GAP + 21;
        assert_eq!(
            fetches(&[far..far + 1, 10..20, 0..5, 12..15, 7..7]),
            [(0..20, vec![2, 1, 3]), (far..far + 1, vec![0])]
        );
    }

    #[test]
    fn sharing_never_makes_a_request_huge() {
        let step = 1 << 20;
        let ranges: Vec<Range<u64>> = (0..64).map(|i| i * step..(i + 1) * step).collect();
        let planned = fetches(&ranges);
        assert_eq!(planned.len(), 4);
        assert!(
            planned
                .iter()
                .all(|(range, _)| range.end - range.start <= MAX_SHARED)
        );
    }
}
