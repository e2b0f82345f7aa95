//! What a program asks for when it prepares its registry.

use std::path::PathBuf;
use std::time::Duration;

use crate::FileSystemsBuilder;

impl FileSystemsBuilder {
    /// Loads only from plugin directories with a lock, written by `fsplug plugins lock`. Where there is one it counts in
    /// any case.
    ///
    /// The configuration (`fs.plugins.require-locked`) and the environment (`FSPLUG_REQUIRE_LOCKED=true`) can
    /// ask for the same; once one of them does, no other can take it back.
    pub fn require_locked(mut self) -> Self {
        self.trust.demands.lock = true;
        self
    }

    /// Whether plugins are refused that others than root and the user of this process could change (the
    /// default), or that are links out of their plugin directory.
    ///
    /// For volumes whose owners and modes nobody can set. Neither the configuration nor the environment can say this:
    /// who relies on it knows that everybody who can write to the volume has the rights of this process.
    pub fn check_permissions(mut self, check: bool) -> Self {
        self.trust.check_permissions = check;
        self
    }

    /// Loads only plugins that are signed with a trusted key: [`trusted_key`](Self::trusted_key). Where a key is trusted, a
    /// signature that is there has to be right in any case.
    ///
    /// The signature of `plugin.so` is `plugin.so.minisig` beside it, written by `minisign -Sm`. The configuration
    /// (`fs.plugins.require-signed`) and the environment (`FSPLUG_REQUIRE_SIGNED=true`) can ask for the same; once one
    /// of them does, no other can take it back.
    pub fn require_signed(mut self) -> Self {
        self.trust.demands.signature = true;
        self
    }

    /// Trusts this public key of minisign, the second line of `minisign.pub`. May be called repeatedly.
    ///
    /// A program that trusts keys trusts no others. Without any, those in `/etc/fsplug/trusted-keys` count, and where that is
    /// missing those in the file that `FSPLUG_TRUSTED_KEYS` names.
    pub fn trusted_key(mut self, key: impl Into<String>) -> Self {
        self.trust.trusted_keys.push(key.into());
        self
    }

    /// Loads each plugin in another process first. What ends that process, or does not come to an end, is refused here, and
    /// at every later start: its content is in quarantine.
    ///
    /// This is no protection from malice: a plugin has all rights during its trial too. The configuration
    /// (`fs.plugins.trial-load`) can ask for the same; once one of them does, no other can take it back.
    pub fn trial_load(mut self) -> Self {
        self.trust.demands.trial = true;
        self
    }

    /// The program in which plugins are tried: `fsplug` of the same version, or one that calls
    /// [`try_load_plugin`](crate::try_load_plugin). Without it `fsplug` beside this program, then in `PATH`; a process
    /// with elevated rights does not look there.
    pub fn trial_program(mut self, program: impl Into<PathBuf>) -> Self {
        self.trust.trial_program = Some(program.into());
        self
    }

    /// How long a trial may take: 10 seconds unless this is called.
    pub fn trial_time_limit(mut self, limit: Duration) -> Self {
        self.trust.trial_time_limit = limit;
        self
    }

    /// The directory where it is remembered which contents failed their trial; it is made when it is first needed.
    /// Without it `fsplug/quarantine` in `XDG_STATE_HOME` or `~/.local/state`; a process with elevated rights has none then.
    pub fn quarantine_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.trust.quarantine = Some(directory.into());
        self
    }
}
