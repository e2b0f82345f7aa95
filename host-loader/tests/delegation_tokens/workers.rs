//! Processes that get their tokens from elsewhere.

use std::sync::Arc;

use futures_executor::block_on;
use host_loader::DelegationTokens;
use host_loader::plugin_api::{Bytes, Config, DelegationToken, ErrorKind, Result};

use crate::clock::ManualClock;
use crate::fake_tokens::{Fake, builder};

fn token(text: &'static str) -> DelegationToken {
    DelegationToken {
        bytes: Bytes::from_static(text.as_bytes()),
        valid_until: None,
    }
}

fn receive(fakes: &[Arc<Fake>], pairs: &[(&str, &str)], tokens: &[(&str, &'static str)]) -> Result<()> {
    let config = Config::from_pairs(pairs.iter().copied());
    let registry = builder(fakes).config(config).build().unwrap();
    let tokens: DelegationTokens = tokens
        .iter()
        .map(|(service, text)| ((*service).to_owned(), token(text)))
        .collect();
    block_on(registry.receive_delegation_tokens(&tokens))
}

fn fakes(services: &[&'static str]) -> Vec<Arc<Fake>> {
    let clock = ManualClock::new();
    services
        .iter()
        .map(|service| Arc::new(Fake::new(service, &clock)))
        .collect()
}

#[test]
fn a_worker_without_keys_hands_each_token_to_its_receiver() {
    let fakes = fakes(&["one", "two"]);
    receive(&fakes, &[], &[("one", "a"), ("two", "b")]).unwrap();
    assert_eq!(
        (fakes[0].received(), fakes[1].received()),
        (vec!["a".to_owned()], vec!["b".to_owned()])
    );
    assert_eq!(fakes[0].obtained(), 0);
}

#[test]
fn a_token_that_nobody_receives_is_an_error_and_the_others_are_used() {
    let fakes = fakes(&["two"]);
    let error = receive(&fakes, &[], &[("one", "canary"), ("two", "b")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PluginLoad);
    let text = error.to_string();
    assert!(text.contains("'one'") && !text.contains("canary"), "{text}");
    assert_eq!(fakes[0].received(), ["b"]);
}

#[test]
fn a_refused_token_names_the_service_and_the_plugin() {
    let fakes = fakes(&["one"]);
    fakes[0].refusals.store(1, std::sync::atomic::Ordering::SeqCst);
    let error = receive(&fakes, &[], &[("one", "canary")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let text = error.to_string();
    assert!(
        text.contains("'one'") && text.contains("'one/0'") && !text.contains("canary"),
        "{text}"
    );
}

#[test]
fn tokens_that_are_switched_off_are_not_used() {
    let fakes = fakes(&["one", "two"]);
    let tokens = [("one", "a"), ("two", "b")];
    receive(
        &fakes,
        &[("security.delegation.tokens.enabled", "false")],
        &tokens,
    )
    .unwrap();
    assert!(fakes[0].received().is_empty() && fakes[1].received().is_empty());
    let one = [("security.delegation.token.provider.one.enabled", "false")];
    receive(&fakes, &one, &tokens).unwrap();
    assert!(fakes[0].received().is_empty());
    assert_eq!(fakes[1].received(), ["b"]);
}
