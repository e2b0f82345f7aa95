//! What the plugin may expect of a store that is not Amazon S3. Unless a key says so, it finds out.

use plugin_api::{ConfigOption, ValueType};

/// Whether all parts of an upload but the last have the same size.
pub const EQUAL_PARTS: ConfigOption = ConfigOption::new("s3.upload.equal-parts", ValueType::Text)
    .scoped(&["upload.equal-parts"])
    .default("auto")
    .range("auto, true or false")
    .describe(
        "Give all parts of an upload but the last the same size, as Cloudflare R2 and some other stores \
         demand: 's3.upload.min.part.size', which must not exceed 1 GiB then. A file can have 's3.upload.max.parts' \
         of them, 48.8 GiB with the defaults; a recovery skips up to 128 part numbers. The state of a \
         recoverable stream holds up to a part. With 'auto' parts are equal up to 555 of them, and once the store \
         has refused an upload for unequal ones, so are those of files that are begun from then on in this process. \
         The refused file itself is lost, since its parts cannot be cut anew: set 'true' for such a store if files \
         reach 2.7 GiB or parts are larger than 5 MiB.",
    );

/// Whether aws-chunked framing may be used.
pub const CHUNKED_ENCODING: ConfigOption = ConfigOption::new("s3.chunked-encoding.enabled", ValueType::Bool)
    .default("true")
    .describe(
        "Whether uploads may have aws-chunked framing. Either value has the same effect: every upload \
             announces its length and has its checksum in a header, so that none is framed.",
    );

/// Whether checksums are sent and compared beyond what S3 requires.
pub const CHECKSUM_VALIDATION: ConfigOption =
    ConfigOption::new("s3.checksum-validation.enabled", ValueType::Bool)
        .default("true")
        .describe(
            "Send a checksum with every upload, and compare what is read with the checksum that the store keeps. \
             With 'false' only where S3 requires it, which is in bulk deletions. A store that refuses checksums is \
             served without them by itself.",
        );

/// Whether the conditions of writes, copies and deletions are relied upon.
pub const CONDITIONAL_WRITES: ConfigOption = ConfigOption::new("s3.conditional-writes", ValueType::Text)
    .scoped(&["conditional-writes"])
    .default("auto")
    .range("auto, true or false")
    .describe(
        "Whether the store obeys 'If-None-Match' with writes, and 'If-Match' with copies and deletions. With 'auto' \
         Amazon S3 is trusted, and at any other endpoint the first request of a kind is followed by one that must \
         be refused; until it was, and if it was not, the plugin looks before it writes. 'true' trusts the store \
         without a trial; 'false' sends no conditions and always looks first: of two writers that create one file \
         at the same time both may succeed.",
    );

/// Whether one request may delete many keys.
pub const DELETE_BATCH_ENABLED: ConfigOption = ConfigOption::new("s3.delete.batch.enabled", ValueType::Bool)
    .aliases(&[
        "fs.s3a.multiobjectdelete.enable",
        "s3a.multiobjectdelete.enable",
        "s3.multiobjectdelete.enable",
    ])
    .scoped(&["batch-delete", "delete.batch.enabled"])
    .default("true")
    .describe(
        "Delete many keys with one request. With 'false' each key takes a request of its own, 16 at a time. A \
         store that refuses such requests is served key by key by itself.",
    );

/// The keys of one request that deletes many.
pub const DELETE_BATCH_SIZE: ConfigOption = ConfigOption::new("s3.delete.batch-size", ValueType::Integer)
    .aliases(&[
        "fs.s3a.bulk.delete.page.size",
        "s3a.bulk.delete.page.size",
        "s3.bulk.delete.page.size",
    ])
    .default("1000")
    .range("1 to 1000")
    .describe("Keys that are deleted with one request.");
