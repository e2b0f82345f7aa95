//! Which store, where it is, and how to reach it.

use plugin_api::{ConfigOption, ValueType};

/// The region.
pub const REGION: ConfigOption = ConfigOption::new("s3.region", ValueType::Text)
    .aliases(&["fs.s3a.endpoint.region", "s3a.endpoint.region", "s3.endpoint.region"])
    .scoped(&["region"])
    .describe(
        "Region of the buckets. Unset: with a custom endpoint the one in the name of an amazonaws.com host, else \
         us-east-1; otherwise AWS_REGION, the AWS profile and, without static keys, the instance metadata. A \
         bucket that turns out to be in another region is found there.",
    );

/// The endpoint of an S3-compatible store.
pub const ENDPOINT: ConfigOption = ConfigOption::new("s3.endpoint", ValueType::Text)
    .aliases(&["fs.s3a.endpoint", "s3a.endpoint", "presto.s3.endpoint"])
    .scoped(&["endpoint"])
    .range("a URL such as https://s3.example.com or http://127.0.0.1:9000")
    .describe(
        "Endpoint of an S3-compatible store. Unset: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, else Amazon S3 in \
         the region.",
    );

/// Bucket in the path instead of in the host name.
pub const PATH_STYLE_ACCESS: ConfigOption = ConfigOption::new("s3.path-style-access", ValueType::Bool)
    .aliases(&[
        "s3.path.style.access",
        "fs.s3a.path.style.access",
        "s3a.path.style.access",
        "fs.s3a.path-style-access",
        "s3a.path-style-access",
        "presto.s3.path-style-access",
    ])
    .scoped(&["path-style-access"])
    .range("true or false; if unset, true for a custom endpoint outside of amazonaws.com")
    .describe("Put the bucket into the path of a URL instead of the host name; most other stores need it.");

/// TLS for an endpoint that is given without a scheme.
pub const CONNECTION_SSL: ConfigOption = ConfigOption::new("s3.connection.ssl.enabled", ValueType::Bool)
    .aliases(&[
        "fs.s3a.connection.ssl.enabled",
        "s3a.connection.ssl.enabled",
        "presto.s3.ssl.enabled",
        "s3.ssl.enabled",
    ])
    .default("true")
    .describe("Whether an endpoint that is given without http:// or https:// is reached over TLS.");

/// Certificates to trust.
pub const CA_BUNDLE: ConfigOption = ConfigOption::new("s3.tls.ca-bundle", ValueType::Text)
    .range("a file of PEM certificates")
    .describe(
        "File with the certificates that sign those of the store, instead of the machine's own. Unset: \
         AWS_CA_BUNDLE. TLS below version 1.2 is never spoken.",
    );

/// IPv6 endpoints of Amazon S3.
pub const DUAL_STACK: ConfigOption = ConfigOption::new("s3.dual-stack", ValueType::Bool)
    .default("false")
    .scoped(&["dual-stack"])
    .describe("Use the endpoints of Amazon S3 that have IPv6 too. Not with a custom endpoint.");

/// FIPS endpoints of Amazon S3.
pub const FIPS: ConfigOption = ConfigOption::new("s3.fips", ValueType::Bool)
    .aliases(&["fs.s3a.endpoint.fips", "s3a.endpoint.fips", "s3.endpoint.fips"])
    .default("false")
    .scoped(&["fips"])
    .describe("Use the endpoints of Amazon S3 that conform to FIPS 140. Not with a custom endpoint.");

/// Transfer acceleration.
pub const ACCELERATE: ConfigOption = ConfigOption::new("s3.accelerate", ValueType::Bool)
    .default("false")
    .scoped(&["accelerate"])
    .describe(
        "Use the transfer acceleration of Amazon S3, which the bucket must have. Not with a custom endpoint.",
    );

/// The access point of a bucket.
pub const ACCESS_POINT: ConfigOption = ConfigOption::new("s3.access-point.arn", ValueType::Text)
    .scoped(&["access-point.arn", "accesspoint.arn"])
    .range("an ARN such as arn:aws:s3:eu-west-1:123456789012:accesspoint/name")
    .describe("Access point through which a bucket is reached. Meant for one bucket: s3.bucket.<bucket>.access-point.arn.");
