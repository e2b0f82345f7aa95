//! Who asks: credentials, the role to assume, and delegation tokens.

use plugin_api::{ConfigOption, ValueType};

/// Options that say where credentials come from; a bucket that sets one of them inherits none.
const CREDENTIALS: &str = "credentials";

/// The access key of a static key pair.
pub const ACCESS_KEY: ConfigOption = ConfigOption::new("s3.access-key", ValueType::Text)
    .aliases(&[
        "s3.access.key",
        "fs.s3a.access.key",
        "s3a.access.key",
        "fs.s3a.access-key",
        "s3a.access-key",
        "presto.s3.access-key",
    ])
    .scoped(&["access-key", "access.key"])
    .group(CREDENTIALS)
    .describe("Access key id of a static key pair. Without a pair the AWS default chain is asked.");

/// The secret key of a static key pair.
pub const SECRET_KEY: ConfigOption = ConfigOption::new("s3.secret-key", ValueType::Text)
    .aliases(&[
        "s3.secret.key",
        "fs.s3a.secret.key",
        "s3a.secret.key",
        "fs.s3a.secret-key",
        "s3a.secret-key",
        "presto.s3.secret-key",
    ])
    .scoped(&["secret-key", "secret.key"])
    .group(CREDENTIALS)
    .secret()
    .describe("Secret access key of a static key pair.");

/// The session token of a temporary key pair.
pub const SESSION_TOKEN: ConfigOption = ConfigOption::new("s3.session-token", ValueType::Text)
    .aliases(&["s3.session.token", "fs.s3a.session.token", "s3a.session.token"])
    .scoped(&["session-token", "session.token"])
    .group(CREDENTIALS)
    .secret()
    .describe("Session token that belongs to a temporary key pair.");

/// Where credentials come from, before everything else.
pub const CREDENTIALS_PROVIDER: ConfigOption = ConfigOption::new(
    "fs.s3.aws.credentials.provider",
    ValueType::List,
)
.aliases(&[
    "s3.aws.credentials.provider",
    "s3.credentials.provider",
    "fs.s3a.aws.credentials.provider",
    "s3a.aws.credentials.provider",
])
.scoped(&["credentials.provider", "aws.credentials.provider"])
.group(CREDENTIALS)
.range(
    "names such as WebIdentityTokenFileCredentialsProvider, or Java class names of the AWS SDKs and Hadoop \
             that end in one",
)
.describe(
    "Where credentials come from, in this order, before static keys, delegation tokens and the AWS \
             default chain.",
);

/// No credentials at all.
pub const ANONYMOUS: ConfigOption = ConfigOption::new("s3.anonymous-credentials", ValueType::Bool)
    .default("false")
    .describe("Send requests without a signature, as AnonymousCredentialsProvider does: for public buckets.");

/// The role to assume.
pub const ASSUME_ROLE_ARN: ConfigOption = ConfigOption::new("s3.assume-role.arn", ValueType::Text)
    .aliases(&[
        "fs.s3a.assumed.role.arn",
        "s3a.assumed.role.arn",
        "s3.assumed.role.arn",
    ])
    .scoped(&["assume-role.arn"])
    .range("an ARN such as arn:aws:iam::123456789012:role/name")
    .describe("Role that all requests act in. The credentials are used to assume it.");

/// The external id for the role.
pub const ASSUME_ROLE_EXTERNAL_ID: ConfigOption =
    ConfigOption::new("s3.assume-role.external-id", ValueType::Text)
        .aliases(&[
            "fs.s3a.assumed.role.external.id",
            "s3a.assumed.role.external.id",
            "s3.assumed.role.external.id",
        ])
        .scoped(&["assume-role.external-id"])
        .secret()
        .describe("External id that the trust policy of the role asks for.");

/// The name of the session.
pub const ASSUME_ROLE_SESSION_NAME: ConfigOption =
    ConfigOption::new("s3.assume-role.session-name", ValueType::Text)
        .aliases(&[
            "fs.s3a.assumed.role.session.name",
            "s3a.assumed.role.session.name",
            "s3.assumed.role.session.name",
        ])
        .scoped(&["assume-role.session-name"])
        .default("flink-s3-session")
        .range("2 to 64 letters, digits and = , . @ - _")
        .describe("Name of the sessions in the role, which audit trails show.");

/// How long a session lasts.
pub const ASSUME_ROLE_SESSION_DURATION: ConfigOption = ConfigOption::new(
    "s3.assume-role.session-duration",
    ValueType::Duration,
)
.aliases(&[
    "fs.s3a.assumed.role.session.duration",
    "s3a.assumed.role.session.duration",
    "s3.assumed.role.session.duration",
])
.scoped(&["assume-role.session-duration"])
.default("3600")
.range("900 to 43200 seconds, bare or with a unit such as 1 h")
.describe(
    "Length of a session in the role; a bare number is seconds. The role may allow less than 12 hours.",
);

/// The policy of a session.
pub const ASSUME_ROLE_POLICY: ConfigOption = ConfigOption::new("s3.assume-role.policy", ValueType::Text)
    .aliases(&[
        "fs.s3a.assumed.role.policy",
        "s3a.assumed.role.policy",
        "s3.assumed.role.policy",
    ])
    .scoped(&["assume-role.policy"])
    .range("a policy of IAM in JSON")
    .describe("Policy that narrows what the sessions in the role may do.");

/// The endpoint of STS.
pub const ASSUME_ROLE_STS_ENDPOINT: ConfigOption =
    ConfigOption::new("s3.assume-role.sts.endpoint", ValueType::Text)
        .aliases(&[
            "fs.s3a.assumed.role.sts.endpoint",
            "s3a.assumed.role.sts.endpoint",
            "s3.assumed.role.sts.endpoint",
        ])
        .scoped(&["assume-role.sts.endpoint"])
        .range("a URL such as https://sts.example.com")
        .describe(
            "Endpoint of STS for the role. Unset: AWS_ENDPOINT_URL_STS, else that of AWS in the region.",
        );

/// The region of STS.
pub const ASSUME_ROLE_STS_REGION: ConfigOption =
    ConfigOption::new("s3.assume-role.sts.region", ValueType::Text)
        .aliases(&[
            "fs.s3a.assumed.role.sts.endpoint.region",
            "s3a.assumed.role.sts.endpoint.region",
            "s3.assumed.role.sts.endpoint.region",
        ])
        .scoped(&["assume-role.sts.region"])
        .describe("Region that requests to STS are signed for. Unset: that of the bucket.");

/// Whether delegation tokens are obtained.
pub const TOKEN_ENABLED: ConfigOption = ConfigOption::new(
    "security.delegation.token.provider.s3-native.enabled",
    ValueType::Bool,
)
.default("true")
.describe("Whether delegation tokens are obtained; only if region, access key and secret key are set.");

/// The access key that obtains delegation tokens.
pub const TOKEN_ACCESS_KEY: ConfigOption = ConfigOption::new(
    "security.delegation.token.provider.s3-native.access-key",
    ValueType::Text,
)
.describe("Access key that obtains delegation tokens from STS.");

/// Its secret.
pub const TOKEN_SECRET_KEY: ConfigOption = ConfigOption::new(
    "security.delegation.token.provider.s3-native.secret-key",
    ValueType::Text,
)
.secret()
.describe("Secret of the access key that obtains delegation tokens.");

/// The region of STS.
pub const TOKEN_REGION: ConfigOption = ConfigOption::new(
    "security.delegation.token.provider.s3-native.region",
    ValueType::Text,
)
.describe("Region of the STS that issues delegation tokens.");

/// The role of a token.
pub const TOKEN_ROLE_ARN: ConfigOption = ConfigOption::new(
    "security.delegation.token.provider.s3-native.assume-role.arn",
    ValueType::Text,
)
.range("an ARN such as arn:aws:iam::123456789012:role/name")
.describe("Role that delegation tokens act in. Unset: they act as the user of the access key.");

/// How long a token lasts.
pub const TOKEN_SESSION_DURATION: ConfigOption = ConfigOption::new(
    "security.delegation.token.provider.s3-native.session-duration",
    ValueType::Duration,
)
.range("900 to 43200 seconds, bare or with a unit such as 1 h")
.describe("Life of a delegation token; a bare number is seconds. Unset: what STS gives.");

/// The endpoint of STS.
pub const TOKEN_STS_ENDPOINT: ConfigOption = ConfigOption::new(
    "security.delegation.token.provider.s3-native.sts.endpoint",
    ValueType::Text,
)
.range("a URL such as https://sts.example.com")
.describe("Endpoint of the STS that issues delegation tokens. Unset: that of AWS in the region.");
