//! [`RetryInterceptor`]: sees every attempt with its operation, and asks the policy what is next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use aws_sdk_s3::config::endpoint::Params;
use aws_sdk_s3::config::interceptors::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextMut, FinalizerInterceptorContextRef,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::operation::put_object::PutObjectInput;
use aws_sdk_s3::operation::upload_part::UploadPartInput;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::endpoint::EndpointResolverParams;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use aws_smithy_types::timeout::TimeoutConfig;

use super::backoff;
use super::failure;
use super::policy::{Attempt, Next, Operation, RetryPolicy};
use super::region::{BucketRegions, elsewhere, is_region};
use super::table::{self, Action, Failure, RequestClass};
use super::verdict::{Verdict, wrap};
use crate::credentials::RefreshingProvider;
use crate::metrics::{Call, Metrics};

/// The slowest peer that is still served: the deadline of a large upload allows for it.
pub(crate) const SLOWEST: u64 = 16 << 10;

/// Uploads up to this size fit into the deadline as it is configured.
const SMALL: u64 = 8 << 20;

/// The state of an operation between its attempts.
#[derive(Clone, Debug)]
struct Progress {
    operation: Operation,
    bucket: String,
    /// The region that the last attempt was sent to.
    region: String,
    /// Which generation of credentials the last attempt was signed with.
    identities: u64,
    /// Ends together with the operation.
    call: Arc<Call>,
}

impl Storable for Progress {
    type Storer = StoreReplace<Self>;
}

/// Goes with each request to the connector, which holds it back if need be.
#[derive(Clone, Debug)]
pub(crate) struct Paced {
    policy: Arc<RetryPolicy>,
    /// The name of the operation.
    pub(crate) operation: &'static str,
}

impl Paced {
    /// How long to wait before the request is sent.
    pub(crate) fn delay(&self) -> Duration {
        self.policy.before_attempt(Instant::now())
    }
}

/// Sees every attempt of every operation of a client.
#[derive(Clone, Debug)]
pub(crate) struct RetryInterceptor {
    policy: Arc<RetryPolicy>,
    regions: Arc<BucketRegions>,
    /// None if they stand in the configuration.
    credentials: Option<RefreshingProvider>,
    /// Whether it was said that the clock is wrong.
    told_of_clock: Arc<AtomicBool>,
    operation_timeout: Duration,
    /// What stands for the bucket in requests.
    access_point: Option<String>,
    metrics: Arc<Metrics>,
}

impl RetryInterceptor {
    pub(crate) fn new(
        policy: RetryPolicy,
        credentials: Option<RefreshingProvider>,
        operation_timeout: Duration,
        access_point: Option<String>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            policy: Arc::new(policy),
            regions: Arc::default(),
            credentials,
            told_of_clock: Arc::default(),
            operation_timeout,
            access_point,
            metrics,
        }
    }

    /// The time that an operation with this body may take.
    fn timeout(&self, body: u64) -> Duration {
        let transfer = Duration::from_secs(body.saturating_sub(SMALL) / SLOWEST);
        self.operation_timeout.saturating_add(transfer)
    }

    /// Changes what the row asks to change before a repetition: whether there was something to change.
    fn repair(&self, action: Action, progress: &Progress, response: Option<&HttpResponse>) -> bool {
        match action {
            Action::RefreshCredentials => match &self.credentials {
                Some(credentials) => {
                    credentials.forget(progress.identities);
                    true
                }
                None => false,
            },
            // The SDK has taken the service's time from the reply, and signs with it from now on.
            Action::CorrectClock => response.and_then(failure::clock_skew).is_some_and(|skew| {
                if !self.told_of_clock.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        "the clock of this machine is {skew} of the service's, whose time is used to sign requests; set the \
                         clock of this machine"
                    );
                }
                true
            }),
            Action::ChangeRegion => match response.and_then(failure::named_region) {
                Some(region)
                    if is_region(&region) && region != progress.region && !progress.bucket.is_empty() =>
                {
                    tracing::info!(
                        "the bucket '{}' is in the region '{region}'; its requests go there from now on",
                        progress.bucket
                    );
                    self.regions.learn(&progress.bucket, &region);
                    true
                }
                // A HEAD with a session that is over gets a bare 400 as well.
                _ => {
                    response.is_some_and(|response| response.status().as_u16() == 400)
                        && self
                            .credentials
                            .as_ref()
                            .is_some_and(|credentials| credentials.suspect(progress.identities))
                }
            },
            _ => false,
        }
    }
}

impl Intercept for RetryInterceptor {
    fn name(&self) -> &'static str {
        "RetryInterceptor"
    }

    fn read_before_execution(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input();
        let body = input
            .downcast_ref::<PutObjectInput>()
            .and_then(PutObjectInput::content_length)
            .or_else(|| {
                input
                    .downcast_ref::<UploadPartInput>()
                    .and_then(UploadPartInput::content_length)
            })
            .and_then(|len| u64::try_from(len).ok())
            .unwrap_or(0);
        let timeout = self.timeout(body);
        let timeouts = TimeoutConfig::builder().operation_timeout(timeout).build();
        config.interceptor_state().store_put(timeouts);
        config.interceptor_state().store_put(Progress {
            operation: Operation {
                class: RequestClass::NotIdempotent,
                deadline: Instant::now().checked_add(timeout),
                refreshed: false,
                redirected: false,
                clock_corrected: false,
            },
            bucket: String::new(),
            region: String::new(),
            identities: 0,
            call: Call::begin(&self.metrics, body),
        });
        Ok(())
    }

    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Not known before: the operation is put together after the client.
        if let (Some(progress), Some(operation)) = (config.load::<Progress>(), config.load::<Metadata>()) {
            progress.call.is_of(operation.name());
        }
        Ok(())
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.request().headers();
        let has_condition = headers.contains_key("if-match") || headers.contains_key("if-none-match");
        let operation = config.load::<Metadata>().map_or("", Metadata::name);
        let class = RequestClass::of(operation, has_condition);
        let bucket = config
            .load::<EndpointResolverParams>()
            .and_then(|params| params.get::<Params>()?.bucket())
            .unwrap_or_default()
            .to_owned();
        if let Some(progress) = config.get_mut_from_interceptor_state::<Progress>() {
            progress.operation.class = class;
            progress.bucket = bucket;
        }
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bucket = config.load::<Progress>().map(|progress| {
            progress.call.attempt();
            progress.bucket.clone()
        });
        let known = bucket.and_then(|bucket| self.regions.of(&bucket));
        let mut sent_to = String::new();
        if let Some(params) = config.get_mut_from_interceptor_state::<EndpointResolverParams>()
            && let Some(params) = params.get_mut::<Params>()
        {
            let access_point = self.access_point.as_deref();
            if known.is_some() || access_point.is_some() {
                *params = elsewhere(params, known.as_deref(), access_point)?;
            }
            params.region().unwrap_or_default().clone_into(&mut sent_to);
        }
        if let Some(progress) = config.get_mut_from_interceptor_state::<Progress>() {
            progress.region = sent_to;
            let credentials = self.credentials.as_ref();
            progress.identities = credentials.map_or(0, RefreshingProvider::generation);
        }
        Ok(())
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        context.request_mut().add_extension(Paced {
            policy: self.policy.clone(),
            operation: config
                .load::<Progress>()
                .map_or("Unknown", |progress| progress.call.operation()),
        });
        Ok(())
    }

    fn modify_before_attempt_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let now = Instant::now();
        let attempts = config
            .load::<RequestAttempts>()
            .map_or(1, RequestAttempts::attempts);
        let error = match context.output_or_error() {
            None | Some(Ok(_)) => {
                self.policy.succeeded(now);
                if let Some(progress) = config.load::<Progress>() {
                    progress.call.succeeded();
                }
                return Ok(());
            }
            Some(Err(error)) => error,
        };
        let Some(progress) = config.get_mut_from_interceptor_state::<Progress>() else {
            return Ok(());
        };
        let response = context.response();
        let Some(what) = failure::of_attempt(error, response) else {
            // The operation as a whole timed out, or it never came to a request.
            progress.call.failed_otherwise();
            return Ok(());
        };
        let action = table::find(&what).action(progress.operation.class);
        let attempt = Attempt {
            number: attempts,
            can_repair: self.repair(action, progress, response),
            retry_after: response
                .and_then(|response| response.headers().get("retry-after"))
                .and_then(|value| backoff::retry_after(value, SystemTime::now())),
            failure: what,
        };
        let decision = self
            .policy
            .failed(now, &progress.operation, &attempt, rand::random());
        progress.operation.refreshed |= decision.action == Action::RefreshCredentials;
        progress.operation.redirected |= decision.action == Action::ChangeRegion;
        progress.operation.clock_corrected |= decision.action == Action::CorrectClock;
        if let Next::Again(delay) = decision.next {
            let Failure {
                status,
                code,
                transport,
            } = &attempt.failure;
            tracing::debug!(
                status,
                code,
                ?transport,
                ?delay,
                "attempt {attempts} failed and is repeated"
            );
        }
        let is_repeated = matches!(decision.next, Next::Again(_));
        progress.call.failed(&attempt.failure, is_repeated);
        let verdict = Verdict { attempts, decision };
        match context.response_mut() {
            Some(response) => response.add_extension(verdict),
            None => {
                if let Some(Err(error)) = context.output_or_error_mut() {
                    wrap(error, verdict);
                }
            }
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(Err(_)), Some(progress)) = (context.output_or_error(), config.load::<Progress>()) {
            progress.call.ended_in_error();
        }
        Ok(())
    }
}
