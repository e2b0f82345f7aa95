//! Handles a request: logs it, applies faults, and hands it to the protocol layer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use s3s::service::S3Service;

use crate::bodies::{Damage, RequestBody, ResponseBody};
use crate::connection::Control;
use crate::director::{Arrival, Director};
use crate::error_xml::{self, ErrorDocument};
use crate::faults::{Action, Faults, Overlook};
use crate::operation::Operation;
use crate::request_log::{Entry, RequestLog};

/// What all connections share.
pub(crate) struct Service {
    pub(crate) s3: S3Service,
    pub(crate) director: Option<Arc<dyn Director>>,
    pub(crate) faults: Faults,
    pub(crate) log: RequestLog,
    pub(crate) next_request: AtomicU64,
}

/// What is known of a request while it is handled.
struct Exchange {
    id: String,
    resource: String,
    control: Arc<Control>,
    entry: Arc<Entry>,
}

impl Service {
    pub(crate) async fn handle(
        &self,
        request: Request<Incoming>,
        control: Arc<Control>,
    ) -> Result<Response<ResponseBody>, s3s::HttpError> {
        let (parts, body) = request.into_parts();
        let operation = Operation::classify(&parts.method, &parts.uri, &parts.headers);
        let directed = match &self.director {
            Some(director) => director.direct(Arrival::of(&operation, &parts.headers)).await,
            None => None,
        };
        let (delay, action) = match directed {
            Some(action) => (Duration::ZERO, Some(action)),
            None => self.faults.decide(&operation),
        };
        let entry = self.log.record(operation, &parts, action.clone(), control.id);
        let id = format!("{:016X}", self.next_request.fetch_add(1, Ordering::Relaxed));
        let exchange = Exchange {
            id,
            resource: parts.uri.path().to_owned(),
            control,
            entry,
        };
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let (body, rest) = RequestBody::new(body);
        let mut request = Request::from_parts(parts, body);

        let (response, damage) = match action {
            None | Some(Action::Delay(_)) => (self.apply(request, &exchange).await?, Damage::None),
            Some(Action::Status(status, code, message)) => {
                drop(request);
                (exchange.error(status, &code, &message), Damage::None)
            }
            Some(Action::StatusWithHeaders(status, code, headers)) => {
                drop(request);
                let mut response = exchange.error(status, &code, "Refused by a fault.");
                for (name, value) in headers {
                    // What is no header cannot be sent.
                    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
                    {
                        response.headers_mut().insert(name, value);
                    }
                }
                (response, Damage::None)
            }
            Some(Action::ErrorIn200(code)) => {
                drop(request);
                (
                    exchange.error(200, &code, "We encountered an internal error. Please try again."),
                    Damage::None,
                )
            }
            Some(Action::ApplyThenStatus(status, code)) => {
                self.apply(request, &exchange).await?;
                let message = "We encountered an internal error. Please try again.";
                (exchange.error(status, &code, message), Damage::None)
            }
            Some(Action::CutBodyAfter(len)) => (self.apply(request, &exchange).await?, Damage::CutAfter(len)),
            Some(Action::FlipBit(offset)) => (self.apply(request, &exchange).await?, Damage::FlipBit(offset)),
            Some(Action::ResetBodyAfter(len)) => {
                (self.apply(request, &exchange).await?, Damage::ResetAfter(len))
            }
            Some(action @ (Action::IgnoreRange | Action::IgnoreConditions)) => {
                let range = action == Action::IgnoreRange;
                request.extensions_mut().insert(Overlook {
                    range,
                    conditions: !range,
                });
                (self.apply(request, &exchange).await?, Damage::None)
            }
            Some(Action::WrongContentRange(by)) => {
                let mut response = self.apply(request, &exchange).await?;
                shift_content_range(&mut response, by);
                (response, Damage::None)
            }
            Some(Action::Trickle(rate)) => (self.apply(request, &exchange).await?, Damage::Trickle(rate)),
            Some(Action::CloseAfterAnswer) => {
                (self.apply(request, &exchange).await?, Damage::CloseAfterwards)
            }
            Some(Action::Reset) => {
                exchange.control.reset();
                return std::future::pending().await;
            }
            Some(Action::ApplyThenReset) => {
                self.apply(request, &exchange).await?;
                exchange.control.reset();
                return std::future::pending().await;
            }
            Some(Action::BlackHole) => return std::future::pending().await,
        };
        rest.drain().await;
        Ok(exchange.finish(response, damage))
    }

    async fn apply(
        &self,
        request: Request<RequestBody>,
        exchange: &Exchange,
    ) -> Result<Response<s3s::Body>, s3s::HttpError> {
        let response = self.s3.call(request.map(s3s::Body::http_body)).await?;
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            return Ok(error_xml::complete(response, &exchange.resource, &exchange.id).await);
        }
        Ok(response)
    }
}

/// Adds to both numbers of `Content-Range: bytes 5-9/100`.
fn shift_content_range(response: &mut Response<s3s::Body>, by: i64) {
    let headers = response.headers_mut();
    let shifted = headers.get("content-range").and_then(|value| {
        let (range, total) = value.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let shift = |number: &str| number.parse::<u64>().ok()?.checked_add_signed(by);
        let text = format!("bytes {}-{}/{total}", shift(first)?, shift(last)?);
        HeaderValue::from_str(&text).ok()
    });
    if let Some(shifted) = shifted {
        headers.insert("content-range", shifted);
    }
}

impl Exchange {
    fn error(&self, status: u16, code: &str, message: &str) -> Response<s3s::Body> {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        ErrorDocument {
            code,
            message,
            resource: &self.resource,
            request_id: &self.id,
        }
        .response(status)
    }

    fn finish(self, response: Response<s3s::Body>, damage: Damage) -> Response<ResponseBody> {
        self.entry.answered(response.status());
        let mut response = response.map(|body| ResponseBody::new(body, damage, self.control, self.entry));
        let headers = response.headers_mut();
        headers.insert("server", HeaderValue::from_static("testkit"));
        headers.insert("x-amz-id-2", HeaderValue::from_static("testkit"));
        if let Ok(id) = HeaderValue::from_str(&self.id) {
            headers.insert("x-amz-request-id", id);
        }
        response
    }
}
