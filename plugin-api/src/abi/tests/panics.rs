//! A plugin in which everything panics, its drops included, behind the vtables.

mod plugin;

use std::sync::Arc;
use std::time::Duration;

use super::ready;
use crate::*;
use plugin::{Bomb, Factory};

fn at(key: &str) -> Location {
    Location::new("bomb", "a", key).unwrap()
}

/// It must be a panic that was caught, with this text.
fn caught<T>(result: Result<T>, text: &str) {
    let error = result.err().expect(text);
    assert_eq!(error.kind(), ErrorKind::PluginPanic, "{text}: {error}");
    assert!(error.message().ends_with(text), "'{text}': {error}");
    assert!(!error.operation().is_empty(), "{text}: {error:?}");
}

#[test]
fn a_panic_in_a_factory_or_file_system_is_an_error_and_the_next_call_works() {
    let factory = abi::isolate(Arc::new(Factory));
    let config = Config::default();
    let root = |authority| Location::new("bomb", authority, "").unwrap();
    caught(ready(factory.create(&root("create"), &config)), "create");
    let some = Config::from_pairs([("a", "b")]);
    caught(factory.delegation_token_provider(&some), "provider");
    caught(
        ready(factory.diagnose(&root("a"), &config, &DiagnosisOptions::default())),
        "diagnose",
    );
    factory.telemetry_changed();

    let fs = ready(factory.create(&root("bomb"), &config)).unwrap();
    let (path, text) = (at("k"), "file system");
    caught(ready(fs.status(&path)), text);
    caught(ready(fs.list(&path, &ListOptions::default())), text);
    caught(ready(fs.open(&path, &OpenOptions::default())), text);
    caught(ready(fs.create(&path, &CreateOptions::default())), text);
    caught(ready(fs.delete(&path, true)), text);
    caught(ready(fs.rename(&path, &path)), text);
    caught(ready(fs.mkdirs(&path)), text);
    caught(fs.recoverable_writer(), text);
    caught(fs.bulk_copy(), text);
    assert_eq!(
        (fs.capabilities(), fs.entropy_key()),
        (Capabilities::empty(), None)
    );
    caught(ready(fs.close(Duration::ZERO)), text);

    let other = ready(factory.create(&root("a"), &config)).unwrap();
    assert_eq!(ready(other.status(&path)).unwrap().len, 7);
    caught(ready(factory.shutdown(Duration::ZERO)), "shutdown");
    assert_eq!(ready(other.status(&path)).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_panic_in_what_a_file_system_makes_is_an_error_and_so_is_one_in_its_drop() {
    let factory = abi::isolate(Arc::new(Factory));
    let config = Config::default();
    let fs = ready(factory.create(&at("").with_key(""), &config)).unwrap();
    let path = at("k");
    let mut lister = ready(fs.list(&path, &ListOptions::default())).unwrap();
    caught(ready(lister.next_page()), "next page");

    let mut input = ready(fs.open(&path, &OpenOptions::default())).unwrap();
    caught(ready(input.read(1)), "read");
    caught(ready(input.read_into(&mut [0; 4])), "read into");
    caught(ready(input.read_ranges(&[0..1, 2..3])), "read ranges");
    caught(input.seek(1), "seek");
    assert_eq!((input.position(), input.len()), (0, 0));
    caught(ready(input.close()), "close");

    let mut output = ready(fs.create(&path, &CreateOptions::default())).unwrap();
    caught(ready(output.write(b"x")), "write");
    caught(ready(output.write_bytes("x".into())), "write bytes");
    caught(ready(output.flush()), "flush");
    caught(ready(output.sync()), "sync");
    caught(ready(output.close()), "close");
    caught(ready(output.abort()), "abort");
    assert_eq!((output.position(), output.location()), (0, path.clone()));

    let writer = fs.recoverable_writer().unwrap();
    let state = Recoverable::new(1, Bytes::new());
    assert!(!writer.requires_cleanup());
    caught(ready(writer.open(&path, &CreateOptions::default())), "open");
    caught(ready(writer.cleanup(&state)), "clean up");
    caught(ready(writer.abort(&state)), "abort");
    caught(writer.inspect(&state), "inspect");
    caught(ready(writer.verify(&state)), "verify");
    caught(ready(writer.pending_uploads(&path, "")), "pending uploads");

    let mut stream = ready(writer.recover(&state)).unwrap();
    caught(ready(stream.write(b"x")), "write");
    caught(ready(stream.write_bytes("x".into())), "write bytes");
    caught(ready(stream.flush()), "flush");
    caught(ready(stream.persist()), "persist");
    caught(ready(stream.close_for_commit()), "close for commit");
    caught(ready(stream.close()), "close");
    assert_eq!(stream.position(), 0);

    let committer = ready(writer.recover_for_commit(&state)).unwrap();
    caught(ready(committer.commit()), "commit");
    caught(ready(committer.commit_after_recovery()), "commit after recovery");
    caught(committer.recoverable(), "recoverable");

    let copy = fs.bulk_copy().unwrap();
    assert!(!copy.can_copy(&path, &path));
    let options = CopyOptions::default();
    let copied = copy.copy_files(&[], &options, Box::new(Bomb));
    caught(ready(copied), "copy files");

    let provider = factory.delegation_token_provider(&config).unwrap().unwrap();
    assert!(provider.service_name().is_empty() && !provider.is_required());
    caught(ready(provider.obtain()), "obtain");
    let receiver = factory.delegation_token_receiver().unwrap();
    let token = DelegationToken {
        bytes: Bytes::new(),
        valid_until: None,
    };
    caught(ready(receiver.receive(&token)), "receive");

    drop((
        lister, input, output, stream, committer, copy, provider, receiver, writer,
    ));
    assert_eq!(ready(fs.status(&path)).unwrap().len, 7);
}
