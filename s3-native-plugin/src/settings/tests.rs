use plugin_api::{Config, ErrorKind};

use super::*;

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
    assert!(!settings.path_style && settings.keys.is_none() && settings.endpoint.is_none());
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
    let unsigned = |url| read(&[("s3.endpoint", url)]).unwrap().unsigned_payload;
    assert!(read(&[]).unwrap().unsigned_payload);
    assert!(unsigned("https://s3.example.com"));
    assert!(unsigned("http://127.0.0.1:9000/"));
    assert!(unsigned("http://[::1]:9000"));
    assert!(unsigned("http://localhost:9000"));
    assert!(!unsigned("http://minio:9000"));
    assert!(!unsigned("http://127.0.0.1.example.com"));
}

#[test]
fn endpoints_are_normalised_or_refused() {
    let endpoint = |url| read(&[("s3.endpoint", url)]).unwrap().endpoint.unwrap();
    assert_eq!(endpoint("http://127.0.0.1:9000/"), "http://127.0.0.1:9000");
    assert_eq!(endpoint("s3.example.com"), "https://s3.example.com");
    for url in ["ftp://host", "http://", "http://h/?x=1", "http://a b"] {
        refused("s3.endpoint", url);
    }
    assert!(!refused("s3.endpoint", "http://user:canary@host").contains("canary"));
}
