//! `fsplug config keys`, which also writes the pages of keys in the book.

use std::fmt::Write as _;
use std::path::Path;

use host_loader::FileSystems;
use host_loader::configuration::{HOST, host_schema};
use host_loader::plugin_api::{Error, ErrorKind, OptionInfo, Schema, ValueType};
use serde::Serialize;

use crate::cli::KeysArguments;
use crate::failure::Failure;
use crate::session::Session;
use crate::table;

/// The JSON form of a key.
#[derive(Serialize)]
struct KeyRecord<'a> {
    plugin: &'a str,
    #[serde(flatten)]
    option: &'a OptionInfo,
    /// What the keys begin with that set it for one bucket or other authority alone; "" if there are none.
    scope_prefix: &'a str,
}

/// Lists the keys.
pub(super) fn run(session: &mut Session, arguments: &KeysArguments) -> Result<(), Failure> {
    let schemas = schemas(&session.file_systems, arguments.plugin.as_deref())?;
    let output = &mut session.output;
    if arguments.markdown {
        let pages: Vec<String> = schemas.iter().map(|(name, schema)| page(name, schema)).collect();
        output.content(pages.join("\n").as_bytes())?;
    } else if output.is_json() {
        for (plugin, schema) in &schemas {
            for option in schema.options() {
                output.record(&KeyRecord {
                    plugin,
                    option,
                    scope_prefix: schema.scope_prefix(),
                })?;
            }
        }
    } else {
        let head = ["KEY", "TYPE", "DEFAULT", "LEGAL"].map(str::to_owned);
        let options = schemas.iter().flat_map(|(_, schema)| schema.options());
        let rows: Vec<[String; 4]> = std::iter::once(head).chain(options.map(row)).collect();
        for line in table::aligned(&rows) {
            output.line(&line)?;
        }
    }
    output.flush()
}

/// The schemas that were asked for, by the name of the plugin.
fn schemas(file_systems: &FileSystems, plugin: Option<&str>) -> Result<Vec<(String, Schema)>, Error> {
    let of_plugins = |file_systems: &FileSystems| -> Vec<(String, Schema)> {
        let reports = file_systems.plugins().into_iter();
        reports
            .filter(|report| report.shadowed_by.is_none())
            .filter_map(|report| Some((report.name, report.manifest?.schema())))
            .collect()
    };
    let is_library = |name: &&str| name.contains('/') || Path::new(name).extension() == Some("so".as_ref());
    if let Some(library) = plugin.filter(is_library) {
        let builder = FileSystems::builder().search_environment(false);
        return Ok(of_plugins(&builder.plugin_file(library).build()?));
    }
    let mut all = vec![(HOST.to_owned(), host_schema())];
    all.extend(of_plugins(file_systems));
    let Some(name) = plugin else {
        return Ok(all);
    };
    let names: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
    let found = all.into_iter().find(|(other, _)| other == name);
    found.map(|found| vec![found]).ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("no plugin is called '{name}'; there are {}", names.join(", ")),
        )
        .with_remedy("correct the name, name the plugin's library, or its directory with --plugins")
    })
}

fn row(option: &OptionInfo) -> [String; 4] {
    let legal = match (option.no_effect.is_empty(), option.secret) {
        (false, _) => "has no effect",
        (true, false) if !option.range.is_empty() => &option.range,
        (true, false) if option.value_type == ValueType::Bool => "true or false",
        (true, false) => "",
        (true, true) => "never shown",
    };
    [
        option.key.clone(),
        option.value_type.as_str().to_owned(),
        option.default.clone().unwrap_or_else(|| "-".to_owned()),
        legal.to_owned(),
    ]
}

/// Everything about the keys of a plugin, in Markdown.
fn page(plugin: &str, schema: &Schema) -> String {
    let mut page = format!(
        "# Keys of {plugin}\n\nWritten by `fsplug config keys {plugin} --markdown`; do not edit by hand.\n"
    );
    for option in schema.options() {
        page.push_str(&section(option, schema));
    }
    page
}

fn section(option: &OptionInfo, schema: &Schema) -> String {
    let mut text = format!("\n## `{}`\n\n{}\n\n", option.key, option.description);
    // Writing to a `String` cannot fail.
    let _ = write!(text, "- type: {}", option.value_type.as_str());
    let _ = match &option.default {
        Some(default) => write!(text, "; default: `{default}`"),
        None => write!(text, "; no default"),
    };
    if !option.range.is_empty() {
        let _ = write!(text, "; legal: {}", option.range);
    }
    if option.secret {
        text.push_str("; secret");
    }
    text.push('\n');
    if !option.no_effect.is_empty() {
        let _ = writeln!(text, "- has no effect: {}", option.no_effect);
    }
    if !option.aliases.is_empty() {
        let _ = writeln!(text, "- also read: {}", code(&option.aliases));
    }
    if !option.scoped.is_empty() {
        let (prefix, noun) = (schema.scope_prefix(), schema.scope_noun());
        let keys = option
            .scoped
            .iter()
            .map(|name| format!("{prefix}<{noun}>.{name}"));
        let _ = write!(text, "- for one {noun}: {}", code(&keys.collect::<Vec<_>>()));
        let is_together =
            |other: &&OptionInfo| !option.group.is_empty() && other.group == option.group && *other != option;
        let together: Vec<String> = schema
            .options()
            .iter()
            .filter(is_together)
            .map(|other| other.key.clone())
            .collect();
        if !together.is_empty() {
            let _ = write!(
                text,
                "; a {noun} that sets it, or one of {}, inherits none of them",
                code(&together)
            );
        }
        text.push('\n');
    }
    if !option.since.is_empty() {
        let _ = writeln!(text, "- since version {}", option.since);
    }
    text
}

/// Names as code, with commas between them.
fn code(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_loader::plugin_api::ConfigOption;

    #[test]
    fn a_page_has_everything_that_is_known_about_a_key() {
        let schema = Schema::of(
            &[
                ConfigOption::new("x.key", ValueType::Text)
                    .aliases(&["y.key", "z.key"])
                    .secret()
                    .scoped(&["key", "own.key"])
                    .group("g")
                    .since("0.2.0")
                    .describe("Opens the door."),
                ConfigOption::new("x.name", ValueType::Text)
                    .scoped(&["name"])
                    .group("g"),
                ConfigOption::new("x.old", ValueType::Bool)
                    .default("false")
                    .range("true or false")
                    .no_effect("There is no door.")
                    .describe("Opened the door."),
            ],
            &["x."],
            "x.room.",
        );
        let page = page("house", &schema);
        let expected = "# Keys of house\n\n\
            Written by `fsplug config keys house --markdown`; do not edit by hand.\n\n\
            ## `x.key`\n\nOpens the door.\n\n\
            - type: text; no default; secret\n\
            - also read: `y.key`, `z.key`\n\
            - for one room: `x.room.<room>.key`, `x.room.<room>.own.key`; a room that sets it, or one of \
            `x.name`, inherits none of them\n\
            - since version 0.2.0\n";
        assert!(page.starts_with(expected), "{page}");
        let last = "## `x.old`\n\nOpened the door.\n\n\
            - type: bool; default: `false`; legal: true or false\n\
            - has no effect: There is no door.\n";
        assert!(page.ends_with(last), "{page}");
    }
}
