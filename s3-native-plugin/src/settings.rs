//! [`Settings`]: the configuration, typed and validated.

pub(crate) mod encryption;
pub(crate) mod endpoint;
pub(crate) mod identity;

use std::sync::LazyLock;
use std::time::Duration;

use plugin_api::{Config, ConfigOption, Error, Result, Schema};

use crate::entropy::Entropy;
use crate::multipart_upload::MAX_PARTS;
use crate::options;
use encryption::Encryption;
use endpoint::Endpoint;
use identity::Identity;

/// Which key sets what, for whom.
static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::of(options::OPTIONS, options::OWNED_PREFIXES, options::BUCKET_PREFIX));

mod compatibility;

pub(crate) use compatibility::{Compatibility, Switch};

/// The smallest part that S3 takes, but for the last.
pub(crate) const MIN_PART_SIZE: u64 = 5 << 20;

/// The largest part that S3 takes, and the largest object that one request writes or copies.
pub(crate) const MAX_PART_SIZE: u64 = 5 << 30;

/// The largest part if all have the same size: up to so much may travel inside a state.
pub(crate) const MAX_EQUAL_PART_SIZE: u64 = 1 << 30;

/// The range of the read buffer.
const READ_BUFFER: std::ops::RangeInclusive<u64> = 64 << 10..=4 << 20;

/// The configuration, typed and validated. File systems with equal settings share a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Settings {
    pub(crate) identity: Identity,
    pub(crate) endpoint: Endpoint,
    pub(crate) encryption: Encryption,
    pub(crate) upload_part_size: u64,
    /// What the store is said to be able to do.
    pub(crate) compatibility: Compatibility,
    /// Whether all parts of an upload but the last have the same size, also if no store has demanded it.
    pub(crate) upload_equal_parts: bool,
    /// Parts that the store allows an upload to have.
    pub(crate) upload_max_parts: u32,
    pub(crate) upload_concurrency: usize,
    /// Objects above this size are copied in parts.
    pub(crate) copy_threshold: u64,
    /// Whether `mkdirs` stores an object for each directory.
    pub(crate) directory_markers: bool,
    pub(crate) rename_directories: bool,
    /// Requests that all bulk copies have open at a time; `None` if there are no bulk copies.
    pub(crate) bulk_copy_concurrency: Option<usize>,
    /// What is replaced in the paths of new files.
    pub(crate) entropy: Option<Entropy>,
    pub(crate) read_buffer_size: usize,
    /// Bytes that one stream may fetch ahead; 0 for none.
    pub(crate) read_prefetch_max: u64,
    pub(crate) read_verify_checksum: bool,
    pub(crate) memory_budget: u64,
    /// Whether the budget was configured, and not only defaulted.
    pub(crate) memory_budget_explicit: bool,
    pub(crate) max_retries: u32,
    pub(crate) retry_base_delay: Duration,
    pub(crate) retry_throttle_base_delay: Duration,
    pub(crate) retry_max_backoff: Duration,
    /// For one request with all its repetitions.
    pub(crate) operation_timeout: Duration,
    pub(crate) connection_timeout: Duration,
    pub(crate) socket_timeout: Duration,
    pub(crate) connection_max: usize,
    pub(crate) connection_max_idle_time: Duration,
    pub(crate) close_timeout: Duration,
}

impl Settings {
    /// Reads and validates the options as they are for one bucket, and those of all other buckets: what
    /// is wrong with one of them shows at once, and not when it is first used.
    pub(crate) fn of_bucket(config: &Config, bucket: &str) -> Result<Self> {
        Self::read(config)?;
        for other in SCHEMA.scopes(config) {
            Self::in_scope(config, other)?;
        }
        Self::in_scope(config, bucket)
    }

    /// The options as they are for one bucket, under the keys that count for all of them.
    pub(crate) fn scoped(config: &Config, bucket: &str) -> Config {
        SCHEMA.in_scope(config, bucket)
    }

    fn in_scope(config: &Config, bucket: &str) -> Result<Self> {
        let own = SCHEMA.in_scope(config, bucket);
        Self::read(&own).map_err(|error| {
            let remedy = format!(
                "{}, for this bucket below '{}{bucket}.'",
                error.remedy(),
                SCHEMA.scope_prefix()
            );
            let message = format!("for the bucket '{bucket}' {}", error.message());
            Error::new(error.kind(), message).with_remedy(remedy)
        })
    }

    /// Reads and validates the options that count for all buckets.
    pub(crate) fn read(config: &Config) -> Result<Self> {
        let retry_base_delay = duration(config, &options::RETRY_BASE_DELAY)?;
        let retry_max_backoff = positive_duration(config, &options::RETRY_MAX_BACKOFF)?;
        if retry_base_delay > retry_max_backoff {
            let option = &options::RETRY_BASE_DELAY;
            let value = config.text(option).unwrap_or_default();
            return Err(option.invalid(value, "it must not exceed 's3.retry.max-backoff'"));
        }
        let retry_throttle_base_delay = throttle_base_delay(config, retry_max_backoff)?;
        let memory_budget = config.bytes(&options::MEMORY_BUDGET)?.unwrap_or_default();
        if memory_budget == 0 {
            return Err(options::MEMORY_BUDGET.invalid("0", "must be positive, but was 0"));
        }
        let compatibility = Compatibility::read(config)?;
        Ok(Self {
            identity: Identity::read(config)?,
            endpoint: Endpoint::read(config)?,
            encryption: Encryption::read(config)?,
            upload_part_size: part_size(config, &options::UPLOAD_PART_SIZE)?,
            compatibility,
            upload_equal_parts: equal_parts(config, compatibility)?,
            upload_max_parts: max_parts(config)?,
            upload_concurrency: positive(config, &options::UPLOAD_CONCURRENCY)?.unwrap_or_else(processors),
            copy_threshold: part_size(config, &options::COPY_THRESHOLD)?,
            directory_markers: config.bool(&options::DIRECTORY_MARKERS)?.unwrap_or(false),
            rename_directories: config.bool(&options::RENAME_DIRECTORIES)?.unwrap_or(false),
            bulk_copy_concurrency: bulk_copy_concurrency(config)?,
            entropy: Entropy::read(config)?,
            read_buffer_size: read_buffer_size(config)?,
            read_prefetch_max: read_prefetch_max(config)?,
            read_verify_checksum: compatibility.checksums
                && config.bool(&options::READ_VERIFY_CHECKSUM)?.unwrap_or(true),
            memory_budget,
            memory_budget_explicit: config
                .text(&ConfigOption::new(
                    options::MEMORY_BUDGET.key,
                    options::MEMORY_BUDGET.value_type,
                ))
                .is_some(),
            max_retries: max_retries(config)?,
            retry_base_delay,
            retry_throttle_base_delay,
            retry_max_backoff,
            operation_timeout: positive_duration(config, &options::OPERATION_TIMEOUT)?,
            connection_timeout: positive_duration(config, &options::CONNECTION_TIMEOUT)?,
            socket_timeout: positive_duration(config, &options::SOCKET_TIMEOUT)?,
            connection_max: positive(config, &options::CONNECTION_MAX)?.unwrap_or(50),
            connection_max_idle_time: positive_duration(config, &options::CONNECTION_MAX_IDLE_TIME)?,
            close_timeout: positive_duration(config, &options::CLOSE_TIMEOUT)?,
        })
    }
}

/// The number of processors that this process may use.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The number of runtime threads, which belongs to the factory and not to a client.
pub(crate) fn runtime_threads(config: &Config) -> Result<usize> {
    let option = &options::RUNTIME_THREADS;
    let threads = positive(config, option)?.unwrap_or_else(|| processors().min(4));
    if threads > 1024 {
        return Err(option.invalid(&threads.to_string(), "it must not exceed 1024"));
    }
    Ok(threads)
}

fn part_size(config: &Config, option: &ConfigOption) -> Result<u64> {
    let size = config.bytes(option)?.unwrap_or(MIN_PART_SIZE);
    let small_allowed = config.bool(&options::ALLOW_SMALL_PARTS)?.unwrap_or(false);
    if size == 0 || (size < MIN_PART_SIZE && !small_allowed) {
        return Err(option.invalid(
            &size.to_string(),
            &format!("must be at least 5MB ({MIN_PART_SIZE} bytes), but was {size} bytes"),
        ));
    }
    if size > MAX_PART_SIZE {
        return Err(option.invalid(
            &size.to_string(),
            &format!("must not exceed 5GB ({MAX_PART_SIZE} bytes), but was {size} bytes"),
        ));
    }
    Ok(size)
}

/// With equal parts a state holds up to a part, which must not be more than a state can be.
fn equal_parts(config: &Config, compatibility: Compatibility) -> Result<bool> {
    let equal = compatibility.equal_parts == Switch::On;
    let size = part_size(config, &options::UPLOAD_PART_SIZE)?;
    if equal && size > MAX_EQUAL_PART_SIZE {
        return Err(options::UPLOAD_PART_SIZE.invalid(
            &size.to_string(),
            &format!(
                "must not exceed 1GB ({MAX_EQUAL_PART_SIZE} bytes) with '{}', but was {size} bytes",
                options::compatibility::EQUAL_PARTS.key
            ),
        ));
    }
    Ok(equal)
}

fn max_parts(config: &Config) -> Result<u32> {
    let option = &options::MAX_PARTS;
    let number = config.integer(option)?.unwrap_or(i64::from(MAX_PARTS));
    u32::try_from(number)
        .ok()
        .filter(|parts| (1..=MAX_PARTS).contains(parts))
        .ok_or_else(|| {
            option.invalid(
                &number.to_string(),
                &format!("must be between 1 and {MAX_PARTS}, but was {number}"),
            )
        })
}

fn positive(config: &Config, option: &ConfigOption) -> Result<Option<usize>> {
    let Some(number) = config.integer(option)? else {
        return Ok(None);
    };
    match usize::try_from(number) {
        // A semaphore's range ends here, and nobody has more.
        Ok(number) if (1..=1 << 20).contains(&number) => Ok(Some(number)),
        Ok(number) if number > 0 => Err(option.invalid(&number.to_string(), "must not exceed 1048576")),
        _ => Err(option.invalid(
            &number.to_string(),
            &format!("must be positive, but was {number}"),
        )),
    }
}

/// Repetitions; of Hadoop's number of attempts the first is none.
fn max_retries(config: &Config) -> Result<u32> {
    let option = &options::MAX_RETRIES;
    let own = ConfigOption::new(option.key, option.value_type).aliases(option.aliases);
    let (option, number, first) = match (config.integer(&own)?, config.integer(&options::ATTEMPTS)?) {
        (None, Some(attempts)) => (&options::ATTEMPTS, attempts, 1),
        (number, _) => (option, number.unwrap_or(3), 0),
    };
    u32::try_from(number - first)
        .ok()
        .filter(|&retries| retries < u32::MAX)
        .ok_or_else(|| {
            option.invalid(
                &number.to_string(),
                &format!("must not be less than {first} or huge, but was {number}"),
            )
        })
}

fn duration(config: &Config, option: &ConfigOption) -> Result<Duration> {
    Ok(config.duration(option)?.unwrap_or_default())
}

fn positive_duration(config: &Config, option: &ConfigOption) -> Result<Duration> {
    let span = duration(config, option)?;
    if span.is_zero() {
        let value = config.text(option).unwrap_or_default();
        return Err(option.invalid(value, &format!("must be positive, but was {value}")));
    }
    Ok(span)
}

/// A default that exceeds the configured maximum is no mistake of the user's.
fn throttle_base_delay(config: &Config, max_backoff: Duration) -> Result<Duration> {
    let option = &options::RETRY_THROTTLE_BASE_DELAY;
    let delay = duration(config, option)?;
    let configured = config.text(&ConfigOption::new(option.key, option.value_type));
    match configured {
        Some(value) if delay > max_backoff => {
            Err(option.invalid(value, "it must not exceed 's3.retry.max-backoff'"))
        }
        _ => Ok(delay.min(max_backoff)),
    }
}

/// The requests that bulk copies have open at a time, which is no use beyond the connections.
fn bulk_copy_concurrency(config: &Config) -> Result<Option<usize>> {
    if !config.bool(&options::BULK_COPY_ENABLED)?.unwrap_or(true) {
        return Ok(None);
    }
    let option = &options::BULK_COPY_MAX_CONCURRENT;
    let wanted = positive(config, option)?.unwrap_or(16);
    let connections = positive(config, &options::CONNECTION_MAX)?.unwrap_or(50);
    if wanted > connections {
        tracing::warn!(
            "'{}' is {wanted}, which is more than the {connections} connections of '{}'; {connections} are used",
            option.key,
            options::CONNECTION_MAX.key
        );
    }
    Ok(Some(wanted.min(connections)))
}

fn read_buffer_size(config: &Config) -> Result<usize> {
    let option = &options::READ_BUFFER_SIZE;
    let size = config.bytes(option)?.unwrap_or(*READ_BUFFER.start());
    let clamped = size.clamp(*READ_BUFFER.start(), *READ_BUFFER.end());
    if size != clamped {
        tracing::warn!(
            "'{}' is {size} bytes, which is outside of {}; {clamped} bytes are used",
            option.key,
            option.range
        );
    }
    Ok(clamped as usize)
}

fn read_prefetch_max(config: &Config) -> Result<u64> {
    const LEAST: u64 = 1 << 20;
    let option = &options::READ_PREFETCH_MAX;
    let size = config.bytes(option)?.unwrap_or_default();
    if (1..LEAST).contains(&size) {
        return Err(option.invalid(
            &size.to_string(),
            &format!("must be 0 or at least 1MB ({LEAST} bytes), but was {size} bytes"),
        ));
    }
    Ok(size)
}

#[cfg(test)]
mod tests;
