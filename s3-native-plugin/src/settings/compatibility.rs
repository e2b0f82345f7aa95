//! [`Compatibility`]: what a store is said to be able to do, or that it is to be found out.

use plugin_api::{Config, ConfigOption, Result};

use crate::options::compatibility as options;

/// What the keys say that a store can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compatibility {
    /// Whether checksums are sent and compared beyond what S3 requires.
    pub(crate) checksums: bool,
    pub(crate) conditional_writes: Switch,
    pub(crate) equal_parts: Switch,
    pub(crate) batch_deletes: bool,
    /// Keys that one request deletes.
    pub(crate) delete_batch_size: usize,
}

/// A decision that may be left to the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    /// What the store does is found out.
    Auto,
    On,
    Off,
}

impl Compatibility {
    /// Reads and validates the options.
    pub(crate) fn read(config: &Config) -> Result<Self> {
        // Read for its form alone: nothing is ever framed.
        config.bool(&options::CHUNKED_ENCODING)?;
        Ok(Self {
            checksums: config.bool(&options::CHECKSUM_VALIDATION)?.unwrap_or(true),
            conditional_writes: switch(config, &options::CONDITIONAL_WRITES)?,
            equal_parts: switch(config, &options::EQUAL_PARTS)?,
            batch_deletes: config.bool(&options::DELETE_BATCH_ENABLED)?.unwrap_or(true),
            delete_batch_size: delete_batch_size(config)?,
        })
    }
}

fn switch(config: &Config, option: &ConfigOption) -> Result<Switch> {
    let text = config.text(option).unwrap_or("auto").trim().to_ascii_lowercase();
    match text.as_str() {
        "auto" => Ok(Switch::Auto),
        "true" => Ok(Switch::On),
        "false" => Ok(Switch::Off),
        other => Err(option.invalid(other, "it must be auto, true or false")),
    }
}

fn delete_batch_size(config: &Config) -> Result<usize> {
    let option = &options::DELETE_BATCH_SIZE;
    let size = config.integer(option)?.unwrap_or(1000);
    usize::try_from(size)
        .ok()
        .filter(|size| (1..=1000).contains(size))
        .ok_or_else(|| {
            option.invalid(
                &size.to_string(),
                &format!("must be between 1 and 1000, but was {size}"),
            )
        })
}

#[cfg(test)]
mod tests {
    use plugin_api::ErrorKind;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Compatibility> {
        Compatibility::read(&Config::from_pairs(pairs.iter().copied()))
    }

    #[test]
    fn unless_a_key_says_so_the_store_is_tried() {
        let expected = Compatibility {
            checksums: true,
            conditional_writes: Switch::Auto,
            equal_parts: Switch::Auto,
            batch_deletes: true,
            delete_batch_size: 1000,
        };
        assert_eq!(read(&[]).unwrap(), expected);
        let explicit = [
            ("s3.checksum-validation.enabled", "false"),
            ("s3.conditional-writes", "True"),
            ("s3.upload.equal-parts", "false"),
            ("s3.delete.batch.enabled", "false"),
            ("s3.delete.batch-size", "7"),
        ];
        let expected = Compatibility {
            checksums: false,
            conditional_writes: Switch::On,
            equal_parts: Switch::Off,
            batch_deletes: false,
            delete_batch_size: 7,
        };
        assert_eq!(read(&explicit).unwrap(), expected);
    }

    #[test]
    fn what_is_no_answer_is_refused_by_name() {
        for (key, value) in [
            ("s3.conditional-writes", "perhaps"),
            ("s3.upload.equal-parts", "1"),
            ("s3.delete.batch-size", "0"),
            ("s3.delete.batch-size", "1001"),
            ("s3.delete.batch.enabled", "yes"),
            ("s3.chunked-encoding.enabled", "no"),
        ] {
            let error = read(&[(key, value)]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
            assert!(error.to_string().contains(key), "{error}");
        }
    }
}
