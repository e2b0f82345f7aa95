//! [`Schema`]: which options there are, and which key of a configuration sets one of them for whom.

use std::collections::BTreeSet;

use super::Config;
use crate::{ConfigOption, OptionInfo, ValueType};

/// The options of a plugin, and the rules by which the keys of a configuration set them.
///
/// An option is set by its key, or else by the first alias that is set. Where it has names for one
/// authority alone, such as a bucket, `<scope prefix><authority>.<name>` comes before both. Authorities
/// may contain dots: of the names that such a key ends with the longest counts. Blank values are none.
///
/// ```
/// use plugin_api::{Config, ConfigOption, Schema, ValueType};
///
/// const REGION: ConfigOption = ConfigOption::new("s3.region", ValueType::Text).scoped(&["region"]);
///
/// let schema = Schema::of(&[REGION], &["s3."], "s3.bucket.");
/// let config = Config::from_pairs([("s3.region", "eu-west-1"), ("s3.bucket.my.logs.region", "us-east-2")]);
/// assert_eq!(schema.in_scope(&config, "my.logs").text(&REGION), Some("us-east-2"));
/// assert_eq!(schema.in_scope(&config, "logs").text(&REGION), Some("eu-west-1"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    options: Vec<OptionInfo>,
    owned_prefixes: Vec<String>,
    scope_prefix: String,
}

/// A key that counts for one authority alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scoped<'a> {
    /// The authority, such as a bucket.
    pub scope: &'a str,
    /// What it sets.
    pub option: &'a OptionInfo,
    /// Which of the option's names it has.
    pub name: &'a str,
    /// For a map option, the sub-key.
    pub sub_key: Option<&'a str>,
}

/// What sets an option, and to what.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Effective<'a> {
    /// The option.
    pub option: &'a OptionInfo,
    /// The keys that set it and their values; more than one for a map of sub-keys, none if the default
    /// counts.
    pub pairs: Vec<(&'a str, &'a str)>,
    /// Whether the keys count for the one authority alone.
    pub is_scoped: bool,
}

impl Schema {
    /// A schema of a manifest's options.
    pub fn new(options: Vec<OptionInfo>, owned_prefixes: Vec<String>, scope_prefix: String) -> Self {
        Self {
            options,
            owned_prefixes,
            scope_prefix,
        }
    }

    /// A schema of constants.
    pub fn of(options: &[ConfigOption], owned_prefixes: &[&str], scope_prefix: &str) -> Self {
        Self::new(
            options.iter().map(OptionInfo::from).collect(),
            owned_prefixes.iter().map(|&prefix| prefix.to_owned()).collect(),
            scope_prefix.to_owned(),
        )
    }

    /// Every option.
    pub fn options(&self) -> &[OptionInfo] {
        &self.options
    }

    /// What the keys begin with that count for one authority alone, or "".
    pub fn scope_prefix(&self) -> &str {
        &self.scope_prefix
    }

    /// What an authority is called, by the scope prefix: `bucket` for `s3.bucket.`.
    pub fn scope_noun(&self) -> &str {
        let segments = self.scope_prefix.trim_end_matches('.');
        segments.rsplit('.').next().unwrap_or_default()
    }

    /// A key without the longest owned prefix that it begins with.
    pub fn without_prefix<'a>(&self, key: &'a str) -> &'a str {
        let rests = self
            .owned_prefixes
            .iter()
            .filter_map(|prefix| key.strip_prefix(prefix));
        rests.min_by_key(|rest| rest.len()).unwrap_or(key)
    }

    /// Whether nobody else reads a key: an owned one that no option knows is a mistake.
    pub fn owns(&self, key: &str) -> bool {
        self.owned_prefixes.iter().any(|prefix| key.starts_with(prefix))
    }

    /// The option that a key sets for all authorities; for a map also by a sub-key.
    pub fn option(&self, key: &str) -> Option<&OptionInfo> {
        let is_named = |option: &&OptionInfo| option.names().any(|name| sets(option, name, key));
        self.options.iter().find(is_named)
    }

    /// What a key sets for one authority alone. None if it does not begin with the scope prefix, names no
    /// authority, or ends with the name of no option.
    pub fn scoped<'a>(&'a self, key: &'a str) -> Option<Scoped<'a>> {
        let rest = key.strip_prefix(self.scope_prefix.as_str())?;
        if self.scope_prefix.is_empty() {
            return None;
        }
        let all = self
            .options
            .iter()
            .flat_map(|option| option.scoped.iter().map(move |name| (option, name.as_str())));
        all.filter_map(|(option, name)| split(rest, option, name))
            .min_by_key(|scoped| scoped.scope.len())
    }

    /// Every authority for which the configuration sets something.
    pub fn scopes<'a>(&'a self, config: &'a Config) -> BTreeSet<&'a str> {
        config
            .iter()
            .filter(|(_, value)| !value.trim().is_empty())
            .filter_map(|(key, _)| Some(self.scoped(key)?.scope))
            .collect()
    }

    /// What each option is set to, for one authority or, without one, for all that set nothing of their
    /// own, in the order of the options.
    pub fn effective<'a>(&'a self, config: &'a Config, scope: Option<&str>) -> Vec<Effective<'a>> {
        let own: Vec<(Scoped<'a>, &'a str, &'a str)> = config
            .iter()
            .filter(|(_, value)| !value.trim().is_empty())
            .filter_map(|(key, value)| Some((self.scoped(key)?, key, value)))
            .filter(|(scoped, ..)| Some(scoped.scope) == scope)
            .collect();
        let is_own_group =
            |group: &str| !group.is_empty() && own.iter().any(|(scoped, ..)| scoped.option.group == group);
        self.options
            .iter()
            .map(|option| {
                let of_option = own.iter().filter(|(scoped, ..)| scoped.option == option);
                // Of several spellings the first one counts.
                let name = option
                    .scoped
                    .iter()
                    .find(|name| of_option.clone().any(|(scoped, ..)| scoped.name == *name));
                let (pairs, is_scoped) = match name {
                    Some(name) => {
                        let pairs = of_option.filter(|(scoped, ..)| scoped.name == *name);
                        (pairs.map(|(_, key, value)| (*key, *value)).collect(), true)
                    }
                    None if is_own_group(&option.group) => (Vec::new(), true),
                    None => (global(config, option), false),
                };
                Effective {
                    option,
                    pairs,
                    is_scoped,
                }
            })
            .collect()
    }

    /// The configuration as it is for one authority: what is set for it alone stands under the options'
    /// own keys. Keys of other authorities stay as they are.
    pub fn in_scope(&self, config: &Config, scope: &str) -> Config {
        let mut merged = config.clone();
        for effective in self.effective(config, Some(scope)) {
            if !effective.is_scoped {
                continue;
            }
            let option = effective.option;
            let replaced: Vec<&str> = config
                .iter()
                .filter(|(key, _)| option.names().any(|name| sets(option, name, key)))
                .map(|(key, _)| key)
                .collect();
            for key in replaced {
                merged.remove(key);
            }
            for (key, value) in effective.pairs {
                let sub_key = self.scoped(key).and_then(|scoped| scoped.sub_key);
                let key = sub_key.map_or(option.key.clone(), |sub_key| format!("{}.{sub_key}", option.key));
                merged.set(key, value);
            }
        }
        merged
    }
}

/// Whether a key is this name of an option, or for a map a sub-key of it.
fn sets(option: &OptionInfo, name: &str, key: &str) -> bool {
    let is_map = option.value_type == ValueType::Map;
    key.strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || (is_map && rest.len() > 1 && rest.starts_with('.')))
}

/// Takes `my.bucket.sse.type` apart if it ends with this name of the option.
fn split<'a>(rest: &'a str, option: &'a OptionInfo, name: &'a str) -> Option<Scoped<'a>> {
    let (scope, sub_key) = match rest.strip_suffix(name).and_then(|rest| rest.strip_suffix('.')) {
        Some(scope) => (scope, None),
        None if option.value_type == ValueType::Map => {
            let (scope, sub_key) = rest.split_once(&format!(".{name}."))?;
            (scope, Some(sub_key))
        }
        None => return None,
    };
    (!scope.is_empty() && sub_key != Some("")).then_some(Scoped {
        scope,
        option,
        name,
        sub_key,
    })
}

/// What sets an option for all authorities.
fn global<'a>(config: &'a Config, option: &OptionInfo) -> Vec<(&'a str, &'a str)> {
    let set = |name: &str| -> Vec<(&'a str, &'a str)> {
        config
            .iter()
            .filter(|(key, value)| !value.trim().is_empty() && sets(option, name, key))
            .collect()
    };
    if option.value_type == ValueType::Map {
        // All spellings together, as `Config::map` reads them.
        return option.names().flat_map(set).collect();
    }
    option
        .names()
        .map(set)
        .find(|pairs| !pairs.is_empty())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: ConfigOption = ConfigOption::new("s3.region", ValueType::Text)
        .aliases(&["fs.s3a.endpoint.region"])
        .scoped(&["region"]);
    const KEY: ConfigOption = ConfigOption::new("s3.access-key", ValueType::Text)
        .scoped(&["access-key"])
        .group("credentials");
    const PROVIDER: ConfigOption = ConfigOption::new("s3.provider", ValueType::Text)
        .scoped(&["credentials.provider", "aws.credentials.provider"])
        .group("credentials");
    const CONTEXT: ConfigOption = ConfigOption::new("s3.context", ValueType::Map).scoped(&["sse.context"]);

    fn schema() -> Schema {
        Schema::of(&[REGION, KEY, PROVIDER, CONTEXT], &["s3."], "s3.bucket.")
    }

    #[test]
    fn the_longest_name_of_an_option_ends_the_authority() {
        let schema = schema();
        for (key, scope, option, sub_key) in [
            ("s3.bucket.b.region", "b", "s3.region", None),
            ("s3.bucket.my.logs.region", "my.logs", "s3.region", None),
            ("s3.bucket.region.region", "region", "s3.region", None),
            ("s3.bucket.b.aws.credentials.provider", "b", "s3.provider", None),
            (
                "s3.bucket.b.c.sse.context.region",
                "b.c",
                "s3.context",
                Some("region"),
            ),
            ("s3.bucket.b.sse.context", "b", "s3.context", None),
        ] {
            let scoped = schema.scoped(key).unwrap();
            assert_eq!(
                (scoped.scope, scoped.option.key.as_str(), scoped.sub_key),
                (scope, option, sub_key),
                "{key}"
            );
        }
        for key in [
            "s3.bucket..region",
            "s3.bucket.region",
            "s3.bucket.b.regions",
            "s3.region",
        ] {
            assert_eq!(schema.scoped(key), None, "{key}");
        }
    }

    #[test]
    fn an_authority_inherits_what_it_does_not_set_but_no_part_of_a_group() {
        let config = Config::from_pairs([
            ("fs.s3a.endpoint.region", "global"),
            ("s3.access-key", "global"),
            ("s3.provider", "global"),
            ("s3.context.a", "1"),
            ("s3.bucket.b.access-key", "own"),
            ("s3.bucket.b.sse.context.x", "2"),
            ("s3.bucket.c.region", "own"),
            ("s3.bucket.d.region", " "),
        ]);
        let schema = schema();
        let of = |scope| {
            let merged = schema.in_scope(&config, scope);
            let text = |option: &ConfigOption| merged.text(option).unwrap_or("-").to_owned();
            let context = merged.map(&CONTEXT).unwrap().into_keys().collect::<String>();
            [text(&REGION), text(&KEY), text(&PROVIDER), context]
        };
        assert_eq!(of("b"), ["global", "own", "-", "x"]);
        assert_eq!(of("c"), ["own", "global", "global", "a"]);
        assert_eq!(of("d"), ["global", "global", "global", "a"]);
        assert_eq!(schema.scopes(&config), BTreeSet::from(["b", "c"]));
    }

    #[test]
    fn what_is_effective_names_the_keys_that_set_it() {
        let config = Config::from_pairs([
            ("s3.region", "one"),
            ("fs.s3a.endpoint.region", "two"),
            ("s3.context.a", "1"),
            ("s3.context.b", "2"),
            ("s3.bucket.b.aws.credentials.provider", "p"),
        ]);
        let schema = schema();
        let keys = |scope| -> Vec<Vec<String>> {
            let effective = schema.effective(&config, scope).into_iter();
            let keys = |e: Effective<'_>| e.pairs.iter().map(|(key, _)| (*key).to_owned()).collect();
            effective.map(keys).collect()
        };
        assert_eq!(
            keys(Some("b")),
            [
                vec!["s3.region"],
                vec![],
                vec!["s3.bucket.b.aws.credentials.provider"],
                vec!["s3.context.a", "s3.context.b"],
            ]
        );
        assert_eq!(keys(None)[2], Vec::<String>::new());
    }

    #[test]
    fn a_key_is_known_by_every_name_and_maps_by_their_sub_keys() {
        let schema = schema();
        let known = |key| schema.option(key).map(|option| option.key.as_str());
        assert_eq!(known("fs.s3a.endpoint.region"), Some("s3.region"));
        assert_eq!(known("s3.context.any.thing"), Some("s3.context"));
        assert_eq!(known("s3.context."), None);
        assert_eq!(known("s3.region.x"), None);
        assert!(schema.owns("s3.typo") && !schema.owns("fs.s3a.typo"));
        assert_eq!(schema.scope_noun(), "bucket");
        let all = Schema::of(&[], &["fs.", "fs.s3a."], "");
        assert_eq!(all.without_prefix("fs.s3a.region"), "region");
        assert_eq!(all.without_prefix("s3.region"), "s3.region");
    }
}
