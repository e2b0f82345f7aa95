//! The table as a page of the documentation.

use std::fmt::Write as _;

use super::table::{RequestClass, TABLE, When};

/// The table as Markdown.
pub fn markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    page.push_str("\n| failure | idempotent | conditional | not idempotent | error | why |\n");
    page.push_str("|---|---|---|---|---|---|\n");
    for row in TABLE {
        let when = match row.when {
            When::Code(status, code) => format!("`{code}` ({status})"),
            When::Transport(kind) => kind.as_str().to_owned(),
            When::ErrorInSuccess => "any other error behind status 200".to_owned(),
            When::Status(status) => format!("status {status}"),
            When::StatusClass(hundreds) => format!("any other status {hundreds}xx"),
            When::Otherwise => "anything else".to_owned(),
        };
        let [a, b, c] = RequestClass::ALL.map(|class| row.action(class).as_str());
        // Writing to a string does not fail.
        let _ = writeln!(
            page,
            "| {when} | {a} | {b} | {c} | {} | {} |",
            row.kind, row.because
        );
    }
    page
}

const INTRODUCTION: &str = "\
# What is repeated, and when

From the plugin's own table; do not edit by hand.

A request that fails is looked up in the table below. The first row that matches decides: the \
service's code counts, whatever the status, since an error may also come behind a status of success \
(`CompleteMultipartUpload`, `CopyObject`, `UploadPartCopy`); then what went wrong on the way; then the \
status alone, which is all that the reply to a `HEAD` has.

- **idempotent**: sending it twice does what sending it once does. All reads, listings and deletions; \
uploads of parts; writes without a condition.
- **conditional**: a repetition may meet the effect of the first try, and the plugin finds out by the \
nonce in the object: writes with `If-Match` or `If-None-Match`, and `CompleteMultipartUpload`.
- **not idempotent**: a repetition may leave something behind that nobody knows of: \
`CreateMultipartUpload`, and whatever else the plugin might send.

What is done:

- **retry**: again after a delay between nothing and `s3.retry.base-delay`, doubled with each attempt up \
to `s3.retry.max-backoff`.
- **wait**: the same with `s3.retry.throttle.base-delay`.
- **fail**: the caller gets the error.
- **refresh credentials**: the cached credentials are forgotten, and it is sent again once. Static keys \
cannot be refreshed, so with them this is *fail*.
- **change region**: it is signed for, and sent to, the region that the reply names, once. The region is \
kept for all later requests to the bucket. Without such a name this is *fail*.

Limits on all of it:

- `s3.retry.max-num-retries` repetitions of a request; none at all if that is 0.
- A `Retry-After` header, in seconds or as a date, is obeyed: nothing is sent earlier.
- `s3.operation.timeout` for a request with all its repetitions and delays. An attempt that would begin \
later is not made, and one that runs is cut off. An upload of more than 8 MiB has the time in addition \
that the rest takes at 16 KiB/s. The time until a file has been read is not limited.
- A budget for all requests of a client: a repetition takes one of 500 tokens, and a success brings a \
fifth of one. So of many requests at most a fifth more are sent for repetitions.
- After 100 failures of the service that no success has made up for, all requests, first ones too, go \
out no faster than the service last answered them.
- A connection on which nothing moves for `s3.socket.timeout`, or in all that time less than 8 KiB/s \
of a reply whose length it announced while somebody waits for it, is given up; a peer that moves 16 KiB/s \
never is.
";
