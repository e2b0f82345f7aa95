//! What the keys may be set to.

use futures_executor::block_on;
use host_loader::plugin_api::ErrorKind;

use crate::clock::ManualClock;
use crate::fake_store::{FakeStore, path};

#[test]
fn a_limit_that_means_nothing_is_refused_by_its_name_at_the_first_use_of_its_scheme() {
    let store = FakeStore::new(&ManualClock::new());
    for (name, value) in [
        ("total", "-2"),
        ("input", "many"),
        ("output", "1.5"),
        ("timeout", "-1"),
        ("stream-timeout", "soon"),
    ] {
        let key = format!("fs.fake.limit.{name}");
        let registry = store.registry(&[(&key, value)]);
        let error = block_on(registry.get(&path(0))).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        let text = error.to_string();
        assert!(
            text.contains(&format!("'{key}'")) && text.contains(value),
            "{text}"
        );
        // Other schemes have limits of their own.
        block_on(registry.get(&"file:///".parse().unwrap())).unwrap();
    }
    let registry = store.registry(&[("fs.other.limit.total", "-2"), ("fs.fake.limit.total", "-1")]);
    block_on(registry.get(&path(0))).unwrap();
}
