//! What is wrong with the keys about schemes in a configuration.

use plugin_api::Schema;

use super::{FACTORY, PRIORITY, SCHEME_OPTIONS, SchemeOption, split};
use crate::configuration::{Configuration, Finding, FindingKind, nearest};
use crate::well_known::factory_of_flink;

/// A finding for each key about a scheme that belongs to hosts and is none, such as `fs.s3.limit.totl`, and for each
/// priority of what is none of these plugins, if `is_asked` for the scheme. A key that one of these schemas knows is no
/// mistake.
pub(crate) fn review_schemes(
    configuration: &Configuration,
    schemas: &[Schema],
    plugins: &[&str],
    is_asked: &dyn Fn(&str) -> bool,
) -> Vec<Finding> {
    let mut findings = unknown_keys(configuration, schemas, is_asked);
    findings.extend(priorities_of_nobody(configuration, plugins, is_asked));
    findings
}

/// A finding for each priority of what is no plugin.
fn priorities_of_nobody(
    configuration: &Configuration,
    plugins: &[&str],
    is_asked: &dyn Fn(&str) -> bool,
) -> Vec<Finding> {
    let start = PRIORITY.name().trim_end_matches(FACTORY);
    let set = configuration.set_values().filter_map(|(key, _, origin)| {
        let (scheme, name) = split(key)?;
        let factory = name.strip_prefix(start).filter(|factory| !factory.is_empty())?;
        is_asked(scheme).then_some((key, factory, origin))
    });
    set.filter_map(|(key, factory, origin)| {
        let finding = |why: String| {
            let message = format!("'{key}' has no effect: {why}");
            Finding::new(FindingKind::NoEffect, key, origin.clone(), message)
        };
        match factory_of_flink(factory).map(|factory| factory.plugin) {
            _ if plugins.contains(&factory) => None,
            Some(Some(plugin)) if plugins.contains(&plugin) => None,
            Some(Some(plugin)) => Some(finding(format!("the plugin {plugin} is not there"))),
            Some(None) => Some(finding(
                "no plugin takes the place of this factory of Flink".to_owned(),
            )),
            None => Some(match nearest(factory, plugins.iter().copied()) {
                Some(meant) => {
                    let finding = finding(format!(
                        "no plugin is called '{factory}'; did you mean '{meant}'?"
                    ));
                    let key = key.strip_suffix(factory).unwrap_or_default();
                    finding.with_nearest(format!("{key}{meant}"))
                }
                None => finding(format!("no plugin is called '{factory}'")),
            }),
        }
    })
    .collect()
}

fn unknown_keys(
    configuration: &Configuration,
    schemas: &[Schema],
    is_asked: &dyn Fn(&str) -> bool,
) -> Vec<Finding> {
    let mistakes = configuration.set_values().filter_map(|(key, _, origin)| {
        let (scheme, name) = split(key)?;
        let is_known = SCHEME_OPTIONS.iter().any(|option| option.is_named(name))
            || schemas.iter().any(|schema| schema.option(key).is_some());
        (!is_known && is_asked(scheme)).then_some((key, scheme, name, origin))
    });
    mistakes
        .map(|(key, scheme, name, origin)| {
            let finding = |message| Finding::new(FindingKind::UnknownKey, key, origin.clone(), message);
            match nearest(name, SCHEME_OPTIONS.iter().map(SchemeOption::name)) {
                Some(meant) => {
                    let meant = format!("fs.{scheme}.{meant}");
                    finding(format!("unknown key '{key}'; did you mean '{meant}'?")).with_nearest(meant)
                }
                None => finding(format!(
                    "unknown key '{key}'; remove it, or correct it: `fsplug config keys host` lists the known ones"
                )),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Origin;
    use plugin_api::{Config, ConfigOption, ValueType};

    fn configuration(pairs: &[(&str, &str)]) -> Configuration {
        let mut configuration = Configuration::default();
        configuration.extend(&Config::from_pairs(pairs.iter().copied()), &Origin::Program);
        configuration
    }

    #[test]
    fn a_key_about_a_scheme_that_is_none_is_found_with_what_was_meant() {
        let configuration = configuration(&[
            ("fs.s3.limit.totl", "1"),
            ("fs.s3.limit.frobnicate", "1"),
            ("fs.s3.plugin.name", "1"),
            ("fs.s3.limit.total", "1"),
            ("fs.s3.priority.any", "1"),
            ("fs.gs.limit.inputs", "1"),
            ("fs.gs.endpoint", "x"),
            ("fs.odd.limit.known", "1"),
        ]);
        let known = ConfigOption::new("fs.odd.limit.known", ValueType::Integer);
        let schemas = [Schema::of(&[known], &[], "")];
        let found = |is_asked: &dyn Fn(&str) -> bool| -> Vec<(String, String)> {
            let findings = review_schemes(&configuration, &schemas, &["any"], is_asked).into_iter();
            findings.map(|finding| (finding.key, finding.nearest)).collect()
        };
        let row = |key: &str, nearest: &str| (key.to_owned(), nearest.to_owned());
        let of_s3 = vec![
            row("fs.s3.limit.frobnicate", ""),
            row("fs.s3.limit.totl", "fs.s3.limit.total"),
            row("fs.s3.plugin.name", ""),
        ];
        assert_eq!(found(&|scheme| scheme == "s3"), of_s3);
        let of_gs = row("fs.gs.limit.inputs", "fs.gs.limit.input");
        assert_eq!(found(&|_| true), [vec![of_gs], of_s3].concat());
    }

    #[test]
    fn a_priority_of_what_is_no_plugin_is_said_to_have_no_effect() {
        let hadoop = "fs.s3.priority.org.apache.flink.fs.s3hadoop.S3FileSystemFactory";
        let native = "fs.s3.priority.org.apache.flink.fs.s3native.NativeS3FileSystemFactory";
        let configuration = configuration(&[
            (hadoop, "5"),
            (native, "5"),
            ("fs.s3.priority.s3-natve", "1"),
            ("fs.s3.priority.s3-native", "1"),
            ("fs.s3.priority.frobnicate", "1"),
        ]);
        let found = |plugins: &[&str]| -> Vec<(String, String, String)> {
            let findings = review_schemes(&configuration, &[], plugins, &|_| true).into_iter();
            findings
                .map(|finding| (finding.key, finding.message, finding.nearest))
                .collect()
        };
        let with = found(&["s3-native"]);
        let keys: Vec<&str> = with.iter().map(|(key, ..)| key.as_str()).collect();
        assert_eq!(
            keys,
            ["fs.s3.priority.frobnicate", hadoop, "fs.s3.priority.s3-natve"]
        );
        assert!(with[1].1.contains("no plugin takes the place"), "{with:?}");
        assert_eq!(with[2].2, "fs.s3.priority.s3-native");
        let without = found(&[]);
        assert_eq!(without.len(), 5);
        assert!(
            without[2].1.contains("the plugin s3-native is not there"),
            "{without:?}"
        );
    }
}
