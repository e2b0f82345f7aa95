//! [`Entropy`]: random characters in the paths of new files, which spread them over the partitions
//! of a store.

use plugin_api::{Config, Error, ErrorKind, Location, Result};
use rand::Rng as _;
use rand::distr::Alphanumeric;

use crate::options;
use crate::settings::Settings;

/// Characters that an entropy key must not hold, as Flink has it.
const FORBIDDEN: &[char] = &[
    '~', '#', '@', '*', '+', '%', '{', '}', '<', '>', '[', ']', '|', '"', '\\',
];

/// The most random characters: the length of one name on most file systems.
const MAX_LENGTH: usize = 255;

/// What is replaced in the paths of new files, and by how many random characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entropy {
    pub(crate) key: String,
    pub(crate) length: usize,
}

impl Entropy {
    /// As configured; `None` without a key, whatever the length.
    pub(crate) fn read(config: &Config) -> Result<Option<Self>> {
        let Some(key) = config.text(&options::ENTROPY_KEY).filter(|key| !key.is_empty()) else {
            return Ok(None);
        };
        if key.contains(FORBIDDEN) {
            let why = format!("Invalid character in entropy injection key: {key}");
            return Err(options::ENTROPY_KEY.invalid(key, &why));
        }
        let option = &options::ENTROPY_LENGTH;
        let length = config.integer(option)?.unwrap_or(4);
        if length <= 0 {
            return Err(option.invalid(&length.to_string(), "must be > 0"));
        }
        let length = usize::try_from(length)
            .ok()
            .filter(|&length| length <= MAX_LENGTH)
            .ok_or_else(|| option.invalid(&length.to_string(), &format!("must be <= {MAX_LENGTH}")))?;
        Ok(Some(Self {
            key: key.to_owned(),
            length,
        }))
    }
}

/// The location that a new file really gets: the first occurrence of the entropy key in the path is
/// replaced by random characters if `inject` is set, and removed otherwise.
///
/// Only what creates a file asks for this; a path that is read, listed or deleted stays as it is.
pub(crate) fn resolve(settings: &Settings, path: &Location, inject: bool) -> Result<Location> {
    let Some(entropy) = &settings.entropy else {
        return Ok(path.clone());
    };
    // The slash in front of the key belongs to the path, and may be a part of what is looked for.
    let full = format!("/{}", path.key());
    let Some(at) = full.find(&entropy.key) else {
        return Ok(path.clone());
    };
    let (before, after) = (&full[..at], &full[at + entropy.key.len()..]);
    let resolved = if inject {
        format!("{before}{}{after}", random_characters(entropy.length))
    } else {
        let (before, after) = joined(before, after);
        format!("{before}{after}")
    };
    match resolved.strip_prefix('/') {
        Some(key) => Ok(path.with_key(key)),
        None => Err(Error::new(
            ErrorKind::InvalidPath,
            format!("'{resolved}', which is left without the entropy key, is no absolute path"),
        )
        .with_operation("create")
        .with_path(path)
        .with_remedy("configure an 's3.entropy.key' that does not begin with a slash")),
    }
}

/// The two sides of a removed key. If it was a whole segment, one of the slashes around it goes as
/// well; no other slash of the path is touched.
fn joined<'a>(before: &'a str, after: &'a str) -> (&'a str, &'a str) {
    match (before.strip_suffix('/'), after.strip_prefix('/')) {
        (Some(_), Some(rest)) => (before, rest),
        // The last segment: the file gets the name of its directory, unless that is the root.
        (Some(shorter), None) if after.is_empty() && !shorter.is_empty() => (shorter, ""),
        _ => (before, after),
    }
}

fn random_characters(length: usize) -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(length)
        .map(char::from)
        .collect()
}
