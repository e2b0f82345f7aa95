//! Configuration in environment variables.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use plugin_api::{Error, ErrorKind, Result, Schema};

use super::nearest::nearest;
use super::scheme_options::{is_pattern, key_of_variable};
use super::{Configuration, Finding, FindingKind, Origin, host_schema};
use crate::loader;

/// What the variables begin with that set one key each.
const PREFIX: &str = "FSPLUG_";

/// The variable that names the configuration file.
pub(super) const CONFIG: &str = "FSPLUG_CONFIG";

/// The variable with the directory of Flink's configuration file, and the names that file may have.
const FLINK_CONF_DIR: &str = "FLINK_CONF_DIR";
const FLINK_FILES: &[&str] = &["config.yaml", "flink-conf.yaml"];

/// Variables with the content of a configuration file, those that win last.
const PROPERTIES: &[&str] = &["FLINK_PROPERTIES", "FSPLUG_PROPERTIES"];

/// Variables with the prefix that are not about a key, or what the names of such begin with.
const NO_KEYS: &[&str] = &[
    CONFIG,
    "FSPLUG_HOME",
    "FSPLUG_PLUGIN_PATH",
    "FSPLUG_PROPERTIES",
    "FSPLUG_REQUIRE_LOCKED",
    "FSPLUG_REQUIRE_SIGNED",
    "FSPLUG_TRUSTED_KEYS",
];
const NO_KEY_PREFIXES: &[&str] = &["FSPLUG_TEST_", "FSPLUG_BLESS_", "FSPLUG_CONFORMANCE"];

/// The environment variables that may be read.
pub(crate) struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// Those of this process; none if it has rights that its caller does not have.
    pub(crate) fn of_process() -> Self {
        if loader::has_elevated_rights() {
            return Self(BTreeMap::new());
        }
        // A name that is not UTF-8 is not one of ours.
        let named = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        Self(std::env::vars_os().filter_map(named).collect())
    }

    /// A variable that is set to something.
    fn get(&self, name: &str) -> Option<&OsString> {
        self.0.get(name).filter(|value| !value.is_empty())
    }

    /// The configuration file that the environment names, whether it is there or not; or else the one of
    /// Flink, if that is there.
    pub(crate) fn config_file(&self) -> Option<PathBuf> {
        if let Some(path) = self.get(CONFIG) {
            return Some(path.into());
        }
        let directory = Path::new(self.get(FLINK_CONF_DIR)?);
        let candidates = FLINK_FILES.iter().map(|name| directory.join(name));
        candidates.into_iter().find(|path| path.is_file())
    }
}

impl Configuration {
    /// Adds the values of the environment, which win over those that are there. A variable for one key has
    /// the name of an option of the host or of a plugin with one of these schemas.
    pub(crate) fn read_environment(&mut self, environment: &Environment, schemas: &[Schema]) -> Result<()> {
        for &variable in PROPERTIES {
            if let Some(value) = environment.get(variable) {
                let text = utf8(variable, value)?;
                self.read_text(text, &|line| Origin::Properties { variable, line }, false)?;
            }
        }
        let host = host_schema();
        // What a plugin calls its options must not take a variable from the host.
        let mut keys = keys_by_variable([&host].into_iter());
        for (variable, key) in keys_by_variable(schemas.iter()) {
            if key_of_variable(&variable, &self::variable).is_none() {
                keys.entry(variable).or_insert(key);
            }
        }
        // Without any plugin nothing says which variables are mistakes.
        let knows_plugins = schemas.iter().any(|schema| !schema.options().is_empty());
        for (name, value) in &environment.0 {
            let is_no_key = NO_KEYS.contains(&name.as_str())
                || NO_KEY_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            if !name.starts_with(PREFIX) || is_no_key {
                continue;
            }
            match keys.get(name) {
                Some(key) => self.set(*key, utf8(name, value)?, Origin::Variable(name.clone())),
                None if let Some(key) = key_of_variable(name, &variable) => {
                    self.set(key, utf8(name, value)?, Origin::Variable(name.clone()));
                }
                None if knows_plugins => self.findings.push(unknown(name, &keys, schemas)),
                None => {}
            }
        }
        Ok(())
    }
}

/// The variable of a key.
fn variable(key: &str) -> String {
    let letters = key.chars().map(|c| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => c.to_ascii_uppercase(),
        _ => '_',
    });
    PREFIX.chars().chain(letters).collect()
}

/// Every variable that sets an option. Of two keys with the same variable the preferred one counts.
fn keys_by_variable<'a>(schemas: impl Iterator<Item = &'a Schema> + Clone) -> BTreeMap<String, &'a str> {
    let options = schemas.flat_map(Schema::options);
    let canonical = options.clone().map(|option| option.key.as_str());
    let aliases = options.flat_map(|option| &option.aliases).map(String::as_str);
    let mut keys = BTreeMap::new();
    for key in canonical.chain(aliases).filter(|key| !is_pattern(key)) {
        keys.entry(variable(key)).or_insert(key);
    }
    keys
}

fn utf8<'a>(name: &str, value: &'a OsString) -> Result<&'a str> {
    value.to_str().ok_or_else(|| {
        Error::new(ErrorKind::InvalidConfig, "the environment variable is not UTF-8")
            .with_path(name)
            .with_remedy(format!("set {name} to a text in UTF-8, or unset it"))
    })
}

fn unknown(name: &str, keys: &BTreeMap<String, &str>, schemas: &[Schema]) -> Finding {
    let finding = |message: String| {
        let origin = Origin::Variable(name.to_owned());
        Finding::new(FindingKind::UnknownVariable, name, origin, message)
    };
    let scope = schemas.iter().find(|schema| {
        !schema.scope_prefix().is_empty() && name.starts_with(&variable(schema.scope_prefix()))
    });
    if let Some(schema) = scope {
        let noun = schema.scope_noun();
        return finding(format!(
            "no variable sets a key of one {noun}; write the key into FSPLUG_PROPERTIES, as {}<{noun}>.<name>: value",
            schema.scope_prefix()
        ));
    }
    match nearest(name, keys.keys().map(String::as_str)) {
        Some(nearest) => {
            finding(format!("this is the variable of no key; did you mean {nearest}?")).with_nearest(nearest)
        }
        None => finding(
            "this is the variable of no key; `fsplug config keys` lists the keys, and a key such as s3.region \
             has the variable FSPLUG_S3_REGION"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_api::{ConfigOption, ValueType};

    fn schemas() -> Vec<Schema> {
        const KEY: ConfigOption = ConfigOption::new("s3.access-key", ValueType::Text)
            .aliases(&["s3.access.key", "fs.s3a.access.key"]);
        vec![Schema::of(&[KEY], &["s3."], "s3.bucket.")]
    }

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables = variables.iter();
        Environment(
            variables
                .map(|&(name, value)| (name.to_owned(), value.into()))
                .collect(),
        )
    }

    fn read(variables: &[(&str, &str)]) -> Configuration {
        let mut configuration = Configuration::default();
        configuration
            .read_environment(&environment(variables), &schemas())
            .unwrap();
        configuration
    }

    #[test]
    fn a_variable_sets_the_key_or_alias_of_its_name() {
        let configuration = read(&[
            ("FSPLUG_S3_ACCESS_KEY", "a"),
            ("FSPLUG_FS_S3A_ACCESS_KEY", "b"),
            ("FSPLUG_FS_STRICT_CONFIG", "true"),
            ("FSPLUG_FS_S3_LIMIT_STREAM_TIMEOUT", "5"),
            ("FSPLUG_FS_GS_PLUGIN", "x"),
            ("FSPLUG_FS_FALLBACK_PLUGIN", "y"),
            ("FSPLUG_HOME", "/x"),
            ("FSPLUG_PLUGIN_PATH", "/x"),
            ("FSPLUG_TEST_PLUGIN", "/x"),
            ("S3_ACCESS_KEY", "c"),
        ]);
        let config = configuration.config();
        let pairs: Vec<_> = config.iter().collect();
        let expected = [
            ("fs.fallback-plugin", "y"),
            ("fs.gs.plugin", "x"),
            ("fs.s3.limit.stream-timeout", "5"),
            ("fs.s3a.access.key", "b"),
            ("fs.strict-config", "true"),
            ("s3.access-key", "a"),
        ];
        assert_eq!(pairs, expected);
        assert_eq!(configuration.findings(), []);
        let origin = configuration.origin("s3.access-key").unwrap();
        assert_eq!(origin.to_string(), "FSPLUG_S3_ACCESS_KEY");
    }

    #[test]
    fn no_option_of_a_plugin_takes_a_variable_of_the_host() {
        const TAKEN: &[ConfigOption] = &[
            ConfigOption::new("fs.plugins.require_signed", ValueType::Bool),
            ConfigOption::new("own.key", ValueType::Text).aliases(&[
                "fs.strict.config",
                "fs_s3.plugin",
                "fs.s3.limit_total",
            ]),
        ];
        let mut configuration = Configuration::default();
        let variables = environment(&[
            ("FSPLUG_FS_PLUGINS_REQUIRE_SIGNED", "true"),
            ("FSPLUG_FS_S3_LIMIT_TOTAL", "5"),
            ("FSPLUG_FS_S3_PLUGIN", "x"),
            ("FSPLUG_FS_STRICT_CONFIG", "true"),
            ("FSPLUG_OWN_KEY", "y"),
        ]);
        configuration
            .read_environment(&variables, &[Schema::of(TAKEN, &["own."], "")])
            .unwrap();
        let config = configuration.config();
        let expected = [
            ("fs.plugins.require-signed", "true"),
            ("fs.s3.limit.total", "5"),
            ("fs.s3.plugin", "x"),
            ("fs.strict-config", "true"),
            ("own.key", "y"),
        ];
        assert_eq!(config.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn properties_are_read_as_a_file_and_lose_against_single_variables() {
        let configuration = read(&[
            ("FLINK_PROPERTIES", "s3.access-key: flink\ns3.region: f"),
            ("FSPLUG_PROPERTIES", "s3:\n  access-key: own\n  endpoint: e"),
            ("FSPLUG_S3_ACCESS_KEY", ""),
        ]);
        let origin = |key| configuration.origin(key).unwrap().to_string();
        assert_eq!(configuration.config().get("s3.access-key"), Some("own"));
        assert_eq!(origin("s3.access-key"), "FSPLUG_PROPERTIES:2");
        assert_eq!(origin("s3.region"), "FLINK_PROPERTIES:2");
        let wins = read(&[
            ("FSPLUG_PROPERTIES", "s3.access-key: own"),
            ("FSPLUG_S3_ACCESS_KEY", "single"),
        ]);
        assert_eq!(wins.config().get("s3.access-key"), Some("single"));
    }

    #[test]
    fn a_variable_of_no_key_is_named_with_the_nearest_one_and_without_its_value() {
        let configuration = read(&[
            ("FSPLUG_S3_ACESS_KEY", "canary"),
            ("FSPLUG_S3_BUCKET_LOGS_ACCESS_KEY", "canary"),
            ("FSPLUG_SOMETHING", "canary"),
        ]);
        let texts: Vec<_> = configuration.findings().iter().map(Finding::to_string).collect();
        assert!(
            texts[0].ends_with("did you mean FSPLUG_S3_ACCESS_KEY?"),
            "{texts:?}"
        );
        assert!(texts[1].contains("s3.bucket.<bucket>.<name>"), "{texts:?}");
        assert!(texts[2].contains("config keys"), "{texts:?}");
        assert!(!texts.concat().contains("canary"));
        assert_eq!(configuration.config().iter().count(), 0);
        let mut without_plugins = Configuration::default();
        without_plugins
            .read_environment(&environment(&[("FSPLUG_S3_REGION", "canary")]), &[])
            .unwrap();
        assert_eq!(without_plugins.findings(), []);
    }

    #[test]
    fn a_variable_that_is_no_text_is_an_error_that_names_it() {
        use std::os::unix::ffi::OsStringExt as _;
        let bytes = OsString::from_vec(vec![0xff]);
        let environment = Environment([("FSPLUG_S3_ACCESS_KEY".to_owned(), bytes)].into());
        let error = Configuration::default()
            .read_environment(&environment, &schemas())
            .unwrap_err();
        assert!(error.to_string().contains("FSPLUG_S3_ACCESS_KEY"), "{error}");
    }

    #[test]
    fn the_file_that_is_named_comes_before_flinks() {
        let directory = tempfile::tempdir().unwrap();
        let conf = directory.path().to_str().unwrap();
        let file = |variables: &[(&str, &str)]| environment(variables).config_file();
        assert_eq!(file(&[(FLINK_CONF_DIR, conf)]), None);
        for name in ["flink-conf.yaml", "config.yaml"] {
            std::fs::write(directory.path().join(name), "").unwrap();
            assert_eq!(file(&[(FLINK_CONF_DIR, conf)]), Some(directory.path().join(name)));
        }
        let both = [(FLINK_CONF_DIR, conf), (CONFIG, "/missing.yaml")];
        assert_eq!(file(&both), Some("/missing.yaml".into()));
    }
}
