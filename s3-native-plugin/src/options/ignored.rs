//! Keys that people have and that do nothing here, each with the reason that they are told.

use plugin_api::{ConfigOption, ValueType};

/// A key that is accepted and does nothing.
const fn ignored(
    key: &'static str,
    value_type: ValueType,
    aliases: &'static [&'static str],
    why: &'static str,
) -> ConfigOption {
    ConfigOption::new(key, value_type)
        .aliases(aliases)
        .no_effect(why)
        .describe("Accepted, without effect.")
}

const NO_CRT: &str = "there is no CRT client here: requests go over hyper, with parts and ranges in parallel";
const METRICS: &str = "the host decides which measurements it keeps";
const NO_SUBPROCESS: &str = "bulk copies are made in this process, see 's3.bulk-copy.enabled'";
const PARTS_IN_MEMORY: &str = "parts are held in memory, within 's3.memory.budget'";
const PROXY: &str = "the proxy is that of the environment: set HTTPS_PROXY and NO_PROXY";

pub(super) const ASYNC_ENABLED: ConfigOption = ignored(
    "s3.async.enabled",
    ValueType::Bool,
    &[],
    "all requests are asynchronous here",
)
.default("true");
pub(super) const CLIENT_CLOSE_TIMEOUT: ConfigOption = ignored(
    "s3.client.close.timeout",
    ValueType::Duration,
    &[],
    "a client ends with its file systems, within 's3.close.timeout'",
);
pub(super) const CLIENT_TYPE: ConfigOption = ignored(
    "s3.client.type",
    ValueType::Text,
    &[],
    "there is one client, the SDK's over hyper",
);
pub(super) const CRT_ENABLED: ConfigOption =
    ignored("s3.crt.enabled", ValueType::Bool, &[], NO_CRT).default("false");
pub(super) const CRT_TARGET_THROUGHPUT: ConfigOption =
    ignored("s3.crt.target-throughput-gbps", ValueType::Text, &[], NO_CRT);
pub(super) const CRT_MAX_NATIVE_MEMORY: ConfigOption =
    ignored("s3.crt.max-native-memory-limit", ValueType::Bytes, &[], NO_CRT);
pub(super) const CRT_READ_BUFFER_SIZE: ConfigOption =
    ignored("s3.crt.read-buffer-size", ValueType::Bytes, &[], NO_CRT);
pub(super) const CRT_MAX_CONCURRENCY: ConfigOption =
    ignored("s3.crt.max-concurrency", ValueType::Integer, &[], NO_CRT);
pub(super) const DOWNLOAD_BUFFER_SIZE: ConfigOption = ignored(
    "s3.bulk-copy.download-buffer-size",
    ValueType::Bytes,
    &[],
    "what is copied goes to the file as it arrives",
);
pub(super) const METRICS_ENABLED: ConfigOption =
    ignored("s3.metrics.enabled", ValueType::Bool, &[], METRICS).default("true");
pub(super) const METRICS_ALLOWLIST: ConfigOption =
    ignored("s3.metrics.allowlist", ValueType::List, &[], METRICS);
pub(super) const METRICS_WINDOW: ConfigOption = ignored(
    "s3.metrics.histogram.window-size",
    ValueType::Integer,
    &[],
    METRICS,
);
pub(super) const S5CMD_PATH: ConfigOption = ignored("s3.s5cmd.path", ValueType::Text, &[], NO_SUBPROCESS);
pub(super) const S5CMD_ARGS: ConfigOption = ignored(
    "s3.s5cmd.args",
    ValueType::Text,
    &["s3.s5cmd.batch.max-size", "s3.s5cmd.batch.max-files"],
    NO_SUBPROCESS,
);
pub(super) const LIST_VERSION: ConfigOption = ignored(
    "fs.s3a.list.version",
    ValueType::Integer,
    &["s3a.list.version", "s3.list.version"],
    "ListObjectsV2 is used, which all current stores have",
);
pub(super) const FAST_UPLOAD: ConfigOption = ignored(
    "fs.s3a.fast.upload",
    ValueType::Bool,
    &["s3a.fast.upload", "s3.fast.upload"],
    "uploads always go out while the file is written",
);
pub(super) const FAST_UPLOAD_BUFFER: ConfigOption = ignored(
    "fs.s3a.fast.upload.buffer",
    ValueType::Text,
    &[
        "s3a.fast.upload.buffer",
        "s3.fast.upload.buffer",
        "fs.s3a.fast.upload.active.blocks",
        "s3a.fast.upload.active.blocks",
        "s3.fast.upload.active.blocks",
    ],
    PARTS_IN_MEMORY,
);
pub(super) const BUFFER_DIR: ConfigOption = ignored(
    "fs.s3a.buffer.dir",
    ValueType::Text,
    &[
        "s3a.buffer.dir",
        "s3.buffer.dir",
        "presto.s3.staging-directory",
        "s3.staging-directory",
    ],
    PARTS_IN_MEMORY,
);
pub(super) const THREADS_MAX: ConfigOption = ignored(
    "fs.s3a.threads.max",
    ValueType::Integer,
    &[
        "s3a.threads.max",
        "s3.threads.max",
        "fs.s3a.max.total.tasks",
        "s3a.max.total.tasks",
        "s3.max.total.tasks",
    ],
    "requests need no threads; 's3.connection.max' and 's3.upload.max.concurrent.uploads' limit them",
);
pub(super) const IMPLEMENTATION: ConfigOption = ignored(
    "fs.s3a.impl",
    ValueType::Text,
    &["s3a.impl", "s3.impl", "fs.s3.impl"],
    "the plugin that serves the scheme is found by its file",
);
pub(super) const CHANGE_DETECTION: ConfigOption = ignored(
    "fs.s3a.change.detection.mode",
    ValueType::Text,
    &[
        "s3a.change.detection.mode",
        "s3.change.detection.mode",
        "fs.s3a.change.detection.source",
        "s3a.change.detection.source",
        "s3.change.detection.source",
    ],
    "a read always fails if the file is replaced meanwhile",
);
pub(super) const FADVISE: ConfigOption = ignored(
    "fs.s3a.experimental.input.fadvise",
    ValueType::Text,
    &["s3a.experimental.input.fadvise", "s3.experimental.input.fadvise"],
    "how far to read ahead is found out from the reads, see 's3.read.prefetch.max'",
);
pub(super) const MULTIPART_THRESHOLD: ConfigOption = ignored(
    "fs.s3a.multipart.threshold",
    ValueType::Bytes,
    &[
        "s3a.multipart.threshold",
        "s3.multipart.threshold",
        "presto.s3.multipart.min-file-size",
        "s3.multipart.min-file-size",
    ],
    "a file is uploaded in parts once it is larger than one, see 's3.upload.min.part.size'",
);
pub(super) const PROXY_HOST: ConfigOption = ignored(
    "fs.s3a.proxy.host",
    ValueType::Text,
    &["s3a.proxy.host", "s3.proxy.host"],
    PROXY,
);
pub(super) const PROXY_PORT: ConfigOption = ignored(
    "fs.s3a.proxy.port",
    ValueType::Integer,
    &["s3a.proxy.port", "s3.proxy.port"],
    PROXY,
);
pub(super) const PRESTO_SSE: ConfigOption = ignored(
    "presto.s3.sse.enabled",
    ValueType::Bool,
    &["s3.sse.enabled"],
    "nothing is encrypted on its account: set 's3.sse.type' to sse-s3 or sse-kms",
)
.default("false");
