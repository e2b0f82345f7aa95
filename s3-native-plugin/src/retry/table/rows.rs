//! The rows.

use plugin_api::ErrorKind;

use super::{Action, Row, When};
use crate::retry::TransportFailure;

use Action::{ChangeRegion, CorrectClock, Fail, RefreshCredentials, Retry, Wait};

const fn row(when: When, kind: ErrorKind, actions: [Action; 3], because: &'static str) -> Row {
    Row {
        when,
        kind,
        actions,
        because,
    }
}

/// All classes alike, by code.
const fn code(
    status: u16,
    code: &'static str,
    kind: ErrorKind,
    action: Action,
    because: &'static str,
) -> Row {
    row(When::Code(status, code), kind, [action; 3], because)
}

/// All classes alike, by status.
const fn status(status: u16, kind: ErrorKind, action: Action, because: &'static str) -> Row {
    row(When::Status(status), kind, [action; 3], because)
}

/// It may have been carried out: only what bears a repetition is sent again.
const AMBIGUOUS: [Action; 3] = [Retry, Retry, Fail];

const NOT_DONE: &str = "refused before anything was done";
const FEWER: &str = "the service asks for fewer requests";
const WRONG: &str = "the same request is wrong again";
const RIGHTS: &str = "rights do not come by asking again";
const ELSEWHERE: &str = "the bucket is in another region";
const STALE: &str = "the session of the credentials is over";
const UNKNOWN: &str = "it may have been carried out";

/// The table. The first row that matches decides.
#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    // The service asks for fewer requests.
    code(503, "SlowDown", ErrorKind::Throttled, Wait, FEWER),
    code(503, "SlowDownRead", ErrorKind::Throttled, Wait, FEWER),
    code(503, "SlowDownWrite", ErrorKind::Throttled, Wait, FEWER),
    code(503, "RequestLimitExceeded", ErrorKind::Throttled, Wait, FEWER),
    code(509, "BandwidthLimitExceeded", ErrorKind::Throttled, Wait, FEWER),
    code(429, "TooManyRequests", ErrorKind::Throttled, Wait, FEWER),
    code(429, "TooManyRequestsException", ErrorKind::Throttled, Wait, FEWER),
    code(400, "Throttling", ErrorKind::Throttled, Wait, FEWER),
    code(400, "ThrottlingException", ErrorKind::Throttled, Wait, FEWER),
    code(400, "ThrottledException", ErrorKind::Throttled, Wait, FEWER),
    code(400, "RequestThrottled", ErrorKind::Throttled, Wait, FEWER),
    code(400, "RequestThrottledException", ErrorKind::Throttled, Wait, FEWER),
    code(503, "ServiceUnavailable", ErrorKind::Unavailable, Wait, "the service is overloaded or down"),
    // The service failed.
    code(500, "InternalError", ErrorKind::Unavailable, Retry, "the service says that it failed"),
    code(500, "InternalFailure", ErrorKind::Unavailable, Retry, "the service says that it failed"),
    code(503, "XMinioServerNotInitialized", ErrorKind::Unavailable, Wait, "the service is starting"),
    code(507, "XMinioStorageFull", ErrorKind::Exhausted, Fail, "space does not come by asking again"),
    // The request did not arrive whole.
    code(400, "RequestTimeout", ErrorKind::Timeout, Retry, "the body did not arrive in time"),
    code(400, "IncompleteBody", ErrorKind::Unavailable, Retry, "the body did not arrive whole"),
    code(400, "BadDigest", ErrorKind::Corrupt, Retry, "the body was damaged on the way"),
    code(400, "XAmzContentSHA256Mismatch", ErrorKind::Corrupt, Retry, "the body was damaged on the way"),
    code(400, "InvalidDigest", ErrorKind::Corrupt, Fail, WRONG),
    // Somebody else was faster.
    code(409, "ConditionalRequestConflict", ErrorKind::Conflict, Retry,
        "another writer was in the way; nothing was done"),
    code(409, "OperationAborted", ErrorKind::Conflict, Retry,
        "another writer was in the way; nothing was done"),
    code(412, "PreconditionFailed", ErrorKind::PreconditionFailed, Fail, "the caller decides"),
    // Who asks.
    code(400, "ExpiredToken", ErrorKind::PermissionDenied, RefreshCredentials, STALE),
    code(400, "TokenRefreshRequired", ErrorKind::PermissionDenied, RefreshCredentials, STALE),
    code(403, "RequestExpired", ErrorKind::PermissionDenied, RefreshCredentials, STALE),
    code(403, "RequestTimeTooSkewed", ErrorKind::PermissionDenied, CorrectClock,
        "the reply tells the time to sign with"),
    code(400, "InvalidToken", ErrorKind::PermissionDenied, Fail, RIGHTS),
    code(403, "AccessDenied", ErrorKind::PermissionDenied, Fail, RIGHTS),
    code(403, "AllAccessDisabled", ErrorKind::PermissionDenied, Fail, RIGHTS),
    code(403, "AccountProblem", ErrorKind::PermissionDenied, Fail, RIGHTS),
    code(403, "InvalidAccessKeyId", ErrorKind::PermissionDenied, Fail, RIGHTS),
    code(403, "InvalidSecurity", ErrorKind::PermissionDenied, Fail, RIGHTS),
    code(403, "NotSignedUp", ErrorKind::PermissionDenied, Fail, RIGHTS),
    code(403, "SignatureDoesNotMatch", ErrorKind::PermissionDenied, Fail, RIGHTS),
    // Where.
    code(301, "PermanentRedirect", ErrorKind::InvalidConfig, ChangeRegion, ELSEWHERE),
    code(307, "TemporaryRedirect", ErrorKind::InvalidConfig, ChangeRegion, ELSEWHERE),
    code(400, "AuthorizationHeaderMalformed", ErrorKind::InvalidConfig, ChangeRegion, ELSEWHERE),
    code(400, "IllegalLocationConstraintException", ErrorKind::InvalidConfig, ChangeRegion, ELSEWHERE),
    // What is not there.
    code(404, "NoSuchBucket", ErrorKind::NotFound, Fail, "it is not there"),
    code(404, "NoSuchKey", ErrorKind::NotFound, Fail, "it is not there"),
    code(404, "NoSuchVersion", ErrorKind::NotFound, Fail, "it is not there"),
    code(404, "NoSuchUpload", ErrorKind::UploadGone, Fail,
        "it is not there; the caller finds out whether it was completed"),
    // What is wrong with the request.
    code(400, "EntityTooLarge", ErrorKind::InvalidInput, Fail, WRONG),
    code(400, "EntityTooSmall", ErrorKind::InvalidInput, Fail, WRONG),
    code(400, "InvalidPart", ErrorKind::InvalidInput, Fail, WRONG),
    code(400, "InvalidPartOrder", ErrorKind::InvalidInput, Fail, WRONG),
    code(416, "InvalidRange", ErrorKind::InvalidInput, Fail, WRONG),
    code(400, "InvalidURI", ErrorKind::InvalidPath, Fail, WRONG),
    code(400, "InvalidBucketName", ErrorKind::InvalidPath, Fail, WRONG),
    code(400, "KeyTooLongError", ErrorKind::InvalidPath, Fail, WRONG),
    // What is wrong with the key of the encryption.
    code(400, "KMS.NotFoundException", ErrorKind::InvalidConfig, Fail, WRONG),
    code(400, "KMS.DisabledException", ErrorKind::InvalidConfig, Fail, WRONG),
    code(400, "KMS.KMSInvalidStateException", ErrorKind::InvalidConfig, Fail, WRONG),
    code(400, "KMS.InvalidKeyUsageException", ErrorKind::InvalidConfig, Fail, WRONG),
    code(501, "NotImplemented", ErrorKind::Unsupported, Fail, WRONG),
    code(405, "MethodNotAllowed", ErrorKind::Unsupported, Fail, WRONG),
    // No usable reply.
    row(When::Transport(TransportFailure::UnknownHost), ErrorKind::Unavailable, [Fail; 3],
        "the name of the host is wrong"),
    row(When::Transport(TransportFailure::NameResolution), ErrorKind::Unavailable, [Retry; 3],
        "nothing was sent"),
    row(When::Transport(TransportFailure::ConnectionRefused), ErrorKind::Unavailable, [Retry; 3],
        "nothing was sent"),
    row(When::Transport(TransportFailure::Unreachable), ErrorKind::Unavailable, [Retry; 3],
        "nothing was sent"),
    row(When::Transport(TransportFailure::ConnectTimeout), ErrorKind::Timeout, [Retry; 3],
        "nothing was sent"),
    row(When::Transport(TransportFailure::Tls), ErrorKind::Unavailable, [Fail; 3],
        "certificates do not change by asking again"),
    row(When::Transport(TransportFailure::NoFreeConnection), ErrorKind::Exhausted, [Fail; 3],
        "it has waited for one already"),
    row(When::Transport(TransportFailure::ConnectionClosed), ErrorKind::Unavailable, AMBIGUOUS, UNKNOWN),
    row(When::Transport(TransportFailure::ConnectionReset), ErrorKind::Unavailable, AMBIGUOUS, UNKNOWN),
    row(When::Transport(TransportFailure::NoReply), ErrorKind::Timeout, AMBIGUOUS, UNKNOWN),
    row(When::Transport(TransportFailure::NotHttp), ErrorKind::Unavailable, AMBIGUOUS, UNKNOWN),
    row(When::Transport(TransportFailure::ReplyCut), ErrorKind::Unavailable, AMBIGUOUS, UNKNOWN),
    row(When::Transport(TransportFailure::ReplyUnreadable), ErrorKind::Unavailable, AMBIGUOUS, UNKNOWN),
    row(When::Transport(TransportFailure::NoCredentials), ErrorKind::Unauthenticated, [Fail; 3],
        "their provider has tried again already"),
    row(When::Transport(TransportFailure::Other), ErrorKind::Unavailable, [Fail; 3],
        "nothing is known of it"),
    // The status alone: the reply to a HEAD, or that of something on the way.
    row(When::ErrorInSuccess, ErrorKind::Unavailable, AMBIGUOUS,
        "the service failed after it had sent the status"),
    status(301, ErrorKind::InvalidConfig, ChangeRegion, ELSEWHERE),
    status(304, ErrorKind::PreconditionFailed, Fail, "the caller decides"),
    status(307, ErrorKind::InvalidConfig, ChangeRegion, ELSEWHERE),
    status(308, ErrorKind::InvalidConfig, ChangeRegion, ELSEWHERE),
    status(400, ErrorKind::Other, ChangeRegion,
        "a HEAD in the wrong region gets no more than this and the right one, and one with a session that is over, \
         whose credentials are refreshed, gets no more than this"),
    status(401, ErrorKind::Unauthenticated, Fail, RIGHTS),
    status(403, ErrorKind::PermissionDenied, CorrectClock,
        "a HEAD gets no more than this where the clock is wrong"),
    status(404, ErrorKind::NotFound, Fail, "it is not there"),
    status(405, ErrorKind::Unsupported, Fail, WRONG),
    status(408, ErrorKind::Timeout, Retry, "the request did not arrive in time"),
    row(When::Status(409), ErrorKind::Conflict, [Fail, Retry, Fail],
        "a writer under a condition met another one"),
    status(411, ErrorKind::InvalidInput, Fail, WRONG),
    status(412, ErrorKind::PreconditionFailed, Fail, "the caller decides"),
    status(413, ErrorKind::InvalidInput, Fail, WRONG),
    status(416, ErrorKind::InvalidInput, Fail, WRONG),
    status(423, ErrorKind::Conflict, Retry, NOT_DONE),
    status(425, ErrorKind::Unavailable, Retry, NOT_DONE),
    status(429, ErrorKind::Throttled, Wait, FEWER),
    status(500, ErrorKind::Unavailable, Retry, "the service says that it failed"),
    status(501, ErrorKind::Unsupported, Fail, WRONG),
    row(When::Status(502), ErrorKind::Unavailable, AMBIGUOUS, UNKNOWN),
    status(503, ErrorKind::Unavailable, Wait, "the service is overloaded or down"),
    row(When::Status(504), ErrorKind::Unavailable, AMBIGUOUS, UNKNOWN),
    status(505, ErrorKind::Unsupported, Fail, WRONG),
    status(507, ErrorKind::Exhausted, Fail, "space does not come by asking again"),
    status(509, ErrorKind::Throttled, Wait, FEWER),
    row(When::StatusClass(3), ErrorKind::Other, [Fail; 3], WRONG),
    row(When::StatusClass(4), ErrorKind::Other, [Fail; 3], WRONG),
    row(When::StatusClass(5), ErrorKind::Unavailable, AMBIGUOUS, UNKNOWN),
    row(When::Otherwise, ErrorKind::Other, [Fail; 3], "nothing is known of it"),
];
