//! [`WireError`]: an [`Error`] that crosses the boundary.

use std::time::Duration;

use abi_stable::StableAbi;
use abi_stable::std_types::{RBox, RResult, RString, RVec};

use super::wire::{Pair, pairs_from_wire, pairs_to_wire};
use crate::error::ErrorParts;
use crate::{Cause, Error, ErrorKind, Retry};

/// A result on the wire.
pub type WireResult<T> = RResult<T, WireError>;

/// An [`Error`] on the wire; one pointer wide, since results are moved often and fail seldom.
#[repr(transparent)]
#[derive(StableAbi)]
pub struct WireError(RBox<Body>);

#[repr(C)]
#[derive(StableAbi)]
pub struct Body {
    kind: u32,
    retry: u32,
    retry_after_ms: u64,
    operation: RString,
    path: RString,
    message: RString,
    remedy: RString,
    service_code: RString,
    http_status: u32,
    request_id: RString,
    attempts: u32,
    causes: RVec<WireCause>,
    details: RVec<Pair>,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct WireCause {
    type_name: RString,
    message: RString,
}

const RETRY_NO: u32 = 0;
const RETRY_YES: u32 = 1;
const RETRY_AFTER: u32 = 2;

impl From<Error> for WireError {
    fn from(error: Error) -> Self {
        let parts = error.into_parts();
        let (retry, retry_after_ms) = match parts.retry {
            Retry::No => (RETRY_NO, 0),
            Retry::Yes => (RETRY_YES, 0),
            Retry::After(delay) => (RETRY_AFTER, u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
        };
        let cause = |cause: Cause| WireCause {
            type_name: cause.type_name.into(),
            message: cause.message.into(),
        };
        Self(RBox::new(Body {
            kind: parts.kind.number(),
            retry,
            retry_after_ms,
            operation: parts.operation.into_owned().into(),
            path: parts.path.into(),
            message: parts.message.into(),
            remedy: parts.remedy.into(),
            service_code: parts.service_code.into(),
            http_status: parts.http_status.into(),
            request_id: parts.request_id.into(),
            attempts: parts.attempts,
            causes: parts.causes.into_iter().map(cause).collect(),
            details: pairs_to_wire(parts.details),
        }))
    }
}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        let body = RBox::into_inner(error.0);
        let cause = |cause: WireCause| Cause {
            type_name: cause.type_name.into_string(),
            message: cause.message.into_string(),
        };
        Self::from_parts(ErrorParts {
            kind: ErrorKind::from_number(body.kind),
            retry: match body.retry {
                RETRY_YES => Retry::Yes,
                RETRY_AFTER => Retry::After(Duration::from_millis(body.retry_after_ms)),
                _ => Retry::No,
            },
            operation: body.operation.into_string().into(),
            path: body.path.into_string(),
            message: body.message.into_string(),
            remedy: body.remedy.into_string(),
            service_code: body.service_code.into_string(),
            http_status: u16::try_from(body.http_status).unwrap_or(0),
            request_id: body.request_id.into_string(),
            attempts: body.attempts,
            causes: body.causes.into_iter().map(cause).collect(),
            details: pairs_from_wire(body.details),
        })
    }
}

/// A plain result to the wire.
pub fn to_wire<T, W: From<T>>(result: crate::Result<T>) -> WireResult<W> {
    match result {
        Ok(value) => RResult::ROk(value.into()),
        Err(error) => RResult::RErr(error.into()),
    }
}

/// A plain result from the wire.
pub fn from_wire<T>(result: WireResult<T>) -> crate::Result<T> {
    match result {
        RResult::ROk(value) => Ok(value),
        RResult::RErr(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_of_an_error_survives_the_boundary() {
        let error = Error::new(ErrorKind::Throttled, "slow down")
            .with_retry(Retry::After(Duration::from_millis(1_500)))
            .with_operation("open")
            .with_path("s3://b/k")
            .with_remedy("wait")
            .with_service_code("SlowDown")
            .with_http_status(503)
            .with_request_id("R1")
            .with_attempts(4)
            .with_cause("hyper::Error", "connection closed")
            .with_cause("", "reset")
            .with_detail("host-id", "H");
        let back = Error::from(WireError::from(error.clone()));
        assert_eq!(format!("{back:?}"), format!("{error:?}"));
        assert_eq!(back.retry(), error.retry());
        assert_eq!(
            std::error::Error::source(&back)
                .map(ToString::to_string)
                .as_deref(),
            Some("connection closed")
        );
    }
}
