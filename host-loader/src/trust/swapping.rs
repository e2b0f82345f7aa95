//! What a file becomes while it is checked is not what is loaded.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use plugin_api::Config;
use sha2::{Digest as _, Sha256};

use super::{Admission, PluginLock, Tree, TrustOptions};

/// How often the file is swapped at least, and checked at least.
const TIMES: usize = 10_000;

/// Ends the swapping, also when the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Swaps the file in one of the three ways that there are.
fn swap(round: usize, content: &[u8], file: &Path) {
    let beside = file.with_extension("new");
    match round % 3 {
        0 => fs::write(file, content).unwrap(),
        1 => {
            fs::write(&beside, content).unwrap();
            fs::rename(&beside, file).unwrap();
        }
        _ => {
            let _ = fs::remove_file(file);
            fs::write(&beside, content).unwrap();
            fs::hard_link(&beside, file).unwrap();
        }
    }
}

#[test]
fn a_file_that_is_swapped_while_it_is_checked_is_loaded_with_the_locked_content_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("plugin/plugin.so");
    fs::create_dir(file.parent().unwrap()).unwrap();
    // Longer than what is read at once, so that a copy can have some of both.
    let (good, bad) = (vec![b'g'; 100_000], vec![b'b'; 100_000]);
    let locked = Sha256::digest(&good);
    fs::write(&file, &good).unwrap();
    PluginLock::of_directory(dir.path())
        .unwrap()
        .write(dir.path())
        .unwrap();
    let trust = Arc::new(TrustOptions::default().resolve(&Config::default()).unwrap());
    let admission = Admission::examine(&trust, &file, Tree::searched(dir.path(), true), None).unwrap();

    let (swaps, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (mut loaded, mut refused, mut checks) = (0, 0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let round = swaps.fetch_add(1, Ordering::Relaxed);
                swap(round, if round % 2 == 0 { &bad } else { &good }, &file);
            }
        });
        let _over = Over(&is_over);
        while checks < TIMES || swaps.load(Ordering::Relaxed) < TIMES {
            checks += 1;
            match admission.image() {
                // What the dynamic linker would be given, read once more.
                Ok(image) => {
                    let memory = format!("/proc/self/fd/{}", image.descriptor());
                    assert_eq!(Sha256::digest(fs::read(memory).unwrap()), locked);
                    loaded += 1;
                }
                Err(error) => {
                    let text = error.to_string();
                    let is_known = ["SHA-256", "written while it was read", "cannot be read"]
                        .iter()
                        .any(|reason| text.contains(reason));
                    assert!(is_known, "{text}");
                    refused += 1;
                }
            }
        }
    });
    assert!(loaded > 0 && refused > 0, "loaded {loaded}, refused {refused}");
}
