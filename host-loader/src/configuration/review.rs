//! The review of a configuration against what plugins say that they understand.

use plugin_api::{OptionInfo, Schema, ValueType};

use super::host_options::is_of_host;
use super::nearest::{nearest, slip};
use super::{Configuration, Finding, FindingKind, Origin};

/// Every finding about the keys of one plugin, in the order in which they stand. A key that one of the other
/// plugins knows is no mistake.
pub(crate) fn review(configuration: &Configuration, schema: &Schema, others: &[Schema]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, value, origin) in configuration.set_values() {
        let known = schema
            .option(key)
            .or_else(|| schema.scoped(key).map(|scoped| scoped.option));
        match known {
            Some(option) => findings.extend(no_effect(option, key, value, origin)),
            None if is_mistake(key, schema, others) => findings.push(unknown(key, origin, schema)),
            None => {}
        }
    }
    for option in schema.options() {
        findings.extend(contradictions(configuration, schema, option));
    }
    findings.sort_by(|a, b| a.origin.cmp(&b.origin));
    findings
}

/// The first finding about an unknown key, and how many of these there are.
pub(crate) fn first_unknown(findings: &[Finding]) -> Option<(&Finding, usize)> {
    let unknown = || {
        findings
            .iter()
            .filter(|finding| finding.kind == FindingKind::UnknownKey)
    };
    Some((unknown().next()?, unknown().count()))
}

fn is_mistake(key: &str, schema: &Schema, others: &[Schema]) -> bool {
    let is_scoped = !schema.scope_prefix().is_empty() && key.starts_with(schema.scope_prefix());
    let is_known_elsewhere = || {
        let knows = |other: &Schema| other.option(key).is_some() || other.scoped(key).is_some();
        others.iter().any(knows)
    };
    (schema.owns(key) || is_scoped) && !is_of_host(key) && !is_known_elsewhere()
}

fn no_effect(option: &OptionInfo, key: &str, value: &str, origin: &Origin) -> Option<Finding> {
    // Whoever asks for what is the case anyway has what was asked for.
    let is_default = option
        .default
        .as_ref()
        .is_some_and(|default| default.eq_ignore_ascii_case(value));
    if option.no_effect.is_empty() || is_default {
        return None;
    }
    let message = format!("'{key}' has no effect: {}", option.no_effect);
    Some(Finding::new(FindingKind::NoEffect, key, origin.clone(), message))
}

fn unknown(key: &str, origin: &Origin, schema: &Schema) -> Finding {
    let (problem, meant) = match key.strip_prefix(schema.scope_prefix()) {
        Some(rest) if !schema.scope_prefix().is_empty() => unknown_in_scope(rest, schema),
        _ => (
            format!("unknown key '{key}'"),
            scoped_elsewhere(key, schema).or_else(|| similar(key, schema).map(str::to_owned)),
        ),
    };
    let finding = |message| Finding::new(FindingKind::UnknownKey, key, origin.clone(), message);
    match meant {
        Some(meant) => finding(format!("{problem}; did you mean '{meant}'?")).with_nearest(meant),
        None => finding(format!(
            "{problem}; remove it, or correct it: `fsplug config keys` lists the known ones"
        )),
    }
}

/// The key for one authority that another product spells in its own way, as Hadoop does with
/// `fs.s3a.bucket.<bucket>.endpoint.region`.
fn scoped_elsewhere(key: &str, schema: &Schema) -> Option<String> {
    let rest = schema.without_prefix(key);
    let rest = rest.strip_prefix(schema.scope_noun())?.strip_prefix('.')?;
    let options = schema.options().iter();
    options
        .filter_map(|option| Some((option, option.scoped.first()?)))
        .flat_map(|(option, native)| {
            let names = option.names().map(|name| schema.without_prefix(name));
            names
                .chain(option.scoped.iter().map(String::as_str))
                .map(move |name| (name, native))
        })
        .filter_map(|(name, native)| Some((rest.strip_suffix(name)?.strip_suffix('.')?, native)))
        .filter(|(scope, _)| !scope.is_empty())
        .min_by_key(|(scope, _)| scope.len())
        .map(|(scope, native)| format!("{}{scope}.{native}", schema.scope_prefix()))
}

/// The name of an option that a key is like: the same behind another prefix, or a slip away.
fn similar<'a>(key: &str, schema: &'a Schema) -> Option<&'a str> {
    let names = || schema.options().iter().flat_map(OptionInfo::names);
    let bare = letters(schema.without_prefix(key));
    names()
        .find(|name| letters(schema.without_prefix(name)) == bare)
        .or_else(|| nearest(key, names()))
}

/// The letters and digits of a name: what its spellings have in common.
fn letters(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// What is wrong with a key behind the scope prefix, and which key was probably meant.
fn unknown_in_scope(rest: &str, schema: &Schema) -> (String, Option<String>) {
    let (prefix, noun) = (schema.scope_prefix(), schema.scope_noun());
    let key = format!("{prefix}{rest}");
    let names = || schema.options().iter().flat_map(|option| &option.scoped);
    let bare = rest.trim_start_matches('.');
    if names().any(|name| name == bare) {
        return (
            format!("'{key}' names no {noun}"),
            Some(format!("{prefix}<{noun}>.{bare}")),
        );
    }
    let for_all = schema.options().iter().find(|option| {
        let name = schema.without_prefix(&option.key);
        option.scoped.is_empty()
            && rest
                .strip_suffix(name)
                .is_some_and(|scope| scope.len() > 1 && scope.ends_with('.'))
    });
    if let Some(option) = for_all {
        return (
            format!("'{key}' sets nothing, since this option counts for every {noun} alike"),
            Some(option.key.clone()),
        );
    }
    // The end of the key, as many segments as the name has, is compared with each name.
    let meant = names()
        .filter_map(|name| {
            let segments = name.split('.').count();
            let (at, _) = rest.rmatch_indices('.').nth(segments - 1)?;
            let (scope, end) = (&rest[..at], &rest[at + 1..]);
            let distance = slip(end, name)?;
            (!scope.is_empty()).then(|| (distance, format!("{prefix}{scope}.{name}")))
        })
        .min_by_key(|(distance, _)| *distance);
    (
        format!("'{key}' ends with the name of no option of a {noun}"),
        meant.map(|(_, key)| key),
    )
}

/// Where several spellings of an option are set to different things: one finding for each scope and sub-key.
fn contradictions(configuration: &Configuration, schema: &Schema, option: &OptionInfo) -> Vec<Finding> {
    // What does nothing contradicts nothing.
    if !option.no_effect.is_empty() {
        return Vec::new();
    }
    // Each setting with the place of its spelling in the order of preference.
    let mut set: Vec<(Setting<'_>, usize)> = Vec::new();
    for (key, value, origin) in configuration.set_values() {
        let setting = |target| Setting {
            target,
            key,
            value,
            origin,
        };
        if let Some(scoped) = schema.scoped(key).filter(|scoped| scoped.option == option) {
            let rank = option.scoped.iter().position(|name| name == scoped.name);
            set.push((
                setting((Some(scoped.scope), scoped.sub_key)),
                rank.unwrap_or_default(),
            ));
        } else if let Some(rank) = option.names().position(|name| name == key) {
            set.push((setting((None, None)), rank));
        } else if option.value_type == ValueType::Map {
            let sub_key = option
                .names()
                .enumerate()
                .find_map(|(rank, name)| Some((rank, key.strip_prefix(name)?.strip_prefix('.')?)));
            set.extend(sub_key.map(|(rank, sub_key)| (setting((None, Some(sub_key))), rank)));
        }
    }
    set.sort_by(|(a, a_rank), (b, b_rank)| (a.target, a_rank).cmp(&(b.target, b_rank)));
    set.chunk_by(|(a, _), (b, _)| a.target == b.target)
        .filter_map(|spellings| {
            let (winner, _) = spellings.first()?;
            let ignored: Vec<String> = spellings
                .iter()
                .filter(|(other, _)| other.value != winner.value)
                .map(|(other, _)| format!("'{}' ({})", other.key, other.origin))
                .collect();
            let (verb, says) = match ignored.len() {
                0 => return None,
                1 => ("is", "says"),
                _ => ("are", "say"),
            };
            let message = format!(
                "'{}' counts; {} {verb} ignored and {says} something else",
                winner.key,
                ignored.join(" and ")
            );
            let origin = winner.origin.clone();
            Some(Finding::new(
                FindingKind::Contradiction,
                winner.key,
                origin,
                message,
            ))
        })
        .collect()
}

/// One key that is set, and what it sets: for whom, and which sub-key of a map.
struct Setting<'a> {
    target: (Option<&'a str>, Option<&'a str>),
    key: &'a str,
    value: &'a str,
    origin: &'a Origin,
}

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_api::ConfigOption;

    const OPTIONS: &[ConfigOption] = &[
        ConfigOption::new("s3.region", ValueType::Text)
            .aliases(&["fs.s3a.endpoint.region"])
            .scoped(&["region"]),
        ConfigOption::new("s3.access-key", ValueType::Text)
            .aliases(&["s3.access.key", "fs.s3a.access.key"])
            .scoped(&["access-key"]),
        ConfigOption::new("s3.provider", ValueType::Text)
            .scoped(&["credentials.provider", "aws.credentials.provider"]),
        ConfigOption::new("s3.connection.max", ValueType::Integer),
        ConfigOption::new("s3.context", ValueType::Map)
            .aliases(&["s3.ctx"])
            .scoped(&["sse.context"]),
        ConfigOption::new("s3.crt.enabled", ValueType::Bool)
            .default("false")
            .aliases(&["s3.crt"])
            .no_effect("The transport is always hyper."),
    ];

    fn schema() -> Schema {
        Schema::of(OPTIONS, &["s3.", "s3a.", "fs.s3a.", "fs.s3."], "s3.bucket.")
    }

    fn found(pairs: &[(&str, &str)]) -> Vec<(FindingKind, String, String)> {
        let mut configuration = Configuration::default();
        for (key, value) in pairs {
            configuration.set(*key, *value, Origin::CommandLine);
        }
        review(&configuration, &schema(), &[])
            .into_iter()
            .map(|finding| (finding.kind, finding.message, finding.nearest))
            .collect()
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest_one() {
        for (key, nearest) in [
            ("s3.acess-key", "s3.access-key"),
            ("s3.access_key", "s3.access-key"),
            ("s3a.access-key", "s3.access-key"),
            ("fs.s3a.acces.key", "fs.s3a.access.key"),
            ("fs.s3a.region", "s3.region"),
            ("s3.connection.maximum", "s3.connection.max"),
            ("s3.frobnicate", ""),
            ("s3.bucket.my.logs.regoin", "s3.bucket.my.logs.region"),
            (
                "s3.bucket.b.aws.credential.provider",
                "s3.bucket.b.aws.credentials.provider",
            ),
            (
                "s3.bucket.b.credentials.provder",
                "s3.bucket.b.credentials.provider",
            ),
            ("s3.bucket.region", "s3.bucket.<bucket>.region"),
            ("s3.bucket..region", "s3.bucket.<bucket>.region"),
            ("s3.bucket.b.connection.max", "s3.connection.max"),
            ("fs.s3a.bucket.my.logs.access-key", "s3.bucket.my.logs.access-key"),
            (
                "fs.s3a.bucket.my.logs.endpoint.region",
                "s3.bucket.my.logs.region",
            ),
            ("fs.s3a.bucket.region", ""),
            ("s3.bucket.b", ""),
            ("s3.bucket.", ""),
        ] {
            let findings = found(&[(key, "canary")]);
            let [(kind, message, meant)] = findings.as_slice() else {
                panic!("{key}: {findings:?}");
            };
            assert_eq!(
                (*kind, meant.as_str()),
                (FindingKind::UnknownKey, nearest),
                "{message}"
            );
            assert!(message.contains(&format!("'{key}'")), "{message}");
            assert!(
                message.contains(nearest) && !message.contains("canary"),
                "{message}"
            );
        }
    }

    #[test]
    fn what_is_known_or_somebody_elses_is_no_mistake() {
        let pairs = [
            ("s3.region", "r"),
            ("fs.s3a.access.key", "k"),
            ("s3.context.any.thing", "v"),
            ("s3.bucket.b.c.region", "r"),
            ("fs.s3.limit.total", "5"),
            ("fs.s3.priority.X", "1"),
            ("fs.s3.plugin", "s3-native"),
            ("fs.default-scheme", "s3://b/"),
            ("state.backend", "rocksdb"),
            ("fs.gs.project", "p"),
            ("s3.crt.enabled", "FALSE"),
            ("s3.typo", " "),
        ];
        assert_eq!(found(&pairs), []);
        let mut configuration = Configuration::default();
        configuration.set("s3.other", "x", Origin::Program);
        let option = ConfigOption::new("s3.other", ValueType::Text);
        let other = Schema::of(&[option], &["s3."], "");
        assert_eq!(review(&configuration, &schema(), &[other]), []);
    }

    #[test]
    fn findings_come_in_the_order_of_the_lines() {
        let mut configuration = Configuration::default();
        for (key, line) in [("s3.a.b.c", 10), ("s3.x.y.z", 2), ("s3.crt.enabled", 9)] {
            let path = "c.yaml".into();
            configuration.set(key, "true", Origin::File { path, line });
        }
        let findings = review(&configuration, &schema(), &[]);
        let keys: Vec<&str> = findings.iter().map(|finding| finding.key.as_str()).collect();
        assert_eq!(keys, ["s3.x.y.z", "s3.crt.enabled", "s3.a.b.c"]);
    }

    #[test]
    fn a_key_without_effect_says_why() {
        let findings = found(&[("s3.crt.enabled", "true")]);
        let message = "'s3.crt.enabled' has no effect: The transport is always hyper.";
        assert_eq!(
            findings,
            [(FindingKind::NoEffect, message.to_owned(), String::new())]
        );
    }

    #[test]
    fn of_spellings_that_differ_the_finding_says_which_one_counts() {
        let findings = found(&[
            ("fs.s3a.access.key", "a"),
            ("s3.access.key", "b"),
            ("s3.access-key", "c"),
        ]);
        assert_eq!(findings.len(), 1);
        assert_eq!(
            findings[0].1,
            "'s3.access-key' counts; 's3.access.key' (-D) and 'fs.s3a.access.key' (-D) are ignored and say something else"
        );
        for same in [
            &[("s3.access-key", "a"), ("s3.access.key", " a ")][..],
            &[("s3.access-key", " "), ("s3.access.key", "a")],
            &[("s3.region", "a"), ("s3.bucket.b.region", "b")],
            &[("s3.bucket.c.region", "a"), ("s3.bucket.b.region", "b")],
            &[("s3.context.a", "1"), ("s3.ctx.b", "2")],
            &[("s3.crt.enabled", "false"), ("s3.crt", "FALSE")],
        ] {
            assert_eq!(found(same), [], "{same:?}");
        }
        for (pairs, winner) in [
            (
                [
                    ("s3.bucket.b.credentials.provider", "a"),
                    ("s3.bucket.b.aws.credentials.provider", "b"),
                ],
                "'s3.bucket.b.credentials.provider' counts",
            ),
            (
                [("s3.ctx.a", "1"), ("s3.context.a", "2")],
                "'s3.context.a' counts",
            ),
        ] {
            let findings = found(&pairs);
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert!(findings[0].1.starts_with(winner), "{findings:?}");
        }
    }
}
