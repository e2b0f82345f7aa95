//! A diagnosis of a server, and what has to hold of each.

use std::sync::Arc;
use std::time::Duration;

use plugin_api::{Config, DiagnosisOptions, FileSystemFactory as _, Location, Outcome, Probe, SilentHost};
use s3_native_plugin::S3FileSystemFactory;
use s3_native_plugin::internals::{self, Limits};
use testkit::{Server, ServerBuilder};

pub(crate) const BUCKET: &str = "bucket";

/// The stages that look at the way to the bucket.
pub(crate) const WAY: &[&str] = &[
    "config",
    "dns",
    "tcp",
    "tls",
    "answer",
    "clock",
    "region",
    "credentials",
    "identity",
    "bucket",
    "list",
];

/// The stages that write.
pub(crate) const WRITES: &[&str] = &[
    "put",
    "get",
    "conditional-put",
    "checksum",
    "encryption",
    "copy",
    "bulk-delete",
    "delete",
    "multipart",
    "open-upload",
    "list-parts",
    "list-uploads",
    "abort-upload",
    "clean-up",
];

pub(crate) fn factory() -> S3FileSystemFactory {
    S3FileSystemFactory::new(Arc::new(SilentHost)).unwrap()
}

/// A server with the bucket.
pub(crate) async fn start(kind: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Server {
    kind(Server::builder().bucket(BUCKET)).start().await.unwrap()
}

/// What reaches `server`, but for what is set otherwise.
pub(crate) fn config(server: &Server, more: &[(&str, &str)]) -> Config {
    let mut config = Config::from_pairs(server.config("s3."));
    for (key, value) in more {
        config.set(*key, *value);
    }
    config
}

pub(crate) fn root(bucket: &str) -> Location {
    Location::new("s3", bucket, "some/dir").unwrap()
}

/// What was found.
pub(crate) struct Diagnosis(pub(crate) Vec<Probe>);

/// Diagnoses the bucket of a server, on which nothing may be left behind.
pub(crate) async fn diagnose(server: &Server, more: &[(&str, &str)]) -> Diagnosis {
    let before = server.store().keys(BUCKET);
    let config = config(server, more);
    let options = DiagnosisOptions::default();
    let probes = factory()
        .diagnose(&root(BUCKET), &config, &options)
        .await
        .unwrap();
    assert_eq!(server.store().keys(BUCKET), before, "{probes:?}");
    assert_eq!(server.store().open_uploads(BUCKET).len(), 0, "{probes:?}");
    Diagnosis::checked(probes, &config)
}

/// Diagnoses whatever this configuration is about, with a second for each stage.
pub(crate) async fn diagnose_in_haste(config: &Config) -> Diagnosis {
    let limits = Limits {
        stage: Duration::from_secs(1),
        ..Limits::default()
    };
    let options = DiagnosisOptions::default();
    let probes = internals::diagnose(&factory(), &root(BUCKET), config, &options, limits).await;
    Diagnosis::checked(probes.unwrap(), config)
}

impl Diagnosis {
    /// What holds whatever is wrong: all stages are there in their order, each text is one line without a
    /// secret, and each failure and flaw has a remedy.
    pub(crate) fn checked(probes: Vec<Probe>, config: &Config) -> Self {
        let stages: Vec<&str> = probes.iter().map(|probe| probe.stage.as_str()).collect();
        assert_eq!(stages, [WAY, WRITES].concat());
        let secrets = ["s3.secret-key", "s3.session-token"];
        let secrets = secrets.iter().filter_map(|key| config.get(key));
        let secrets: Vec<&str> = secrets.collect();
        for probe in &probes {
            let text = format!("{probe:?}");
            assert!(!secrets.iter().any(|secret| text.contains(secret)), "{text}");
            assert!(!probe.found.is_empty() && !probe.found.contains('\n'), "{text}");
            let is_wrong = matches!(probe.outcome, Outcome::Failed | Outcome::Warning);
            assert_eq!(is_wrong, !probe.remedy.is_empty(), "{text}");
            assert_eq!(probe.outcome == Outcome::Failed, probe.error.is_some(), "{text}");
        }
        let all = Self(probes);
        // STS may name a user by it, whom it refuses.
        let credentials = all.stage("credentials");
        let access_key = config.get("s3.access-key").unwrap_or("unset");
        let is_shown = credentials.outcome == Outcome::Passed && credentials.found.contains(access_key);
        assert!(!is_shown, "{credentials:?}");
        all
    }

    pub(crate) fn stage(&self, stage: &str) -> &Probe {
        self.0.iter().find(|probe| probe.stage == stage).unwrap()
    }

    /// One stage has this outcome, with these parts in what was found and in the remedy.
    pub(crate) fn assert(&self, stage: &str, outcome: Outcome, found: &str, remedy: &str) {
        let probe = self.stage(stage);
        assert_eq!(probe.outcome, outcome, "{:?}", self.0);
        assert!(probe.found.contains(found), "'{found}' is missing in {probe:?}");
        assert!(
            probe.remedy.contains(remedy),
            "'{remedy}' is missing in {probe:?}"
        );
    }

    /// These stages have a flaw or failed, and no others.
    pub(crate) fn assert_wrong(&self, stages: &[&str]) {
        let wrong = self
            .0
            .iter()
            .filter(|probe| matches!(probe.outcome, Outcome::Failed | Outcome::Warning));
        let wrong: Vec<&str> = wrong.map(|probe| probe.stage.as_str()).collect();
        assert_eq!(wrong, stages, "{:?}", self.0);
    }

    /// These stages were skipped because of this one.
    pub(crate) fn assert_skipped(&self, stages: &[&str], needs: &str) {
        for stage in stages {
            let probe = self.stage(stage);
            assert_eq!(probe.outcome, Outcome::Skipped, "{probe:?}");
            assert!(
                probe.found.contains(needs) || *stage == "clean-up",
                "'{needs}' is missing in {probe:?}"
            );
        }
    }
}
