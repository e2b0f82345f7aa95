//! [`Explanation`]: what each option is set to, by what, and for whom.

use plugin_api::{Config, Effective, Schema, ValueType};

use super::redaction::{REDACTED, looks_secret, without_user_info};
use super::{Configuration, Finding, Origin, review, review_schemes};

/// What a configuration comes to.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Explanation {
    /// Every option, those of the host first, then plugin by plugin in the order of their schemas. A map
    /// that is set by sub-keys has one entry for each of them.
    pub options: Vec<ExplainedOption>,
    /// What is worth knowing about the sources and the keys.
    pub findings: Vec<Finding>,
}

/// One option and what sets it. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainedOption {
    /// The plugin whose option it is; `host` for those of the host.
    pub plugin: String,
    /// Its key, whatever spelling sets it.
    pub key: String,
    /// The value that counts, `<redacted>` if that is a secret; `None` if there is none, not even a default.
    pub value: Option<String>,
    /// The key that stands in the source; `None` if the default counts.
    pub set_by: Option<String>,
    /// Where that stands; `None` if the default counts.
    pub origin: Option<Origin>,
    /// The authority, such as a bucket, that the value counts for alone; `None` if it counts for all that
    /// have none of their own.
    pub scope: Option<String>,
}

/// Explains the options of these schemas: as they are for one authority, or else for all and for each that
/// has some of its own. `others` and `plugins` are the schemas and names of all plugins.
pub(crate) fn explain(
    configuration: &Configuration,
    parts: &[(&str, Schema)],
    others: &[Schema],
    plugins: &[&str],
    authority: Option<&str>,
) -> Explanation {
    let config = configuration.config();
    let mut explanation = Explanation {
        options: Vec::new(),
        findings: configuration.findings().to_vec(),
    };
    explanation
        .findings
        .extend(review_schemes(configuration, others, plugins, &|_| true));
    for (plugin, schema) in parts {
        let part = Part {
            plugin,
            schema,
            configuration,
            config: &config,
        };
        let options = &mut explanation.options;
        part.add(options, authority, false);
        if authority.is_none() {
            for scope in schema.scopes(&config) {
                part.add(options, Some(scope), true);
            }
        }
        for finding in review(configuration, schema, others) {
            if !explanation.findings.contains(&finding) {
                explanation.findings.push(finding);
            }
        }
    }
    explanation
}

/// The options of one plugin.
struct Part<'a> {
    plugin: &'a str,
    schema: &'a Schema,
    configuration: &'a Configuration,
    config: &'a Config,
}

impl Part<'_> {
    /// Adds every option as it is for `scope`, or only what is that scope's own.
    fn add(&self, options: &mut Vec<ExplainedOption>, scope: Option<&str>, only_own: bool) {
        for effective in self.schema.effective(self.config, scope) {
            if only_own && (!effective.is_scoped || effective.pairs.is_empty()) {
                continue;
            }
            if effective.pairs.is_empty() {
                options.push(ExplainedOption {
                    plugin: self.plugin.to_owned(),
                    key: effective.option.key.clone(),
                    value: effective.option.default.clone(),
                    set_by: None,
                    origin: None,
                    scope: None,
                });
            }
            for &(key, value) in &effective.pairs {
                options.push(self.set(&effective, key, value, scope));
            }
        }
    }

    fn set(&self, effective: &Effective<'_>, key: &str, value: &str, scope: Option<&str>) -> ExplainedOption {
        let option = effective.option;
        let sub_key = match self.schema.scoped(key) {
            Some(scoped) => scoped.sub_key,
            None => option
                .names()
                .find_map(|name| key.strip_prefix(name)?.strip_prefix('.')),
        };
        // Users choose the sub-keys of a map, and may choose to keep a secret in one.
        let is_secret = option.secret
            || match sub_key {
                Some(sub_key) => looks_secret(sub_key),
                None => option.value_type == ValueType::Map && looks_secret(value),
            };
        ExplainedOption {
            plugin: self.plugin.to_owned(),
            key: sub_key.map_or(option.key.clone(), |sub_key| format!("{}.{sub_key}", option.key)),
            value: Some(if is_secret {
                REDACTED.to_owned()
            } else {
                without_user_info(value.trim()).into_owned()
            }),
            set_by: Some(key.to_owned()),
            origin: self.configuration.origin(key).cloned(),
            scope: scope.filter(|_| effective.is_scoped).map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_api::ConfigOption;

    const OPTIONS: &[ConfigOption] = &[
        ConfigOption::new("s3.region", ValueType::Text)
            .aliases(&["fs.s3a.endpoint.region"])
            .scoped(&["region"]),
        ConfigOption::new("s3.secret-key", ValueType::Text).secret(),
        ConfigOption::new("s3.context", ValueType::Map).scoped(&["context"]),
        ConfigOption::new("s3.endpoint", ValueType::Text).default("https://default"),
    ];

    fn rows(pairs: &[(&str, &str)], authority: Option<&str>) -> Vec<(String, String, String)> {
        let mut configuration = Configuration::default();
        for (key, value) in pairs {
            configuration.set(*key, *value, Origin::CommandLine);
        }
        let schema = Schema::of(OPTIONS, &["s3."], "s3.bucket.");
        let explanation = explain(&configuration, &[("p", schema)], &[], &["p"], authority);
        let text = |text: Option<String>| text.unwrap_or("-".to_owned());
        explanation
            .options
            .into_iter()
            .map(|option| (option.key, text(option.value), text(option.scope)))
            .collect()
    }

    #[test]
    fn each_option_has_its_effective_value_and_scope() {
        let pairs = [
            ("fs.s3a.endpoint.region", "all"),
            ("s3.bucket.b.region", "own"),
            ("s3.bucket.b.context.x", "1"),
        ];
        let row = |key: &str, value: &str, scope: &str| (key.to_owned(), value.to_owned(), scope.to_owned());
        let shared = [
            row("s3.secret-key", "-", "-"),
            row("s3.endpoint", "https://default", "-"),
        ];
        assert_eq!(
            rows(&pairs, Some("b")),
            [
                row("s3.region", "own", "b"),
                shared[0].clone(),
                row("s3.context.x", "1", "b"),
                shared[1].clone(),
            ]
        );
        assert_eq!(
            rows(&pairs, None),
            [
                row("s3.region", "all", "-"),
                shared[0].clone(),
                row("s3.context", "-", "-"),
                shared[1].clone(),
                row("s3.region", "own", "b"),
                row("s3.context.x", "1", "b"),
            ]
        );
    }

    #[test]
    fn secrets_are_redacted_wherever_a_user_keeps_one() {
        for (key, value) in [
            ("s3.secret-key", "canary"),
            ("s3.context.password", "canary"),
            ("s3.context", "api-key:canary"),
            ("s3.bucket.b.context.auth.token", "canary"),
            ("s3.endpoint", "https://user:canary@host/"),
        ] {
            let rows = format!("{:?}", rows(&[(key, value)], None));
            assert!(rows.contains(REDACTED) && !rows.contains("canary"), "{rows}");
        }
    }
}
