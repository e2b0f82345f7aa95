//! `fsplug plugins lock`, and what a program with elevated rights does not listen to.

#[path = "registry/shared_object.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod shared_object;
#[path = "support/fsplug.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use shared_object::{PluginDir, acceptable, compile, manifest};
use support::Fsplug;

#[test]
fn a_lock_is_written_checked_and_told_by_what_has_changed() {
    let fsplug = Fsplug::new();
    let dir = PluginDir::new();
    let path = dir.add("good", acceptable());
    let plugins = dir.path().to_str().unwrap();
    let lock = ["--plugins", plugins, "plugins", "lock"];
    let check = [&lock[..], &["--check"]].concat();

    let ended = fsplug.fails(8, &check[..]);
    assert!(ended.text().contains("added   good/good.so "), "{}", ended.text());
    ended.assert_names(&["plugins.lock", "fsplug plugins lock"]);
    assert!(!dir.path().join("plugins.lock").exists());

    let ended = fsplug.ok(&lock);
    assert!(
        ended.text().contains("1 file, written, 1 changed"),
        "{}",
        ended.text()
    );
    let ended = fsplug.ok(&check);
    assert!(ended.text().ends_with("1 file, as it was\n"), "{}", ended.text());

    dir.add("other", acceptable());
    fs::write(&path, [acceptable(), b"x"].concat()).unwrap();
    let before = fs::read(dir.path().join("plugins.lock")).unwrap();
    let ended = fsplug.run(&[&["--json"], &check[..]].concat());
    assert_eq!(ended.code, 8);
    let records = ended.json();
    assert_eq!(
        (&records[0]["file"], &records[0]["change"]),
        (&"good/good.so".into(), &"changed".into())
    );
    assert!(records[0]["was"] != records[0]["now"] && records[0]["was"].is_string());
    assert_eq!(
        (&records[1]["file"], &records[1]["was"]),
        (&"other/other.so".into(), &().into())
    );
    assert_eq!(fs::read(dir.path().join("plugins.lock")).unwrap(), before);

    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    let ended = fsplug.ok(&["plugins", "lock", "--dir", plugins]);
    assert!(ended.text().contains("removed good/good.so "), "{}", ended.text());
    assert!(
        ended.text().contains("added   other/other.so "),
        "{}",
        ended.text()
    );
}

#[test]
fn what_is_put_by_is_under_the_lock_of_its_own_directory_wherever_in_it_it_lies() {
    let fsplug = Fsplug::new();
    let home = fsplug.path("home");
    let fsplug = fsplug
        .env("FSPLUG_HOME", home.to_str().unwrap())
        .env("ENABLE_BUILT_IN_PLUGINS", "good;other");
    let other = compile(Some(&manifest(1, "other", "other")), "", &[]);
    fsplug.write("home/opt/libgood.so", acceptable());
    fsplug.write("home/opt/other/libother.so", &other);
    for (path, mode) in [
        ("home/opt", 0o755),
        ("home/opt/other", 0o755),
        ("home/opt/libgood.so", 0o644),
        ("home/opt/other/libother.so", 0o644),
    ] {
        fs::set_permissions(fsplug.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    // The directory that is locked is the one that was searched.
    let ended = fsplug.ok(&["plugins", "lock"]);
    for part in [
        "added   libgood.so ",
        "added   other/libother.so ",
        home.join("opt/plugins.lock").to_str().unwrap(),
    ] {
        assert!(ended.text().contains(part), "{part}: {}", ended.text());
    }
    fsplug.ok(&["plugins", "check"]);
    // These libraries have no entry point: it got so far.
    for scheme in ["good", "other"] {
        let uri = format!("{scheme}://a/b");
        fsplug
            .fails(8, &["ls", &uri])
            .assert_names(&["fs_plugin_root_module"]);
    }
    fsplug.write("home/opt/libgood.so", [acceptable(), b"x"].concat());
    fsplug
        .fails(8, &["ls", "good://a/b"])
        .assert_names(&["its SHA-256 is"]);
    // Nor may others write to it.
    fs::set_permissions(fsplug.path("home/opt"), fs::Permissions::from_mode(0o777)).unwrap();
    let ended = fsplug.fails(8, &["-q", "ls", "other://a/b"]);
    ended.assert_names(&["others may write", "home/opt (mode 0777)"]);
}

#[test]
fn a_lock_is_text_that_sha256sum_checks_too() {
    let dir = PluginDir::new();
    dir.add("with space #1", acceptable());
    Fsplug::new().ok(&["plugins", "lock", "--dir", dir.path().to_str().unwrap()]);
    let output = Command::new("sha256sum")
        .args(["--check", "--strict", "plugins.lock"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_lock_that_is_damaged_is_replaced_when_it_is_written_and_an_error_when_it_is_checked() {
    let fsplug = Fsplug::new();
    let dir = PluginDir::new();
    dir.add("good", acceptable());
    let lock = dir.path().join("plugins.lock");
    fs::write(&lock, "nonsense").unwrap();
    let plugins = dir.path().to_str().unwrap();
    let ended = fsplug.fails(8, &["plugins", "lock", "--check", "--dir", plugins]);
    ended.assert_names(&[lock.to_str().unwrap(), "cannot be relied on"]);
    let ended = fsplug.run(&["plugins", "lock", "--dir", plugins]);
    assert_eq!(ended.code, 0);
    ended.assert_names(&["a new lock is written"]);
    fsplug.ok(&["plugins", "lock", "--check", "--dir", plugins]);
}

#[test]
fn which_directory_is_to_be_locked_has_to_be_clear() {
    let fsplug = Fsplug::new();
    fsplug.fails(2, &["plugins", "lock"]).assert_names(&["--dir"]);
    let (one, two) = (PluginDir::new(), PluginDir::new());
    let [first, second] = [&one, &two].map(|dir| {
        dir.add("good", acceptable());
        dir.path().to_str().unwrap()
    });
    let both = ["--plugins", first, "--plugins", second, "plugins", "lock"];
    let ended = fsplug.fails(2, &both);
    ended.assert_names(&[first, second, "--dir"]);
    assert!(!one.path().join("plugins.lock").exists());
}

#[test]
fn what_others_may_change_is_not_locked() {
    let dir = PluginDir::new();
    let path = dir.add("good", acceptable());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let ended = Fsplug::new().fails(8, &["plugins", "lock", "--dir", dir.path().to_str().unwrap()]);
    ended.assert_names(&[path.to_str().unwrap(), "chmod go-w"]);
    assert!(!dir.path().join("plugins.lock").exists());
}

#[test]
fn the_environment_can_ask_for_a_lock_and_nothing_can_take_that_back() {
    let dir = PluginDir::new();
    dir.add("good", acceptable());
    let plugins = dir.path().to_str().unwrap();
    let state_with = |variable: &str, arguments: &[&str]| {
        let fsplug = Fsplug::new().env(variable, "true");
        let ended = fsplug.ok(&[arguments, &["--json", "--plugins", plugins, "plugins", "list"]].concat());
        ended.json()[0]["state"].as_str().unwrap().to_owned()
    };
    let off = ["-D", "fs.plugins.require-locked=false"];
    assert_eq!(state_with("UNRELATED", &off), "ready");
    for variable in ["FSPLUG_REQUIRE_LOCKED", "FSPLUG_FS_PLUGINS_REQUIRE_LOCKED"] {
        assert_eq!(state_with(variable, &off), "broken", "{variable}");
    }
    let ended = Fsplug::new()
        .env("FSPLUG_REQUIRE_LOCKED", "yes")
        .fails(2, &["ls"]);
    ended.assert_names(&["FSPLUG_REQUIRE_LOCKED", "true or false"]);
}

#[test]
fn what_others_could_have_written_says_nothing_about_variables() {
    let with_option = |name: &str, key: &str| {
        let option = format!(r#"{{"options":[{{"key":"{key}","type":"text"}}],"#);
        compile(Some(&manifest(1, name, name).replacen('{', &option, 1)), "", &[])
    };
    let dir = PluginDir::new();
    let first = dir.add("a", &with_option("evil", "good_key"));
    dir.add("b", &with_option("good", "good.key"));
    let explained = || {
        let fsplug = Fsplug::new().env("FSPLUG_GOOD_KEY", "x");
        let plugins = dir.path().to_str().unwrap();
        let ended = fsplug.run(&["-q", "--json", "--plugins", plugins, "config", "explain"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.json()[0]["key"].as_str().unwrap().to_owned()
    };
    assert_eq!(explained(), "good_key");
    fs::set_permissions(&first, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(explained(), "good.key");
}

#[test]
fn a_trial_is_told_and_what_it_remembers_can_be_released() {
    let crash = r#"
        unsafe extern "C" { fn raise(signal: i32) -> i32; }
        extern "C" fn start() { loop { unsafe { raise(11); } } }
        #[used]
        #[unsafe(link_section = ".init_array")]
        static START: extern "C" fn() = start;
    "#;
    let dir = PluginDir::new();
    let path = dir.add(
        "bad",
        &compile(Some(&manifest(1, "bad", "bad")), crash, &["-ldylib=c"]),
    );
    let (plugins, path) = (dir.path().to_str().unwrap(), path.to_str().unwrap());
    let fsplug = Fsplug::new();
    let home = fsplug.path("home");
    let fsplug = fsplug.env("HOME", home.to_str().unwrap());
    let check = ["--json", "--plugins", plugins, "plugins", "check"];
    let told = |arguments: &[&str], code: i32| {
        let ended = fsplug.run(arguments);
        assert_eq!(ended.code, code, "{ended:?}");
        ended.json()[0]["error"].to_string()
    };
    assert_eq!(told(&check, 0), "null");
    let trial = [&check[..], &["--trial"]].concat();
    assert!(told(&trial, 8).contains("SIGSEGV"));
    let quarantine = format!("fsplug plugins release {path}");
    let text = told(&check, 8);
    assert!(
        text.contains("it is in quarantine") && text.contains(&quarantine),
        "{text}"
    );
    for expected in ["released", "was not in quarantine"] {
        let ended = fsplug.ok(&["plugins", "release", path]);
        assert_eq!(ended.text(), format!("{path} {expected}\n"));
    }
    assert_eq!(told(&check, 0), "null");
    fsplug
        .fails(8, &["plugins", "release", "missing.so"])
        .assert_names(&["missing.so"]);
}

/// Users that every system has and that own nothing here.
const OWNER: u32 = 65_534;
const CALLER: u32 = 1;

#[test]
fn a_program_with_rights_that_its_caller_lacks_looks_for_plugins_where_neither_variable_nor_argument_says() {
    let programs = tempfile::tempdir().unwrap();
    let program = programs.path().join("fsplug");
    fs::copy(env!("CARGO_BIN_EXE_fsplug"), &program).unwrap();
    if chown(&program, Some(OWNER), None).is_err() {
        eprintln!("not tested: only root can give a program to another user");
        return;
    }
    let dir = PluginDir::new();
    dir.add("good", acceptable());
    for path in [programs.path(), dir.path()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let (plugins, above) = (dir.path().to_str().unwrap(), dir.path().parent().unwrap());
    let lists_with = |mode: u32, variables: &[(&str, &str)], arguments: &[&str]| {
        fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
        let output = Command::new(&program)
            .args(arguments)
            .args(["--json", "plugins", "list"])
            .env_clear()
            .envs(variables.iter().copied())
            .current_dir("/")
            .uid(CALLER)
            .gid(CALLER)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let lists = |mode: u32, variables: &[(&str, &str)]| lists_with(mode, variables, &[]);
    let by_line = ["--plugins", plugins];
    let variables = [
        ("FSPLUG_PLUGIN_PATH", plugins),
        ("FLINK_PLUGINS_DIR", plugins),
        ("FSPLUG_HOME", above.to_str().unwrap()),
        ("FSPLUG_PROPERTIES", "fs.default-scheme: nonsense"),
        ("FSPLUG_TRUSTED_KEYS", "/nowhere/keys"),
    ];
    // As the program is, the variables count.
    for (variable, told) in [
        (0, "good.so"),
        (1, "good.so"),
        (3, "nonsense"),
        (4, "/nowhere/keys"),
    ] {
        let text = lists(0o755, &variables[variable..=variable]);
        assert!(text.contains(told), "{text}");
    }
    assert!(lists_with(0o755, &[], &by_line).contains("good.so"));
    let is_without_set_user_id = rustix::fs::statvfs(programs.path())
        .unwrap()
        .f_flag
        .contains(rustix::fs::StatVfsMountFlags::NOSUID);
    if is_without_set_user_id {
        eprintln!("not tested: the temporary directory is mounted with nosuid");
        return;
    }
    assert_eq!(lists(0o4755, &variables), "");
    assert_eq!(lists_with(0o4755, &[], &by_line), "");
    let text = lists(0o4755, &[("FSPLUG_REQUIRE_LOCKED", "perhaps")]);
    assert!(text.contains("FSPLUG_REQUIRE_LOCKED"), "{text}");
}
