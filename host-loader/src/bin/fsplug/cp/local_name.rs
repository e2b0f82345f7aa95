//! Which keys of a store can be files below a local directory.

use host_loader::plugin_api::{Error, ErrorKind, Location};

/// Refuses a relative key that a local file system would not keep as it is below the target: one
/// that leads out of it, or that means the same file as another key.
pub(super) fn refuse_unless_safe(relative: &str, source: &Location) -> Result<(), Error> {
    let Some(why) = objection(relative) else {
        return Ok(());
    };
    Err(Error::new(
        ErrorKind::InvalidPath,
        format!("the name '{relative}' {why} and cannot be a local file"),
    )
    .with_operation("copy")
    .with_path(source)
    .with_remedy("copy this one on its own to a name of your choice, and the others without it"))
}

fn objection(relative: &str) -> Option<&'static str> {
    if relative.contains('\0') {
        return Some("holds a NUL character");
    }
    if relative.starts_with('/') {
        return Some("begins with a slash");
    }
    relative.split('/').find_map(|segment| match segment {
        "" => Some("has an empty segment"),
        "." => Some("has a '.' segment"),
        ".." => Some("has a '..' segment"),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Component, Path};

    #[test]
    fn what_is_refused_is_named_with_its_reason() {
        let source = Location::parse("s3://b/dir/../../etc/passwd").unwrap();
        let error = refuse_unless_safe("../../etc/passwd", &source).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidPath);
        let text = error.to_string();
        assert!(
            text.contains(source.as_str()) && text.contains("'..' segment"),
            "{text}"
        );
    }

    #[test]
    fn odd_names_that_stay_below_the_target_are_accepted() {
        for name in ["a", "a/b", "...", "a\\b", " ", "..a/b..", "\u{1}", "C:x", "-rf"] {
            assert_eq!(objection(name), None, "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_key_is_one_plain_component_for_each_segment(key in "[a./\u{0}é]{0,12}") {
            let components: Option<Vec<&str>> = Path::new(&key)
                .components()
                .map(|component| match component {
                    Component::Normal(name) => name.to_str(),
                    _ => None,
                })
                .collect();
            let plain = !key.contains('\0')
                && components.is_some_and(|names| names == key.split('/').collect::<Vec<_>>());
            prop_assert_eq!(objection(&key).is_none(), plain);
        }
    }
}
