//! The warning about endpoints that are reached in the clear.

use crate::talk::Talk;

/// The warnings of a command that looks at two buckets of this endpoint, by way of a proxy where nobody listens.
fn warnings(arguments: &[&str]) -> Vec<String> {
    let talk = Talk::new();
    let looks = [
        arguments,
        &["-D", "s3.region=us-east-1", "stat", "s3://one/a", "s3://two/a"],
    ]
    .concat();
    let mut command = talk.fsplug.command(&looks);
    let output = command.env("HTTP_PROXY", "http://127.0.0.1:1").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let warnings = stderr.lines().filter(|line| line.contains("is not encrypted"));
    warnings.map(str::to_owned).collect()
}

const KEYS: [&str; 4] = ["-D", "s3.access-key=a", "-D", "s3.secret-key=b"];

#[test]
fn an_endpoint_in_the_clear_is_a_warning_once() {
    let exposed = ["-D", "s3.endpoint=http://store.invalid:9000"];
    let told = warnings(&[&KEYS[..], &exposed].concat());
    assert_eq!(told.len(), 1, "{told:?}");
    for part in [
        "WARN",
        "'s3.endpoint' is http://store.invalid:9000",
        "session tokens",
        "https://",
    ] {
        assert!(told[0].contains(part), "{told:?}");
    }
    // One for each of two endpoints.
    let another = ["-D", "s3.bucket.two.endpoint=http://other.invalid:9000"];
    assert_eq!(warnings(&[&KEYS[..], &exposed, &another].concat()).len(), 2);
}

#[test]
fn where_nothing_secret_leaves_the_machine_there_is_no_warning() {
    let endpoint = |url: &str| format!("s3.endpoint={url}");
    let anonymous = [
        "-D",
        "s3.anonymous-credentials=true",
        "-D",
        "s3.endpoint=http://store.invalid:9000",
    ];
    assert_eq!(warnings(&anonymous), Vec::<String>::new());
    for url in [
        "http://127.0.0.1:1",
        "http://localhost:1",
        "http://[::1]:1",
        "https://127.0.0.1:1",
    ] {
        let told = warnings(&[&KEYS[..], &["-D", &endpoint(url)]].concat());
        assert_eq!(told, Vec::<String>::new(), "{url}");
    }
}
