//! STS on the port of S3: temporary keys for roles and for the server's own access keys.

mod document;
mod form;

use std::time::Duration;

use async_trait::async_trait;
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::BodyExt as _;
use s3s::route::S3Route;
use s3s::{Body, S3Error, S3Request, S3Response, S3Result};

use crate::errors::with_status;
use crate::identity::{ACCOUNT, Caller, Identity, NewSession, ROLE_ID};
use crate::roles::{Role, WebIdentity};

pub(crate) use document::error;
pub(crate) use form::Form;

use document::{credentials, element, group, response};

/// Longest session policy, in characters.
const MAX_POLICY: usize = 2048;

/// How long a session lasts for which no duration is asked.
const DEFAULT_ROLE_SESSION: u64 = 3600;
const DEFAULT_KEY_SESSION: u64 = 43_200;

/// How long the session of a role may last that was assumed with the session of another.
const MAX_CHAINED_SESSION: Duration = Duration::from_hours(1);

/// The operations of STS. Signatures are verified by the protocol layer.
#[derive(Debug)]
pub(crate) struct Sts {
    pub(crate) identity: Identity,
    pub(crate) roles: Vec<Role>,
}

/// The id that a request was given, for its answer.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

#[async_trait]
impl S3Route for Sts {
    fn is_match(&self, method: &Method, uri: &Uri, headers: &HeaderMap, _: &mut Extensions) -> bool {
        form::is_form(method, uri, headers)
    }

    async fn check_access(&self, _: &mut S3Request<Body>) -> S3Result<()> {
        // Web identities do not sign; the other operations ask for the caller themselves.
        Ok(())
    }

    async fn call(&self, request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        let body = request.input.collect().await;
        let form = Form::new(body.map(http_body_util::Collected::to_bytes).unwrap_or_default());
        let signed_for_sts = request.service.as_deref() == Some("sts");
        let caller = match &request.credentials {
            Some(credentials) if signed_for_sts => self.identity.caller(&credentials.access_key),
            Some(_) => {
                return Err(refused(
                    StatusCode::FORBIDDEN,
                    "SignatureDoesNotMatch",
                    "Credential should be scoped to correct service: 'sts'. ",
                ));
            }
            None => None,
        };
        let id = request.extensions.get::<RequestId>();
        let id = id.map_or("", |id| id.0.as_str());
        let operation = form.operation();
        let result = match operation {
            "AssumeRole" => self.assume_role(&form, caller)?,
            "AssumeRoleWithWebIdentity" => self.assume_role_with_web_identity(&form)?,
            "GetSessionToken" => self.session_token(&form, caller)?,
            "GetCallerIdentity" => caller_identity(&known(caller)?),
            _ => return Err(form.unknown()),
        };
        let mut response = S3Response::new(Body::from(response(operation, &result, id)));
        let xml = HeaderValue::from_static("text/xml");
        response.headers.insert(header::CONTENT_TYPE, xml);
        Ok(response)
    }
}

impl Sts {
    fn assume_role(&self, form: &Form, caller: Option<Caller>) -> S3Result<String> {
        let caller = known(caller)?;
        let arn = form.text("RoleArn", 20..=2048)?;
        let denied = || {
            let caller = &caller.arn;
            let message =
                format!("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {arn}");
            refused(StatusCode::FORBIDDEN, "AccessDenied", message)
        };
        let new = new_session("AssumeRole", form)?;
        let role = self.role(&arn).filter(|role| role.trusts(&caller));
        let role = role.ok_or_else(denied)?;
        if role.external_id.is_some() && role.external_id != new.external_id {
            return Err(denied());
        }
        if caller.in_session && new.duration > MAX_CHAINED_SESSION {
            return Err(validation(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
            ));
        }
        self.assumed(role, new)
    }

    fn assume_role_with_web_identity(&self, form: &Form) -> S3Result<String> {
        let arn = form.text("RoleArn", 20..=2048)?;
        let token = form.text("WebIdentityToken", 4..=20_000)?;
        let new = new_session("AssumeRoleWithWebIdentity", form)?;
        let denied = || {
            let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
            refused(StatusCode::FORBIDDEN, "AccessDenied", message)
        };
        let role = self.role(&arn).ok_or_else(denied)?;
        match role.web_identity(&token) {
            WebIdentity::Valid => {}
            WebIdentity::NotTrusted => return Err(denied()),
            WebIdentity::Expired => {
                let message = "Token expired: the web identity token is not valid any more";
                return Err(refused(StatusCode::BAD_REQUEST, "ExpiredTokenException", message));
            }
            WebIdentity::Unknown => {
                let message = "The web identity token that was passed could not be validated";
                return Err(refused(StatusCode::BAD_REQUEST, "InvalidIdentityToken", message));
            }
        }
        let subject = element("SubjectFromWebIdentityToken", "testkit")
            + &element("Audience", "sts.amazonaws.com")
            + &element("Provider", "testkit");
        Ok(self.assumed(role, new)? + &subject)
    }

    fn assumed(&self, role: &Role, mut new: NewSession) -> S3Result<String> {
        if new.duration > role.max_session {
            return Err(validation(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            ));
        }
        let name = new.name.clone().unwrap_or_default();
        new.arn = role.session_arn(&name);
        let user = element("AssumedRoleId", &format!("{ROLE_ID}:{name}")) + &element("Arn", &new.arn);
        Ok(credentials(&self.identity.issue(new)) + &group("AssumedRoleUser", &user))
    }

    fn session_token(&self, form: &Form, caller: Option<Caller>) -> S3Result<String> {
        let caller = known(caller)?;
        if caller.in_session {
            let message = "Cannot call GetSessionToken with session credentials";
            return Err(refused(StatusCode::FORBIDDEN, "AccessDenied", message));
        }
        let seconds = form.duration(DEFAULT_KEY_SESSION, 129_600)?;
        let issued = self.identity.issue(NewSession {
            issued_by: "GetSessionToken",
            arn: caller.arn,
            name: None,
            external_id: None,
            policy: None,
            duration: Duration::from_secs(seconds),
        });
        Ok(credentials(&issued))
    }

    fn role(&self, arn: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.arn == arn)
    }
}

/// The session that a form asks for; its ARN is that of the role.
fn new_session(issued_by: &'static str, form: &Form) -> S3Result<NewSession> {
    let name = form.text("RoleSessionName", 2..=64)?;
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !name.chars().all(is_allowed) {
        let pattern = "Member must satisfy regular expression pattern: [\\w+=,.@-]*";
        return Err(form::constraint("RoleSessionName", &name, pattern));
    }
    let external_id = form.get("ExternalId");
    if external_id.is_some() {
        form.text("ExternalId", 2..=1224)?;
    }
    let policy = form.get("Policy");
    if let Some(policy) = &policy {
        form.text("Policy", 1..=MAX_POLICY)?;
        if serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(policy).is_err() {
            let message = "Syntax errors in policy.";
            return Err(refused(
                StatusCode::BAD_REQUEST,
                "MalformedPolicyDocument",
                message,
            ));
        }
    }
    let seconds = form.duration(DEFAULT_ROLE_SESSION, 43_200)?;
    Ok(NewSession {
        issued_by,
        arn: String::new(),
        name: Some(name),
        external_id,
        policy,
        duration: Duration::from_secs(seconds),
    })
}

fn caller_identity(caller: &Caller) -> String {
    element("Arn", &caller.arn) + &element("UserId", &caller.user_id) + &element("Account", ACCOUNT)
}

fn known(caller: Option<Caller>) -> S3Result<Caller> {
    caller.ok_or_else(|| {
        refused(
            StatusCode::FORBIDDEN,
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        )
    })
}

fn validation(message: impl Into<String>) -> S3Error {
    refused(StatusCode::BAD_REQUEST, "ValidationError", message)
}

fn refused(status: StatusCode, code: &str, message: impl Into<String>) -> S3Error {
    with_status(code, status, message)
}
