//! The keys that the host itself reads.

use plugin_api::{ConfigOption, Schema, ValueType};

/// Where paths without a scheme are.
pub const DEFAULT_SCHEME: ConfigOption = ConfigOption::new("fs.default-scheme", ValueType::Text)
    .range("scheme://authority/, for example s3://bucket/ or file:///")
    .describe("Scheme and authority of paths that have none. Unset: they are local.");

/// Whether a key that nobody knows is an error.
pub const STRICT_CONFIG: ConfigOption = ConfigOption::new("fs.strict-config", ValueType::Bool)
    .default("false")
    .range("true or false")
    .describe(
        "Refuse to use a plugin if a key that only this plugin would read is none that it knows. \
         Otherwise such a key is a warning.",
    );

/// Every option of the host.
pub const HOST_OPTIONS: &[ConfigOption] = &[DEFAULT_SCHEME, STRICT_CONFIG];

/// The name under which the host's own options are listed and explained, as those of a plugin are under its
/// name.
pub const HOST: &str = "host";

/// What follows `fs.<scheme>.` in keys that belong to hosts, also where a plugin owns that prefix.
const OF_A_SCHEME: &[&str] = &["limit", "priority", "plugin"];

/// The schema of the host's own keys. It owns no prefix: others read keys below `fs.` too.
pub fn host_schema() -> Schema {
    Schema::of(HOST_OPTIONS, &[], "")
}

/// Whether a key belongs to hosts: an option of this one, or one about a scheme, such as
/// `fs.s3.limit.total`.
pub(super) fn is_of_host(key: &str) -> bool {
    let of_scheme = || {
        let (_scheme, rest) = key.strip_prefix("fs.")?.split_once('.')?;
        Some(OF_A_SCHEME.contains(&rest.split('.').next()?))
    };
    HOST_OPTIONS.iter().any(|option| option.key == key) || of_scheme() == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_about_a_scheme_belong_to_hosts() {
        for key in [
            "fs.strict-config",
            "fs.s3.limit.total",
            "fs.s3.priority.x.Y",
            "fs.s3.plugin",
        ] {
            assert!(is_of_host(key), "{key}");
        }
        for key in ["fs.s3.limits", "fs.s3a.access.key", "fs.limit", "s3.limit.total"] {
            assert!(!is_of_host(key), "{key}");
        }
    }
}
