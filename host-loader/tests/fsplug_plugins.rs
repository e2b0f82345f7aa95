//! `fsplug plugins`: where plugins are looked for, which one of several is used, and how that is told.

#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "registry/shared_object.rs"]
mod shared_object;
#[allow(dead_code, reason = "shared with tests that need more of it")]
#[path = "support/fsplug.rs"]
mod support;

use std::sync::LazyLock;

use serde_json::Value;
use shared_object::{acceptable, compile, manifest};
use support::{Ended, Fsplug};

/// Serves the same scheme as the acceptable one.
static RIVAL: LazyLock<Vec<u8>> = LazyLock::new(|| compile(Some(&manifest(1, "rival", "good")), "", &[]));

/// With a variable that names a place in the working directory.
fn with(fsplug: Fsplug, variable: &str, name: &str) -> Fsplug {
    let path = fsplug.path(name);
    fsplug.env(variable, path.to_str().unwrap())
}

fn which(fsplug: &Fsplug, arguments: &[&str]) -> Value {
    let ended = fsplug.ok(&[arguments, &["--json", "plugins", "which", "good://a/b"]].concat());
    ended.json().remove(0)
}

/// What the names of members are in these records.
fn members<'a>(records: &'a [Value], names: [&str; 2]) -> Vec<[&'a str; 2]> {
    let text = |value: &'a Value| value.as_str().unwrap_or("-");
    records
        .iter()
        .map(|record| names.map(|name| text(&record[name])))
        .collect()
}

#[test]
fn places_are_searched_in_the_documented_order_and_the_first_plugin_of_a_name_is_used() {
    let fsplug = with(Fsplug::new(), "FSPLUG_PLUGIN_PATH", "listed");
    let fsplug = with(fsplug, "FLINK_PLUGINS_DIR", "flink");
    let fsplug = with(fsplug, "FSPLUG_HOME", "home");
    let fsplug = with(fsplug, "XDG_DATA_HOME", "data").env("ENABLE_BUILT_IN_PLUGINS", "good");
    let places = [
        ("named", "the command line"),
        ("listed", "FSPLUG_PLUGIN_PATH"),
        ("flink", "FLINK_PLUGINS_DIR"),
        ("home/plugins", "FSPLUG_HOME"),
        ("home/opt", "ENABLE_BUILT_IN_PLUGINS"),
        ("data/fsplug/plugins", "XDG_DATA_HOME"),
    ];
    for (place, _) in places {
        fsplug.write(&format!("{place}/good/good.so"), acceptable());
    }
    let listed = |arguments: &[&str]| {
        fsplug
            .ok(&[arguments, &["--json", "plugins", "list"]].concat())
            .json()
    };
    let all = listed(&["--plugins", "named"]);
    let states = members(&all, ["found_by", "state"]);
    let expected: Vec<[&str; 2]> = places
        .iter()
        .enumerate()
        .map(|(number, (_, by))| [*by, if number == 0 { "ready" } else { "shadowed" }])
        .collect();
    assert_eq!(states, expected);
    let first = fsplug.path("named/good/good.so");
    for shadowed in &all[1..] {
        assert_eq!(shadowed["shadowed_by"], first.to_str().unwrap());
    }
    // Without the earlier ones each has its turn.
    for (number, (place, by)) in places.iter().enumerate() {
        let chosen = which(&fsplug, &["--plugins", "named"]);
        let searched = chosen["searched"].as_array().unwrap();
        assert_eq!(
            members(searched, ["named_by", "found"])[number][0] == *by,
            number < 4,
            "{searched:?}"
        );
        let path = fsplug.path(&format!("{place}/good/good.so"));
        let winner = chosen["candidates"]
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["chosen"] == true);
        assert_eq!(winner.unwrap()["path"], path.to_str().unwrap());
        std::fs::remove_file(path).unwrap();
        std::fs::remove_dir(fsplug.path(&format!("{place}/good"))).unwrap();
    }
}

#[test]
fn a_relative_path_in_a_variable_is_not_searched_and_that_is_said() {
    let fsplug = Fsplug::new().env("FSPLUG_PLUGIN_PATH", "mine");
    fsplug.write("mine/good/good.so", acceptable());
    let ended = fsplug.fails(8, &["-q", "plugins", "which", "good://a/b"]);
    assert!(
        ended
            .text()
            .contains("mine (FSPLUG_PLUGIN_PATH): refused: not an absolute path"),
        "{}",
        ended.text()
    );
    let ended = fsplug.run(&["ls"]);
    assert_eq!(ended.code, 0);
    ended.assert_readable();
    ended.assert_names(&["'mine'", "FSPLUG_PLUGIN_PATH", "absolute path"]);
    // On the command line it is as good as any.
    assert_eq!(which(&fsplug, &["-q", "--plugins", "mine"])["chosen"], "good");
}

#[test]
fn of_two_plugins_for_a_scheme_priority_or_name_decides_and_otherwise_both_are_named_with_the_remedies() {
    let fsplug = with(Fsplug::new(), "FSPLUG_PLUGIN_PATH", "plugins");
    fsplug.write("plugins/a/good.so", acceptable());
    fsplug.write("plugins/b/rival.so", &*RIVAL);
    let files = ["plugins/a/good.so", "plugins/b/rival.so"].map(|name| fsplug.path(name));
    let parts = [
        files[0].to_str().unwrap(),
        files[1].to_str().unwrap(),
        "set 'fs.good.plugin' to good or rival",
        "fs.good.priority.good",
    ];
    fsplug.fails(8, &["ls", "good://a/b"]).assert_names(&parts);
    let ended = fsplug.fails(8, &["plugins", "which", "good://a/b"]);
    ended.assert_names(&parts);
    assert!(
        ended.text().contains("good:// is served by no plugin"),
        "{}",
        ended.text()
    );
    assert!(
        ended.text().contains("nothing decides between it and others"),
        "{}",
        ended.text()
    );

    let chosen = |lines: &[&str]| -> [String; 2] {
        let lines: Vec<&str> = lines.iter().flat_map(|line| ["-D", line]).collect();
        let selection = which(&fsplug, &lines);
        ["chosen", "reason"].map(|member| selection[member].as_str().unwrap().to_owned())
    };
    let by_priority = ["rival", "the one with the highest priority"].map(str::to_owned);
    assert_eq!(chosen(&["fs.good.priority.rival=1"]), by_priority);
    assert_eq!(chosen(&["fs.good.priority.good=-1"]), by_priority);
    let by_name = ["good", "named by fs.good.plugin"].map(str::to_owned);
    assert_eq!(chosen(&["fs.good.plugin=good"]), by_name);
    assert_eq!(
        chosen(&["fs.good.plugin=good", "fs.good.priority.rival=9"]),
        by_name
    );
    fsplug
        .fails(
            2,
            &["-D", "fs.good.plugin=rivale", "plugins", "which", "good://a/b"],
        )
        .assert_names(&["'fs.good.plugin' is 'rivale'", "'good'", "'rival'"]);
    fsplug
        .fails(2, &["-D", "fs.good.priority.rival=high", "ls", "good://a/b"])
        .assert_names(&["'fs.good.priority.rival' is 'high'"]);
}

#[test]
fn a_plugin_toml_sets_the_priority_and_is_shown() {
    let fsplug = with(Fsplug::new(), "FSPLUG_PLUGIN_PATH", "plugins");
    fsplug.write("plugins/a/good.so", acceptable());
    fsplug.write("plugins/b/rival.so", &*RIVAL);
    fsplug.write(
        "plugins/b/plugin.toml",
        "manifest_version = 1\nname = 'rival'\npublisher = 'me'\nlicence = 'MIT'\n[[scheme]]\nname = 'good'\npriority = 3\n",
    );
    let selection = which(&fsplug, &[]);
    assert_eq!(selection["chosen"], "rival");
    let candidates = selection["candidates"].as_array().unwrap();
    assert_eq!(
        members(candidates, ["set_by", "why"]),
        [
            ["default", "another one has a higher priority"],
            ["plugin.toml", "the one with the highest priority"]
        ]
    );
    assert_eq!(
        which(&fsplug, &["-D", "fs.good.priority.rival=-1"])["chosen"],
        "good"
    );
    let shown = fsplug.ok(&["plugins", "show", "rival"]);
    for part in [
        "rival",
        "ready",
        "good",
        "sha256",
        "publisher",
        "did you mean 'license'?",
        "good 3",
    ] {
        assert!(shown.text().contains(part), "{part}: {}", shown.text());
    }
    let record = fsplug.ok(&["--json", "plugins", "show", "good"]).json().remove(0);
    assert_eq!(
        (&record["options"], &record["plugin_toml"]),
        (&0.into(), &Value::Null)
    );
    assert_eq!(record["sha256"].as_str().unwrap().len(), 64);
    fsplug
        .fails(2, &["plugins", "show", "goode"])
        .assert_names(&["'goode'", "good, rival"]);
}

#[test]
fn a_plugin_toml_that_contradicts_its_plugin_keeps_it_from_being_used() {
    let fsplug = with(Fsplug::new(), "FSPLUG_PLUGIN_PATH", "plugins");
    fsplug.write("plugins/good/good.so", acceptable());
    let toml = |text: &str| {
        fsplug.write(
            "plugins/good/plugin.toml",
            format!("manifest_version = 1\n{text}"),
        );
    };
    for (text, part) in [
        ("name = 'bad'", "name is 'bad' there and 'good' in the plugin"),
        ("version = '2'", "version is '2' there and '1.0.0'"),
        ("[[scheme]]\nname = 's3'", "the scheme 's3' is listed there"),
        ("[abi]\nmajor = 9", "abi.major is '9'"),
        ("name = ", "plugin.toml cannot be read in line 2"),
        (
            "[library]\nnowhere_none = { path = 'good.so' }",
            "plugin.toml names no library for",
        ),
        (
            format!("[library]\n{} = {{ path = 'lib/good.so' }}", platform()).as_str(),
            "plugin.toml names the library 'lib/good.so', which is not the name of a .so beside the file",
        ),
    ] {
        toml(text);
        let ended = fsplug.run(&["plugins", "check"]);
        assert_eq!(ended.code, 8, "{text}");
        assert!(ended.text().contains(part), "{part}: {}", ended.text());
        let ended = fsplug.fails(8, &["-q", "ls", "good://a/b"]);
        ended.assert_names(&["is broken", part]);
    }
}

/// The key of `[library]` for this platform.
fn platform() -> &'static str {
    match (cfg!(target_arch = "x86_64"), cfg!(target_env = "musl")) {
        (true, false) => "linux_amd64",
        (true, true) => "linux_amd64_musl",
        (false, false) => "linux_arm64",
        (false, true) => "linux_arm64_musl",
    }
}

#[test]
fn a_file_with_another_hash_than_its_plugin_toml_says_is_refused_when_it_is_checked_and_when_it_is_loaded() {
    let fsplug = with(Fsplug::new(), "FSPLUG_PLUGIN_PATH", "plugins");
    fsplug.write("plugins/good/good.so", acceptable());
    // Not the one that is named.
    fsplug.write("plugins/good/other.so", "no library");
    let toml = |hash: &str| {
        let library = format!("{} = {{ path = 'good.so', sha256 = '{hash}' }}", platform());
        fsplug.write(
            "plugins/good/plugin.toml",
            format!("manifest_version = 1\n[library]\n{library}\n"),
        );
    };
    toml(&"0".repeat(64));
    let ended = fsplug.run(&["plugins", "check"]);
    assert_eq!(ended.code, 8);
    let zeroes = "0".repeat(64);
    let part = format!("plugin.toml contradicts the plugin: sha256 is {zeroes} there and");
    assert!(ended.text().contains(&part), "{}", ended.text());
    fsplug.fails(8, &["ls", "good://a/b"]).assert_names(&[&part]);
    let record = fsplug.ok(&["--json", "plugins", "show", "good"]).json().remove(0);
    toml(record["sha256"].as_str().unwrap());
    fsplug.ok(&["plugins", "check"]);
    // These libraries have no entry point: it got so far.
    fsplug
        .fails(8, &["ls", "good://a/b"])
        .assert_names(&["fs_plugin_root_module"]);
}

#[test]
fn what_is_put_by_is_activated_by_the_name_of_plugin_file_or_directory() {
    let fsplug = with(Fsplug::new(), "FSPLUG_HOME", "home");
    fsplug.write("home/opt/libgood.so", acceptable());
    fsplug.write("home/opt/second/librival.so", &*RIVAL);
    let activated = |names: &str| -> (Ended, Vec<String>) {
        let home = fsplug.path("home");
        let activating = Fsplug::new()
            .env("FSPLUG_HOME", home.to_str().unwrap())
            .env("ENABLE_BUILT_IN_PLUGINS", names);
        let ended = activating.run(&["--json", "plugins", "list"]);
        let of = |record: &Value| {
            format!(
                "{} {}",
                record["name"].as_str().unwrap(),
                record["state"].as_str().unwrap()
            )
        };
        let records = ended.json().iter().map(of).collect();
        (ended, records)
    };
    assert!(fsplug.ok(&["--json", "plugins", "list"]).text().is_empty());
    for names in ["libgood.so", "good", " good ; libgood.so;"] {
        assert_eq!(activated(names).1, ["good ready"], "{names}");
    }
    for names in ["second", "rival", "librival.so"] {
        assert_eq!(activated(names).1, ["rival ready"], "{names}");
    }
    assert_eq!(activated("rival;good").1, ["good ready", "rival ready"]);
    // Flink reads the same variable for its own.
    assert_eq!(activated("flink-s3-fs-hadoop-1.20.0.jar").1, Vec::<String>::new());
    let (ended, records) = activated("goood;rival");
    assert_eq!(records, ["goood broken", "rival ready"]);
    let error = &ended.json()[0]["error"];
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("'goood'") && message.contains("good (libgood.so)"),
        "{message}"
    );
    assert_eq!(error["remedy"], "write 'good' in ENABLE_BUILT_IN_PLUGINS");
}

#[test]
fn a_plugin_that_is_known_and_not_installed_is_named_with_where_to_put_it() {
    let fsplug = with(Fsplug::new(), "FSPLUG_PLUGIN_PATH", "plugins");
    fsplug.write("plugins/good/good.so", acceptable());
    let directory = fsplug.path("plugins/s3-native");
    fsplug.fails(8, &["ls", "s3://bucket/"]).assert_names(&[
        "the plugin s3-native serves it, and is not installed",
        &format!("put libs3_native_plugin.so into {}/", directory.display()),
    ]);
    fsplug
        .fails(8, &["ls", "s3p://bucket/"])
        .assert_names(&["write s3:// or s3a://"]);
    fsplug
        .fails(8, &["ls", "gs://bucket/"])
        .assert_names(&["Google Cloud Storage", "no plugin for it comes with this host"]);
}

#[test]
fn a_choice_is_explained_to_a_reader() {
    let fsplug = with(Fsplug::new(), "FSPLUG_PLUGIN_PATH", "plugins");
    fsplug.write("plugins/good/good.so", acceptable());
    let text = fsplug.ok(&["plugins", "which", "GOOD://a/b"]);
    let path = fsplug.path("plugins/good/good.so");
    let plugins = fsplug.path("plugins");
    let lines: Vec<&str> = text.text().lines().collect();
    assert_eq!(
        lines[0],
        format!(
            "good:// is served by good ({}), the only plugin for this scheme",
            path.display()
        )
    );
    assert_eq!(lines[1], "Searched, in this order:");
    assert_eq!(
        lines[2],
        format!("  {} (FSPLUG_PLUGIN_PATH): 1 plugin", plugins.display())
    );
    assert!(
        text.text().contains("  /usr/lib/fsplug/plugins (the system): "),
        "{}",
        text.text()
    );
    let end = [
        "Plugins for good://:".to_owned(),
        format!("* good 1.0.0, {}", path.display()),
        "    priority 0 (default); the only plugin for this scheme".to_owned(),
    ];
    assert_eq!(lines[lines.len() - 3..], end);
    let local = fsplug.ok(&["plugins", "which", "a-file"]);
    assert!(
        local
            .text()
            .starts_with("file:// is served by local ('local' (linked into the host))")
    );
}

#[test]
fn a_usual_place_that_cannot_be_searched_is_told_and_no_broken_plugin() {
    let fsplug = with(Fsplug::new(), "HOME", "home");
    fsplug.write("home/.local/share/fsplug/plugins", "no directory");
    assert_eq!(fsplug.run(&["-q", "plugins", "check"]).code, 0);
    fsplug.ok(&["ls"]);
    let ended = fsplug.fails(8, &["ls", "gopher://h/"]);
    ended.assert_names(&["home/.local/share/fsplug/plugins (not a directory)"]);
}

#[test]
fn a_place_that_cannot_be_searched_and_that_two_name_is_told_for_whoever_names_it() {
    let fsplug = with(Fsplug::new(), "FSPLUG_HOME", "engine");
    fsplug.write("engine/plugins", "no directory");
    let program = fsplug.path("engine/bin/fsplug");
    std::fs::create_dir(program.parent().unwrap()).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_fsplug"), &program).unwrap();
    let home = fsplug.path("engine");
    let output = std::process::Command::new(&program)
        .args(["--json", "plugins", "list"])
        .env_clear()
        .env("FSPLUG_HOME", &home)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let records: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        members(&records, ["found_by", "path"]),
        [["FSPLUG_HOME", home.join("plugins").to_str().unwrap()]]
    );
}
