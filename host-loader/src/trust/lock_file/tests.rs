use super::text::{HEAD, is_below};
use super::*;
use plugin_api::ErrorKind;
use proptest::prelude::*;

fn malformed_line(text: &str) -> (usize, &'static str) {
    match PluginLock::parse(text) {
        Err(Malformed::Line(line, what)) => (line, what),
        other => panic!("{other:?}"),
    }
}

fn entry(file: &str) -> String {
    format!("{HEAD}1\n{}  {file}\n", "ab".repeat(32))
}

#[test]
fn a_line_that_means_nothing_makes_the_whole_lock_unusable() {
    assert!(PluginLock::parse(&entry("a/b.so")).is_ok());
    for text in [
        "",
        "\n",
        "# fsplug plugins.lock\n",
        "# fsplug plugins.lock x\n",
        "a/b.so",
    ] {
        assert_eq!(malformed_line(text).0, 1, "{text:?}");
    }
    for file in [
        "",
        "/a/b.so",
        "../b.so",
        "a/../b.so",
        "./b.so",
        "a\\b.so",
        "a/b.so\u{7}",
    ] {
        assert_eq!(malformed_line(&entry(file)).0, 2, "{file:?}");
    }
    for line in [
        "x  a/b.so",
        "ab  a/b.so",
        "nonsense",
        &format!("{} a/b.so", "ab".repeat(32)),
    ] {
        assert_eq!(malformed_line(&format!("{HEAD}1\n\n{line}\n")).0, 3, "{line:?}");
    }
    let twice = format!("{}{}", entry("a/b.so"), &entry("a/b.so")[HEAD.len() + 2..]);
    assert_eq!(
        malformed_line(&twice),
        (3, "has a file that another line has too")
    );
    assert_eq!(
        PluginLock::parse(&format!("{HEAD}2\n?")),
        Err(Malformed::Newer(2))
    );
}

#[test]
fn a_lock_that_is_there_and_cannot_be_read_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(PluginLock::read(dir.path()).unwrap(), None);
    let path = PluginLock::path(dir.path());
    std::os::unix::fs::symlink("nowhere", &path).unwrap();
    let error = PluginLock::read(dir.path()).unwrap_err().to_string();
    assert!(
        error.contains(path.to_str().unwrap()) && error.contains("dangling"),
        "{error}"
    );
    fs::remove_file(&path).unwrap();
    for content in [&b"\xff"[..], b"", &vec![b'#'; 2 << 20]] {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(PluginLock::read(dir.path()).is_err());
    }
    PluginLock::default().write(dir.path()).unwrap();
    assert!(PluginLock::read(dir.path()).unwrap().unwrap().is_empty());
    fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
    let error = PluginLock::read(dir.path()).unwrap_err().to_string();
    assert!(error.contains("chmod go-w"), "{error}");
}

#[test]
fn writing_leaves_nothing_else_behind() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        PluginLock::default().write(dir.path()).unwrap();
    }
    assert_eq!(entries_of(dir.path()).unwrap(), [PluginLock::path(dir.path())]);
    let error = PluginLock::default()
        .write(&dir.path().join("missing"))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

fn locks() -> impl Strategy<Value = PluginLock> {
    let file = "[a-z #*.é-]{1,8}/[a-z0-9 .]{1,8}\\.so(\\.[0-9])?".prop_filter("dots alone", |file| {
        is_below(Path::new(file)) && !file.starts_with("./")
    });
    prop::collection::btree_map(file, any::<[u8; 32]>(), 0..5).prop_map(PluginLock)
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(lock in locks()) {
        prop_assert_eq!(PluginLock::parse(&lock.to_string()), Ok(lock));
    }

    #[test]
    fn damage_never_admits_what_the_lock_did_not(lock in locks(), at: prop::sample::Index, byte: u8) {
        let mut text = lock.to_string().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        if let Some(Ok(damaged)) = std::str::from_utf8(&text).ok().map(PluginLock::parse) {
            // One byte can change one hash or one name, or make one line of two.
            let admitted = lock.changes_to(&damaged).into_iter().filter(|change| change.now.is_some());
            prop_assert!(admitted.count() <= 1);
        }
        text.truncate(at);
        if let Some(Ok(shorter)) = std::str::from_utf8(&text).ok().map(PluginLock::parse) {
            let is_new = |change: &LockChange| change.verb() == "changed";
            prop_assert!(!lock.changes_to(&shorter).iter().any(is_new));
        }
    }

    #[test]
    fn changes_are_what_makes_one_lock_the_other(older in locks(), newer in locks()) {
        let mut made = older.clone();
        for change in older.changes_to(&newer) {
            match change.now {
                Some(now) => {
                    made.0.insert(change.file, hex::decode(now).unwrap().try_into().unwrap());
                }
                None => drop(made.0.remove(&change.file)),
            }
        }
        prop_assert_eq!(made, newer);
    }
}
