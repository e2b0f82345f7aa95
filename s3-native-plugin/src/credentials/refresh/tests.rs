use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use futures::future::join_all;

use super::*;

thread_local! {
    /// What the clock of the tests on this thread shows, in seconds.
    static NOW: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.get())
}

/// Gives credentials for an hour, and counts.
#[derive(Debug, Default)]
struct Provider {
    asked: AtomicUsize,
    fails: AtomicBool,
    expiry: AtomicU64,
}

#[derive(Clone, Debug, Default)]
struct Counted(Arc<Provider>);

impl ProvideCredentials for Counted {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            // Everybody who wants credentials gets the chance to ask too.
            tokio::task::yield_now().await;
            let number = self.0.asked.fetch_add(1, Ordering::SeqCst) + 1;
            if self.0.fails.load(Ordering::SeqCst) {
                return Err(CredentialsError::provider_error("the provider is down"));
            }
            let expiry = now() + Duration::from_hours(1);
            self.0.expiry.store(NOW.get() + 3600, Ordering::SeqCst);
            Ok(Credentials::new(
                number.to_string(),
                "secret",
                None,
                Some(expiry),
                "test",
            ))
        })
    }
}

fn refreshing() -> (Counted, Arc<DelegatedCredentials>, RefreshingProvider) {
    let (provider, delegated) = (Counted::default(), Arc::<DelegatedCredentials>::default());
    let shared = SharedCredentialsProvider::new(provider.clone());
    (
        provider,
        delegated.clone(),
        RefreshingProvider::with_clock(shared, delegated, Metrics::unheard(), now),
    )
}

async fn key(refreshing: &RefreshingProvider) -> String {
    let credentials = refreshing.provide_credentials().await.unwrap();
    credentials.access_key_id().to_owned()
}

/// Lets everything that was spawned run as far as it can.
async fn settle() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_thousand_requests_over_an_expiry_ask_once_and_none_fails() {
    let (provider, _, refreshing) = refreshing();
    for expiries in 1..4 {
        let keys = join_all((0..1000).map(|_| key(&refreshing))).await;
        assert!(keys.iter().all(|key| *key == expiries.to_string()));
        assert_eq!(provider.0.asked.load(Ordering::SeqCst), expiries);
        NOW.set(NOW.get() + 3600);
    }
}

#[tokio::test]
async fn what_is_about_to_end_is_renewed_beside_the_requests() {
    let (provider, _, refreshing) = refreshing();
    assert_eq!(key(&refreshing).await, "1");
    // A tenth of an hour is more than five minutes.
    NOW.set(3600 - 361);
    assert_eq!(key(&refreshing).await, "1");
    settle().await;
    assert_eq!(provider.0.asked.load(Ordering::SeqCst), 1);
    NOW.set(3600 - 360);
    let keys = join_all((0..100).map(|_| key(&refreshing))).await;
    assert!(keys.iter().all(|key| key == "1"));
    settle().await;
    assert_eq!(key(&refreshing).await, "2");
    assert_eq!(provider.0.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_outage_shorter_than_the_remaining_life_is_not_seen() {
    let (provider, _, refreshing) = refreshing();
    assert_eq!(key(&refreshing).await, "1");
    provider.0.fails.store(true, Ordering::SeqCst);
    for second in 3300..3600 {
        NOW.set(second);
        assert_eq!(key(&refreshing).await, "1");
        settle().await;
    }
    // It was not asked by every request.
    let asked = provider.0.asked.load(Ordering::SeqCst);
    assert!((20..=32).contains(&asked), "{asked}");
    provider.0.fails.store(false, Ordering::SeqCst);
    NOW.set(3599);
    key(&refreshing).await;
    NOW.set(3600);
    assert!(key(&refreshing).await.parse::<usize>().unwrap() > asked);
}

#[tokio::test]
async fn an_outage_beyond_the_life_is_an_error_and_ends_with_the_outage() {
    let (provider, _, refreshing) = refreshing();
    assert_eq!(key(&refreshing).await, "1");
    provider.0.fails.store(true, Ordering::SeqCst);
    NOW.set(3600);
    assert!(refreshing.provide_credentials().await.is_err());
    provider.0.fails.store(false, Ordering::SeqCst);
    assert_eq!(key(&refreshing).await, "3");
}

#[tokio::test]
async fn a_request_that_gives_up_while_it_asks_does_not_stop_the_others() {
    let (_, _, refreshing) = refreshing();
    let mut gives_up = Box::pin(key(&refreshing));
    assert!(futures::poll!(&mut gives_up).is_pending());
    let mut waits = Box::pin(key(&refreshing));
    assert!(futures::poll!(&mut waits).is_pending());
    drop(gives_up);
    assert_eq!(waits.await, "1");
}

#[tokio::test]
async fn a_new_delegation_token_replaces_what_was_made_from_the_old_one() {
    let (_, delegated, refreshing) = refreshing();
    assert_eq!(key(&refreshing).await, "1");
    delegated.replace(Credentials::new("token", "secret", None, None, "test"));
    assert_eq!(key(&refreshing).await, "2");
    assert_eq!(key(&refreshing).await, "2");
}

#[test]
fn a_short_session_is_not_renewed_in_its_first_half() {
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    for (life, renewed) in [(10, 5), (600, 300), (900, 600), (3600, 3240), (43_200, 38_880)] {
        assert_eq!(renewal(at(0), at(life)), at(renewed), "{life}");
    }
}

#[tokio::test]
async fn a_suspicion_is_believed_once_a_minute_and_helps_all_who_share_it() {
    let (provider, _, refreshing) = refreshing();
    assert_eq!(key(&refreshing).await, "1");
    let generation = refreshing.generation();
    assert!(refreshing.suspect(generation) && refreshing.suspect(generation));
    assert_eq!(key(&refreshing).await, "2");
    for second in 0..60 {
        NOW.set(second);
        assert!(!refreshing.suspect(refreshing.generation()));
    }
    NOW.set(60);
    assert!(refreshing.suspect(refreshing.generation()));
    assert_eq!(key(&refreshing).await, "3");
    assert_eq!(provider.0.asked.load(Ordering::SeqCst), 3);
}
