//! [`Recorder`]: the calls on a store, for a test to look at.

use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::Bytes;
use plugin_api::{Error, Location};

use crate::store::unpoisoned;

/// So many calls are remembered; older ones are forgotten, so that memory stays bounded.
const REMEMBERED: usize = 16_384;

/// The latest calls on a store.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<VecDeque<Call>>);

#[derive(Debug)]
struct Call {
    operation: &'static str,
    path: String,
    error: Option<&'static str>,
}

impl Recorder {
    /// Remembers a call and how it ended.
    pub(crate) fn record<T>(&self, operation: &'static str, path: &Location, result: &Result<T, Error>) {
        let mut calls = unpoisoned(&self.0);
        if calls.len() == REMEMBERED {
            calls.pop_front();
        }
        calls.push_back(Call {
            operation,
            path: path.to_string(),
            error: result.as_ref().err().map(|error| error.kind().as_str()),
        });
    }

    /// The calls, one JSON object a line.
    pub(crate) fn to_ndjson(&self) -> Bytes {
        let calls = unpoisoned(&self.0);
        let lines = calls.iter().map(|call| {
            let line =
                serde_json::json!({"operation": call.operation, "path": call.path, "error": call.error});
            format!("{line}\n")
        });
        lines.collect::<String>().into()
    }
}
