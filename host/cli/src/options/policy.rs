//! The options that make up the policy of a command.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tollgate::Policy;
use tollgate::policy::{Access, Lock, Protected};

use crate::files::key::public_key;
use crate::files::lock::LockFile;
use crate::options::limits::LimitFlags;
use crate::output::status::ExitReason;
use crate::output::text;

/// One byte more than the policy crate accepts; it refuses a longer policy with its own message.
const MAX_POLICY: u64 = (1 << 20) + 1;

/// The policy of a command: the defaults, changed by the policy file, changed by flags.
#[derive(clap::Args)]
pub(crate) struct PolicyOpts {
    /// The policy, a TOML file; without it nothing is granted and the default limits apply
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Add one grant: log, hash, store or store=PATH, wasi=inert, http=https://host/**, files=NAME:PATH or
    /// files=NAME:PATH:rw, config=KEY:VALUE; may be given more than once
    #[arg(long = "grant", value_name = "NAME[=VALUE]")]
    grants: Vec<String>,
    /// Trust a minisign public key, given as text or as a .pub file; a component must then be signed by a
    /// trusted key; may be given more than once
    #[arg(long = "trust-key", value_name = "KEY|FILE", help_heading = "Trust")]
    trust_keys: Vec<String>,
    /// Refuse every component that no trusted key has signed, even if no key is trusted
    #[arg(long, help_heading = "Trust")]
    require_signature: bool,
    /// Pin a component to its bytes when it is first used, in tollgate.lock beside the policy, and refuse
    /// other bytes from then on
    #[arg(
        long,
        requires = "policy",
        conflicts_with = "locked",
        help_heading = "Trust"
    )]
    lock: bool,
    /// Refuse every component that tollgate.lock beside the policy does not pin, and pin none
    #[arg(long, requires = "policy", help_heading = "Trust")]
    locked: bool,
    #[command(flatten)]
    limits: LimitFlags,
}

impl PolicyOpts {
    /// The resulting policy. No root of it covers one of `files`, those of the command, or a file that these options name.
    pub(crate) fn policy(&self, files: Vec<Protected>) -> Result<Policy, ExitReason> {
        let mut policy = match &self.policy {
            Some(path) => read(path)?,
            None => Policy::default(),
        };
        for grant in &self.grants {
            // Paths in flags are relative to the current directory.
            policy.grants.add(grant, Path::new("")).map_err(|error| {
                let grant = tollgate::escape::line(grant);
                ExitReason::Usage(format!("--grant {grant}: {error}"))
            })?;
        }
        for key in &self.trust_keys {
            let added = public_key(key)
                .and_then(|key| policy.trust.add_key(key).map_err(|error| error.to_string()));
            added.map_err(|error| ExitReason::Usage(format!("--trust-key {error}")))?;
            if Path::new(key).exists() {
                let file = Protected::new("the file of a trusted key", key, Access::ReadWrite);
                policy.protected.push(file);
            }
        }
        policy.trust.require |= self.require_signature;
        if let Some(file) = self.lock_file() {
            policy.trust.lock = Some(file.read()?);
        }
        self.limits
            .apply(&mut policy.limits)
            .map_err(|error| ExitReason::Usage(error.to_string()))?;
        policy.protected.extend(files);
        // The grants of the file and those of the flags may not go together. Paths are compared as text here; links are
        // followed when the grants are opened.
        policy
            .check()
            .map_err(|error| ExitReason::Usage(error.to_string()))?;
        Ok(policy)
    }

    /// The lock file, with `--lock` or `--locked`.
    pub(crate) fn lock_file(&self) -> Option<LockFile> {
        let policy = self.policy.as_ref().filter(|_| self.lock || self.locked)?;
        Some(LockFile::beside(policy, self.locked))
    }
}

/// Reads a policy file. Paths in it are relative to its folder. No root may be written that holds it or its lock file.
pub(crate) fn read(path: &Path) -> Result<Policy, ExitReason> {
    let usage =
        |error: &dyn std::fmt::Display| ExitReason::Usage(format!("{}: {error}", text::path(path)));
    let bytes = head(path).map_err(|error| usage(&error))?;
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        // Too long, and cut within a character: the policy crate refuses any text of this length.
        Err(_) if bytes.len() as u64 == MAX_POLICY => &"#".repeat(bytes.len()),
        Err(error) => {
            let line = bytes
                .iter()
                .take(error.valid_up_to())
                .filter(|byte| **byte == b'\n')
                .count();
            return Err(usage(&format_args!("line {} is not UTF-8 text", line + 1)));
        }
    };
    let base = path.parent().unwrap_or(Path::new(""));
    let mut policy = Policy::parse(text, base)
        .map_err(|error| ExitReason::Usage(format!("{}:{error}", text::path(path))))?;
    let lock = path.with_file_name(Lock::FILE);
    policy.protected = vec![
        Protected::new("the policy file", path, Access::ReadWrite),
        Protected::new("the lock file", lock, Access::ReadWrite),
    ];
    Ok(policy)
}

fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_POLICY).read_to_end(&mut bytes)?;
    Ok(bytes)
}
