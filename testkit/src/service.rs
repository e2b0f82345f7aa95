//! Handles a request: logs it, applies faults, and hands it to the protocol layer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use s3s::service::S3Service;

use crate::admission::{self, Refusal, WrongRegion};
use crate::bodies::{Damage, RequestBody, ResponseBody};
use crate::clock::http_date;
use crate::connection::Control;
use crate::director::{Arrival, Director};
use crate::encryption::EncryptionRules;
use crate::error_xml::{self, ErrorDocument};
use crate::faults::{Action, Decision, Faults, Kill, Overlook};
use crate::identity::Identity;
use crate::operation::Operation;
use crate::payload::AsItArrived;
use crate::request_log::{Entry, RequestLog};
use crate::signature::Claims;
use crate::store::Store;
use crate::sts::{self, Form, RequestId};

/// What all connections share.
pub(crate) struct Service {
    pub(crate) s3: S3Service,
    pub(crate) director: Option<Arc<dyn Director>>,
    pub(crate) store: Store,
    pub(crate) identity: Identity,
    pub(crate) wrong_region: WrongRegion,
    pub(crate) encryption: Arc<EncryptionRules>,
    pub(crate) faults: Faults,
    pub(crate) log: RequestLog,
    pub(crate) next_request: AtomicU64,
}

/// What is known of a request while it is handled.
struct Exchange {
    id: String,
    operation: Operation,
    resource: String,
    control: Arc<Control>,
    entry: Arc<Entry>,
    /// What is asked of STS, whose answers are written in its own way.
    form: Option<Form>,
}

impl Service {
    pub(crate) async fn handle(
        &self,
        request: Request<Incoming>,
        control: Arc<Control>,
    ) -> Result<Response<ResponseBody>, s3s::HttpError> {
        let (parts, mut body) = request.into_parts();
        let mut operation = Operation::classify(&parts.method, &parts.uri, &parts.headers);
        let form = Form::of(&parts, &mut body).await;
        if let Some(form) = &form {
            operation.name = form.operation();
        }
        let directed = match &self.director {
            Some(director) => director.direct(Arrival::of(&operation, &parts.headers)).await,
            None => None,
        };
        let decision = match directed {
            Some(action) => Decision {
                action: Some(action),
                ..Decision::default()
            },
            None => self.faults.decide(&operation),
        };
        let Decision {
            delay,
            changes,
            action,
            kill,
        } = decision;
        let decided = action.as_ref().or(changes.last()).cloned();
        let entry = self.log.record(operation.clone(), &parts, decided, control.id);
        let id = format!("{:016X}", self.next_request.fetch_add(1, Ordering::Relaxed));
        let exchange = Exchange {
            id,
            operation,
            resource: parts.uri.path().to_owned(),
            control,
            entry,
            form,
        };
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        for change in &changes {
            self.change(change, &exchange.operation);
        }
        let (body, rest) = RequestBody::new(body);
        let request = Request::from_parts(parts, body);
        let damage = action.as_ref().map_or(Damage::None, damage);
        let Some(mut response) = self.answer(action, kill, request, &exchange).await? else {
            return std::future::pending().await;
        };
        rest.drain().await;
        if exchange.form.is_some() && !response.status().is_success() {
            response = sts::error(response, &exchange.id).await;
        }
        if let Ok(date) = HeaderValue::try_from(http_date(self.identity.clock().now())) {
            response.headers_mut().insert(header::DATE, date);
        }
        Ok(exchange.finish(response, damage))
    }

    /// What the client is to get before it is damaged; none, if it gets nothing.
    async fn answer(
        &self,
        action: Option<Action>,
        kill: Option<Kill>,
        mut request: Request<RequestBody>,
        exchange: &Exchange,
    ) -> Result<Option<Response<s3s::Body>>, s3s::HttpError> {
        let internal = "We encountered an internal error. Please try again.";
        Ok(match action {
            Some(Action::Status(status, code, message)) => Some(exchange.error(status, &code, &message)),
            Some(Action::StatusWithHeaders(status, code, headers)) => {
                let mut response = exchange.error(status, &code, "Refused by a fault.");
                for (name, value) in headers {
                    // What is no header cannot be sent.
                    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
                    {
                        response.headers_mut().insert(name, value);
                    }
                }
                Some(response)
            }
            Some(Action::ErrorIn200(code)) => Some(exchange.error(200, &code, internal)),
            Some(Action::ApplyThenStatus(status, code)) => {
                self.apply(request, exchange).await?;
                Some(exchange.error(status, &code, internal))
            }
            Some(action @ (Action::IgnoreRange | Action::IgnoreConditions)) => {
                let range = action == Action::IgnoreRange;
                request.extensions_mut().insert(Overlook {
                    range,
                    conditions: !range,
                });
                Some(self.apply(request, exchange).await?)
            }
            Some(Action::WrongContentRange(by)) => {
                let mut response = self.apply(request, exchange).await?;
                shift_content_range(&mut response, by);
                Some(response)
            }
            Some(Action::Truncate(len)) => {
                let mut response = self.apply(request, exchange).await?;
                shorten(&mut response, len);
                Some(response)
            }
            Some(Action::Reset) => {
                exchange.control.reset();
                None
            }
            Some(Action::ApplyThenReset) => {
                self.apply(request, exchange).await?;
                exchange.control.reset();
                None
            }
            Some(Action::HalfClose) => {
                exchange.control.half_close();
                None
            }
            Some(Action::BlackHole) => None,
            Some(action @ (Action::KillClient | Action::ApplyThenKillClient)) => {
                if action == Action::ApplyThenKillClient {
                    self.apply(request, exchange).await?;
                }
                if let Some(kill) = kill {
                    kill.tell();
                }
                None
            }
            _ => Some(self.apply(request, exchange).await?),
        })
    }

    /// Does to the store what somebody else could have done just before the request.
    fn change(&self, action: &Action, target: &Operation) {
        let Some((bucket, key)) = target.bucket.as_deref().zip(target.key.as_deref()) else {
            return;
        };
        match action {
            Action::SwapObject(content) => self.store.swap(bucket, key, content.to_string()),
            Action::RemoveObject => drop(self.store.delete(bucket, key)),
            Action::ExpireUpload => {
                if let Some(id) = &target.upload_id {
                    self.store.expire_upload(bucket, key, id);
                }
            }
            _ => {}
        }
    }

    /// Who asks for the head of a bucket is told its region, even if nothing else is allowed.
    fn name_region(&self, response: &mut Response<s3s::Body>, operation: &Operation) {
        let Some(bucket) = operation
            .bucket
            .as_deref()
            .filter(|_| operation.name == "HeadBucket")
        else {
            return;
        };
        if let Ok(region) = HeaderValue::from_str(self.store.settings().region_of(bucket))
            && self.store.bucket(bucket).is_ok()
        {
            response.headers_mut().insert("x-amz-bucket-region", region);
        }
    }

    /// Checks what a signed request claims. One that is not signed is left to the check of access.
    fn admit(&self, request: &Parts, exchange: &Exchange) -> Result<(), Refusal> {
        let Some(claims) = Claims::of(request) else {
            return Ok(());
        };
        admission::check_signer(&claims, &self.identity)?;
        if exchange.form.is_some() {
            // The region of STS is whatever the client takes it for.
            return Ok(());
        }
        let bucket = exchange.operation.bucket.as_deref();
        admission::check_region(&claims, bucket, self.store.settings(), self.wrong_region)
    }

    async fn apply(
        &self,
        request: Request<RequestBody>,
        exchange: &Exchange,
    ) -> Result<Response<s3s::Body>, s3s::HttpError> {
        let (mut parts, body) = request.into_parts();
        if let Err(refusal) = self.admit(&parts, exchange) {
            return Ok(exchange.refusal(refusal));
        }
        let deviations = &self.store.settings().deviations;
        if let Some(refusal) = deviations.refusal(&exchange.operation, &parts.headers) {
            return Ok(exchange.error(refusal.status, refusal.code, &refusal.message));
        }
        let body = match &exchange.form {
            Some(form) => s3s::Body::from(form.body()),
            None if deviations.stores_framing(&parts.headers) => {
                // A body that breaks off is one that is too short.
                let bytes = body
                    .collect()
                    .await
                    .map(http_body_util::Collected::to_bytes)
                    .unwrap_or_default();
                parts.extensions.insert(AsItArrived(bytes.clone()));
                s3s::Body::from(bytes)
            }
            None => s3s::Body::http_body(body),
        };
        self.encryption.apply_default(&exchange.operation, &mut parts);
        parts.extensions.insert(RequestId(exchange.id.clone()));
        let mut response = self.s3.call(Request::from_parts(parts, body)).await?;
        self.name_region(&mut response, &exchange.operation);
        deviations.alter(&exchange.operation, response.headers_mut());
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            return Ok(error_xml::complete(response, &exchange.resource, &exchange.id).await);
        }
        Ok(response)
    }
}

/// What an action does to the body of the answer.
fn damage(action: &Action) -> Damage {
    match action {
        Action::CutBodyAfter(len) => Damage::CutAfter(*len),
        Action::ResetBodyAfter(len) => Damage::ResetAfter(*len),
        Action::HalfCloseBodyAfter(len) => Damage::HalfCloseAfter(*len),
        Action::Truncate(len) => Damage::Truncated(*len),
        Action::FlipBit(offset) => Damage::FlipBit(*offset),
        Action::Trickle(rate) => Damage::Trickle(*rate),
        Action::CloseAfterAnswer => Damage::CloseAfterwards,
        _ => Damage::None,
    }
}

/// Lowers the announced length.
fn shorten(response: &mut Response<s3s::Body>, len: u64) {
    let headers = response.headers_mut();
    let announced = headers.get("content-length");
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|announced| announced > len) {
        headers.insert("content-length", HeaderValue::from(len));
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
            details: &[],
        }
        .response(status)
    }

    fn refusal(&self, refusal: Refusal) -> Response<s3s::Body> {
        let mut response = ErrorDocument {
            code: refusal.code,
            message: &refusal.message,
            resource: &self.resource,
            request_id: &self.id,
            details: &refusal.details,
        }
        .response(refusal.status);
        if let Some(region) = refusal
            .region
            .and_then(|region| HeaderValue::try_from(region).ok())
        {
            response.headers_mut().insert("x-amz-bucket-region", region);
        }
        response
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
