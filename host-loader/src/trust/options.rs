//! [`TrustOptions`]: what the embedding program, the configuration and the environment ask for.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use plugin_api::{Config, ConfigOption, Error, ErrorKind, Result};

use super::Trust;
use super::permissions::is_there;
use super::quarantine::Quarantine;
use super::signature::TrustedKeys;
use super::trial::{TIME_LIMIT, Trial};
use crate::configuration::{REQUIRE_LOCKED, REQUIRE_SIGNED, TRIAL_LOAD};
use crate::loader;

/// Read in every program, also in one that takes no configuration from the environment, and in one with elevated
/// rights: they can only make the host stricter.
const LOCKED_VARIABLE: &str = "FSPLUG_REQUIRE_LOCKED";
const SIGNED_VARIABLE: &str = "FSPLUG_REQUIRE_SIGNED";

/// The file with the keys that the machine trusts.
pub(super) const SYSTEM_KEYS: &str = "/etc/fsplug/trusted-keys";

/// Names the file with the keys that the user trusts, where the machine has none.
const KEYS_VARIABLE: &str = "FSPLUG_TRUSTED_KEYS";

/// What every plugin has to have. Whoever demands something gets it.
#[derive(Default)]
pub(super) struct Demands {
    /// A plugin directory with a lock.
    pub(super) lock: bool,
    /// A signature.
    pub(super) signature: bool,
    /// A trial in another process.
    pub(super) trial: bool,
}

/// What a builder was told.
pub(crate) struct TrustOptions {
    pub(super) demands: Demands,
    /// Whether it matters who may change plugins' files.
    pub(crate) check_permissions: bool,
    pub(super) trusted_keys: Vec<String>,
    pub(super) trial_program: Option<PathBuf>,
    pub(super) trial_time_limit: Duration,
    pub(super) quarantine: Option<PathBuf>,
}

impl Default for TrustOptions {
    fn default() -> Self {
        Self {
            demands: Demands::default(),
            check_permissions: true,
            trusted_keys: Vec::new(),
            trial_program: None,
            trial_time_limit: TIME_LIMIT,
            quarantine: None,
        }
    }
}

impl TrustOptions {
    /// What counts in the end. Whoever asks for more gets it; nobody can ask for less.
    pub(crate) fn resolve(self, config: &Config) -> Result<Trust> {
        let is_asked_for = |by_program: bool, option: &ConfigOption, variable: Option<&str>| {
            let by_config = config.bool(option)?.unwrap_or_default();
            let by_variable = match variable {
                Some(variable) => switch(variable, env::var_os(variable).as_deref())?,
                None => false,
            };
            Ok::<_, Error>(by_program || by_config || by_variable)
        };
        Ok(Trust {
            demands: Demands {
                lock: is_asked_for(self.demands.lock, &REQUIRE_LOCKED, Some(LOCKED_VARIABLE))?,
                signature: is_asked_for(self.demands.signature, &REQUIRE_SIGNED, Some(SIGNED_VARIABLE))?,
                trial: is_asked_for(self.demands.trial, &TRIAL_LOAD, None)?,
            },
            keys: self.keys()?,
            trial: Trial {
                program: self.trial_program,
                time_limit: self.trial_time_limit,
            },
            quarantine: match self.quarantine {
                Some(directory) => Quarantine::at(directory),
                None => Quarantine::of_user(&user_variable),
            },
        })
    }

    /// The keys of whoever has the most say: nobody adds a key to those of another.
    fn keys(&self) -> Result<TrustedKeys> {
        let of_machine = Path::new(SYSTEM_KEYS);
        if !self.trusted_keys.is_empty() {
            TrustedKeys::of_program(&self.trusted_keys)
        } else if is_there(of_machine)? {
            TrustedKeys::of_file(of_machine)
        } else if let Some(file) = user_variable(KEYS_VARIABLE).filter(|file| !file.is_empty()) {
            TrustedKeys::of_file(Path::new(&file))
        } else {
            Ok(TrustedKeys::default())
        }
    }
}

/// A variable of the user's, whom a process with elevated rights does not listen to.
fn user_variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|_| !loader::has_elevated_rights())
}

/// Whether a variable asks for something.
fn switch(name: &str, value: Option<&OsStr>) -> Result<bool> {
    match value.map(OsStr::to_str) {
        None | Some(Some("" | "false" | "0")) => Ok(false),
        Some(Some("true" | "1")) => Ok(true),
        // Whoever set it wanted something, and not less.
        _ => Err(Error::new(ErrorKind::InvalidConfig, "it must be true or false")
            .with_path(name)
            .with_remedy(format!("set {name} to true, or unset it"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_says_yes_or_no_or_is_an_error() {
        let read = |value: Option<&str>| switch("X", value.map(OsStr::new)).ok();
        assert_eq!(
            [None, Some(""), Some("0"), Some("false")].map(read),
            [Some(false); 4]
        );
        assert_eq!([Some("1"), Some("true")].map(read), [Some(true); 2]);
        assert_eq!([Some("yes"), Some("TRUE "), Some("no")].map(read), [None; 3]);
    }

    #[test]
    fn the_program_and_the_configuration_can_each_ask_for_it_and_neither_can_take_it_back() {
        for by_program in [false, true] {
            for by_config in [None, Some("false"), Some("true")] {
                let config = Config::from_pairs(by_config.map(|value| (REQUIRE_LOCKED.key, value)));
                let mut options = TrustOptions::default();
                options.demands.lock = by_program;
                let trust = options.resolve(&config).unwrap();
                assert_eq!(trust.demands.lock, by_program || by_config == Some("true"));
            }
        }
    }
}
