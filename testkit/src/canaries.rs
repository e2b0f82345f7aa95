//! [`Canaries`]: secrets of which a test finds out whether they show up anywhere.

use std::fmt;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// So many bytes of the beginning and of the end of a secret are looked for, so that half of one is found too.
const PART: usize = 12;

/// Secrets that are looked for in what a program says, in every usual form: as they are, in base64 of either alphabet
/// and at any offset in a longer text, in hexadecimal, URL-encoded, as JSON escapes, and as numbers.
///
/// ```
/// let mut canaries = testkit::Canaries::default();
/// let secret = canaries.plant("the secret key");
/// assert!(canaries.find(b"nothing of it").is_empty());
/// assert_eq!(canaries.find(format!("key={secret}").as_bytes())[0].name, "the secret key");
/// ```
#[derive(Clone, Default)]
pub struct Canaries {
    /// Name and secret of each.
    planted: Vec<(String, String)>,
}

/// A place where a secret shows up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sighting {
    /// The name of the secret.
    pub name: String,
    /// The form in which it is there.
    pub form: &'static str,
    /// What stands around it.
    pub context: String,
}

impl Canaries {
    /// A new secret of 32 characters, of which some need escapes in URLs, in JSON or in base64 for URLs.
    pub fn plant(&mut self, name: impl Into<String>) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let random = || char::from(LETTERS[rand::random_range(0..LETTERS.len())]);
        let secret: String = (0..32)
            .map(|at| match at {
                3 | 24 => '/',
                7 | 28 => '+',
                _ => random(),
            })
            .collect();
        self.add(name, secret.as_str());
        secret
    }

    /// A secret that somebody else made.
    ///
    /// # Panics
    /// If it has less than 16 bytes, which could show up by chance.
    pub fn add(&mut self, name: impl Into<String>, secret: impl Into<String>) {
        let secret = secret.into();
        assert!(
            secret.len() >= 16,
            "a secret of {} bytes is too short",
            secret.len()
        );
        self.planted.push((name.into(), secret));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.planted.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.planted.is_empty()
    }

    /// Where they show up in `output`, overlaps included.
    pub fn find(&self, output: &[u8]) -> Vec<Sighting> {
        let forms: Vec<(&str, &str, Vec<u8>)> = self
            .planted
            .iter()
            .flat_map(|(name, secret)| {
                let secret = secret.as_bytes();
                let parts = [&secret[..PART], &secret[secret.len() - PART..]];
                let forms = parts.into_iter().flat_map(forms);
                forms.map(move |(form, text)| (name.as_str(), form, text))
            })
            .collect();
        let searcher = AhoCorasick::new(forms.iter().map(|(_, _, text)| text))
            .expect("some hundred short texts make no large automaton");
        searcher
            .find_overlapping_iter(output)
            .map(|found| {
                let (name, form, _) = forms[found.pattern()];
                let around = found.start().saturating_sub(80)..output.len().min(found.end() + 20);
                Sighting {
                    name: name.to_owned(),
                    form,
                    context: String::from_utf8_lossy(&output[around]).into_owned(),
                }
            })
            .collect()
    }
}

/// Without the secrets.
impl fmt::Debug for Canaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.planted.iter().map(|(name, _)| name))
            .finish()
    }
}

/// Every form of a part of a secret.
fn forms(part: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let each = |write: &dyn Fn(u8) -> String| -> Vec<u8> {
        part.iter()
            .map(|&byte| write(byte))
            .collect::<String>()
            .into_bytes()
    };
    let unless_plain = |byte: u8, escape: String| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => escape,
    };
    let numbers: Vec<String> = part.iter().map(u8::to_string).collect();
    let mut forms = vec![
        ("raw", part.to_vec()),
        ("hex", hex::encode(part).into_bytes()),
        ("hex", hex::encode_upper(part).into_bytes()),
        ("URL", each(&|byte| unless_plain(byte, format!("%{byte:02X}")))),
        ("URL", each(&|byte| unless_plain(byte, format!("%{byte:02x}")))),
        ("URL", each(&|byte| format!("%{byte:02X}"))),
        ("URL", each(&|byte| format!("%{byte:02x}"))),
        (
            "JSON",
            String::from_utf8_lossy(part).replace('/', "\\/").into_bytes(),
        ),
        ("JSON", each(&|byte| unless_plain(byte, format!("\\u{byte:04x}")))),
        ("JSON", each(&|byte| unless_plain(byte, format!("\\u{byte:04X}")))),
        ("JSON", each(&|byte| format!("\\u{byte:04x}"))),
        ("JSON", each(&|byte| format!("\\u{byte:04X}"))),
        ("numbers", numbers.join(", ").into_bytes()),
        ("numbers", numbers.join(",").into_bytes()),
    ];
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for before in 0..3 {
            let encoded = engine.encode([&[0; 2][..before], part].concat());
            // Only the digits that depend on nothing but the part.
            let digits = (before * 8).div_ceil(6)..(before + part.len()) * 8 / 6;
            forms.push(("base64", encoded[digits].into()));
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;

    use super::*;

    fn planted() -> (Canaries, String) {
        let mut canaries = Canaries::default();
        canaries.plant("another");
        let secret = canaries.plant("it");
        (canaries, secret)
    }

    #[test]
    fn a_secret_is_found_in_every_form_and_nothing_else_is() {
        let (canaries, secret) = planted();
        let bytes = secret.as_bytes();
        let url: String = form_urlencoded::byte_serialize(bytes).collect();
        for (form, text) in [
            ("raw", secret.clone()),
            ("raw", format!("{:?}", bytes::Bytes::from(secret.clone()))),
            ("hex", hex::encode(bytes)),
            ("hex", hex::encode_upper(bytes)),
            ("URL", url.clone()),
            ("URL", url.replace("%2F", "%2f").replace("%2B", "%2b")),
            ("JSON", secret.replace('/', "\\/")),
            ("JSON", secret.replace('/', "\\u002f").replace('+', "\\u002b")),
            ("numbers", format!("{bytes:?}")),
            ("numbers", serde_json::to_string(bytes).unwrap()),
        ] {
            let found = canaries.find(format!("before {text} behind").as_bytes());
            assert!(
                found.iter().any(|it| it.name == "it" && it.form == form),
                "{form}: {text}"
            );
            assert!(found.iter().all(|it| it.name == "it"), "{found:?}");
        }
        assert!(!format!("{canaries:?}").contains(&secret));
    }

    #[test]
    fn half_a_secret_is_found() {
        let (canaries, secret) = planted();
        assert!(!canaries.find(&secret.as_bytes()[..16]).is_empty());
        assert!(!canaries.find(&secret.as_bytes()[16..]).is_empty());
    }

    proptest! {
        #[test]
        fn a_secret_is_found_inside_any_base64(
            before in prop::collection::vec(any::<u8>(), 0..9), behind in prop::collection::vec(any::<u8>(), 0..9)
        ) {
            let (canaries, secret) = planted();
            let text = [before, secret.into_bytes(), behind].concat();
            for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
                let found = canaries.find(encoded.as_bytes());
                prop_assert!(found.iter().any(|it| it.name == "it" && it.form == "base64"), "{}", encoded);
            }
        }

        #[test]
        fn what_is_no_secret_is_not_found(output in prop::collection::vec(any::<u8>(), 0..4096)) {
            prop_assert_eq!(planted().0.find(&output), []);
        }
    }
}
