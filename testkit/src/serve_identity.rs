//! The flags of `serve` that are about identity, regions and keys.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use testkit::{Role, ServerBuilder};

#[derive(Args)]
pub(crate) struct IdentityFlags {
    /// Role that clients can assume by STS at the endpoint. Can be repeated.
    #[arg(
        long = "role",
        value_name = "ARN[,external-id=ID][,web-identity-token=TOKEN]",
        value_parser = read_role
    )]
    roles: Vec<Role>,
    /// End every session after so many seconds, whatever the client asked for and was told.
    #[arg(long, value_name = "SECONDS")]
    session_life: Option<u64>,
    /// Give out credentials as instances and containers get them, on a port of its own.
    #[arg(long)]
    pub(crate) instance_metadata: bool,
    /// Set the clock of the server so many seconds ahead, or behind if negative.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    clock_offset: i64,
    /// Create this bucket in another region than that of the endpoint. Can be repeated.
    #[arg(long = "bucket-region", value_name = "NAME=REGION", value_parser = read_pair)]
    bucket_regions: Vec<(String, String)>,
    /// Create this bucket, which unsigned requests may read. Can be repeated.
    #[arg(long = "public-bucket", value_name = "NAME")]
    public_buckets: Vec<String>,
    /// KMS key, alias or ARN that is there; if none is given, all are. Can be repeated.
    #[arg(long = "kms-key", value_name = "ID")]
    kms_keys: Vec<String>,
    /// Speak HTTPS, with a certificate of an authority of its own.
    #[arg(long, requires = "ca_file")]
    tls: bool,
    /// Write the certificate of the authority to this file, in PEM, before the server says where it listens.
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(crate) ca_file: Option<PathBuf>,
}

impl IdentityFlags {
    pub(crate) fn apply(&self, mut builder: ServerBuilder) -> ServerBuilder {
        builder = builder.clock_offset(self.clock_offset);
        if let Some(seconds) = self.session_life {
            builder = builder.session_life(Duration::from_secs(seconds));
        }
        for role in &self.roles {
            builder = builder.role(role.clone());
        }
        for (bucket, region) in &self.bucket_regions {
            builder = builder.bucket_in(bucket, region);
        }
        for bucket in &self.public_buckets {
            builder = builder.public_bucket(bucket);
        }
        for key in &self.kms_keys {
            builder = builder.kms_key(key);
        }
        if self.tls { builder.tls() } else { builder }
    }
}

fn read_role(text: &str) -> Result<Role, String> {
    let mut fields = text.split(',');
    let arn = fields.next().unwrap_or_default();
    if !arn.starts_with("arn:") {
        return Err("a role begins with its ARN, such as arn:aws:iam::123456789012:role/writer".to_owned());
    }
    fields.try_fold(Role::new(arn), |role, field| match field.split_once('=') {
        Some(("external-id", id)) => Ok(role.external_id(id)),
        Some(("web-identity-token", token)) => Ok(role.web_identity_token(token)),
        // What follows may be a secret.
        _ => Err("behind the ARN only external-id=ID and web-identity-token=TOKEN may follow".to_owned()),
    })
}

fn read_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, region)) if !name.is_empty() && !region.is_empty() => {
            Ok((name.to_owned(), region.to_owned()))
        }
        _ => Err("a bucket and its region are written NAME=REGION".to_owned()),
    }
}
