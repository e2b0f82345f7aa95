//! Which providers and receivers belong together, and what is said of those that do not.

use std::sync::Arc;

use futures_executor::block_on;
use host_loader::DelegationTokenManager;
use host_loader::plugin_api::{Config, ErrorKind, Result};

use crate::clock::ManualClock;
use crate::fake_tokens::{Fake, builder, config};
use crate::log::Log;

fn manager(fakes: Vec<Fake>, config: Config) -> Result<DelegationTokenManager> {
    let fakes: Vec<Arc<Fake>> = fakes.into_iter().map(Arc::new).collect();
    let registry = builder(&fakes).config(config).build()?;
    block_on(registry.delegation_tokens())
}

fn fake(service: &'static str) -> Fake {
    Fake::new(service, &ManualClock::new())
}

#[test]
fn tokens_are_obtained_of_the_services_whose_keys_are_set() {
    let all = || vec![fake("one"), fake("two"), fake("three")];
    let manager = |config| manager(all(), config).unwrap();
    assert_eq!(manager(config(&["two", "one"], &[])).services(), ["one", "two"]);
    assert!(manager(config(&[], &[])).services().is_empty());
    let off = config(
        &["two", "one"],
        &[("security.delegation.token.provider.one.enabled", "false")],
    );
    assert_eq!(manager(off).services(), ["two"]);
    let none = config(&["two"], &[("security.delegation.tokens.enabled", "false")]);
    let idle = manager(none);
    assert!(idle.services().is_empty());
    // There is nothing to do, and nothing wrong with that.
    block_on(async {
        idle.start().await.unwrap();
        idle.renew_now().await.unwrap();
        idle.stop().await;
    });
    assert_eq!(idle.tokens(), None);
}

#[test]
fn a_service_that_is_there_twice_is_an_error_that_names_both_plugins() {
    let error = manager(vec![fake("one"), fake("one")], config(&["one"], &[])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PluginLoad);
    let text = error.to_string();
    assert!(
        text.contains("'one'") && text.contains("'one/0'") && text.contains("'one/1'"),
        "{text}"
    );
}

#[test]
fn a_provider_or_a_receiver_alone_is_an_error_that_names_what_is_missing() {
    let provider = Fake {
        has_receiver: false,
        ..fake("one")
    };
    let receiver = Fake {
        has_provider: false,
        ..fake("one")
    };
    for (alone, missing) in [(provider, "no receiver"), (receiver, "no provider")] {
        let text = manager(vec![alone], config(&[], &[])).unwrap_err().to_string();
        assert!(
            text.contains(missing) && text.contains("'one'") && text.contains("'one/0'"),
            "{text}"
        );
    }
    // Two plugins may share the work.
    let split = vec![
        Fake {
            has_receiver: false,
            ..fake("one")
        },
        Fake {
            has_provider: false,
            ..fake("one")
        },
    ];
    assert_eq!(manager(split, config(&["one"], &[])).unwrap().services(), ["one"]);
}

#[test]
fn what_is_probably_a_mistake_is_a_warning() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let fakes = vec![fake("s3-one"), fake("s3-two"), fake("other")];
        manager(fakes, config(&["s3-one", "typo"], &[])).unwrap();
    });
    let text = log.text();
    assert!(text.contains("s3-one and s3-two"), "{text}");
    assert!(text.contains("'typo'"), "{text}");
    assert!(!text.contains("other"), "{text}");
}

#[test]
fn keys_out_of_their_range_are_refused_when_the_manager_is_made() {
    let key = "security.delegation.tokens.renewal.time-ratio";
    let error = manager(vec![fake("one")], config(&["one"], &[(key, "2")])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains(key), "{error}");
}
