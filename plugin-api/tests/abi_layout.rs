//! The ABI must not change by accident: its layout is compared with a golden file.

use std::fs;
use std::path::Path;

#[test]
fn the_layout_of_the_abi_is_the_one_in_the_golden_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/abi_v1.txt");
    let now = plugin_api::abi::layout_description();
    if std::env::var_os("FSPLUG_BLESS_ABI").is_some() {
        fs::write(&path, &now).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    for (number, (was, is)) in golden.lines().zip(now.lines()).enumerate() {
        assert_eq!(
            was,
            is,
            "line {} of the ABI layout differs; a plugin built before would be refused or misread. If \
             something was appended on purpose, raise ABI_VERSION.minor and run this test with \
             FSPLUG_BLESS_ABI=1",
            number + 1
        );
    }
    assert_eq!(golden.lines().count(), now.lines().count());
}

#[test]
fn the_description_does_not_depend_on_the_order_of_discovery() {
    assert_eq!(
        plugin_api::abi::layout_description(),
        plugin_api::abi::layout_description()
    );
}
