//! The table: what to do after each failure, for each class of request. Data, not code.
//!
//! The first row that matches a failure decides. Rows by the service's code come first, whatever
//! the status, since errors also come with status 200; then failures without a usable reply; then
//! the status alone.

use plugin_api::ErrorKind;

use super::transport_failure::TransportFailure;

mod rows;

pub use rows::TABLE;

/// What a repetition of a request may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestClass {
    /// Repeating it has the effect of sending it once.
    Idempotent,
    /// Repeating it may meet the effect of the first try, and whoever sends it can tell: a write
    /// under a condition, and the completion of an upload.
    Conditional,
    /// Repeating it may leave something behind that nobody knows of, such as a second upload.
    NotIdempotent,
}

impl RequestClass {
    /// Every class, in the order of the columns of the table.
    pub const ALL: [Self; 3] = [Self::Idempotent, Self::Conditional, Self::NotIdempotent];

    /// The class of an operation of S3; `has_condition` if it carries `If-Match` or `If-None-Match`.
    pub fn of(operation: &str, has_condition: bool) -> Self {
        match operation {
            "CompleteMultipartUpload" => Self::Conditional,
            "PutObject" | "CopyObject" | "DeleteObject" if has_condition => Self::Conditional,
            "AbortMultipartUpload"
            | "CopyObject"
            | "DeleteObject"
            | "DeleteObjects"
            | "GetBucketLocation"
            | "GetObject"
            | "HeadBucket"
            | "HeadObject"
            | "ListBuckets"
            | "ListMultipartUploads"
            | "ListObjects"
            | "ListObjectsV2"
            | "ListParts"
            | "PutObject"
            | "UploadPart"
            | "UploadPartCopy" => Self::Idempotent,
            _ => Self::NotIdempotent,
        }
    }
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send it again after the ordinary delay.
    Retry,
    /// Send it again after the longer delay for a service that asks for fewer requests.
    Wait,
    /// Give up.
    Fail,
    /// Forget the cached credentials, and send it again once.
    RefreshCredentials,
    /// Send it again once, to the region that the reply names; give up if it names none.
    ChangeRegion,
    /// Send it again once, signed with the service's time, if that is far from this machine's.
    CorrectClock,
}

impl Action {
    /// As the documentation writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Wait => "wait",
            Self::Fail => "fail",
            Self::RefreshCredentials => "refresh credentials",
            Self::ChangeRegion => "change region",
            Self::CorrectClock => "correct clock",
        }
    }

    /// Whether the failure may pass by itself.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Retry | Self::Wait)
    }
}

/// Which failures a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The service's code, whatever the status; the status is the one that it usually comes with.
    Code(u16, &'static str),
    /// No usable reply.
    Transport(TransportFailure),
    /// An error with another code, or none, behind a status of success.
    ErrorInSuccess,
    /// The status alone.
    Status(u16),
    /// Any other status of these hundred: 3, 4 or 5.
    StatusClass(u16),
    /// Anything else.
    Otherwise,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The failures that it is about.
    pub when: When,
    /// What the error that the caller gets is.
    pub kind: ErrorKind,
    /// What to do, for each class in the order of [`RequestClass::ALL`].
    pub actions: [Action; 3],
    /// Why.
    pub because: &'static str,
}

impl Row {
    /// What to do after such a failure of a request of this class.
    pub fn action(&self, class: RequestClass) -> Action {
        self.actions[class as usize]
    }

    /// Whether a later call may succeed.
    pub fn is_transient(&self) -> bool {
        self.actions[0].is_transient()
    }

    /// Whether it tells of trouble in the service or on the way to it.
    pub fn is_trouble(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::Timeout
        )
    }
}

/// What is known of a failed attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The status of the reply; 0 if there was none.
    pub status: u16,
    /// The service's code; empty if it sent none.
    pub code: String,
    /// What was wrong with the connection or the reply, if that is what failed.
    pub transport: Option<TransportFailure>,
}

/// The row of a failure.
pub fn find(failure: &Failure) -> &'static Row {
    TABLE
        .iter()
        .find(|row| match row.when {
            When::Code(_, code) => code == failure.code,
            When::Transport(kind) => failure.transport == Some(kind),
            When::ErrorInSuccess => (200..300).contains(&failure.status),
            When::Status(status) => status == failure.status,
            When::StatusClass(hundreds) => hundreds == failure.status / 100,
            When::Otherwise => true,
        })
        .expect("the last row matches everything")
}

#[cfg(test)]
mod tests {
    use super::Action::Retry;
    use super::*;

    fn reply(status: u16, code: &str) -> Failure {
        Failure {
            status,
            code: code.to_owned(),
            transport: None,
        }
    }

    #[test]
    fn every_row_is_the_first_that_its_own_failure_matches() {
        for row in TABLE {
            let failure = match row.when {
                When::Code(status, code) => reply(status, code),
                When::Transport(kind) => Failure {
                    transport: Some(kind),
                    ..Failure::default()
                },
                When::ErrorInSuccess => reply(200, "Strange"),
                When::Status(status) => reply(status, ""),
                When::StatusClass(hundreds) => reply(hundreds * 100 + 98, ""),
                When::Otherwise => reply(0, ""),
            };
            assert_eq!(find(&failure).when, row.when);
        }
        assert!(TABLE.len() >= 45);
    }

    #[test]
    fn what_was_surely_not_carried_out_is_sent_again_whatever_it_is() {
        for kind in [
            TransportFailure::ConnectionRefused,
            TransportFailure::ConnectTimeout,
        ] {
            let failure = Failure {
                transport: Some(kind),
                ..Failure::default()
            };
            assert_eq!(find(&failure).actions, [Retry; 3]);
        }
    }

    #[test]
    fn a_code_counts_more_than_the_status_since_errors_also_come_with_status_200() {
        for (status, code, kind, transient) in [
            (200, "InternalError", ErrorKind::Unavailable, true),
            (200, "SlowDown", ErrorKind::Throttled, true),
            (200, "AccessDenied", ErrorKind::PermissionDenied, false),
            (503, "SlowDown", ErrorKind::Throttled, true),
            (403, "ExpiredToken", ErrorKind::PermissionDenied, false),
            (404, "NoSuchUpload", ErrorKind::UploadGone, false),
            (503, "", ErrorKind::Unavailable, true),
            (599, "", ErrorKind::Unavailable, true),
            (418, "", ErrorKind::Other, false),
        ] {
            let row = find(&reply(status, code));
            assert_eq!(
                (row.kind, row.is_transient()),
                (kind, transient),
                "{status} {code}"
            );
        }
    }

    #[test]
    fn only_writes_under_a_condition_are_conditional_and_an_unknown_operation_is_repeated_least() {
        use RequestClass::{Conditional, Idempotent, NotIdempotent};
        for (operation, condition, class) in [
            ("GetObject", true, Idempotent),
            ("PutObject", false, Idempotent),
            ("PutObject", true, Conditional),
            ("CompleteMultipartUpload", false, Conditional),
            ("CreateMultipartUpload", false, NotIdempotent),
            ("RenameObject", false, NotIdempotent),
        ] {
            assert_eq!(RequestClass::of(operation, condition), class, "{operation}");
        }
    }
}
