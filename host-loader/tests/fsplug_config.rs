//! `fsplug config`, and where `fsplug` takes its configuration from.

#[path = "support/artefacts.rs"]
mod artefacts;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "support/fsplug.rs"]
mod support;

use std::sync::LazyLock;

use serde_json::Value;
use support::Fsplug;
use tempfile::TempDir;

static PLUGINS: LazyLock<TempDir> = LazyLock::new(|| artefacts::plugin_directory(&artefacts::plugin()));

fn fsplug() -> Fsplug {
    Fsplug::new().env("FSPLUG_PLUGIN_PATH", PLUGINS.path().to_str().unwrap())
}

/// Key, value and origin of every option that is set.
fn explained(fsplug: &Fsplug, arguments: &[&str]) -> Vec<[String; 3]> {
    let records = fsplug
        .ok(&[&["--json"], arguments, &["config", "explain"]].concat())
        .json();
    let options = records.iter().filter(|record| record.get("finding").is_none());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    options
        .map(|option| ["key", "value", "origin"].map(|member| text(&option[member])))
        .collect()
}

fn row(key: &str, value: &str, origin: &str) -> [String; 3] {
    [key, value, origin].map(str::to_owned)
}

#[test]
fn each_source_wins_over_the_ones_before_it() {
    let fsplug = fsplug();
    fsplug.write(
        "config.yaml",
        "s3:\n  region: file\n  entropy.length: 1\ns3.entropy.key: _f_\ns3.endpoint: http://file\n",
    );
    let fsplug = fsplug
        .env("FSPLUG_CONFIG", "config.yaml")
        .env(
            "FLINK_PROPERTIES",
            "s3.region: flink\ns3.entropy.length: 2\ns3.endpoint: http://flink",
        )
        .env("FSPLUG_PROPERTIES", "\ns3.region: own\ns3.entropy.length: 3")
        .env("FSPLUG_S3_REGION", "variable");
    assert_eq!(
        explained(&fsplug, &["-D", "s3.access-key=line", "-D", "s3.endpoint="]),
        [
            row("s3.access-key", "line", "-D"),
            row("s3.region", "variable", "FSPLUG_S3_REGION"),
            row("s3.endpoint", "http://flink", "FLINK_PROPERTIES:3"),
            row("s3.entropy.key", "_f_", "config.yaml:4"),
            row("s3.entropy.length", "3", "FSPLUG_PROPERTIES:3"),
        ]
    );
}

#[test]
fn the_file_is_the_named_one_or_else_that_of_the_environment() {
    let fsplug = fsplug();
    fsplug.write("conf/flink-conf.yaml", "s3.region: legacy\n");
    let conf = fsplug.path("conf");
    let fsplug = fsplug.env("FLINK_CONF_DIR", conf.to_str().unwrap());
    let region = |fsplug: &Fsplug, arguments: &[&str]| explained(fsplug, arguments)[0][1].clone();
    assert_eq!(region(&fsplug, &[]), "legacy");
    fsplug.write("conf/config.yaml", "s3.region: flink\n");
    assert_eq!(region(&fsplug, &[]), "flink");
    fsplug.write("own.yaml", "s3.region: own\n");
    let fsplug = fsplug.env("FSPLUG_CONFIG", "own.yaml");
    assert_eq!(region(&fsplug, &[]), "own");
    fsplug.write("named.yaml", "s3.region: named\n");
    assert_eq!(region(&fsplug, &["--config", "named.yaml"]), "named");
}

#[test]
fn a_file_that_is_missing_or_malformed_ends_the_command_and_no_value_is_shown() {
    let fsplug = fsplug();
    fsplug
        .fails(2, &["--config", "missing.yaml", "ls"])
        .assert_names(&["missing.yaml", "; "]);
    fsplug.fails(2, &["--config", ".", "ls"]).assert_names(&["."]);
    fsplug.write("bad.yaml", "s3.region: canary\ns3.secret-key canary\n");
    let ended = fsplug.fails(2, &["--config", "bad.yaml", "ls"]);
    ended.assert_names(&["bad.yaml:2", "key: value"]);
    assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    let fsplug = fsplug.env("FSPLUG_CONFIG", "absent.yaml");
    let ended = fsplug.run(&["--json", "ls"]);
    assert_eq!(
        (ended.code, ended.json()[0]["error"]["kind"].as_str()),
        (2, Some("invalid-config"))
    );
    let error = &ended.json()[0]["error"];
    assert_eq!(error["path"], "absent.yaml");
    assert!(error["remedy"].as_str().unwrap().contains("FSPLUG_CONFIG"));
}

#[test]
fn a_variable_of_no_key_is_warned_of_with_the_nearest_one() {
    let fsplug = fsplug().env("FSPLUG_S3_ACESS_KEY", "canary");
    let ended = fsplug.run(&["ls"]);
    assert_eq!(ended.code, 0);
    ended.assert_readable();
    ended.assert_names(&["FSPLUG_S3_ACESS_KEY", "did you mean FSPLUG_S3_ACCESS_KEY?"]);
    assert!(!ended.stderr.contains("canary"));
    assert_eq!(fsplug.run(&["-q", "ls"]).stderr, "");
    let records = fsplug.ok(&["--json", "config", "explain"]).json();
    assert_eq!(records[0]["finding"]["kind"], "unknown-variable");
}

#[test]
fn an_explanation_shows_what_is_set_by_which_spelling_and_no_secret() {
    let fsplug = fsplug();
    fsplug.write(
        "config.yaml",
        "fs.s3a.secret.key: canary\nfs.s3a.access.key: AK\ns3.region: one\nfs.s3a.endpoint.region: two\n",
    );
    let text = fsplug.ok(&["--config", "config.yaml", "config", "explain", "s3://bucket/"]);
    let lines: Vec<Vec<&str>> = text
        .text()
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[0], ["KEY", "VALUE", "FOR", "ORIGIN"]);
    assert_eq!(
        lines[1],
        [
            "s3.access-key",
            "AK",
            "all",
            "config.yaml:2",
            "as",
            "fs.s3a.access.key"
        ]
    );
    assert_eq!(
        lines[2],
        [
            "s3.secret-key",
            "<redacted>",
            "all",
            "config.yaml:1",
            "as",
            "fs.s3a.secret.key"
        ]
    );
    assert!(
        text.text()
            .contains("'s3.region' counts; 'fs.s3a.endpoint.region' (config.yaml:4)")
    );
    let json = fsplug.ok(&["--json", "--config", "config.yaml", "config", "explain"]);
    assert!(!text.text().contains("canary") && !json.text().contains("canary"));
    let secret = &json.json()[1];
    assert_eq!(secret["set_by"], "fs.s3a.secret.key");
    assert_eq!(
        (&secret["plugin"], &secret["scope"]),
        (&"s3-native".into(), &Value::Null)
    );
}

#[test]
fn all_options_are_explained_on_request_with_their_defaults() {
    let fsplug = fsplug();
    let all = fsplug.ok(&["--json", "config", "explain", "--all"]).json();
    let of = |key: &str| all.iter().find(|option| option["key"] == key).unwrap();
    let part_size = of("s3.upload.min.part.size");
    assert_eq!(
        (&part_size["value"], &part_size["origin"]),
        (&"5242880".into(), &"default".into())
    );
    let unset = of("s3.access-key");
    assert_eq!((&unset["value"], &unset["origin"]), (&Value::Null, &Value::Null));
    assert_eq!(of("fs.strict-config")["plugin"], "host");
    let nothing = fsplug.run(&["config", "explain"]);
    assert_eq!((nothing.code, nothing.text()), (0, ""));
    nothing.assert_readable();
    nothing.assert_names(&["--all"]);
    fsplug.fails(8, &["config", "explain", "gopher://h/"]);
}

#[test]
fn keys_are_listed_by_plugin_by_library_and_for_the_program_itself() {
    let fsplug = fsplug();
    let keys = |arguments: &[&str]| -> Vec<String> {
        let ended = fsplug.ok(&[&["--json", "config", "keys"], arguments].concat());
        let records = ended.json().into_iter();
        records
            .map(|record| record["key"].as_str().unwrap().to_owned())
            .collect()
    };
    let of_host = keys(&["host"]);
    assert_eq!(of_host[..2], ["fs.default-scheme", "fs.strict-config"]);
    for key in [
        "fs.plugins.require-locked",
        "fs.plugins.require-signed",
        "fs.plugins.trial-load",
        "fs.<scheme>.limit.total",
        "fs.<scheme>.plugin",
        "fs.fallback-plugin",
    ] {
        assert!(of_host.contains(&key.to_owned()), "{key} in {of_host:?}");
    }
    let of_plugin = keys(&["s3-native"]);
    assert!(of_plugin.contains(&"s3.access-key".to_owned()));
    assert_eq!(keys(&[]), [keys(&["host"]), of_plugin.clone()].concat());
    assert_eq!(keys(&[artefacts::plugin().to_str().unwrap()]), of_plugin);
    let table = fsplug.ok(&["config", "keys", "s3-native"]);
    assert_eq!(table.text().lines().count(), of_plugin.len() + 1);
    fsplug
        .fails(2, &["config", "keys", "s4"])
        .assert_names(&["'s4'", "host, s3-native"]);
    fsplug
        .fails(8, &["config", "keys", "./missing.so"])
        .assert_names(&["missing.so"]);
}

#[test]
fn keys_of_a_scheme_are_explained_with_their_origin_and_mistakes_in_them_found() {
    let fsplug = fsplug().env("FSPLUG_FS_S3_LIMIT_OUTPUT", "3");
    let lines = [
        "-D",
        "fs.s3.limit.input=4",
        "-D",
        "fs.gs.plugin=x",
        "-D",
        "fs.s3.limit.totl=5",
    ];
    assert_eq!(
        explained(&fsplug, &lines),
        [
            row("fs.gs.plugin", "x", "-D"),
            row("fs.s3.limit.input", "4", "-D"),
            row("fs.s3.limit.output", "3", "FSPLUG_FS_S3_LIMIT_OUTPUT"),
        ]
    );
    let of_bucket = [&lines[..], &["config", "explain", "s3://bucket/"]].concat();
    let text = fsplug.ok(&of_bucket);
    assert!(!text.text().contains("fs.gs.plugin"), "{}", text.text());
    assert!(
        text.text()
            .contains("-D: unknown key 'fs.s3.limit.totl'; did you mean 'fs.s3.limit.total'?"),
        "{}",
        text.text()
    );
}
