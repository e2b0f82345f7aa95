//! The configuration that the plugin understands: Flink's keys, their aliases and their defaults.

pub mod compatibility;
mod encryption;
mod endpoint;
mod identity;
mod ignored;

use plugin_api::{ConfigOption, ValueType};

pub use encryption::{SSE_KMS_CONTEXT, SSE_KMS_KEY_ID, SSE_TYPE, STORAGE_CLASS};
pub use endpoint::{
    ACCELERATE, ACCESS_POINT, CA_BUNDLE, CONNECTION_SSL, DUAL_STACK, ENDPOINT, FIPS, PATH_STYLE_ACCESS,
    REGION,
};
pub use identity::{
    ACCESS_KEY, ANONYMOUS, ASSUME_ROLE_ARN, ASSUME_ROLE_EXTERNAL_ID, ASSUME_ROLE_POLICY,
    ASSUME_ROLE_SESSION_DURATION, ASSUME_ROLE_SESSION_NAME, ASSUME_ROLE_STS_ENDPOINT, ASSUME_ROLE_STS_REGION,
    CREDENTIALS_PROVIDER, SECRET_KEY, SESSION_TOKEN, TOKEN_ACCESS_KEY, TOKEN_ENABLED, TOKEN_REGION,
    TOKEN_ROLE_ARN, TOKEN_SECRET_KEY, TOKEN_SESSION_DURATION, TOKEN_STS_ENDPOINT,
};

/// What the keys begin with that nobody else reads. `fs.s3.` is not among them: the host has keys there.
pub const OWNED_PREFIXES: &[&str] = &[
    "s3.",
    "s3a.",
    "fs.s3a.",
    "presto.s3.",
    "fs.s3.aws.",
    "security.delegation.token.provider.s3-native.",
];

/// What the keys begin with that count for one bucket alone.
pub const BUCKET_PREFIX: &str = "s3.bucket.";

/// The size of the parts of a multipart upload.
pub const UPLOAD_PART_SIZE: ConfigOption = ConfigOption::new("s3.upload.min.part.size", ValueType::Bytes)
    .aliases(&[
        "s3.upload.min-part-size",
        "s3.multipart.size",
        "fs.s3a.multipart.size",
        "s3a.multipart.size",
    ])
    .default("5242880")
    .range("5 MiB to 5 GiB")
    .describe("Smallest part of a multipart upload; the size grows with the number of parts.");

/// Parts that the store allows one upload to have.
pub const MAX_PARTS: ConfigOption = ConfigOption::new("s3.upload.max.parts", ValueType::Integer)
    .default("10000")
    .range("1 to 10000")
    .describe(
        "Parts that the store allows one upload to have: 10,000 on Amazon S3, fewer on some others. With fewer \
         the parts grow faster.",
    );

/// Parts of one stream that are uploaded at a time.
pub const UPLOAD_CONCURRENCY: ConfigOption =
    ConfigOption::new("s3.upload.max.concurrent.uploads", ValueType::Integer)
        .range("1 or more; the number of processors if unset")
        .describe("Parts of one output stream that are uploaded at a time.");

/// Whether parts below the minimum of S3 are allowed.
pub const ALLOW_SMALL_PARTS: ConfigOption = ConfigOption::new("s3.upload.allow-small-parts", ValueType::Bool)
    .default("false")
    .describe("Lift the lower bound of the part sizes. Only for test servers: S3 refuses such parts.");

/// The size from which a copy is made in parts.
pub const COPY_THRESHOLD: ConfigOption = ConfigOption::new("s3.copy.multipart.threshold", ValueType::Bytes)
    .default("5368709120")
    .range("5 MiB to 5 GiB")
    .describe("Largest object that a rename copies with one request; larger ones are copied in parts.");

/// Whether directories are marked by objects of their own.
pub const DIRECTORY_MARKERS: ConfigOption = ConfigOption::new("s3.directory-markers", ValueType::Bool)
    .default("false")
    .describe(
        "Let mkdirs store an empty object 'dir/' for each directory, so that an empty directory exists. \
         Otherwise mkdirs does nothing, and a directory exists as long as something is below it.",
    );

/// Whether a directory can be renamed.
pub const RENAME_DIRECTORIES: ConfigOption = ConfigOption::new("s3.rename.directories", ValueType::Bool)
    .default("false")
    .describe(
        "Let rename accept a directory: every file below it is copied inside the store, then the sources \
         are deleted. This is not atomic, and its cost grows with the number of files.",
    );

/// Whether many files can be copied at a time.
pub const BULK_COPY_ENABLED: ConfigOption = ConfigOption::new("s3.bulk-copy.enabled", ValueType::Bool)
    .default("true")
    .describe(
        "Offer copies of many files at a time: between the store and the local disk, and inside the store.",
    );

/// Requests of all bulk copies at a time.
pub const BULK_COPY_MAX_CONCURRENT: ConfigOption = ConfigOption::new(
    "s3.bulk-copy.max-concurrent",
    ValueType::Integer,
)
.default("16")
.range("1 or more; no more than s3.connection.max counts")
.describe(
    "Requests that the bulk copies of a file system have open at a time, whatever the number of files.",
);

/// The text in a path that is replaced by random characters.
pub const ENTROPY_KEY: ConfigOption = ConfigOption::new("s3.entropy.key", ValueType::Text)
    .range("a text without any of ~ # @ * + % { } < > [ ] | \" \\")
    .describe(
        "Text such as _entropy_ whose first occurrence in the path of a new file is replaced by random \
         characters if the writer asks for it, and removed otherwise.",
    );

/// How many random characters replace the entropy key.
pub const ENTROPY_LENGTH: ConfigOption = ConfigOption::new("s3.entropy.length", ValueType::Integer)
    .default("4")
    .range("1 to 255")
    .describe("Random characters, of 0-9, A-Z and a-z, that replace the entropy key.");

/// How far a forward seek reads on instead of asking again.
pub const READ_BUFFER_SIZE: ConfigOption = ConfigOption::new("s3.read.buffer.size", ValueType::Bytes)
    .aliases(&[
        "s3.readahead.range",
        "fs.s3a.readahead.range",
        "s3a.readahead.range",
    ])
    .default("262144")
    .range("64 KiB to 4 MiB")
    .describe(
        "A seek forward by no more than this reads on in the open request instead of making a new one.",
    );

/// How much a sequential read fetches ahead.
pub const READ_PREFETCH_MAX: ConfigOption = ConfigOption::new("s3.read.prefetch.max", ValueType::Bytes)
    .default("16777216")
    .range("1 MiB or more, or 0 for never")
    .describe(
        "Bytes that one stream fetches ahead, in up to four requests at a time, once it reads in order and \
         waits for the network. They are part of 's3.memory.budget', of which all streams together take \
         half for this; a stream that gets none reads on with one request.",
    );

/// Whether a file that is read from front to back is compared with its checksum.
pub const READ_VERIFY_CHECKSUM: ConfigOption = ConfigOption::new("s3.read.verify-checksum", ValueType::Bool)
    .default("true")
    .describe(
        "Compare a file that is read from its first byte to its last with the CRC that the store keeps of \
             it. Checksums of parts (composite ones) and of other kinds are not compared.",
    );

/// The bytes that all streams of the plugin may buffer together.
pub const MEMORY_BUDGET: ConfigOption = ConfigOption::new("s3.memory.budget", ValueType::Bytes)
    .default("67108864")
    .range("1 byte or more")
    .describe(
        "Bytes that all streams of the plugin may buffer together; the first configuration that \
         the plugin sees counts.",
    );

/// Repetitions of a failed request.
pub const MAX_RETRIES: ConfigOption = ConfigOption::new("s3.retry.max-num-retries", ValueType::Integer)
    .aliases(&["presto.s3.max-client-retries", "s3.max-client-retries"])
    .default("3")
    .range("0 or more")
    .describe("How often a failed request is repeated; 0 for never.");

/// The same, counting the first one too.
pub const ATTEMPTS: ConfigOption = ConfigOption::new("fs.s3a.attempts.maximum", ValueType::Integer)
    .aliases(&["s3a.attempts.maximum", "s3.attempts.maximum"])
    .range("1 or more")
    .describe(
        "How often a request is sent at most, the first time included, in the way of Hadoop. It counts where \
         's3.retry.max-num-retries' is not set.",
    );

/// The first delay between repetitions.
pub const RETRY_BASE_DELAY: ConfigOption = ConfigOption::new("s3.retry.base-delay", ValueType::Duration)
    .default("100 ms")
    .range("0 or more, and no more than s3.retry.max-backoff")
    .describe("Longest delay before the first repetition; it doubles with each further one.");

/// The first delay for a service that asks for fewer requests.
pub const RETRY_THROTTLE_BASE_DELAY: ConfigOption =
    ConfigOption::new("s3.retry.throttle.base-delay", ValueType::Duration)
        .default("1 s")
        .range("0 or more, and no more than s3.retry.max-backoff")
        .describe(
            "Longest delay before the first repetition of a request that was answered with 429 or 503 or \
             a code such as SlowDown; it doubles with each further one.",
        );

/// The longest delay between repetitions.
pub const RETRY_MAX_BACKOFF: ConfigOption = ConfigOption::new("s3.retry.max-backoff", ValueType::Duration)
    .default("20 s")
    .range("more than 0")
    .describe("Longest delay between two repetitions.");

/// The time for one request with all its repetitions.
pub const OPERATION_TIMEOUT: ConfigOption = ConfigOption::new("s3.operation.timeout", ValueType::Duration)
    .aliases(&[
        "fs.s3a.connection.request.timeout",
        "s3a.connection.request.timeout",
        "s3.connection.request.timeout",
    ])
    .default("10 min")
    .range("more than 0")
    .describe(
        "Time for one request to the store with all its repetitions and the delays between them. An upload \
         of more than 8 MiB has the time in addition that the rest takes at 16 KiB/s; the time to read a \
         file, once the store has begun to send it, is not limited.",
    );

/// The time to get a connection.
pub const CONNECTION_TIMEOUT: ConfigOption = ConfigOption::new("s3.connection.timeout", ValueType::Duration)
    .aliases(&[
        "fs.s3a.connection.establish.timeout",
        "s3a.connection.establish.timeout",
        "s3.connection.establish.timeout",
        "presto.s3.connect-timeout",
        "s3.connect-timeout",
    ])
    .default("60 s")
    .range("more than 0")
    .describe("Time to get a connection, and to wait for a free one.");

/// The time without any progress on a connection.
pub const SOCKET_TIMEOUT: ConfigOption = ConfigOption::new("s3.socket.timeout", ValueType::Duration)
    .aliases(&["fs.s3a.connection.timeout", "s3a.connection.timeout", "presto.s3.socket-timeout", "s3.socket-timeout"])
    .default("60 s")
    .range("more than 0")
    .describe(
        "Time without any progress after which a connection is given up: none of a request was taken and \
         none of the reply came, or less than 8 KiB/s of one whose length was announced. After an upload of \
         more than 64 KiB the reply has the time in addition that a peer which takes 16 KiB/s may still need.",
    );

/// Connections at a time.
pub const CONNECTION_MAX: ConfigOption = ConfigOption::new("s3.connection.max", ValueType::Integer)
    .aliases(&[
        "s3.connection.maximum",
        "fs.s3a.connection.maximum",
        "s3a.connection.maximum",
        "presto.s3.max-connections",
        "s3.max-connections",
    ])
    .default("50")
    .range("1 or more")
    .describe("Requests and open reads at a time, for all file systems with the same settings.");

/// How long an idle connection is kept.
pub const CONNECTION_MAX_IDLE_TIME: ConfigOption =
    ConfigOption::new("s3.connection.max-idle-time", ValueType::Duration)
        .default("60 s")
        .range("more than 0")
        .describe("Time after which an idle connection is closed.");

/// How long the close of a file system may take.
pub const CLOSE_TIMEOUT: ConfigOption = ConfigOption::new("s3.close.timeout", ValueType::Duration)
    .default("60 s")
    .range("more than 0")
    .describe(
        "Time that the running operations of a file system have to end when it is closed, if the host allows \
         no less; then they are cut off.",
    );

/// Threads of the plugin's runtime.
pub const RUNTIME_THREADS: ConfigOption = ConfigOption::new("s3.runtime.threads", ValueType::Integer)
    .range("1 to 1024; the number of processors, at most 4, if unset")
    .describe("Threads of the plugin's own runtime; the first configuration that the plugin sees counts.");

/// Not a key of the configuration but of [`CopyOptions::extensions`](plugin_api::CopyOptions): the
/// local directory that no target of a copy may lead out of, as the text of a `file://` location.
///
/// Every local target must be a location below it. Its segments are the names of a file and of
/// directories exactly as they stand: `..`, `.`, an empty segment and NUL are refused with
/// [`InvalidPath`](plugin_api::ErrorKind::InvalidPath) before the first byte. The directories are
/// opened relative to a handle of the root and no link below it is followed, not even one that is
/// planted while the copy runs. Links on the way to the root are the caller's own and are followed.
///
/// Without it a target may be anywhere, and links above its own directory are followed; that
/// directory itself must not be a link, and the same segments are refused. In either case a link in
/// the place of the file is replaced, never written through. Whoever builds the targets from keys of
/// a store sets this, and marks it as critical.
pub const COPY_ROOT: &str = "copy.root";

/// Every option, in the order of the documentation.
pub const OPTIONS: &[ConfigOption] = &[
    ACCESS_KEY,
    SECRET_KEY,
    SESSION_TOKEN,
    CREDENTIALS_PROVIDER,
    ANONYMOUS,
    ASSUME_ROLE_ARN,
    ASSUME_ROLE_EXTERNAL_ID,
    ASSUME_ROLE_SESSION_NAME,
    ASSUME_ROLE_SESSION_DURATION,
    ASSUME_ROLE_POLICY,
    ASSUME_ROLE_STS_ENDPOINT,
    ASSUME_ROLE_STS_REGION,
    TOKEN_ENABLED,
    TOKEN_ACCESS_KEY,
    TOKEN_SECRET_KEY,
    TOKEN_REGION,
    TOKEN_ROLE_ARN,
    TOKEN_SESSION_DURATION,
    TOKEN_STS_ENDPOINT,
    REGION,
    ENDPOINT,
    PATH_STYLE_ACCESS,
    CONNECTION_SSL,
    CA_BUNDLE,
    DUAL_STACK,
    FIPS,
    ACCELERATE,
    ACCESS_POINT,
    SSE_TYPE,
    SSE_KMS_KEY_ID,
    SSE_KMS_CONTEXT,
    STORAGE_CLASS,
    UPLOAD_PART_SIZE,
    compatibility::EQUAL_PARTS,
    MAX_PARTS,
    UPLOAD_CONCURRENCY,
    ALLOW_SMALL_PARTS,
    COPY_THRESHOLD,
    compatibility::CHUNKED_ENCODING,
    compatibility::CHECKSUM_VALIDATION,
    compatibility::CONDITIONAL_WRITES,
    compatibility::DELETE_BATCH_ENABLED,
    compatibility::DELETE_BATCH_SIZE,
    DIRECTORY_MARKERS,
    RENAME_DIRECTORIES,
    BULK_COPY_ENABLED,
    BULK_COPY_MAX_CONCURRENT,
    ENTROPY_KEY,
    ENTROPY_LENGTH,
    READ_BUFFER_SIZE,
    READ_PREFETCH_MAX,
    READ_VERIFY_CHECKSUM,
    MEMORY_BUDGET,
    MAX_RETRIES,
    ATTEMPTS,
    RETRY_BASE_DELAY,
    RETRY_THROTTLE_BASE_DELAY,
    RETRY_MAX_BACKOFF,
    OPERATION_TIMEOUT,
    CONNECTION_TIMEOUT,
    SOCKET_TIMEOUT,
    CONNECTION_MAX,
    CONNECTION_MAX_IDLE_TIME,
    CLOSE_TIMEOUT,
    RUNTIME_THREADS,
    ignored::ASYNC_ENABLED,
    ignored::CLIENT_CLOSE_TIMEOUT,
    ignored::CLIENT_TYPE,
    ignored::CRT_ENABLED,
    ignored::CRT_TARGET_THROUGHPUT,
    ignored::CRT_MAX_NATIVE_MEMORY,
    ignored::CRT_READ_BUFFER_SIZE,
    ignored::CRT_MAX_CONCURRENCY,
    ignored::DOWNLOAD_BUFFER_SIZE,
    ignored::METRICS_ENABLED,
    ignored::METRICS_ALLOWLIST,
    ignored::METRICS_WINDOW,
    ignored::S5CMD_PATH,
    ignored::S5CMD_ARGS,
    ignored::LIST_VERSION,
    ignored::FAST_UPLOAD,
    ignored::FAST_UPLOAD_BUFFER,
    ignored::BUFFER_DIR,
    ignored::THREADS_MAX,
    ignored::IMPLEMENTATION,
    ignored::CHANGE_DETECTION,
    ignored::FADVISE,
    ignored::MULTIPART_THRESHOLD,
    ignored::PROXY_HOST,
    ignored::PROXY_PORT,
    ignored::PRESTO_SSE,
];
