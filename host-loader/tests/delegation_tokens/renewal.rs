//! When tokens are renewed, and what becomes of failures, requests and the end.

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures::FutureExt as _;
use futures_executor::block_on;
use host_loader::plugin_api::ErrorKind;
use host_loader::{DelegationTokenManager, FileSystems};

use crate::clock::ManualClock;
use crate::fake_tokens::{Answer, Fake, LIFE, builder, config};

/// Plugins of some services, a manager of their tokens, and a listener.
struct Rig {
    clock: ManualClock,
    fakes: Vec<Arc<Fake>>,
    registry: FileSystems,
    manager: DelegationTokenManager,
    heard: mpsc::Receiver<Vec<String>>,
}

impl Rig {
    fn new(services: &[&'static str]) -> Self {
        let clock = ManualClock::new();
        let fakes: Vec<Arc<Fake>> = services
            .iter()
            .map(|service| Arc::new(Fake::new(service, &clock)))
            .collect();
        let registry = builder(&fakes).config(config(services, &[])).build().unwrap();
        let manager = clock.govern(block_on(registry.delegation_tokens()).unwrap());
        let heard = listen(&manager);
        Self {
            clock,
            fakes,
            registry,
            manager,
            heard,
        }
    }

    fn fake(&self) -> &Fake {
        &self.fakes[0]
    }

    fn pass(&self, span: Duration) {
        self.clock.pass(span, &self.manager);
    }
}

/// What a new listener hears.
fn listen(manager: &DelegationTokenManager) -> mpsc::Receiver<Vec<String>> {
    let (send, heard) = mpsc::channel();
    manager.listen(move |tokens| {
        let texts = tokens
            .values()
            .map(|token| String::from_utf8(token.bytes.to_vec()).unwrap());
        let _ = send.send(texts.collect());
    });
    heard
}

#[test]
fn tokens_are_obtained_at_the_start_and_renewed_at_the_ratio_of_the_shortest() {
    let rig = Rig::new(&["one", "two"]);
    rig.fakes[1].answer(Answer::Token(Some(LIFE * 2)));
    rig.fakes[1].answer(Answer::Token(None));
    block_on(rig.manager.start()).unwrap();
    assert_eq!(rig.heard.recv().unwrap(), ["one 1", "two 1"]);
    assert_eq!(rig.fakes[0].received(), ["one 1"]);
    rig.pass(LIFE.mul_f64(0.74));
    assert!(rig.heard.try_recv().is_err());
    rig.pass(LIFE.mul_f64(0.02));
    assert_eq!(rig.heard.recv().unwrap(), ["one 2", "two 2"]);
    assert_eq!(rig.fakes[1].received(), ["two 1", "two 2"]);
    // Starting again changes nothing.
    block_on(rig.manager.start()).unwrap();
    assert_eq!(rig.fake().obtained(), 2);
    assert_eq!(rig.fake().most_running.load(Ordering::SeqCst), 1);
}

#[test]
fn whoever_listens_late_gets_the_tokens_in_use_at_once() {
    let rig = Rig::new(&["one"]);
    assert!(listen(&rig.manager).try_recv().is_err());
    block_on(rig.manager.start()).unwrap();
    assert_eq!(listen(&rig.manager).try_recv().unwrap(), ["one 1"]);
    let tokens = rig.manager.tokens().unwrap();
    assert_eq!(tokens["one"].valid_until, Some(rig.clock.now() + LIFE));
    assert!(!format!("{tokens:?} {:?}", rig.manager).contains("one 1"));
}

#[test]
fn a_listener_that_panics_keeps_nobody_from_the_tokens() {
    let rig = Rig::new(&["one"]);
    rig.manager.listen(|_| panic!("a listener"));
    let after = listen(&rig.manager);
    block_on(rig.manager.start()).unwrap();
    assert_eq!(after.try_recv().unwrap(), ["one 1"]);
    rig.pass(LIFE);
    assert_eq!(after.recv().unwrap(), ["one 2"]);
}

#[test]
fn a_failure_is_told_and_tried_again_and_the_others_are_renewed_all_the_same() {
    for failure in [Answer::Fail, Answer::Panic, Answer::Token(Some(Duration::ZERO))] {
        let rig = Rig::new(&["one", "two"]);
        rig.fake().answer(failure);
        let error = block_on(rig.manager.start()).unwrap_err();
        assert!(error.to_string().contains("'one'"), "{error}");
        assert_eq!(rig.heard.recv().unwrap(), ["two 1"]);
        // The longest first wait, jitter included.
        rig.pass(Duration::from_secs(15));
        assert_eq!(rig.heard.recv().unwrap(), ["one 2", "two 2"]);
    }
}

#[test]
fn a_token_that_could_not_be_renewed_stays_in_use_until_it_ends() {
    let rig = Rig::new(&["one", "two"]);
    block_on(rig.manager.start()).unwrap();
    assert_eq!(rig.heard.recv().unwrap(), ["one 1", "two 1"]);
    rig.fake().answer(Answer::Fail);
    rig.fake().answer(Answer::Fail);
    rig.pass(LIFE * 3 / 4);
    assert_eq!(rig.heard.recv().unwrap(), ["one 1", "two 2"]);
    rig.pass(LIFE / 4);
    assert_eq!(rig.heard.recv().unwrap(), ["two 3"]);
}

#[test]
fn a_receiver_that_fails_is_a_failure_and_the_listeners_hear_all_the_same() {
    let rig = Rig::new(&["one"]);
    rig.fake().refusals.store(1, Ordering::SeqCst);
    assert_eq!(
        block_on(rig.manager.start()).unwrap_err().kind(),
        ErrorKind::Corrupt
    );
    assert_eq!(rig.heard.recv().unwrap(), ["one 1"]);
    rig.pass(Duration::from_secs(15));
    assert_eq!(rig.heard.recv().unwrap(), ["one 2"]);
    assert_eq!(rig.fake().received(), ["one 2"]);
}

#[test]
fn whoever_asks_for_new_tokens_shares_the_attempt_that_runs() {
    let rig = Rig::new(&["one"]);
    let (asked, release) = rig.fake().hold();
    let mut start = Box::pin(rig.manager.start());
    assert!((&mut start).now_or_never().is_none());
    block_on(asked).unwrap();
    let mut requests: Vec<_> = (0..8).map(|_| Box::pin(rig.manager.renew_now())).collect();
    for request in &mut requests {
        assert!(request.now_or_never().is_none());
    }
    release.send(()).unwrap();
    block_on(start).unwrap();
    for request in requests {
        block_on(request).unwrap();
    }
    assert_eq!(rig.fake().obtained(), 1);
}

#[test]
fn requests_within_the_cooldown_share_one_attempt_after_it() {
    let rig = Rig::new(&["one"]);
    block_on(rig.manager.start()).unwrap();
    let mut requests: Vec<_> = (0..8).map(|_| Box::pin(rig.manager.renew_now())).collect();
    for request in &mut requests {
        assert!(request.now_or_never().is_none());
    }
    assert_eq!(rig.fake().obtained(), 1);
    rig.pass(Duration::from_secs(10));
    for request in requests {
        block_on(request).unwrap();
    }
    assert_eq!(rig.fake().obtained(), 2);
}

#[test]
fn a_stop_cancels_what_runs_closes_each_provider_once_and_is_final() {
    let rig = Rig::new(&["one", "two"]);
    let (asked, _release) = rig.fake().hold();
    let mut start = Box::pin(rig.manager.start());
    assert!((&mut start).now_or_never().is_none());
    block_on(asked).unwrap();
    assert_eq!(rig.fake().closed(), 0);
    for _ in 0..2 {
        block_on(rig.manager.stop());
    }
    assert_eq!(block_on(start).unwrap_err().kind(), ErrorKind::Closed);
    for fake in &rig.fakes {
        assert_eq!((fake.closed(), fake.running.load(Ordering::SeqCst)), (1, 0));
        assert!(fake.received().is_empty());
    }
    assert!(rig.heard.try_recv().is_err());
    for result in [block_on(rig.manager.start()), block_on(rig.manager.renew_now())] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Closed);
    }
}

#[test]
fn a_manager_that_was_never_started_closes_its_providers_too() {
    let rig = Rig::new(&["one"]);
    let error = block_on(rig.manager.renew_now()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    block_on(rig.manager.stop());
    assert_eq!((rig.fake().closed(), rig.fake().obtained()), (1, 0));
    assert_eq!(
        block_on(rig.manager.start()).unwrap_err().kind(),
        ErrorKind::Closed
    );
}

#[test]
fn nothing_is_obtained_any_more_from_file_systems_that_were_shut_down() {
    let rig = Rig::new(&["one"]);
    block_on(rig.manager.start()).unwrap();
    block_on(rig.registry.shutdown(Duration::ZERO)).unwrap();
    let mut request = Box::pin(rig.manager.renew_now());
    assert!((&mut request).now_or_never().is_none());
    rig.pass(Duration::from_secs(10));
    assert_eq!(block_on(request).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(rig.fake().obtained(), 1);
    let error = block_on(rig.registry.delegation_tokens()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}
