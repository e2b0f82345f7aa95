use plugin_api::{Config, ErrorKind};

use super::*;
use crate::credentials::ProviderName;

fn read(pairs: &[(&str, &str)]) -> Result<Settings> {
    Settings::read(&Config::from_pairs(pairs.iter().copied()))
}

fn refused(key: &str, value: &str) -> String {
    let error = read(&[(key, value)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
    let text = error.to_string();
    assert!(text.contains(key) && !text.contains('\n'), "{text}");
    text
}

#[test]
fn the_defaults_are_flinks() {
    let settings = read(&[]).unwrap();
    assert_eq!(settings.upload_part_size, 5_242_880);
    assert_eq!(settings.upload_concurrency, processors());
    assert_eq!(settings.upload_max_parts, 10_000);
    assert_eq!(settings.read_buffer_size, 262_144);
    assert_eq!(settings.max_retries, 3);
    assert_eq!(settings.connection_max, 50);
    assert_eq!(settings.connection_timeout, Duration::from_mins(1));
    assert_eq!(settings.memory_budget, 64 << 20);
    assert!(!settings.endpoint.path_style && settings.endpoint.url.is_none());
    assert!(settings.identity.keys.is_none() && settings.identity.role.is_none());
    assert_eq!(settings.encryption, Encryption::default());
}

#[test]
fn sizes_out_of_range_are_refused_in_flinks_words() {
    let key = "s3.upload.min.part.size";
    assert!(refused(key, "5242879").contains("must be at least 5MB (5242880 bytes), but was 5242879 bytes"),);
    assert!(
        refused(key, "5368709121")
            .contains("must not exceed 5GB (5368709120 bytes), but was 5368709121 bytes"),
    );
    assert!(refused("s3.upload.max.concurrent.uploads", "0").contains("must be positive, but was 0"));
    assert!(refused("s3.upload.max.concurrent.uploads", "-3").contains("must be positive, but was -3"));
    refused("s3.upload.max.parts", "0");
    refused("s3.upload.max.parts", "10001");
    refused("s3.retry.max-num-retries", "-1");
    refused("s3.connection.max", "0");
    refused("s3.connection.timeout", "0 s");
    refused("s3.memory.budget", "0");
    refused("s3.retry.base-delay", "30 s");
    refused("s3.path-style-access", "yes");
}

#[test]
fn small_parts_are_allowed_where_asked_for_but_empty_ones_never() {
    let small = ("s3.upload.allow-small-parts", "true");
    let settings = read(&[("s3.upload.min.part.size", "1024"), small]).unwrap();
    assert_eq!(settings.upload_part_size, 1024);
    assert!(read(&[("s3.upload.min.part.size", "0"), small]).is_err());
}

#[test]
fn equal_parts_are_off_unless_asked_for_and_fit_into_a_state() {
    assert!(!read(&[]).unwrap().upload_equal_parts);
    let equal = ("s3.upload.equal-parts", "true");
    assert!(
        read(&[equal, ("s3.upload.min.part.size", "1gb")])
            .unwrap()
            .upload_equal_parts
    );
    let error = read(&[equal, ("s3.upload.min.part.size", "2gb")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains("'s3.upload.equal-parts'"), "{error}");
}

#[test]
fn one_key_alone_is_refused_and_named_and_the_secret_is_never_shown() {
    let error = read(&[("s3.access-key", "AK")]).unwrap_err();
    assert!(error.to_string().contains("must be set together"), "{error}");
    assert!(error.remedy().contains("'s3.secret-key'"), "{error}");
    let error = read(&[("s3.secret-key", "canary")]).unwrap_err();
    assert!(error.remedy().contains("'s3.access-key'"), "{error}");
    let pair = read(&[("s3.access.key", "canary"), ("fs.s3a.secret.key", "canary")]).unwrap();
    for text in [format!("{error:?}"), format!("{pair:?}")] {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn the_read_buffer_is_clamped() {
    let size = |text| read(&[("s3.read.buffer.size", text)]).unwrap().read_buffer_size;
    assert_eq!(
        (size("1"), size("131072"), size("64mb")),
        (64 << 10, 128 << 10, 4 << 20)
    );
}

#[test]
fn payloads_are_signed_only_where_somebody_could_change_them() {
    let unsigned = |url| read(&[("s3.endpoint", url)]).unwrap().endpoint.unsigned_payload;
    assert!(read(&[]).unwrap().endpoint.unsigned_payload);
    assert!(unsigned("https://s3.example.com"));
    assert!(unsigned("http://127.0.0.1:9000/"));
    assert!(unsigned("http://[::1]:9000"));
    assert!(unsigned("http://localhost:9000"));
    assert!(!unsigned("http://minio:9000"));
    assert!(!unsigned("http://127.0.0.1.example.com"));
}

#[test]
fn endpoints_are_normalised_or_refused() {
    let endpoint = |url| read(&[("s3.endpoint", url)]).unwrap().endpoint.url.unwrap();
    assert_eq!(endpoint("http://127.0.0.1:9000/"), "http://127.0.0.1:9000");
    assert_eq!(endpoint("s3.example.com"), "https://s3.example.com");
    let plain = [
        ("s3.endpoint", "ceph:8080"),
        ("fs.s3a.connection.ssl.enabled", "false"),
    ];
    assert_eq!(read(&plain).unwrap().endpoint.url.unwrap(), "http://ceph:8080");
    for url in ["ftp://host", "http://", "http://h/?x=1", "http://a b"] {
        refused("s3.endpoint", url);
    }
    assert!(!refused("s3.endpoint", "http://user:canary@host").contains("canary"));
}

#[test]
fn the_style_follows_the_endpoint_unless_it_is_given() {
    let style = |pairs: &[(&str, &str)]| read(pairs).unwrap().endpoint.path_style;
    assert!(!style(&[]));
    assert!(style(&[("s3.endpoint", "http://minio:9000")]));
    assert!(!style(&[("s3.endpoint", "https://s3.eu-west-1.amazonaws.com")]));
    assert!(!style(&[
        ("s3.endpoint", "http://minio:9000"),
        ("s3.path.style.access", "false")
    ]));
}

#[test]
fn the_endpoint_of_amazon_itself_is_none_and_others_do_not_go_with_its_variants() {
    assert_eq!(
        read(&[("s3.endpoint", "https://s3.amazonaws.com")])
            .unwrap()
            .endpoint
            .url,
        None
    );
    let settings = read(&[("s3.endpoint", "https://s3.eu-west-1.amazonaws.com")]).unwrap();
    assert_eq!(settings.endpoint.region.as_deref(), Some("eu-west-1"));
    for variant in ["s3.fips", "s3.dual-stack", "s3.accelerate"] {
        assert!(read(&[(variant, "true")]).is_ok());
        let error = read(&[(variant, "true"), ("s3.endpoint", "http://minio:9000")]).unwrap_err();
        assert!(error.to_string().contains(variant), "{error}");
    }
}

#[test]
fn every_spelling_of_an_encryption_is_read() {
    let algorithm = |text| read(&[("s3.sse.type", text)]).unwrap().encryption.algorithm;
    for (spellings, expected) in [
        (vec!["none", "NONE"], None),
        (vec!["sse-s3", "SSE_S3", "AES256", "aes256"], Some("AES256")),
        (vec!["sse-kms", "Sse_Kms", "aws:kms", "SSE-KMS"], Some("aws:kms")),
        (vec!["dsse-kms", "DSSE_KMS", "aws:kms:dsse"], Some("aws:kms:dsse")),
    ] {
        for text in spellings {
            assert_eq!(algorithm(text), expected, "{text}");
        }
    }
    assert!(refused("s3.sse.type", "kms").contains("'kms'"));
}

#[test]
fn the_key_and_context_of_kms_count_with_kms_only_and_a_blank_key_is_none() {
    let kms = ("s3.sse.type", "sse-kms");
    let key = ("s3.sse.kms.key-id", "alias/key");
    let context = ("s3.sse.kms.encryption-context.department", "finance");
    let encryption = read(&[kms, key, context]).unwrap().encryption;
    assert_eq!(encryption.kms_key_id.as_deref(), Some("alias/key"));
    assert_eq!(encryption.kms_context["department"], "finance");
    assert!(!format!("{encryption:?}").contains("alias/key"));
    let default_key = read(&[kms, ("s3.sse.kms.key-id", " ")]).unwrap().encryption;
    assert_eq!(default_key.kms_key_id, None);
    let other = read(&[("s3.sse.type", "sse-s3"), key, context])
        .unwrap()
        .encryption;
    assert!(other.kms_key_id.is_none() && other.kms_context.is_empty());
}

#[test]
fn the_length_of_a_session_is_seconds_between_15_minutes_and_12_hours() {
    const KEY: &str = "s3.assume-role.session-duration";
    let arn = ("s3.assume-role.arn", "arn:aws:iam::123456789012:role/r");
    let seconds = |text| {
        let role = read(&[arn, (KEY, text)]).unwrap().identity.role.unwrap();
        role.session_duration.as_secs()
    };
    assert_eq!(
        read(&[arn])
            .unwrap()
            .identity
            .role
            .unwrap()
            .session_duration
            .as_secs(),
        3600
    );
    assert_eq!(
        (seconds("900"), seconds("43200"), seconds("30 min"), seconds("1h")),
        (900, 43_200, 1800, 3600)
    );
    for text in ["0", "899", "43201", "13 h", "900500 ms"] {
        assert!(
            refused(KEY, text).contains("Invalid assume-role.session-duration"),
            "{text}"
        );
    }
    refused(KEY, "soon");
}

#[test]
fn a_role_has_an_arn_a_legal_session_name_and_the_external_id_is_not_shown() {
    refused("s3.assume-role.arn", "role");
    for name in ["x", "with space", &"n".repeat(65)] {
        refused("s3.assume-role.session-name", name);
    }
    let role = read(&[
        ("fs.s3a.assumed.role.arn", "arn:aws:iam::123456789012:role/r"),
        ("s3.assume-role.external-id", "canary"),
        ("s3.assume-role.sts.endpoint", "http://127.0.0.1:1/"),
    ]);
    let role = role.unwrap().identity.role.unwrap();
    assert_eq!(role.session_name, "flink-s3-session");
    assert_eq!(role.sts_endpoint.as_deref(), Some("http://127.0.0.1:1"));
    assert!(!format!("{role:?}").contains("canary"));
}

#[test]
fn providers_are_read_by_short_and_class_names_and_unknown_ones_refused() {
    const KEY: &str = "fs.s3.aws.credentials.provider";
    let providers = |text| read(&[(KEY, text)]).unwrap().identity.providers;
    assert_eq!(
        providers(
            "EnvironmentVariableCredentialsProvider, com.amazonaws.auth.WebIdentityTokenCredentialsProvider"
        ),
        [ProviderName::Environment, ProviderName::WebIdentity]
    );
    assert!(refused(KEY, ",").contains("contains no valid provider class names"));
    let unknown = refused(KEY, "com.example.Mine");
    assert!(
        unknown.contains("Failed to instantiate credentials provider 'com.example.Mine'"),
        "{unknown}"
    );
    assert!(unknown.contains("DefaultCredentialsProvider"), "{unknown}");
    let anonymous = read(&[("s3.anonymous-credentials", "true")]).unwrap().identity;
    assert_eq!(anonymous.providers, [ProviderName::Anonymous]);
    assert!(anonymous.is_static());
}

#[test]
fn the_attempts_of_hadoop_are_one_more_than_repetitions() {
    let retries = |pairs: &[(&str, &str)]| read(pairs).unwrap().max_retries;
    assert_eq!(retries(&[("fs.s3a.attempts.maximum", "20")]), 19);
    assert_eq!(
        retries(&[
            ("fs.s3a.attempts.maximum", "20"),
            ("s3.retry.max-num-retries", "0")
        ]),
        0
    );
    refused("fs.s3a.attempts.maximum", "0");
}

#[test]
fn delays_are_not_negative_and_no_longer_than_the_longest() {
    refused("s3.retry.base-delay", "-1");
    refused("s3.retry.max-backoff", "0");
    refused("s3.retry.throttle.base-delay", "21 s");
    assert!(read(&[("s3.retry.max-backoff", "200 ms")]).is_ok());
    assert!(read(&[("s3.retry.max-backoff", "50 ms")]).is_err());
}

#[test]
fn a_bucket_has_settings_of_its_own_and_its_mistakes_show_before_it_is_used() {
    let config = |pairs: &[(&str, &str)]| Config::from_pairs(pairs.iter().copied());
    let pairs = [
        ("s3.access-key", "global"),
        ("s3.secret-key", "global"),
        ("s3.session-token", "global"),
        ("s3.region", "eu-west-1"),
        ("s3.bucket.my.logs.access-key", "own"),
        ("s3.bucket.my.logs.secret-key", "own"),
        ("s3.bucket.my.logs.sse.type", "sse-kms"),
        ("s3.bucket.my.logs.sse.kms-key-id", "alias/logs"),
        (
            "s3.bucket.my.logs.assume-role.arn",
            "arn:aws:iam::123456789012:role/logs",
        ),
    ];
    let logs = Settings::of_bucket(&config(&pairs), "my.logs").unwrap();
    let keys = logs.identity.keys.unwrap();
    assert_eq!((keys.access_key.reveal(), keys.session_token), ("own", None));
    assert_eq!(logs.encryption.kms_key_id.as_deref(), Some("alias/logs"));
    assert_eq!(logs.endpoint.region.as_deref(), Some("eu-west-1"));
    assert!(logs.identity.role.is_some());
    let other = Settings::of_bucket(&config(&pairs), "logs").unwrap();
    assert_eq!(other.identity.keys.unwrap().access_key.reveal(), "global");
    assert!(other.identity.role.is_none());

    for (key, value, text) in [
        ("s3.bucket.b.access-key", "own", "must be set together"),
        (
            "s3.bucket.b.assume-role.session-duration",
            "1",
            "Invalid assume-role.session-duration",
        ),
        ("s3.bucket.b.sse.type", "rot13", "rot13"),
    ] {
        let error = Settings::of_bucket(&config(&[(key, value)]), "another").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.to_string().contains(text), "{error}");
        assert!(error.to_string().contains("'s3.bucket.b.'"), "{error}");
    }
}
