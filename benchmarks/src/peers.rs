//! What the comparisons of the S3 plugin share: the server in a process of its own, and the bare SDK.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use plugin_api::Config;

pub(crate) const BUCKET: &str = "bench";
const ACCESS_KEY: &str = "bench-access-key";
const SECRET_KEY: &str = "bench-secret-key";

/// The server, which ends with this program.
pub(crate) struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the server in a process of its own, so that its processor time is not ours.
pub(crate) fn start(testkit: &Path) -> Result<(Server, String), String> {
    let mut child = Command::new(testkit)
        .args([
            "serve",
            "--port",
            "0",
            "--bucket",
            BUCKET,
            "--etag",
            "random",
            "--exit-with-stdin",
        ])
        .args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", testkit.display()))?;
    let mut line = String::new();
    let output = child.stdout.take().ok_or("the server has no output")?;
    BufReader::new(output)
        .read_line(&mut line)
        .map_err(|error| error.to_string())?;
    let endpoint = line
        .trim()
        .strip_prefix("listening on ")
        .ok_or("the server did not start")?
        .to_owned();
    Ok((Server(child), endpoint))
}

/// A client with the defaults of the SDK.
pub(crate) fn bare_sdk(endpoint: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(
            aws_smithy_http_client::Builder::new()
                .tls_provider(aws_smithy_http_client::tls::Provider::Rustls(
                    aws_smithy_http_client::tls::rustls_provider::CryptoMode::Ring,
                ))
                .build_https(),
        )
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "benchmark"))
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

/// What the plugin has to be told of the server.
pub(crate) fn config(endpoint: &str) -> Config {
    Config::from_pairs([
        ("s3.endpoint", endpoint),
        ("s3.access-key", ACCESS_KEY),
        ("s3.secret-key", SECRET_KEY),
        ("s3.path-style-access", "true"),
        ("s3.upload.min.part.size", "8 mb"),
    ])
}
