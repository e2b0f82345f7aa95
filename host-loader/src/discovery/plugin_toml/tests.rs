use super::*;
use plugin_api::AbiVersion;
use proptest::prelude::*;

const FULL: &str = r#"
    manifest_version = 1
    name = "x"
    version = "1.0.0"
    publisher = "me"
    license = "Apache-2.0"
    url = "https://example.com"
    [abi]
    major = 1
    min_minor = 0
    [library]
    linux_amd64 = { path = "x.so", sha256 = "00000000000000000000000000000000000000000000000000000000000000ff" }
    linux_arm64 = { path = "x-arm.so" }
    [[scheme]]
    name = "S3"
    priority = 5
    [[scheme]]
    name = "s3a"
"#;

fn parse(text: &str) -> Result<PluginToml, Error> {
    PluginToml::parse(text, "/p/x/plugin.toml".into(), "linux_amd64")
}

fn manifest() -> Manifest {
    Manifest {
        format: 1,
        abi: AbiVersion { major: 1, minor: 2 },
        min_host_minor: 0,
        name: "x".to_owned(),
        version: "1.0.0".to_owned(),
        schemes: vec!["s3".to_owned(), "s3a".to_owned()],
        options: Vec::new(),
        owned_prefixes: Vec::new(),
        scope_prefix: String::new(),
    }
}

#[test]
fn everything_is_read_and_what_agrees_with_the_plugin_is_accepted() {
    let toml = parse(FULL).unwrap();
    assert_eq!(toml.warnings, Vec::<String>::new());
    assert_eq!(
        toml.priorities,
        BTreeMap::from([("s3".to_owned(), 5), ("s3a".to_owned(), 0)])
    );
    assert_eq!(toml.sha256.unwrap()[31], 0xff);
    assert!(toml.is_about(Path::new("/p/x/x.so")) && !toml.is_about(Path::new("/p/x/y.so")));
    toml.check(&manifest()).unwrap();
    let little = parse("manifest_version = 1").unwrap();
    little.check(&manifest()).unwrap();
    assert!(little.is_about(Path::new("/p/x/any.so")));
}

#[test]
fn what_contradicts_the_plugin_is_named() {
    for (correct, wrong, part) in [
        (
            r#"name = "x""#,
            r#"name = "y""#,
            "name is 'y' there and 'x' in the plugin",
        ),
        (
            "1.0.0",
            "1.0.1",
            "version is '1.0.1' there and '1.0.0' in the plugin",
        ),
        ("major = 1", "major = 2", "abi.major is '2' there and '1'"),
        (
            "min_minor = 0",
            "min_minor = 7",
            "abi.min_minor is '7' there and '0'",
        ),
        (
            r#"name = "s3a""#,
            r#"name = "gs""#,
            "'gs' is listed there and not served by the plugin, which serves s3, s3a",
        ),
    ] {
        let error = parse(&FULL.replacen(correct, wrong, 1))
            .unwrap()
            .check(&manifest())
            .unwrap_err();
        assert!(error.message().contains(part), "{error}");
        assert!(!error.remedy().is_empty());
    }
}

#[test]
fn a_file_that_cannot_be_used_says_where_and_why() {
    for (text, part) in [
        ("manifest_version = 1\nname = ", "in line 2"),
        ("manifest_version = 1\nname = 5", "in line 2"),
        ("name = 'x'", "manifest_version"),
        (
            "manifest_version = 2\nnovel = 1",
            "manifest_version 2, this host understands 1",
        ),
        (
            "manifest_version = 1\n[library]\nlinux_arm64 = {path='x'}",
            "no library for linux_amd64, but for: linux_arm64",
        ),
        (
            "manifest_version = 1\n[library]\nlinux_amd64 = {path='x.so',sha256='0'}",
            "64 hexadecimal digits",
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.message().contains(part), "{text}: {error}");
        assert!(
            !error.message().contains('\n') && !error.remedy().is_empty(),
            "{error}"
        );
    }
}

#[test]
fn a_library_is_named_by_its_file_name_alone() {
    for path in [
        "../x.so", "/x.so", "lib/x.so", "./x.so", "..", "", "x", "x.so.1", ".so",
    ] {
        let text = format!("manifest_version = 1\n[library]\nlinux_amd64 = {{path='{path}'}}");
        let error = parse(&text).unwrap_err();
        assert!(
            error.message().contains(&format!(
                "names the library '{path}', which is not the name of a .so"
            )),
            "{error}"
        );
        assert!(error.remedy().contains("without a directory"), "{error}");
    }
}

#[test]
fn keys_that_are_not_read_are_told_with_the_nearest() {
    let text = FULL
        .replacen("publisher", "publsher", 1)
        .replacen("min_minor", "min_minors", 1)
        .replacen("sha256", "sha512", 1)
        .replacen("priority", "preset", 1);
    let text = format!("frobnicate = 1\n{text}");
    let warnings = parse(&text).unwrap().warnings;
    let expected = [
        "unknown key 'frobnicate' in plugin.toml",
        "unknown key 'publsher' in plugin.toml; did you mean 'publisher'?",
        "unknown key 'abi.min_minors' in plugin.toml; did you mean 'abi.min_minor'?",
    ];
    assert_eq!(warnings[..3], expected);
    assert!(
        warnings[3].starts_with("unknown key 'library.linux_amd64.sha512'"),
        "{warnings:?}"
    );
    assert!(
        warnings[4].starts_with("unknown key 'scheme.preset'"),
        "{warnings:?}"
    );
    assert_eq!(warnings.len(), 5);
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,80}", tail in "[a-z0-9_=.\\[\\]{}'\"\n ]{0,80}") {
        let _ = parse(&text);
        let _ = parse(&format!("manifest_version = 1\n{tail}"));
    }
}
