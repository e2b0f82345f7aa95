//! The arguments of the verbs about which plugins may be loaded.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

/// `plugins lock`.
#[derive(Args, Debug)]
pub(crate) struct LockArguments {
    /// The plugin directory; without it, the one where plugins are found
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,

    /// Write nothing, and end with code 8 if the lock would change
    #[arg(long)]
    pub(crate) check: bool,
}

/// `plugins check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    /// Load each plugin too, in another process; what that process does not survive is refused from now on
    #[arg(long)]
    pub(crate) trial: bool,
}

/// `plugins release`.
#[derive(Args, Debug)]
pub(crate) struct ReleaseArguments {
    /// The plugins' libraries
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// `plugins try-load`.
#[derive(Args, Debug)]
pub(crate) struct TryLoadArguments {
    /// What the host says, as it is
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<OsString>,
}
