//! [`ProviderName`]: where credentials may come from, by the names that people have for it.

/// Where credentials may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProviderName {
    /// The key pair of the configuration.
    Static,
    /// Delegation tokens that the host handed out.
    DelegationTokens,
    /// `AWS_ACCESS_KEY_ID` and what belongs to it.
    Environment,
    /// The AWS profile, with all that it may refer to.
    Profile,
    /// A token file and a role, as Kubernetes has them for service accounts.
    WebIdentity,
    /// The agent of a container: ECS, or pod identities of EKS.
    Container,
    /// The metadata of an EC2 instance.
    InstanceMetadata,
    /// The container's agent if there is one, else the instance metadata.
    ContainerOrInstance,
    /// All of them, in the order of AWS.
    Default,
    /// None: requests are not signed.
    Anonymous,
}

/// The last word of a class name, as the AWS SDKs for Java, Hadoop and Flink have it, and what it means.
const NAMES: &[(&str, ProviderName)] = &[
    ("StaticCredentialsProvider", ProviderName::Static),
    ("AWSStaticCredentialsProvider", ProviderName::Static),
    ("BasicAWSCredentialsProvider", ProviderName::Static),
    ("SimpleAWSCredentialsProvider", ProviderName::Static),
    ("TemporaryAWSCredentialsProvider", ProviderName::Static),
    (
        "DynamicTemporaryAWSCredentialsProvider",
        ProviderName::DelegationTokens,
    ),
    (
        "DynamicTemporaryCredentialsProvider",
        ProviderName::DelegationTokens,
    ),
    (
        "DelegationTokenCredentialsProvider",
        ProviderName::DelegationTokens,
    ),
    (
        "EnvironmentVariableCredentialsProvider",
        ProviderName::Environment,
    ),
    ("SystemPropertyCredentialsProvider", ProviderName::Environment),
    ("SystemPropertiesCredentialsProvider", ProviderName::Environment),
    ("ProfileCredentialsProvider", ProviderName::Profile),
    ("ProfileAWSCredentialsProvider", ProviderName::Profile),
    ("ProcessCredentialsProvider", ProviderName::Profile),
    ("SsoCredentialsProvider", ProviderName::Profile),
    (
        "WebIdentityTokenFileCredentialsProvider",
        ProviderName::WebIdentity,
    ),
    ("WebIdentityTokenCredentialsProvider", ProviderName::WebIdentity),
    (
        "StsWebIdentityTokenFileCredentialsProvider",
        ProviderName::WebIdentity,
    ),
    ("ContainerCredentialsProvider", ProviderName::Container),
    (
        "EC2ContainerCredentialsProviderWrapper",
        ProviderName::ContainerOrInstance,
    ),
    (
        "InstanceProfileCredentialsProvider",
        ProviderName::InstanceMetadata,
    ),
    (
        "IAMInstanceCredentialsProvider",
        ProviderName::ContainerOrInstance,
    ),
    ("DefaultCredentialsProvider", ProviderName::Default),
    ("DefaultAWSCredentialsProviderChain", ProviderName::Default),
    ("AnonymousCredentialsProvider", ProviderName::Anonymous),
    ("AnonymousAWSCredentialsProvider", ProviderName::Anonymous),
];

impl ProviderName {
    /// Of a short name or a class name, of which only the last word counts.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let last = name.rsplit(['.', '$']).next().unwrap_or(name);
        NAMES
            .iter()
            .find(|(known, _)| *known == last)
            .map(|(_, provider)| *provider)
    }

    /// One name of each, for an error text.
    pub(crate) fn all() -> String {
        let is_first = |position: usize| {
            let provider = NAMES[position].1;
            NAMES.iter().position(|(_, other)| *other == provider) == Some(position)
        };
        let first = NAMES
            .iter()
            .enumerate()
            .filter(|(position, _)| is_first(*position));
        first.map(|(_, (name, _))| *name).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_and_class_names_mean_the_same() {
        for (name, provider) in [
            (
                "WebIdentityTokenFileCredentialsProvider",
                ProviderName::WebIdentity,
            ),
            (
                "com.amazonaws.auth.WebIdentityTokenCredentialsProvider",
                ProviderName::WebIdentity,
            ),
            (
                "software.amazon.awssdk.auth.credentials.AnonymousCredentialsProvider",
                ProviderName::Anonymous,
            ),
            (
                "org.apache.hadoop.fs.s3a.auth.IAMInstanceCredentialsProvider",
                ProviderName::ContainerOrInstance,
            ),
            (
                "com.amazonaws.auth.profile.ProfileCredentialsProvider",
                ProviderName::Profile,
            ),
            (
                "org.apache.flink.fs.s3.common.token.DynamicTemporaryAWSCredentialsProvider",
                ProviderName::DelegationTokens,
            ),
        ] {
            assert_eq!(ProviderName::parse(name), Some(provider), "{name}");
        }
        for name in [
            "",
            "Anonymous",
            "com.example.MyCredentialsProvider",
            "anonymouscredentialsprovider",
        ] {
            assert_eq!(ProviderName::parse(name), None, "{name}");
        }
    }
}
