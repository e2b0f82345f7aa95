//! The manifest in a plugin's ELF note: read without running anything of the plugin.

use object::ReadRef;
use object::elf;
use object::read::elf::{ProgramHeader, SectionHeader};
use plugin_api::{ABI_VERSION, AbiVersion, Error, Location, Manifest, NOTE_OWNER, NOTE_SECTION, NOTE_TYPE};
use serde::Deserialize;

use crate::elf_image::{ElfImage, refuse};

/// The format of the manifest that this host understands.
const FORMAT: u32 = 1;

/// What every format of the manifest has, so that a newer one is refused by its version and not by
/// whatever else changed in it.
#[derive(Deserialize)]
struct Head {
    format: u32,
    abi: AbiVersion,
}

/// Reads the manifest of a plugin; [`check`] decides whether it is acceptable.
///
/// # Errors
/// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad): no note, or one that cannot be read.
pub(crate) fn read<'data, R: ReadRef<'data>>(image: &ElfImage<'data, R>) -> Result<Manifest, Error> {
    let json = find(image).ok_or_else(|| {
        refuse(
            "no fsplug manifest note: not an fsplug plugin, or built without export_plugin!",
            "export the plugin with plugin_api::export_plugin!, or remove the file",
        )
    })?;
    parse(json)
}

/// The content of the note, by its section or, if a tool dropped the section's name, by its segment.
fn find<'data, R: ReadRef<'data>>(image: &ElfImage<'data, R>) -> Option<&'data [u8]> {
    let section = image
        .sections
        .section_by_name(image.endian, NOTE_SECTION.as_bytes())
        .and_then(|(_, section)| section.data(image.endian, image.data).ok());
    let segments = image
        .segments
        .iter()
        .filter(|segment| segment.p_type(image.endian) == elf::PT_NOTE)
        .filter_map(|segment| segment.data(image.endian, image.data).ok());
    section.into_iter().chain(segments).find_map(note_content)
}

/// The content of the first note of ours among `notes`.
fn note_content(mut notes: &[u8]) -> Option<&[u8]> {
    loop {
        let (name_len, rest) = take_u32(notes)?;
        let (content_len, rest) = take_u32(rest)?;
        let (note_type, rest) = take_u32(rest)?;
        let (name, rest) = take_padded(rest, name_len)?;
        let (content, rest) = take_padded(rest, content_len)?;
        let owner = name.strip_suffix(b"\0").unwrap_or(name);
        if owner == NOTE_OWNER.as_bytes() && note_type == NOTE_TYPE {
            return Some(content);
        }
        notes = rest;
    }
}

fn take_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_ne_bytes(*number), rest))
}

/// `len` bytes, and what follows them on the next boundary of four bytes.
fn take_padded(bytes: &[u8], len: u32) -> Option<(&[u8], &[u8])> {
    let len = len as usize;
    let content = bytes.get(..len)?;
    let rest = bytes.get(len.checked_next_multiple_of(4)?..).unwrap_or_default();
    Some((content, rest))
}

fn parse(json: &[u8]) -> Result<Manifest, Error> {
    let unreadable = |error: serde_json::Error| {
        refuse(
            format!("the fsplug manifest note cannot be read: {error}"),
            "build the plugin again with plugin_api::export_plugin!",
        )
    };
    let head: Head = serde_json::from_slice(json).map_err(unreadable)?;
    let manifest = serde_json::from_slice::<Manifest>(json);
    match manifest {
        Ok(manifest) if head.format == FORMAT => return Ok(manifest),
        _ => check_abi(head.abi)?,
    }
    if head.format != FORMAT {
        return Err(refuse(
            format!(
                "the manifest has format {}, this host understands format {FORMAT}",
                head.format
            ),
            "update the host",
        ));
    }
    manifest.map_err(unreadable)
}

fn check_abi(abi: AbiVersion) -> Result<(), Error> {
    if abi.major == ABI_VERSION.major {
        return Ok(());
    }
    let remedy = if abi.major > ABI_VERSION.major {
        format!(
            "update the host, or use a build of the plugin for ABI {}",
            ABI_VERSION.major
        )
    } else {
        format!("update the plugin to a build for ABI {}", ABI_VERSION.major)
    };
    Err(refuse(
        format!("the plugin speaks ABI {abi}, this host ABI {ABI_VERSION}"),
        remedy,
    ))
}

/// Checks the versions and what routing relies on, and folds the schemes to lower case.
///
/// # Errors
/// [`PluginLoad`](plugin_api::ErrorKind::PluginLoad), with the side that has to be updated.
pub(crate) fn check(mut manifest: Manifest) -> Result<Manifest, Error> {
    check_abi(manifest.abi)?;
    if manifest.min_host_minor > ABI_VERSION.minor {
        return Err(refuse(
            format!(
                "the plugin needs a host of ABI {}.{} or later, this host has ABI {ABI_VERSION}",
                manifest.abi.major, manifest.min_host_minor
            ),
            "update the host",
        ));
    }
    let correct = "correct the arguments of export_plugin!";
    if manifest.name.is_empty() {
        return Err(refuse("the manifest names no plugin", correct));
    }
    if manifest.schemes.is_empty() {
        return Err(refuse("the manifest names no scheme", correct));
    }
    for scheme in &mut manifest.schemes {
        scheme.make_ascii_lowercase();
        if Location::new(scheme, "", "").is_err() {
            return Err(refuse(
                format!("'{scheme}' in the manifest is not a URI scheme"),
                correct,
            ));
        }
    }
    manifest.schemes.sort();
    manifest.schemes.dedup();
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_api::ErrorKind;
    use proptest::prelude::*;

    fn note(owner: &[u8], note_type: u32, content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in [owner.len() as u32, content.len() as u32, note_type] {
            bytes.extend(number.to_ne_bytes());
        }
        for part in [owner, content] {
            bytes.extend(part);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    fn accept(json: &[u8]) -> Result<Manifest, Error> {
        parse(json).and_then(check)
    }

    fn json(major: u32, more: &str) -> Vec<u8> {
        format!(
            r#"{{"format":1,"abi":{{"major":{major},"minor":0}},"name":"x","version":"1","schemes":["X","y"]{more}}}"#
        )
        .into_bytes()
    }

    #[test]
    fn our_note_is_found_among_others_with_and_without_final_nul() {
        for owner in [&b"fsplug\0"[..], b"fsplug"] {
            let mut notes = note(b"GNU\0", 3, &[7; 20]);
            notes.extend(note(owner, 2, b"another type"));
            notes.extend(note(owner, NOTE_TYPE, b"{}."));
            assert_eq!(note_content(&notes), Some(&b"{}."[..]));
        }
        assert_eq!(note_content(&note(b"fsplugin\0", NOTE_TYPE, b"x")), None);
    }

    #[test]
    fn schemes_are_folded_and_the_versions_decide() {
        let manifest = accept(&json(ABI_VERSION.major, "")).unwrap();
        assert_eq!(manifest.schemes, ["x", "y"]);
        for (major, side) in [
            (ABI_VERSION.major + 1, "update the host"),
            (0, "update the plugin"),
        ] {
            let text = accept(&json(major, "")).unwrap_err().to_string();
            assert!(text.contains(&format!("ABI {major}.0")), "{text}");
            assert!(text.contains(&format!("this host ABI {ABI_VERSION}")), "{text}");
            assert!(text.contains(side), "{text}");
        }
        let text = accept(&json(ABI_VERSION.major, r#","min_host_minor":99"#))
            .unwrap_err()
            .to_string();
        assert!(text.contains(".99") && text.contains("update the host"), "{text}");
    }

    #[test]
    fn another_abi_is_named_even_if_nothing_else_of_the_manifest_is_known() {
        let text = accept(br#"{"format":7,"abi":{"major":9,"minor":3},"novel":[]}"#)
            .unwrap_err()
            .to_string();
        assert!(text.contains("ABI 9.3"), "{text}");
    }

    #[test]
    fn what_routing_cannot_use_is_refused() {
        for (json, part) in [
            (r#"{"format":2,"abi":{"major":1,"minor":0}}"#, "format 2"),
            (
                r#"{"format":1,"abi":{"major":1,"minor":0},"name":"","version":"1","schemes":["a"]}"#,
                "no plugin",
            ),
            (
                r#"{"format":1,"abi":{"major":1,"minor":0},"name":"x","version":"1","schemes":[]}"#,
                "no scheme",
            ),
            (
                r#"{"format":1,"abi":{"major":1,"minor":0},"name":"x","version":"1","schemes":["a b"]}"#,
                "'a b'",
            ),
            (r#"{"format":1,"abi":{"major":1,"minor":0"#, "cannot be read"),
        ] {
            let error = accept(json.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PluginLoad);
            assert!(error.to_string().contains(part), "{error}");
            assert!(!error.remedy().is_empty());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_note_parser_panic_or_loop(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = note_content(&bytes);
        }
    }
}
