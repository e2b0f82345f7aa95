//! What `fsplug` says and ends with when something is wrong, and what it says of plugins.

#[path = "support/fsplug.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod support;

use support::Fsplug;

#[test]
fn an_unknown_scheme_lists_the_known_ones_and_where_plugins_were_looked_for() {
    let fsplug = Fsplug::new();
    fsplug.ok(&["mkdir", "mine"]);
    let mine = fsplug.path("mine");
    let mine = mine.to_str().unwrap();
    for arguments in [
        &["ls", "gopher://host/key"][..],
        &["cat", "gopher://host/key"],
        &["cp", "gopher://host/key", "file"],
        &["cp", "file", "gopher://host/key"],
        &["cp", "-", "gopher://host/key"],
        &["rm", "gopher://host/key"],
    ] {
        let arguments = [&["--plugins", "mine"], arguments].concat();
        fsplug.write("file", "");
        fsplug
            .fails(8, &arguments)
            .assert_names(&["gopher://host/key", "'gopher'", "file", mine]);
    }
}

#[test]
fn the_working_directory_is_never_searched_for_plugins() {
    let fsplug = Fsplug::new();
    fsplug.ok(&["mkdir", "-p", "plugins"]);
    let beside = fsplug.path("plugins");
    let ended = fsplug.fails(8, &["ls", "gopher://h/"]);
    assert!(
        !ended.stderr.contains(beside.to_str().unwrap()),
        "{}",
        ended.stderr
    );
}

#[test]
fn malformed_paths_are_named_with_how_to_write_them() {
    let fsplug = Fsplug::new();
    for path in [
        "",
        "1s3://bucket/key",
        "://bucket/key",
        "file://host/x",
        "s 3://b/k",
    ] {
        for verb in ["ls", "cat", "stat", "rm", "mkdir"] {
            let ended = fsplug.fails(2, &[verb, path]);
            ended.assert_names(&[path, "write"]);
        }
        fsplug.fails(2, &["cp", path, "x"]).assert_names(&[path]);
        fsplug.fails(2, &["mv", "x", path]).assert_names(&[path]);
    }
    assert_eq!(fsplug.tree("").len(), 0);
}

#[test]
fn wrong_command_lines_end_with_their_own_code() {
    let fsplug = Fsplug::new();
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["ls", "--frobnicate"],
        &["cat"],
        &["cp", "a"],
        &["cp", "--jobs", "0", "a", "b"],
        &["cat", "--offset", "-1", "a"],
        &["-D", "ls", "."],
        &["-D", "=value", "ls"],
        &["plugins", "frobnicate"],
    ] {
        let ended = fsplug.run(arguments);
        assert_eq!((ended.code, ended.text()), (2, ""), "{arguments:?}");
        assert!(ended.stderr.contains("--help"), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn secrets_of_the_command_line_are_not_repeated() {
    let fsplug = Fsplug::new();
    for arguments in [
        &["-D", "=canary", "ls"][..],
        &["-Dcanary", "ls"],
        &["-vvv", "-D", "s3.secret-key=canary", "ls", "s3://bucket/"],
        &["-vvv", "-D", "s3.secret-key=canary", "ls", "missing"],
        &["--json", "-D", "s3.secret-key=canary", "plugins", "list"],
    ] {
        let ended = fsplug.run(arguments);
        assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
        assert!(!ended.text().contains("canary"), "{}", ended.text());
    }
}

#[test]
fn the_help_lists_verbs_and_exit_codes() {
    let fsplug = Fsplug::new();
    let ended = fsplug.ok(&["--help"]);
    for part in [
        "ls",
        "cat",
        "stat",
        "cp",
        "mv",
        "rm",
        "mkdir",
        "uploads",
        "recoverable",
        "plugins",
        "Exit codes:",
        "  8  no plugin",
    ] {
        assert!(ended.text().contains(part), "{part}");
    }
    assert!(fsplug.ok(&["--version"]).text().starts_with("fsplug "));
}

#[test]
fn json_failures_are_objects_on_standard_output() {
    let fsplug = Fsplug::new();
    for (code, kind, arguments) in [
        (3, "not-found", &["ls", "missing"][..]),
        (4, "not-found", &["stat", "missing"]),
        (4, "not-found", &["cp", "missing", "to"]),
        (8, "unknown-scheme", &["ls", "gopher://h/"]),
        (2, "invalid-path", &["ls", "1s3://b/"]),
        (2, "invalid-config", &["-D", "fs.default-scheme=nonsense", "ls"]),
    ] {
        let ended = fsplug.run(&[&["--json"], arguments].concat());
        assert_eq!((ended.code, ended.stderr.as_str()), (code, ""), "{arguments:?}");
        let records = ended.json();
        let [record] = records.as_slice() else {
            panic!("{records:?}");
        };
        let error = &record["error"];
        assert_eq!(
            (&error["kind"], &error["exit_code"]),
            (&kind.into(), &code.into())
        );
        assert!(error["message"].is_string());
        for member in [
            "operation",
            "path",
            "remedy",
            "http_status",
            "service_code",
            "request_id",
        ] {
            assert!(error.get(member).is_some(), "{member}");
        }
    }
}

#[test]
fn a_full_standard_output_is_reported_once() {
    let fsplug = Fsplug::new();
    fsplug.write("file", "content");
    for arguments in [
        &["ls"][..],
        &["cat", "file"],
        &["stat", "file"],
        &["--json", "stat", "file"],
        &["--json", "stat", "missing"],
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = fsplug.command(arguments).stdout(full).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_ne!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(
            text.matches("standard output").count(),
            1,
            "{arguments:?}: {text}"
        );
    }
}

#[test]
fn a_name_can_neither_break_the_line_nor_command_the_terminal() {
    let fsplug = Fsplug::new();
    let ended = fsplug.fails(4, &["stat", "two\nlines\u{1b}[2J"]);
    ended.assert_names(&["two\\nlines\\u{1b}[2J"]);
}

#[test]
fn without_plugins_the_list_says_how_to_name_some() {
    let fsplug = Fsplug::new();
    let ended = fsplug.run(&["plugins", "list"]);
    assert_eq!((ended.code, ended.text()), (0, ""));
    ended.assert_readable();
    ended.assert_names(&["--plugins"]);
    assert_eq!(fsplug.ok(&["--json", "plugins", "list"]).text(), "");
}

#[test]
fn broken_plugins_are_listed_with_their_remedy_and_harm_nothing_else() {
    let fsplug = Fsplug::new();
    fsplug.ok(&["mkdir", "-p", "plugins/empty"]);
    fsplug.write("plugins/text/x.so", "this is no shared library");
    let text_path = fsplug.path("plugins/text/x.so");
    let plugins = fsplug.path("plugins");
    let fsplug = fsplug.env("FSPLUG_PLUGIN_PATH", plugins.to_str().unwrap());
    let empty_path = fsplug.path("plugins/empty");

    let ended = fsplug.ok(&["plugins", "list"]);
    for part in [
        text_path.to_str().unwrap(),
        empty_path.to_str().unwrap(),
        "broken",
        "PATH",
    ] {
        assert!(ended.text().contains(part), "{part}: {}", ended.text());
    }

    let records = fsplug.ok(&["plugins", "list", "--json"]).json();
    assert_eq!(records.len(), 2);
    for record in &records {
        assert_eq!(record["state"], "broken");
        assert!(record["error"]["message"].is_string() && record["error"]["remedy"].is_string());
    }

    let ended = fsplug.run(&["plugins", "check"]);
    assert_eq!(ended.code, 8);
    ended.assert_names(&["2 of 2"]);

    let listing = fsplug.run(&["ls"]);
    assert_eq!((listing.code, listing.text()), (0, "plugins/\n"));
    listing.assert_names(&[text_path.to_str().unwrap(), empty_path.to_str().unwrap()]);
    assert_eq!(fsplug.run(&["-q", "ls"]).stderr, "");
}

#[test]
fn a_named_plugin_path_is_searched_too() {
    let fsplug = Fsplug::new();
    fsplug.write("elsewhere/text/x.so", "this is no shared library");
    let directory = fsplug.path("elsewhere");
    let fsplug = fsplug.env("FSPLUG_PLUGIN_PATH", directory.to_str().unwrap());
    assert_eq!(fsplug.ok(&["--json", "plugins", "list"]).json().len(), 1);
}
