//! Copies from, to and within a store with keys and faults that the local file system cannot have.

mod memory;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use host_loader::FileSystems;
use host_loader::plugin_api::{Bytes, ErrorKind};
use proptest::prelude::*;

use super::{CpArguments, run};
use crate::console::Console;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;
use memory::{Fault, Memory};

/// Copies, and says what the process would end with: a failure that ended the command, or the status
/// of the failures that did not.
fn copy(memory: &Memory, arguments: &CpArguments) -> Result<ExitStatus, (ErrorKind, String)> {
    let file_systems = FileSystems::builder()
        .search_environment(false)
        .factory(Memory::manifest(), Arc::new(memory.clone()))
        .build()
        .unwrap();
    let mut session = Session::new(
        file_systems,
        Output::stdout(false).unwrap(),
        Console::new(true, 0),
    );
    match futures_executor::block_on(run(&mut session, arguments)) {
        Ok(()) => Ok(session.finish(Ok(()))),
        Err(Failure::Error { error, .. }) => Err((error.kind(), error.to_string())),
        Err(Failure::StdoutClosed) => panic!("nothing is written to standard output"),
    }
}

fn recursive(source: &str, target: &str) -> CpArguments {
    CpArguments {
        recursive: true,
        no_clobber: false,
        jobs: 4,
        sources: vec![source.to_owned()],
        target: target.to_owned(),
    }
}

fn holding(files: &[(&str, &str)]) -> Memory {
    let memory = Memory::default();
    for (key, content) in files {
        let content = Bytes::copy_from_slice(content.as_bytes());
        memory.state().files.insert((*key).to_owned(), content);
    }
    memory
}

fn local(directory: &Path) -> String {
    directory.to_str().unwrap().to_owned()
}

fn entries(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_key_that_cannot_be_a_local_file_is_refused_without_a_byte() {
    for key in [
        "../out",
        "../../out",
        "a/../../out",
        "/out",
        "//out",
        "a//out",
        "a/./out",
        "..",
        ".",
        "a/..",
        "n\0out",
    ] {
        let memory = holding(&[(&format!("dir/{key}"), "hostile")]);
        let outer = tempfile::tempdir().unwrap();
        let target = outer.path().join("target");
        std::fs::create_dir(&target).unwrap();
        let (kind, text) = copy(&memory, &recursive("mem://s/dir/", &local(&target))).unwrap_err();
        assert_eq!(kind, ErrorKind::InvalidPath, "{key:?}");
        assert!(text.contains(&format!("mem://s/dir/{key}")), "{text}");
        assert_eq!(entries(outer.path()), ["target"], "{key:?}");
        assert!(entries(&target).is_empty(), "{key:?}");
    }
}

#[test]
fn a_single_file_cannot_lead_out_of_its_target_either() {
    let memory = holding(&[("dir/..", "hostile"), ("dir/.", "hostile")]);
    let target = tempfile::tempdir().unwrap();
    for source in ["mem://s/dir/..", "mem://s/dir/."] {
        let (kind, text) = copy(&memory, &recursive(source, &local(target.path()))).unwrap_err();
        assert_eq!(kind, ErrorKind::InvalidPath);
        assert!(text.contains(source), "{text}");
        assert!(entries(target.path()).is_empty());
    }
}

#[test]
fn the_mark_of_a_directory_becomes_a_directory() {
    let memory = holding(&[
        ("dir/", ""),
        ("dir/empty/", ""),
        ("dir/full/", ""),
        ("dir/full/f", "1"),
    ]);
    let target = tempfile::tempdir().unwrap();
    copy(&memory, &recursive("mem://s/dir/", &local(target.path()))).unwrap();
    assert_eq!(entries(target.path()), ["empty", "full"]);
    assert_eq!(entries(&target.path().join("full")), ["f"]);
}

#[test]
fn a_file_that_was_replaced_since_the_listing_is_copied_as_it_is_now() {
    let memory = holding(&[("from/f", "present content")]);
    memory.state().faults.insert("from/f".to_owned(), Fault::Replaced);
    copy(&memory, &recursive("mem://s/from", "mem://s/to")).unwrap();
    assert_eq!(memory.state().files["to/f"], "present content");
}

#[test]
fn a_failed_copy_leaves_no_target_and_gives_the_stream_up() {
    for (key, fault, kind) in [
        ("from/f", Fault::ShortRead, ErrorKind::UnexpectedEof),
        ("to/f", Fault::FailedWrite, ErrorKind::Unavailable),
    ] {
        let memory = holding(&[("from/f", "some content")]);
        memory.state().faults.insert(key.to_owned(), fault);
        let failure = copy(&memory, &recursive("mem://s/from", "mem://s/to")).unwrap_err();
        assert_eq!(failure.0, kind);
        assert!(failure.1.contains(&format!("mem://s/{key}")), "{}", failure.1);
        let state = memory.state();
        assert!(!state.files.contains_key("to/f"));
        assert_eq!((state.aborted, state.writing), (1, 0));
    }
}

#[test]
fn a_store_that_keeps_less_than_it_was_given_is_found_out() {
    let memory = holding(&[("from/f", "some content")]);
    memory.state().faults.insert("to/f".to_owned(), Fault::ShortWrite);
    let (kind, text) = copy(&memory, &recursive("mem://s/from", "mem://s/to")).unwrap_err();
    assert_eq!(kind, ErrorKind::Corrupt);
    assert!(
        text.contains("mem://s/to/f") && text.contains("12 bytes"),
        "{text}"
    );
}

#[test]
fn a_target_that_appears_during_the_copy_is_kept_if_that_is_asked() {
    let memory = holding(&[("from/f", "ours"), ("from/g", "ours")]);
    memory.state().faults.insert("to/f".to_owned(), Fault::Overtaken);
    let arguments = CpArguments {
        no_clobber: true,
        ..recursive("mem://s/from", "mem://s/to")
    };
    assert_eq!(copy(&memory, &arguments), Ok(ExitStatus::InTheWay));
    assert_eq!(memory.state().files["to/f"], "theirs");
    assert_eq!(memory.state().files["to/g"], "ours");
}

#[test]
fn copying_into_itself_is_refused() {
    let memory = holding(&[("dir/f", "1")]);
    for target in [
        "mem://s/dir/sub",
        "MEM://s/dir/sub",
        "mem://s/dir/",
        "mem://s/dir/f/",
    ] {
        let failure = copy(&memory, &recursive("mem://s/dir/", target)).unwrap_err();
        assert_eq!(failure.0, ErrorKind::InvalidInput);
        assert_eq!(memory.state().files.len(), 1);
    }
}

#[test]
fn no_more_files_than_asked_are_in_flight() {
    let names: Vec<String> = (0..40).map(|n| format!("from/{n}")).collect();
    for jobs in [1, 3] {
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "content")).collect();
        let memory = holding(&files);
        let arguments = CpArguments {
            jobs,
            ..recursive("mem://s/from", "mem://s/to")
        };
        copy(&memory, &arguments).unwrap();
        let state = memory.state();
        assert_eq!(state.files.len(), 80);
        assert_eq!(state.most_writing, usize::from(jobs));
    }
}

proptest! {
    #[test]
    fn keys_are_kept_byte_for_byte_between_stores(
        keys in prop::collection::btree_map("[a./ %#?é\u{0}\n]{0,8}[a.%]", "[a-z]{0,10}", 1..20),
    ) {
        let memory = Memory::default();
        for (key, content) in &keys {
            memory.state().files.insert(format!("from/{key}"), content.clone().into());
        }
        copy(&memory, &recursive("mem://s/from/", "mem://s/to")).unwrap();
        let state = memory.state();
        let copied: BTreeMap<String, String> = state
            .files
            .iter()
            .filter_map(|(key, content)| {
                let name = key.strip_prefix("to/")?;
                Some((name.to_owned(), String::from_utf8(content.to_vec()).unwrap()))
            })
            .collect();
        prop_assert_eq!(copied, keys);
    }
}
