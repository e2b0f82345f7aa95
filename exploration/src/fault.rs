//! [`Fault`]: what can happen at the moment in which a request arrives.

use std::fmt;
use std::str::FromStr;

use testkit::Action;

/// What can happen to a request, to the client that sent it, or behind the back of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// Answered 500 without being carried out.
    Error,
    /// Answered 503 `SlowDown` without being carried out.
    SlowDown,
    /// Answered 403 without being carried out; this is not repeated.
    Denied,
    /// It and the next ones are answered 500: more than the client repeats.
    Outage,
    /// The connection is reset before it is carried out.
    Reset,
    /// Carried out, then the connection is reset.
    LoseReply,
    /// Carried out, then answered 500.
    ApplyThenError,
    /// Answered 200 with an error in the body, as stores do that noticed it late.
    ErrorIn200,
    /// Carried out; the connection ends within the reply.
    CutReply,
    /// Never answered.
    BlackHole,
    /// The client dies before the request is carried out.
    Crash,
    /// The client dies after the request was carried out.
    CrashAfter,
    /// The call is dropped by its caller after the request was carried out.
    Cancel,
    /// The open uploads expire first.
    Expire,
    /// Another program stores an object at the key first.
    Foreign,
    /// Parts that a dead client had sent arrive first.
    LateParts,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Error,
        Self::SlowDown,
        Self::Denied,
        Self::Outage,
        Self::Reset,
        Self::LoseReply,
        Self::ApplyThenError,
        Self::ErrorIn200,
        Self::CutReply,
        Self::BlackHole,
        Self::Crash,
        Self::CrashAfter,
        Self::Cancel,
        Self::Expire,
        Self::Foreign,
        Self::LateParts,
    ];

    /// The name in a schedule.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::SlowDown => "slow-down",
            Self::Denied => "denied",
            Self::Outage => "outage",
            Self::Reset => "reset",
            Self::LoseReply => "lose-reply",
            Self::ApplyThenError => "apply-then-error",
            Self::ErrorIn200 => "error-in-200",
            Self::CutReply => "cut-reply",
            Self::BlackHole => "black-hole",
            Self::Crash => "crash",
            Self::CrashAfter => "crash-after",
            Self::Cancel => "cancel",
            Self::Expire => "expire",
            Self::Foreign => "foreign",
            Self::LateParts => "late-parts",
        }
    }

    /// What the server does to the request itself.
    pub(crate) fn action(self) -> Option<Action> {
        match self {
            Self::Error | Self::Outage => Some(Action::status(500, "InternalError", "An injected error.")),
            Self::SlowDown => Some(Action::status(503, "SlowDown", "An injected error.")),
            Self::Denied => Some(Action::status(403, "AccessDenied", "An injected error.")),
            Self::Reset | Self::Crash => Some(Action::Reset),
            Self::LoseReply | Self::CrashAfter => Some(Action::ApplyThenReset),
            Self::ApplyThenError => Some(Action::apply_then_status(500, "InternalError")),
            Self::ErrorIn200 => Some(Action::error_in_200("InternalError")),
            Self::CutReply => Some(Action::CutBodyAfter(20)),
            Self::BlackHole => Some(Action::BlackHole),
            Self::Cancel | Self::Expire | Self::Foreign | Self::LateParts => None,
        }
    }

    /// Whether requests of this operation can meet it at all.
    pub(crate) fn concerns(self, operation: &str) -> bool {
        match self {
            Self::ErrorIn200 => operation == "CompleteMultipartUpload",
            // The others have no body to cut.
            Self::CutReply => {
                ["CompleteMultipartUpload", "CreateMultipartUpload", "ListParts"].contains(&operation)
            }
            _ => true,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|fault| fault.name() == text)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::name).join(", ");
                format!("no fault is named '{text}': choose one of {names}")
            })
    }
}
