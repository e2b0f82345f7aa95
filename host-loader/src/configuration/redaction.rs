//! What must not be shown of a value.

use std::borrow::Cow;

/// What is shown in the place of a secret.
pub(super) const REDACTED: &str = "<redacted>";

/// Words in the name of a key that no schema knows, or that a user chose, and that holds a secret.
const SECRET_WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "signature",
    "private",
    "accesskey",
    "accountkey",
    "apikey",
    "authkey",
    "encryptionkey",
    "masterkey",
    "signingkey",
    "sharedkey",
    "customerkey",
];

/// Whether a key that no schema knows has a name as secrets have.
pub(super) fn looks_secret(key: &str) -> bool {
    let letters: String = key
        .chars()
        .filter(|c| c.is_alphanumeric())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    SECRET_WORDS.iter().any(|word| letters.contains(word))
}

/// The value without the users and passwords that URLs in it may have. Everything up to the last `@` may belong to one: a
/// password may have a slash in it, and a value several URLs.
pub(super) fn without_user_info(value: &str) -> Cow<'_, str> {
    let (Some((scheme, _)), Some(at)) = (value.split_once("://"), value.rfind('@')) else {
        return Cow::Borrowed(value);
    };
    // Where an `@` comes first, that is none of a scheme.
    let shown = if scheme.contains('@') {
        String::new()
    } else {
        format!("{scheme}://")
    };
    Cow::Owned(format!("{shown}{REDACTED}{}", &value[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_recognised_in_any_spelling() {
        for key in [
            "s3.secret-kee",
            "s3.acces.secret.key",
            "s3.session_token",
            "s3.PASSWORD",
            "fs.s3a.access.key.x",
            "azure.account-key",
        ] {
            assert!(looks_secret(key), "{key}");
        }
        for key in ["s3.entropy.key", "s3.regoin", "department", "s3.key-prefix"] {
            assert!(!looks_secret(key), "{key}");
        }
    }

    #[test]
    fn the_user_in_a_url_is_not_shown() {
        for (value, shown) in [
            ("http://user:pw@host:9000/x", "http://<redacted>@host:9000/x"),
            ("http://a@b:pw@host", "http://<redacted>@host"),
            // It might be a password with a slash in it.
            ("http://host/a@b", "http://<redacted>@b"),
            ("https://AKIA:ab/cd@minio:9000", "https://<redacted>@minio:9000"),
            ("http://a:b@one,http://c:d@two", "http://<redacted>@two"),
            ("http://one,http://c:d?#@two/x", "http://<redacted>@two/x"),
            ("a:b@one,http://two", "<redacted>@one,http://two"),
            ("http://one,http://two", "http://one,http://two"),
            ("plain@text", "plain@text"),
        ] {
            assert_eq!(without_user_info(value), shown);
        }
    }
}
