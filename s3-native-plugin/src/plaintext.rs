//! The warning about endpoints that are reached in the clear.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use plugin_api::ConfigOption;

use crate::options;
use crate::settings::Settings;
use crate::settings::endpoint::is_exposed;

/// The endpoints that this process was warned of.
static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Warns, once for each endpoint and process, that others on the way can read what is exchanged with it. Of requests
/// that are not signed nobody expects anything else, and loopback has no way.
pub(crate) fn warn(settings: &Settings) {
    warn_of(
        &options::ENDPOINT,
        settings.endpoint.url.as_deref(),
        "the content and names of files and the session tokens of temporary credentials, and can change replies; \
         only the secret key is never sent",
    );
    let role = settings.identity.role.as_ref();
    warn_of(
        &options::ASSUME_ROLE_STS_ENDPOINT,
        role.and_then(|role| role.sts_endpoint.as_deref()),
        "the external id and the whole credentials that STS gives out",
    );
}

fn warn_of(option: &ConfigOption, url: Option<&str>, seen: &str) {
    let Some(url) = url.filter(|url| is_exposed(url)) else {
        return;
    };
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if told.insert(url.to_owned()) {
        tracing::warn!(
            "'{}' is {url}, which is not encrypted: others on the way can read {seen}; use a https:// URL",
            option.key
        );
    }
}
