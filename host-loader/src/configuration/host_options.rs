//! The keys that the host itself reads.

use plugin_api::{ConfigOption, Schema, ValueType};

use super::scheme_options::{
    LIMIT_INPUT, LIMIT_OUTPUT, LIMIT_STREAM_TIMEOUT, LIMIT_TIMEOUT, LIMIT_TOTAL, PLUGIN, PRIORITY,
    is_of_scheme,
};

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

/// The plugin for schemes that no plugin serves.
pub const FALLBACK_PLUGIN: ConfigOption = ConfigOption::new("fs.fallback-plugin", ValueType::Text)
    .range("the name of a plugin")
    .describe("Which plugin serves the schemes that no plugin names. Unset: they are an error.");

/// The schemes that may go to the fallback plugin although a plugin of their own is known.
pub const ALLOWED_FALLBACK_FILE_SYSTEMS: ConfigOption = ConfigOption::new(
    "fs.allowed-fallback-filesystems",
    ValueType::List,
)
.range("schemes, separated by semicolons")
.describe(
    "Schemes that the fallback plugin may serve although a plugin made for them is known and only not \
             installed.",
);

/// Whether plugins are loaded only from plugin directories with a lock.
pub const REQUIRE_LOCKED: ConfigOption = ConfigOption::new("fs.plugins.require-locked", ValueType::Bool)
    .default("false")
    .range("true or false")
    .describe(
        "Load plugins only from directories with a plugins.lock. A source that says true is not overruled \
         by another.",
    );

/// Whether plugins are loaded only with the signature of a trusted key.
pub const REQUIRE_SIGNED: ConfigOption = ConfigOption::new("fs.plugins.require-signed", ValueType::Bool)
    .default("false")
    .range("true or false")
    .describe(
        "Load plugins only if they are signed with a trusted key. A source that says true is not overruled \
         by another.",
    );

/// Whether plugins are tried in another process before they are loaded.
pub const TRIAL_LOAD: ConfigOption = ConfigOption::new("fs.plugins.trial-load", ValueType::Bool)
    .default("false")
    .range("true or false")
    .describe(
        "Load each plugin in another process first, and refuse what does not survive that. A source that says \
         true is not overruled by another.",
    );

/// Every option of the host. `<scheme>` in a key stands for any scheme, in lower case.
pub const HOST_OPTIONS: &[ConfigOption] = &[
    DEFAULT_SCHEME,
    STRICT_CONFIG,
    REQUIRE_LOCKED,
    REQUIRE_SIGNED,
    TRIAL_LOAD,
    FALLBACK_PLUGIN,
    ALLOWED_FALLBACK_FILE_SYSTEMS,
    PLUGIN.option(),
    PRIORITY.option(),
    LIMIT_TOTAL.option(),
    LIMIT_INPUT.option(),
    LIMIT_OUTPUT.option(),
    LIMIT_TIMEOUT.option(),
    LIMIT_STREAM_TIMEOUT.option(),
];

/// Options that no source can take back once another has asked for them.
const ONLY_TIGHTENED: &[ConfigOption] = &[REQUIRE_LOCKED, REQUIRE_SIGNED, TRIAL_LOAD];

/// The name under which the host's own options are listed and explained, as those of a plugin are under its
/// name.
pub const HOST: &str = "host";

/// The schema of the host's own keys. It owns no prefix: others read keys below `fs.` too.
pub fn host_schema() -> Schema {
    Schema::of(HOST_OPTIONS, &[], "")
}

/// Whether a key belongs to hosts: an option of this one, or one about a scheme, such as
/// `fs.s3.limit.total`.
pub(super) fn is_of_host(key: &str) -> bool {
    HOST_OPTIONS.iter().any(|option| option.key == key) || is_of_scheme(key)
}

/// Whether a value stays, whatever a later source says. One that is not legal stays too, and is told.
pub(super) fn is_final(key: &str, value: &str) -> bool {
    let is_off = matches!(value.trim().to_ascii_lowercase().as_str(), "" | "false");
    ONLY_TIGHTENED.iter().any(|option| option.key == key) && !is_off
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
