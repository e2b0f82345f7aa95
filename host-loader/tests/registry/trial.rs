//! Plugins that end the process that loads them: tried in another one, and remembered.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_executor::block_on;
use host_loader::{FileSystems, FileSystemsBuilder};
use tempfile::TempDir;

use crate::real_plugins::{factories_made, library};
use crate::shared_object::{PluginDir, acceptable, compile, manifest};

/// A plugin directory, what is remembered, and how often each plugin was started.
struct Place {
    plugins: PluginDir,
    state: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            plugins: PluginDir::new(),
            state: TempDir::new().unwrap(),
        }
    }

    fn log(&self) -> PathBuf {
        self.state.path().join("log")
    }

    /// Adds the plugin `bad`, which writes a line to the log and to standard error, and then does this.
    fn add(&self, then: &str) -> PathBuf {
        let log = self.log();
        fs::write(&log, "").unwrap();
        // O_WRONLY | O_APPEND.
        let flags = 0x401;
        let code = format!(
            r#"
            unsafe extern "C" {{
                fn open(path: *const u8, flags: i32, ...) -> i32;
                fn write(file: i32, bytes: *const u8, len: usize) -> isize;
                fn close(file: i32) -> i32;
                fn _exit(code: i32) -> !;
                fn abort() -> !;
                fn pause() -> i32;
                fn raise(signal: i32) -> i32;
            }}
            extern "C" fn start() {{
                unsafe {{
                    let file = open(c"{}".as_ptr().cast(), {flags});
                    write(file, b"started\n".as_ptr(), 8);
                    close(file);
                    write(2, b"no luck\n".as_ptr(), 8);
                    {then}
                }}
            }}
            #[used]
            #[unsafe(link_section = ".init_array")]
            static START: extern "C" fn() = start;
            "#,
            log.display()
        );
        let library = compile(
            Some(&manifest(1, "bad", "bad")),
            &code,
            &["-ldylib=c", "-Aunused"],
        );
        self.plugins.add("bad", &library)
    }

    fn times_started(&self) -> usize {
        fs::read_to_string(self.log()).unwrap().lines().count()
    }

    fn builder(&self) -> FileSystemsBuilder {
        FileSystems::builder()
            .search_environment(false)
            .plugin_dir(self.plugins.path())
            .trial_program(env!("CARGO_BIN_EXE_fsplug"))
            .quarantine_dir(self.state.path().join("quarantine"))
    }

    fn trying(&self) -> FileSystems {
        self.builder().trial_load().build().unwrap()
    }
}

/// The error of the first use of the scheme `bad`.
fn first_use(registry: &FileSystems) -> String {
    block_on(registry.open_path("bad://a/b"))
        .err()
        .unwrap()
        .to_string()
}

fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }
    assert!(!text.contains('\n'), "{text}");
}

#[test]
fn what_ends_the_process_that_tries_it_is_told_remembered_and_not_started_again() {
    for (then, told) in [
        // The first one is for the handler of the standard library.
        ("loop { raise(11); }", "SIGSEGV"),
        ("abort();", "SIGABRT"),
        ("_exit(0);", "exit code 0"),
        ("_exit(1);", "exit code 1"),
    ] {
        let place = Place::new();
        let path = place.add(then);
        let text = first_use(&place.trying());
        assert_has(
            &text,
            &[path.to_str().unwrap(), told, "it said: no luck", "quarantine"],
        );
        assert_eq!(place.times_started(), 1);
        // At the next start, and also without trials.
        for registry in [place.trying(), place.builder().build().unwrap()] {
            assert_has(
                &first_use(&registry),
                &["it is in quarantine", told, "another build"],
            );
        }
        assert_eq!(place.times_started(), 1);
        let registry = place.trying();
        assert!(registry.release_plugin(&path).unwrap());
        assert!(!registry.release_plugin(&path).unwrap());
        assert_has(&first_use(&registry), &[told]);
        assert_eq!(place.times_started(), 2);
        // The quarantine is about the content.
        fs::write(&path, acceptable()).unwrap();
        let reports = place.trying().check_plugins(false);
        assert_has(
            &reports[0].error.as_ref().unwrap().to_string(),
            &["fs_plugin_root_module"],
        );
    }
}

#[test]
fn a_trial_that_is_interrupted_is_not_held_against_the_plugin() {
    for (signal, name) in [(1, "SIGHUP"), (2, "SIGINT"), (9, "SIGKILL"), (15, "SIGTERM")] {
        let place = Place::new();
        place.add(&format!("loop {{ raise({signal}); }}"));
        let parts = ["interrupted from outside", name, "try again"];
        for times in 1..=2 {
            assert_has(&first_use(&place.trying()), &parts);
            assert_eq!(place.times_started(), times);
        }
        assert!(!place.state.path().join("quarantine").exists());
    }
}

#[test]
fn what_does_not_come_to_an_end_is_ended() {
    let place = Place::new();
    place.add("loop { pause(); }");
    let registry = place
        .builder()
        .trial_load()
        .trial_time_limit(Duration::from_millis(700));
    let text = first_use(&registry.build().unwrap());
    assert_has(&text, &["did not come to an end in 0.7 s", "quarantine"]);
    assert_has(&first_use(&place.trying()), &["it is in quarantine"]);
}

#[test]
fn a_plugin_that_survives_its_trial_is_loaded_and_one_that_fails_in_order_is_not_in_quarantine() {
    let place = Place::new();
    place.plugins.add("counting", &library("counting"));
    place.plugins.add("panicking", &library("panicking"));
    let registry = place.trying();
    let errors: Vec<Option<String>> = registry
        .check_plugins(true)
        .into_iter()
        .map(|report| report.error.map(|error| error.to_string()))
        .collect();
    assert_eq!(errors[0], None);
    assert_has(
        errors[1].as_ref().unwrap(),
        &["no factory on Mondays", "author of the plugin"],
    );
    assert!(registry.plugins().iter().all(|report| !report.loaded));
    assert_eq!(factories_made(&registry, "counting://a/k"), 1);
    assert!(!place.state.path().join("quarantine").exists());
}

#[test]
fn where_nothing_can_be_remembered_a_plugin_is_tried_each_time() {
    let place = Place::new();
    place.add("abort();");
    let nowhere = place.state.path().join("file");
    fs::write(&nowhere, "").unwrap();
    for times in 1..=2 {
        let registry = place.builder().trial_load().quarantine_dir(nowhere.join("below"));
        assert_has(&first_use(&registry.build().unwrap()), &["SIGABRT"]);
        assert_eq!(place.times_started(), times);
    }
}

#[test]
fn a_plugin_that_cannot_be_tried_is_not_loaded() {
    let place = Place::new();
    place.add("abort();");
    for (program, told) in [
        ("/nowhere/fsplug", "No such file"),
        ("/bin/true", "/bin/true does not load plugins"),
    ] {
        let registry = place.builder().trial_load().trial_program(Path::new(program));
        assert_has(&first_use(&registry.build().unwrap()), &[told]);
    }
    assert_eq!(place.times_started(), 0);
    assert!(!place.state.path().join("quarantine").exists());
}
