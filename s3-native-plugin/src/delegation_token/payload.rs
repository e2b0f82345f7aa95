//! What is inside a token: JSON with the members of a session, and the version of this form.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_sts::types::Credentials as Session;
use plugin_api::{Bytes, DelegationToken, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The only version so far.
const VERSION: u32 = 1;

/// Bytes that hold any usual session. What is longer moves while it is written, and leaves copies behind.
const ROOM: usize = 16 << 10;

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Payload {
    version: u32,
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    /// Milliseconds since 1970.
    expiration: u64,
}

pub(super) fn encode(session: &Session) -> Result<DelegationToken> {
    let expiration = u64::try_from(session.expiration().to_millis().unwrap_or_default()).unwrap_or_default();
    let payload = Payload {
        version: VERSION,
        access_key_id: session.access_key_id().to_owned(),
        secret_access_key: session.secret_access_key().to_owned(),
        session_token: session.session_token().to_owned(),
        expiration,
    };
    let mut json = Zeroizing::new(Vec::with_capacity(ROOM));
    serde_json::to_writer(&mut *json, &payload)
        .map_err(|_| Error::new(ErrorKind::Other, "the session cannot be written as a token"))?;
    Ok(DelegationToken {
        // The last one who drops them overwrites them.
        bytes: Bytes::from_owner(json),
        valid_until: Some(at(expiration)),
    })
}

/// # Errors
/// [`ErrorKind::Corrupt`] for anything that [`encode`] has not written; nothing of the content is shown.
pub(super) fn decode(token: &DelegationToken) -> Result<Credentials> {
    let corrupt = |why: &str| {
        Error::new(
            ErrorKind::Corrupt,
            format!("the delegation token cannot be read: {why}"),
        )
        .with_operation("receive a token")
        .with_remedy("let the provider of the same plugin version obtain it")
    };
    let payload: Payload =
        serde_json::from_slice(&token.bytes).map_err(|_| corrupt("it is not in the form of this plugin"))?;
    if payload.version != VERSION {
        return Err(corrupt(&format!(
            "its version is {}, not {VERSION}",
            payload.version
        )));
    }
    if payload.access_key_id.is_empty() || payload.secret_access_key.is_empty() {
        return Err(corrupt("it holds no credentials"));
    }
    Ok(Credentials::new(
        payload.access_key_id.clone(),
        payload.secret_access_key.clone(),
        Some(payload.session_token.clone()).filter(|token| !token.is_empty()),
        Some(at(payload.expiration)),
        "delegation token",
    ))
}

fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_session_becomes_a_token_and_the_same_credentials() {
        let session = Session::builder()
            .access_key_id("id")
            .secret_access_key("secret")
            .session_token("token")
            .expiration(DateTime::from_millis(1_900_000_000_123))
            .build()
            .unwrap();
        let token = encode(&session).unwrap();
        assert_eq!(token.valid_until, Some(at(1_900_000_000_123)));
        let credentials = decode(&token).unwrap();
        assert_eq!(credentials.access_key_id(), "id");
        assert_eq!(credentials.secret_access_key(), "secret");
        assert_eq!(credentials.session_token(), Some("token"));
        assert_eq!(credentials.expiry(), token.valid_until);
    }

    #[test]
    fn a_newer_version_and_missing_credentials_are_told() {
        let decoded = |json: &str| {
            let bytes = json.as_bytes().to_vec().into();
            decode(&DelegationToken {
                bytes,
                valid_until: None,
            })
            .unwrap_err()
            .to_string()
        };
        let with = |version: u32, id: &str| {
            format!(
                r#"{{"version":{version},"access_key_id":"{id}","secret_access_key":"canary","session_token":"t","expiration":1}}"#
            )
        };
        for (text, why) in [(with(2, "a"), "version is 2"), (with(1, ""), "no credentials")] {
            let error = decoded(&text);
            assert!(error.contains(why) && !error.contains("canary"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn anything_else_is_refused_without_being_shown(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let error = decode(&DelegationToken { bytes: bytes.into(), valid_until: None }).unwrap_err();
            prop_assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
    }
}
