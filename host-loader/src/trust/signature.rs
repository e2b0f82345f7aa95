//! [`TrustedKeys`]: whose signatures, made with minisign, count.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minisign_verify::{PublicKey, Signature};
use plugin_api::{Error, ErrorKind, Result};

use super::SealedImage;
use super::permissions::open_trusted;
use super::sealed_image::{open_regular, unreadable};
use crate::elf_image::refuse;

/// Bytes of the largest signature, and of the largest file of keys.
const LARGEST: u64 = 64 << 10;

/// The signature of a file is beside it, under its name and this.
const EXTENSION: &str = "minisig";

/// What a key file of minisign begins with, before the key itself.
const COMMENT: &str = "untrusted comment:";

/// Public keys, each with the name that minisign gives it.
#[derive(Default)]
pub(super) struct TrustedKeys(Vec<(String, PublicKey)>);

impl TrustedKeys {
    /// Reads keys as minisign writes them, several one after the other. Only the lines with the keys themselves are needed;
    /// lines that begin with `#` mean nothing.
    ///
    /// # Errors
    /// The number of a line, from 1, that is no key.
    fn parse(text: &str) -> std::result::Result<Self, usize> {
        let mut keys = Vec::new();
        for (line, number) in text.lines().map(str::trim).zip(1_usize..) {
            if line.is_empty() || line.starts_with('#') || line.starts_with(COMMENT) {
                continue;
            }
            let key = PublicKey::from_base64(line).map_err(|_| number)?;
            keys.push((key_name(line).ok_or(number)?, key));
        }
        Ok(Self(keys))
    }

    /// The keys that a program was written with.
    ///
    /// # Errors
    /// [`InvalidConfig`](ErrorKind::InvalidConfig) if a text is no key.
    pub(super) fn of_program(texts: &[String]) -> Result<Self> {
        Self::parse(&texts.join("\n")).map_err(|_| {
            Error::new(
                ErrorKind::InvalidConfig,
                "a trusted key is no public key of minisign",
            )
            .with_remedy("use the second line of minisign.pub")
        })
    }

    /// The keys in a file, which nobody but root and the user of this process may change.
    ///
    /// # Errors
    /// [`InvalidConfig`](ErrorKind::InvalidConfig): without knowing the keys nothing is known of any plugin.
    pub(super) fn of_file(path: &Path) -> Result<Self> {
        let read = || {
            let text = text_of(open_trusted(path, None)?.0)?;
            Self::parse(&text).map_err(|line| {
                refuse(
                    format!("line {line} is no public key of minisign"),
                    "copy the lines of minisign.pub",
                )
            })
        };
        read().map_err(|error| {
            let message = format!("the trusted keys cannot be read: {}", error.message());
            Error::new(ErrorKind::InvalidConfig, message)
                .with_path(path.display())
                .with_remedy(error.remedy())
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the signature at `path` is by one of these keys and of this content.
    /// Who may change the signature does not matter.
    pub(super) fn check(&self, path: &Path, image: &SealedImage) -> Result<()> {
        let about = |error: Error| {
            refuse(
                format!("its signature {}: {}", path.display(), error.message()),
                error.remedy(),
            )
        };
        open_regular(path)
            .and_then(|(file, _)| text_of(file))
            .and_then(|text| self.check_text(&text, image))
            .map_err(about)
    }

    fn check_text(&self, text: &str, image: &SealedImage) -> Result<()> {
        let again = "restore the plugin with its signature, or sign it again with 'minisign -Sm'";
        let (Ok(signature), Some(name)) = (Signature::decode(text), text.lines().nth(1).and_then(key_name))
        else {
            return Err(refuse("not written by minisign", again));
        };
        let Some((_, key)) = self.0.iter().find(|(trusted, _)| *trusted == name) else {
            let trusted: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
            return Err(refuse(
                format!(
                    "made with the key {name}, which is not trusted; trusted: {}",
                    trusted.join(", ")
                ),
                "get a plugin that is signed with a trusted key, or add this key to the trusted ones",
            ));
        };
        let mut verifier = key.verify_stream(&signature).map_err(|_| {
            refuse(
                format!("made with the key {name} in the older format, which is not accepted"),
                "sign the plugin again with 'minisign -SHm'",
            )
        })?;
        image.for_each_piece(|piece| verifier.update(piece))?;
        verifier
            .finalize()
            .map_err(|_| refuse(format!("not one of this content by the key {name}"), again))
    }
}

/// Where the signature of a file is.
pub(super) fn path_of(file: &Path) -> PathBuf {
    let mut name = file.to_owned().into_os_string();
    name.push(".");
    name.push(EXTENSION);
    name.into()
}

fn text_of(file: File) -> Result<String> {
    let mut text = String::new();
    file.take(LARGEST)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(&error))?;
    Ok(text)
}

/// The name of the key in a line of base64, which is of a key or by one: two bytes for the algorithm, and eight
/// that are printed as a number.
fn key_name(line: &str) -> Option<String> {
    let bytes = STANDARD.decode(line.trim()).ok()?;
    let number = bytes.get(2..10)?.try_into().ok()?;
    Some(format!("{:016X}", u64::from_le_bytes(number)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::signer::Signer;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    fn image(content: &[u8]) -> SealedImage {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        SealedImage::read(file.path()).unwrap()
    }

    fn trusted(key: &Signer) -> TrustedKeys {
        TrustedKeys::of_program(&[key.public_key()]).unwrap()
    }

    #[test]
    fn only_a_signature_of_this_content_by_a_trusted_key_counts() {
        let (ours, theirs) = (Signer::new(1), Signer::new(2));
        let content = vec![7; 200_000];
        let (keys, image) = (trusted(&ours), image(&content));
        keys.check_text(&ours.sign(&content), &image).unwrap();

        let refusal = |text: &str| keys.check_text(text, &image).unwrap_err().to_string();
        let name = key_name(&ours.public_key()).unwrap();
        let text = refusal(&theirs.sign(&content));
        let other = key_name(&theirs.public_key()).unwrap();
        assert!(
            text.contains(&format!(
                "the key {other}, which is not trusted; trusted: {name};"
            )),
            "{text}"
        );
        let text = refusal(&ours.sign(&content[1..]));
        assert!(
            text.contains(&format!("not one of this content by the key {name}")),
            "{text}"
        );
        for text in ["", "untrusted comment: x\n", "\n\n\n\n", "a\nb\nc\nd\n"] {
            assert!(refusal(text).contains("not written by minisign"));
        }
        // What a comment says is signed too.
        let comment = ours.sign(&content).replace("of a test", "of a tesu");
        assert!(refusal(&comment).contains("not one of this content"));
    }

    #[test]
    fn content_of_every_length_is_hashed_as_the_author_does() {
        let key = Signer::new(1);
        for len in [0, 1, 127, 128, 129, 256, 65_536, 65_537] {
            let content = vec![3; len];
            trusted(&key)
                .check_text(&key.sign(&content), &image(&content))
                .unwrap();
        }
    }

    #[test]
    fn the_older_format_is_told_from_a_wrong_signature() {
        let key = Signer::new(1);
        let signature = key.sign(b"content");
        let line = signature.lines().nth(1).unwrap();
        let mut bytes = STANDARD.decode(line).unwrap();
        bytes[..2].copy_from_slice(b"Ed");
        let older = signature.replace(line, &STANDARD.encode(bytes));
        let error = trusted(&key).check_text(&older, &image(b"content")).unwrap_err();
        assert!(error.to_string().contains("older format"), "{error}");
    }

    #[test]
    fn keys_are_read_as_minisign_writes_them_from_a_file_that_others_cannot_change() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trusted-keys");
        let boxes = [1, 2].map(|seed| {
            let key = Signer::new(seed).public_key();
            format!("untrusted comment: minisign public key\n{key}\n")
        });
        fs::write(&path, format!("# ours\n{}\n\n{}\n", boxes[0], boxes[1])).unwrap();
        let set_mode = |mode| fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        set_mode(0o644);
        assert_eq!(TrustedKeys::of_file(&path).unwrap().0.len(), 2);
        set_mode(0o664);
        let error = TrustedKeys::of_file(&path).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.to_string().contains("chmod go-w"), "{error}");
        set_mode(0o644);
        fs::write(&path, format!("{}nonsense\n", boxes[0])).unwrap();
        let text = TrustedKeys::of_file(&path).err().unwrap().to_string();
        assert!(text.contains("line 3 is no public key"), "{text}");
        assert!(TrustedKeys::of_program(&["nonsense".to_owned()]).is_err());
    }

    #[test]
    fn a_key_has_the_name_that_minisign_prints() {
        let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
        assert_eq!(key_name(key).as_deref(), Some("E7620F1842B4E81F"));
    }
}
