//! [`Case`]: one named check, and what it needs of a file system.

use std::fmt;

use futures::future::LocalBoxFuture;
use plugin_api::{Capabilities, FileSystem};

use crate::context::Context;
use crate::failure::CaseResult;

/// What a file system has to be for a case to apply to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirements {
    /// Capabilities that it has to claim.
    pub has: Capabilities,
    /// Capabilities that it must not claim: the case is about what follows from their absence.
    pub lacks: Capabilities,
    /// Whether an entropy key has to be configured.
    pub entropy_key: bool,
}

impl Requirements {
    /// Applies to every file system.
    pub const NONE: Self = Self {
        has: Capabilities::empty(),
        lacks: Capabilities::empty(),
        entropy_key: false,
    };

    /// Why a case with these requirements does not apply to `fs`, or `None` if it does.
    pub fn unmet(&self, fs: &dyn FileSystem) -> Option<String> {
        let claimed = fs.capabilities();
        let missing = self.has.difference(claimed);
        if !missing.is_empty() {
            return Some(format!("needs {}", names(missing)));
        }
        let excess = self.lacks.intersection(claimed);
        if !excess.is_empty() {
            return Some(format!("only without {}", names(excess)));
        }
        if self.entropy_key && fs.entropy_key().is_none() {
            return Some("needs a configured entropy key".to_owned());
        }
        None
    }
}

/// The names of the flags, joined by ` and `.
pub(crate) fn names(capabilities: Capabilities) -> String {
    let names: Vec<&str> = capabilities.iter_names().map(|(name, _)| name).collect();
    names.join(" and ")
}

/// The body of a case. Each runs on a thread of its own, so that its future may stay there.
trait Check: Send + Sync {
    fn check<'a>(&'a self, context: &'a Context) -> LocalBoxFuture<'a, CaseResult>;
}

impl<F: AsyncFn(&Context) -> CaseResult + Send + Sync> Check for F {
    fn check<'a>(&'a self, context: &'a Context) -> LocalBoxFuture<'a, CaseResult> {
        Box::pin(self(context))
    }
}

/// One named check of one promise of the interface.
pub struct Case {
    name: String,
    description: String,
    requirements: Requirements,
    check: Box<dyn Check>,
}

impl Case {
    /// A case that applies to every file system. The name is to be unique within its group.
    pub fn new<F>(name: impl Into<String>, description: impl Into<String>, check: F) -> Self
    where
        F: AsyncFn(&Context) -> CaseResult + Send + Sync + 'static,
    {
        Self {
            name: name.into(),
            description: description.into(),
            requirements: Requirements::NONE,
            check: Box::new(check),
        }
    }

    /// Applies only to a file system that claims these too.
    #[must_use]
    pub fn needs(mut self, capabilities: Capabilities) -> Self {
        self.requirements.has |= capabilities;
        self
    }

    /// Applies only to a file system that claims none of these.
    #[must_use]
    pub fn without(mut self, capabilities: Capabilities) -> Self {
        self.requirements.lacks |= capabilities;
        self
    }

    /// Applies only where an entropy key is configured.
    #[must_use]
    pub fn needs_entropy_key(mut self) -> Self {
        self.requirements.entropy_key = true;
        self
    }

    /// In a group: the name becomes `group::name`.
    #[must_use]
    pub(crate) fn in_group(mut self, group: &str) -> Self {
        self.name = format!("{group}::{}", self.name);
        self
    }

    /// The name: `group::behaviour`, unique.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is promised, in one line.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// What it needs of a file system.
    pub fn requirements(&self) -> Requirements {
        self.requirements
    }

    /// Runs the check once.
    pub(crate) async fn check(&self, context: &Context) -> CaseResult {
        self.check.check(context).await
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.name)
            .field("requirements", &self.requirements)
            .finish_non_exhaustive()
    }
}
