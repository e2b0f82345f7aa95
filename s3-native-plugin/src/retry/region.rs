//! [`BucketRegions`]: in which region a bucket was found, where that is not the configured one.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use aws_sdk_s3::config::endpoint::{InvalidParams, Params};

/// The regions that replies have named, by bucket.
#[derive(Debug, Default)]
pub(super) struct BucketRegions(RwLock<HashMap<String, String>>);

impl BucketRegions {
    pub(super) fn of(&self, bucket: &str) -> Option<String> {
        let regions = self.0.read().unwrap_or_else(PoisonError::into_inner);
        regions.get(bucket).cloned()
    }

    pub(super) fn learn(&self, bucket: &str, region: &str) {
        let mut regions = self.0.write().unwrap_or_else(PoisonError::into_inner);
        regions.insert(bucket.to_owned(), region.to_owned());
    }
}

/// Whether the text can be the name of a region: it becomes a part of a host name.
pub(super) fn is_region(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// What an endpoint is made from, with another region or with an access point in the place of the bucket.
pub(super) fn elsewhere(
    params: &Params,
    region: Option<&str>,
    access_point: Option<&str>,
) -> Result<Params, InvalidParams> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let access_point = access_point.filter(|_| params.bucket().is_some());
    Params::builder()
        .set_region(owned(region.or(params.region())))
        .set_bucket(owned(access_point.or(params.bucket())))
        .set_use_fips(params.use_fips())
        .set_use_dual_stack(params.use_dual_stack())
        .set_endpoint(owned(params.endpoint()))
        .set_force_path_style(params.force_path_style())
        .set_accelerate(params.accelerate())
        .set_use_global_endpoint(params.use_global_endpoint())
        .set_use_object_lambda_endpoint(params.use_object_lambda_endpoint())
        .set_key(owned(params.key()))
        .set_prefix(owned(params.prefix()))
        .set_copy_source(owned(params.copy_source()))
        .set_disable_access_points(params.disable_access_points())
        .set_disable_multi_region_access_points(params.disable_multi_region_access_points())
        .set_use_arn_region(params.use_arn_region())
        .set_use_s3_express_control_endpoint(params.use_s3_express_control_endpoint())
        .set_disable_s3_express_session_auth(params.disable_s3_express_session_auth())
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_part_of_a_host_name_is_a_region() {
        for (text, legal) in [
            ("eu-west-3", true),
            ("garage", true),
            ("", false),
            ("evil.example.com/", false),
            ("-a", false),
            ("EU", false),
        ] {
            assert_eq!(is_region(text), legal, "{text}");
        }
    }

    #[test]
    fn nothing_but_region_and_bucket_changes() {
        let params = |region: &str, bucket: &str| {
            Params::builder()
                .region(region)
                .bucket(bucket)
                .endpoint("http://127.0.0.1:9000")
                .force_path_style(true)
                .key("k")
                .build()
                .unwrap()
        };
        let changed =
            |region, access_point| elsewhere(&params("us-east-1", "b"), region, access_point).unwrap();
        assert_eq!(changed(Some("eu-west-3"), None), params("eu-west-3", "b"));
        assert_eq!(changed(None, Some("arn")), params("us-east-1", "arn"));
    }
}
