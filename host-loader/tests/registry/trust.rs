//! Which files may be loaded: the lock of a plugin directory, and who may change what is in it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use futures_executor::block_on;
use host_loader::plugin_api::{Config, ErrorKind};
use host_loader::{FileSystems, FileSystemsBuilder, PluginLock};

use crate::loading::announcing;
use crate::minisign::Signer;
use crate::shared_object::{PluginDir, acceptable, compile, manifest};

fn builder(dir: &PluginDir) -> FileSystemsBuilder {
    FileSystems::builder()
        .search_environment(false)
        .plugin_dir(dir.path())
}

/// A directory with the plugin `good`, locked.
fn locked() -> PluginDir {
    let dir = PluginDir::new();
    dir.add("good", acceptable());
    lock(&dir);
    dir
}

fn lock(dir: &PluginDir) {
    PluginLock::of_directory(dir.path())
        .unwrap()
        .write(dir.path())
        .unwrap();
}

/// The error of the first use of the scheme `good`.
fn first_use(registry: &FileSystems) -> String {
    block_on(registry.open_path("good://a/b"))
        .err()
        .unwrap()
        .to_string()
}

/// These libraries have no entry point, so that this says that everything before was in order.
fn assert_was_loaded(error: &str) {
    assert!(error.contains("fs_plugin_root_module"), "{error}");
}

/// The refusals of all files in the directory, after checking what each refusal has.
fn refusals(registry: &FileSystems) -> Vec<String> {
    let refusal = |report: host_loader::PluginReport| {
        let error = report.error?;
        assert_eq!(error.kind(), ErrorKind::PluginLoad);
        assert_eq!(error.path(), report.path.to_str().unwrap());
        assert!(!error.remedy().is_empty() && !report.loaded, "{error}");
        Some(error.to_string())
    };
    registry.plugins().into_iter().filter_map(refusal).collect()
}

fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_plugin_that_is_as_it_was_locked_is_loaded() {
    let dir = locked();
    let registry = builder(&dir).require_locked().build().unwrap();
    assert!(refusals(&registry).is_empty());
    assert_was_loaded(&first_use(&registry));
}

#[test]
fn a_plugin_that_the_lock_does_not_list_is_refused_when_it_is_found() {
    let dir = locked();
    let new = dir.add("new", acceptable());
    let texts = refusals(&builder(&dir).build().unwrap());
    let command = format!("fsplug plugins lock --dir {}", dir.path().display());
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert_has(
        &texts[0],
        &[new.to_str().unwrap(), "plugins.lock does not list it", &command],
    );
}

#[test]
fn other_content_than_was_locked_is_refused_with_both_hashes() {
    let dir = locked();
    let other = compile(
        Some(&manifest(1, "good", "good")),
        "#[used] static X: u8 = 1;",
        &[],
    );
    let path = dir.add("good", &other);
    let registry = builder(&dir).build().unwrap();
    let text = first_use(&registry);
    let before = PluginLock::read(dir.path()).unwrap().unwrap();
    let changes = before.changes_to(&PluginLock::of_directory(dir.path()).unwrap());
    let [change] = changes.as_slice() else {
        panic!("{changes:?}")
    };
    let start = |hash: &Option<String>| hash.as_ref().unwrap()[..12].to_owned();
    assert_has(
        &text,
        &[
            path.to_str().unwrap(),
            &start(&change.was),
            &start(&change.now),
            "fsplug plugins lock --dir",
        ],
    );
    // The failure is remembered; a new registry sees the new lock.
    lock(&dir);
    assert_eq!(first_use(&registry), text);
    assert_was_loaded(&first_use(&builder(&dir).build().unwrap()));
}

#[test]
fn a_lock_that_cannot_be_relied_on_is_one_that_lists_nothing() {
    let dir = locked();
    dir.add("other", acceptable());
    let path = PluginLock::path(dir.path());
    let good = fs::read_to_string(&path).unwrap();
    for broken in [
        String::new(),
        good.replace("lock 1", "lock 7"),
        good.replace("good.so", "../x.so"),
    ] {
        fs::write(&path, broken).unwrap();
        let registry = builder(&dir).build().unwrap();
        let texts = refusals(&registry);
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert_has(&texts[0], &[path.to_str().unwrap(), "cannot be relied on"]);
        assert_eq!(registry.schemes(), ["file"]);
    }
    fs::write(&path, &good).unwrap();
    set_mode(&path, 0o646);
    assert_has(&refusals(&builder(&dir).build().unwrap())[0], &["chmod go-w"]);
}

#[test]
fn a_lock_that_was_there_when_the_plugin_was_found_cannot_be_taken_away() {
    let dir = locked();
    let registry = builder(&dir).build().unwrap();
    fs::remove_file(PluginLock::path(dir.path())).unwrap();
    assert_has(&first_use(&registry), &["there is no", "plugins.lock"]);
}

#[test]
fn a_lock_can_be_required_by_the_program_or_the_configuration() {
    let dir = PluginDir::new();
    dir.add("good", acceptable());
    let wanted = Config::from_pairs([("fs.plugins.require-locked", "true")]);
    let refused_by = |builder: FileSystemsBuilder| refusals(&builder.build().unwrap());
    assert!(refused_by(builder(&dir)).is_empty());
    let not_wanted = Config::from_pairs([("fs.plugins.require-locked", "false")]);
    for texts in [
        refused_by(
            builder(&dir)
                .require_locked()
                .config_from_command_line(not_wanted.clone()),
        ),
        refused_by(builder(&dir).config(wanted).config_from_command_line(not_wanted)),
    ] {
        assert_eq!(texts.len(), 1, "{texts:?}");
        assert_has(
            &texts[0],
            &["there is no", "plugins.lock", "fsplug plugins lock --dir"],
        );
    }
}

#[test]
fn a_plugin_toml_is_under_the_lock_and_not_to_be_changed_by_others_like_the_library() {
    let dir = PluginDir::new();
    let library = dir.add("good", acceptable());
    let toml = library.with_file_name("plugin.toml");
    let write = |priority: u32| {
        let text = format!("manifest_version = 1\n[[scheme]]\nname = 'good'\npriority = {priority}\n");
        fs::write(&toml, text).unwrap();
        set_mode(&toml, 0o644);
    };
    write(1);
    lock(&dir);
    let registry = builder(&dir).require_locked().build().unwrap();
    assert_was_loaded(&first_use(&registry));

    write(2);
    let texts = refusals(&builder(&dir).build().unwrap());
    let parts = [
        "its plugin.toml is refused",
        "its SHA-256 is",
        "plugins lock --dir",
    ];
    assert_has(&texts[0], &parts);
    lock(&dir);
    let registry = builder(&dir).build().unwrap();
    // What counts is what was read, whatever is there later.
    write(3);
    assert_was_loaded(&first_use(&registry));
    // And the lock as it is when the plugin is loaded.
    lock(&dir);
    let registry = builder(&dir).build().unwrap();
    write(4);
    lock(&dir);
    assert_has(&first_use(&registry), &parts);

    fs::remove_file(&toml).unwrap();
    lock(&dir);
    write(1);
    let texts = refusals(&builder(&dir).build().unwrap());
    assert_has(&texts[0], &["its plugin.toml is refused", "does not list it"]);

    fs::remove_file(PluginLock::path(dir.path())).unwrap();
    set_mode(&toml, 0o666);
    let texts = refusals(&builder(&dir).build().unwrap());
    assert_has(&texts[0], &["plugin.toml", "others may write", "chmod go-w"]);
    let trusting = builder(&dir).check_permissions(false).build().unwrap();
    assert_was_loaded(&first_use(&trusting));
}

#[test]
fn a_plugin_that_others_may_change_is_refused_unless_the_program_takes_the_risk() {
    let dir = PluginDir::new();
    let path = dir.add("good", acceptable());
    set_mode(&path, 0o664);
    let texts = refusals(&builder(&dir).build().unwrap());
    let command = format!("chmod go-w {}", fs::canonicalize(&path).unwrap().display());
    assert_has(&texts[0], &["others may write", "0664", &command]);
    let trusting = builder(&dir).check_permissions(false).build().unwrap();
    assert_was_loaded(&first_use(&trusting));
    // Not only when it is found.
    set_mode(&path, 0o644);
    let registry = builder(&dir).build().unwrap();
    set_mode(path.parent().unwrap(), 0o777);
    assert_has(&first_use(&registry), &["others may write", "0777"]);
}

#[test]
fn a_link_out_of_the_plugin_directory_is_refused() {
    let outside = PluginDir::new();
    let target = outside.add("good", acceptable());
    let dir = PluginDir::new();
    dir.add("good", b"");
    let link = dir.path().join("good/good.so");
    fs::remove_file(&link).unwrap();
    symlink(&target, &link).unwrap();
    let texts = refusals(&builder(&dir).build().unwrap());
    let target = fs::canonicalize(target).unwrap();
    assert_has(
        &texts[0],
        &["it is a link to", target.to_str().unwrap(), "outside"],
    );
    // Whoever names the link means the file.
    let named = FileSystems::builder()
        .search_environment(false)
        .plugin_file(&link);
    assert_was_loaded(&first_use(&named.build().unwrap()));
}

/// The file of the plugin that serves the scheme `good`.
fn chosen(registry: &FileSystems) -> String {
    let selection = registry.selection(&registry.resolve("good://a/b").unwrap());
    selection.chosen().unwrap().origin.clone()
}

#[test]
fn a_plugin_that_is_refused_does_not_take_the_place_of_a_later_one() {
    let (first, second) = (PluginDir::new(), PluginDir::new());
    let refused = first.add("good", acceptable());
    let good = second.add("good", acceptable());
    let both = || {
        FileSystems::builder()
            .search_environment(false)
            .plugin_dir(first.path())
            .plugin_dir(second.path())
    };
    assert_eq!(chosen(&both().build().unwrap()), refused.to_str().unwrap());
    // By an empty lock, for want of one, and for its mode.
    PluginLock::default().write(first.path()).unwrap();
    let by_lock = both().build().unwrap();
    fs::remove_file(PluginLock::path(first.path())).unwrap();
    lock(&second);
    let by_want = both().require_locked().build().unwrap();
    set_mode(&refused, 0o666);
    let by_mode = both().build().unwrap();
    for registry in [by_lock, by_want, by_mode] {
        assert_eq!(chosen(&registry), good.to_str().unwrap());
        assert_eq!(refusals(&registry).len(), 1);
        assert_eq!(registry.plugins()[1].shadowed_by, None);
        assert_was_loaded(&first_use(&registry));
    }
}

#[test]
fn a_link_that_is_refused_does_not_hide_the_file_that_it_leads_to() {
    let (links, real) = (PluginDir::new(), PluginDir::new());
    let target = real.add("good", acceptable());
    fs::create_dir(links.path().join("good")).unwrap();
    set_mode(&links.path().join("good"), 0o755);
    symlink(&target, links.path().join("good/good.so")).unwrap();
    let of = |first: &PluginDir, second: &PluginDir| {
        let registry = FileSystems::builder()
            .search_environment(false)
            .plugin_dir(first.path())
            .plugin_dir(second.path())
            .build()
            .unwrap();
        (chosen(&registry), refusals(&registry).len())
    };
    let target = target.to_str().unwrap().to_owned();
    assert_eq!(of(&links, &real), (target.clone(), 1));
    assert_eq!(of(&real, &links), (target, 0));
}

#[test]
fn a_file_that_was_named_is_held_to_the_lock_and_to_its_owner_too() {
    let dir = locked();
    let path = dir.add("new", acceptable());
    let named = || {
        FileSystems::builder()
            .search_environment(false)
            .plugin_file(&path)
    };
    let error = named().build().unwrap_err();
    assert_eq!(error.path(), path.to_str().unwrap());
    assert_has(&error.to_string(), &["plugins.lock does not list it"]);
    lock(&dir);
    assert_was_loaded(&first_use(&named().build().unwrap()));
    set_mode(&path, 0o666);
    assert_has(&named().build().unwrap_err().to_string(), &["chmod go-w"]);
}

/// Signs a file as `minisign -Sm` does.
fn sign(key: &Signer, file: &Path) {
    fs::write(signature_of(file), key.sign(&fs::read(file).unwrap())).unwrap();
}

fn signature_of(file: &Path) -> String {
    format!("{}.minisig", file.display())
}

#[test]
fn a_signature_that_is_required_has_to_be_there_and_right() {
    let ours = Signer::new(1);
    let public = ours.public_key();
    let dir = PluginDir::new();
    let path = dir.add("good", acceptable());
    let signed = || {
        builder(&dir)
            .require_signed()
            .trusted_key(&public)
            .build()
            .unwrap()
    };
    assert_has(
        &refusals(&signed())[0],
        &["it has no signature", &signature_of(&path), "minisign -Sm"],
    );

    sign(&ours, &path);
    let registry = signed();
    assert!(refusals(&registry).is_empty());
    assert_was_loaded(&first_use(&registry));

    let other = compile(
        Some(&manifest(1, "good", "good")),
        "#[used] static X: u8 = 2;",
        &[],
    );
    dir.add("good", &other);
    let text = first_use(&signed());
    assert_has(
        &text,
        &[
            path.to_str().unwrap(),
            &signature_of(&path),
            "not one of this content by the key",
        ],
    );

    let unknown = builder(&dir).require_signed().build().unwrap();
    assert_has(
        &refusals(&unknown)[0],
        &["no key is trusted", "/etc/fsplug/trusted-keys"],
    );
    let config = Config::from_pairs([("fs.plugins.require-signed", "true")]);
    let configured = builder(&dir).config(config).build().unwrap();
    assert_has(&refusals(&configured)[0], &["no key is trusted"]);
}

#[test]
fn a_signature_that_is_not_required_is_not_to_be_wrong_where_keys_are_trusted() {
    let (ours, theirs) = (Signer::new(1), Signer::new(2));
    let public = ours.public_key();
    let dir = PluginDir::new();
    let path = dir.add("good", acceptable());
    let trusting = || builder(&dir).trusted_key(&public).build().unwrap();
    assert_was_loaded(&first_use(&trusting()));
    sign(&theirs, &path);
    assert_has(&first_use(&trusting()), &["which is not trusted; trusted: "]);
    sign(&ours, &path);
    assert_was_loaded(&first_use(&trusting()));
    fs::write(signature_of(&path), "nonsense").unwrap();
    assert_has(&first_use(&trusting()), &["not written by minisign"]);
    // Without any trusted key nobody knows what it is worth.
    assert_was_loaded(&first_use(&builder(&dir).build().unwrap()));
}

#[test]
fn a_trusted_key_that_is_none_is_an_error_of_the_program() {
    let error = FileSystems::builder()
        .trusted_key("nonsense")
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(!error.remedy().is_empty(), "{error}");
}

/// Ends a thread, also when the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The same ten thousand times, without the dynamic linker, is among the unit tests.
#[test]
fn a_plugin_that_is_swapped_while_it_is_loaded_runs_only_as_it_was_locked() {
    let dir = PluginDir::new();
    let log = dir.path().join("log");
    fs::write(&log, "").unwrap();
    let (good, bad) = (announcing("said", 'g', &log), announcing("said", 'b', &log));
    let path = dir.add("said", &good);
    lock(&dir);
    let is_over = AtomicBool::new(false);
    let (mut loaded, mut refused) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let beside = path.with_extension("new");
            let contents = [&bad, &good].into_iter().cycle();
            for content in contents.take_while(|_| !is_over.load(Ordering::Relaxed)) {
                fs::write(&beside, content).unwrap();
                fs::rename(&beside, &path).unwrap();
            }
        });
        let _over = Over(&is_over);
        for _ in 0..100 {
            let registry = builder(&dir).build().unwrap();
            let error = block_on(registry.open_path("said://a/b"))
                .err()
                .unwrap()
                .to_string();
            if error.contains("fs_plugin_root_module") {
                loaded += 1;
            } else {
                let is_known =
                    error.contains("its SHA-256 is") || error.contains("written while it was read");
                assert!(is_known, "{error}");
                refused += 1;
            }
        }
    });
    assert!(loaded > 0 && refused > 0, "loaded {loaded}, refused {refused}");
    let started = fs::read_to_string(&log).unwrap();
    assert!(
        !started.is_empty() && started.chars().all(|c| c == 'g'),
        "{started}"
    );
}
