//! What the plugin finds out about its own way to a bucket.
//!
//! One stage after the other, each with what those before it came to. A stage that fails is told with what to
//! do, and whatever needs it is skipped. Stages that write do so in a directory of their own below the path.

mod identity;
mod network;
mod objects;
mod report;
mod rights;
mod target;
mod tls;
mod traces;
mod uploads;

use std::sync::Arc;

use plugin_api::{Config, DiagnosisOptions, Location, Probe, Result};

use crate::credentials::DelegatedCredentials;
use crate::metrics::Metrics;
pub use report::Limits;
use report::{Given, Missing, Report};
use target::Target;
use traces::Traces;

/// Goes through all stages. It has to run on a runtime that goes on when this is cancelled: what was written
/// is removed there.
pub(crate) async fn diagnose(
    root: Location,
    bucket: Result<String>,
    config: Config,
    options: DiagnosisOptions,
    delegated: Arc<DelegatedCredentials>,
    metrics: Arc<Metrics>,
    limits: Limits,
) -> Vec<Probe> {
    let mut report = Report::new(limits);
    let target = report
        .stage("config", Ok(()), |()| {
            Target::of(&root, bucket, &config, &delegated, &metrics, limits)
        })
        .await;
    let target = borrowed(&target);
    let answering = reach(&mut report, target).await;
    let there = meet(&mut report, target, answering).await;
    // Whoever may not list may still write.
    let _ = report.stage("list", there, objects::list).await;
    let traces = there.and_then(|target| {
        if options.read_only {
            return Err(Missing::Because("it writes, and only reads were asked for"));
        }
        Ok(Traces::new(
            target.client.clone(),
            &target.bucket,
            &root,
            limits.clean_up,
        ))
    });
    let place = both(there, borrowed(&traces));
    try_objects(&mut report, place).await;
    try_uploads(&mut report, place, there.ok().filter(|_| options.read_only)).await;
    let clean_up = match traces {
        Ok(traces) => traces.remove().await,
        Err(_) => traces::nothing(),
    };
    report.push(clean_up);
    report.into_probes()
}

/// Where stages write.
type Place<'a> = (&'a Target, &'a Traces);

/// From the name of the host to a first answer.
async fn reach<'a>(report: &mut Report, target: Given<&'a Target>) -> Given<&'a Target> {
    let proxied = target.is_ok_and(Target::may_use_proxy);
    let direct = target.and_then(|target| {
        if proxied {
            return Err(Missing::Because(
                "requests may go through a proxy of the environment",
            ));
        }
        Ok(target)
    });
    let addresses = report.stage("dns", direct, network::dns).await;
    let stream = report
        .stage("tcp", both(direct, addresses), |(target, addresses)| async move {
            network::tcp(target, &addresses).await
        })
        .await;
    let connected = both(direct, stream);
    let open = connected.as_ref().map(drop).map_err(|missing| *missing);
    let to_encrypt = connected.and_then(|(target, stream)| {
        if target.tls {
            return Ok((target, stream));
        }
        Err(Missing::Because("the endpoint is written with http://"))
    });
    let encrypted = report
        .stage("tls", to_encrypt, |(target, stream)| {
            tls::handshake(target, stream)
        })
        .await;
    let reachable = target.and_then(|target| {
        if !proxied {
            open?;
            if target.tls {
                encrypted?;
            }
        }
        Ok(target)
    });
    let head = report.stage("answer", reachable, network::answer).await;
    let head = borrowed(&head);
    // Both only look at the answer.
    let _ = report
        .stage("clock", head, |head| async { Ok(network::clock(head)) })
        .await;
    let _ = report
        .stage("region", both(reachable, head), |(target, head)| async {
            Ok(network::region(target, head))
        })
        .await;
    both(reachable, head).map(|(target, _)| target)
}

/// Who asks, and whether the bucket is there for them.
async fn meet<'a>(
    report: &mut Report,
    target: Given<&'a Target>,
    answering: Given<&'a Target>,
) -> Given<&'a Target> {
    let credentials = report.stage("credentials", target, identity::credentials).await;
    let asked = both(target, credentials.clone()).and_then(|(target, credentials)| {
        let sts = identity::sts(target, credentials)?;
        Ok((target, sts))
    });
    // Whoever cannot reach STS may still reach the store.
    let _ = report
        .stage("identity", asked, |(target, sts)| identity::identity(target, sts))
        .await;
    let signed = both(answering, credentials).map(|(target, _)| target);
    let bucket = report.stage("bucket", signed, identity::bucket).await;
    both(signed, bucket).map(|(target, ())| target)
}

/// What can be done with objects. None of the stages needs another but those that write what it looks at.
async fn try_objects(report: &mut Report, place: Given<Place<'_>>) {
    let written = report
        .stage("put", place, |(target, traces)| objects::put(target, traces))
        .await;
    let written = both(place, borrowed(&written));
    let got = report
        .stage("get", written, |((target, _), written)| {
            objects::get(target, written)
        })
        .await;
    let readable = both(written, got).map(|(written, ())| written);
    let _ = report
        .stage("conditional-put", written, |((target, _), written)| {
            objects::conditional_put(target, written)
        })
        .await;
    let _ = report
        .stage("checksum", written, |((target, traces), _)| {
            objects::checksum(target, traces)
        })
        .await;
    let encrypted = readable.and_then(|((target, _), written)| {
        let algorithm = target.settings.encryption.algorithm;
        let algorithm = algorithm.ok_or(Missing::Because("'s3.sse.type' asks for none"))?;
        Ok((target, written, algorithm))
    });
    let _ = report
        .stage("encryption", encrypted, |(target, written, algorithm)| {
            objects::encryption(target, written, algorithm)
        })
        .await;
    let _ = report
        .stage("copy", readable, |((target, traces), written)| {
            objects::copy(target, traces, written)
        })
        .await;
    let _ = report
        .stage("bulk-delete", written, |((target, traces), _)| {
            objects::bulk_delete(target, traces)
        })
        .await;
    let _ = report
        .stage("delete", readable, |((target, _), written)| {
            objects::delete(target, written)
        })
        .await;
}

/// What can be done with uploads in parts; of a place that is only read, what can be seen there.
async fn try_uploads(report: &mut Report, place: Given<Place<'_>>, seen: Option<&Target>) {
    let _ = report
        .transfer("multipart", place, |(target, traces)| {
            uploads::multipart(target, traces)
        })
        .await;
    let open = report
        .stage("open-upload", place, |(target, traces)| {
            uploads::open(target, traces)
        })
        .await;
    let open = both(place, borrowed(&open));
    let _ = report
        .stage("list-parts", open, |((target, _), open)| {
            uploads::list_parts(target, open)
        })
        .await;
    let listed = match seen {
        Some(target) => Ok((target, None)),
        None => open.map(|((target, _), open)| (target, Some(open))),
    };
    let _ = report
        .stage("list-uploads", listed, |(target, open)| {
            uploads::list_uploads(target, open)
        })
        .await;
    let _ = report
        .stage("abort-upload", open, |((target, traces), open)| {
            uploads::abort(target, traces, open)
        })
        .await;
}

fn both<A, B>(a: Given<A>, b: Given<B>) -> Given<(A, B)> {
    Ok((a?, b?))
}

fn borrowed<T>(given: &Given<T>) -> Given<&T> {
    given.as_ref().map_err(|missing| *missing)
}
