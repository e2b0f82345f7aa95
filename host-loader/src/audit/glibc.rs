//! The version of the C library that a plugin was built for.

use object::ReadRef;
use plugin_api::Error;

use crate::elf_image::{ElfImage, damaged, refuse};

/// Refuses what needs a newer glibc than the running one.
pub(super) fn check<'data, R: ReadRef<'data>>(
    image: &ElfImage<'data, R>,
    running: (u32, u32),
) -> Result<(), Error> {
    let Some(highest) = highest(image).map_err(|_| damaged("invalid symbol versions"))? else {
        return Ok(());
    };
    if highest <= running {
        return Ok(());
    }
    Err(refuse(
        format!(
            "it needs glibc {}.{}, this system has {}.{}",
            highest.0, highest.1, running.0, running.1
        ),
        "build the plugin on an older system, or update this one",
    ))
}

fn highest<'data, R: ReadRef<'data>>(image: &ElfImage<'data, R>) -> object::read::Result<Option<(u32, u32)>> {
    let Some((mut libraries, strings)) = image.sections.gnu_verneed(image.endian, image.data)? else {
        return Ok(None);
    };
    let strings = image.sections.strings(image.endian, image.data, strings)?;
    let mut highest = None;
    while let Some((_library, mut versions)) = libraries.next()? {
        while let Some(version) = versions.next()? {
            let name = version.name(image.endian, strings)?;
            highest = highest.max(parse(name));
        }
    }
    Ok(highest)
}

/// `GLIBC_2.34` as its numbers. Names such as `GLIBC_PRIVATE` have none.
fn parse(name: &[u8]) -> Option<(u32, u32)> {
    parse_version(std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?)
}

/// Major and minor of `2.34` or `2.2.5`.
pub(crate) fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(str::parse);
    match (numbers.next()?, numbers.next()?) {
        (Ok(major), Ok(minor)) => Some((major, minor)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glibc_versions_are_compared_as_numbers() {
        assert_eq!(parse(b"GLIBC_2.34"), Some((2, 34)));
        assert_eq!(parse(b"GLIBC_2.2.5"), Some((2, 2)));
        assert!(parse(b"GLIBC_2.9") < parse(b"GLIBC_2.34"));
        for name in [
            &b"GLIBC_PRIVATE"[..],
            b"GLIBC_ABI_DT_RELR",
            b"GCC_3.0",
            b"GLIBC_2",
            b"\xff",
        ] {
            assert_eq!(parse(name), None);
        }
    }
}
