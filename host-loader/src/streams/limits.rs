//! [`Limits`]: how many streams of one file system may be open.

use std::time::Duration;

use plugin_api::{Config, Error, Result};

use crate::configuration::{
    LIMIT_INPUT, LIMIT_OUTPUT, LIMIT_STREAM_TIMEOUT, LIMIT_TIMEOUT, LIMIT_TOTAL, SchemeOption,
};

/// What `fs.<scheme>.limit.*` says. `None`: without limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Streams of any kind.
    pub(crate) total: Option<usize>,
    /// Streams that are read.
    pub(crate) input: Option<usize>,
    /// Streams that are written.
    pub(crate) output: Option<usize>,
    /// How long an opener waits.
    pub(crate) timeout: Option<Duration>,
    /// How long a stream may move nothing while an opener waits.
    pub(crate) stream_timeout: Option<Duration>,
}

impl Limits {
    /// The limits of the file systems of this scheme.
    ///
    /// # Errors
    /// [`InvalidConfig`](plugin_api::ErrorKind::InvalidConfig) names the key.
    pub(crate) fn read(config: &Config, scheme: &str) -> Result<Self> {
        let number = |option: SchemeOption| {
            let limit = option.limit(config, scheme)?;
            Ok::<_, Error>(limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)))
        };
        Ok(Self {
            total: number(LIMIT_TOTAL)?,
            input: number(LIMIT_INPUT)?,
            output: number(LIMIT_OUTPUT)?,
            timeout: LIMIT_TIMEOUT.time(config, scheme)?,
            stream_timeout: LIMIT_STREAM_TIMEOUT.time(config, scheme)?,
        })
    }

    /// Whether there is any.
    pub(super) fn is_limited(&self) -> bool {
        self.total.is_some() || self.input.is_some() || self.output.is_some()
    }

    /// Whether a stream can be taken from its user.
    pub(super) fn ends_idle_streams(&self) -> bool {
        self.stream_timeout.is_some() && self.is_limited()
    }
}
