//! The options that every command shares which looks at a component.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tollgate::Policy;
use tollgate::policy::PublicKey;

use crate::files::{is_stream, read_small};
use crate::limits::LimitFlags;
use crate::lock::LockFile;
use crate::stop::Stop;
use crate::text;

/// More than the policy crate reads of a policy; it refuses what is longer with words of its own.
const MAX_POLICY: u64 = (1 << 20) + 1;

/// What a component may do. Defaults first, then the policy file, then flags.
#[derive(clap::Args)]
pub(crate) struct PolicyOpts {
    /// The policy, a TOML file; without it nothing is granted and the default limits hold
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Add one grant: log, hash, store or store=PATH, wasi=inert, http=https://host/**, files=NAME:PATH or
    /// files=NAME:PATH:rw, config=KEY:VALUE; may be given more than once
    #[arg(long = "grant", value_name = "NAME[=VALUE]")]
    grants: Vec<String>,
    /// Trust a minisign public key, or the one in a .pub file: components must be signed by a key that is
    /// trusted; may be given more than once
    #[arg(long = "trust-key", value_name = "KEY|FILE", help_heading = "Trust")]
    trust_keys: Vec<String>,
    /// Refuse what no trusted key has signed, even when no key is trusted
    #[arg(long, help_heading = "Trust")]
    require_signature: bool,
    /// Pin each component that is used to the bytes it has, in tollgate.lock beside the policy, and refuse
    /// other bytes from then on
    #[arg(
        long,
        requires = "policy",
        conflicts_with = "locked",
        help_heading = "Trust"
    )]
    lock: bool,
    /// Refuse what tollgate.lock beside the policy does not pin, and write nothing
    #[arg(long, requires = "policy", help_heading = "Trust")]
    locked: bool,
    #[command(flatten)]
    limits: LimitFlags,
}

impl PolicyOpts {
    /// The policy of this command line.
    pub(crate) fn policy(&self) -> Result<Policy, Stop> {
        let mut policy = match &self.policy {
            Some(path) => read(path)?,
            None => Policy::default(),
        };
        for grant in &self.grants {
            // Relative to the current directory, so as they are.
            policy.grants.add(grant, Path::new("")).map_err(|error| {
                let grant = tollgate::escape::line(grant);
                Stop::Usage(format!("--grant {grant}: {error}"))
            })?;
        }
        for key in &self.trust_keys {
            let added = trusted_key(key)
                .and_then(|key| policy.trust.add_key(key).map_err(|error| error.to_string()));
            added.map_err(|what| Stop::Usage(format!("--trust-key {what}")))?;
        }
        policy.trust.require |= self.require_signature;
        if let Some(file) = self.lock_file() {
            policy.trust.lock = Some(file.read()?);
        }
        self.limits
            .apply(&mut policy.limits)
            .map_err(|error| Stop::Usage(error.to_string()))?;
        Ok(policy)
    }

    /// The lock file, if components are pinned.
    pub(crate) fn lock_file(&self) -> Option<LockFile> {
        let policy = self.policy.as_ref().filter(|_| self.lock || self.locked)?;
        Some(LockFile::beside(policy, self.locked))
    }
}

/// A public key as it is, or in a file. The error begins with what was given.
pub(crate) fn trusted_key(text: &str) -> Result<PublicKey, String> {
    let path = Path::new(text);
    match (PublicKey::parse(text), path.exists()) {
        (Ok(key), _) => Ok(key),
        (Err(error), false) => Err(format!("{error}; there is no file of that name either")),
        (Err(_), true) => {
            let text = read_small(path, MAX_KEY).map_err(|stop| stop.words())?;
            let path = text::path(path);
            // Not a word of it is shown.
            if crate::key::is_secret(&text) {
                return Err(format!(
                    "{path}: this is a secret key; give the .pub file that belongs to it"
                ));
            }
            PublicKey::parse_file(&text).map_err(|error| format!("{path}: {error}"))
        }
    }
}

/// The longest `.pub` file that is read. One is 113 bytes.
const MAX_KEY: u64 = 4 << 10;

/// Reads a policy file; paths in it are relative to its folder.
pub(crate) fn read(path: &Path) -> Result<Policy, Stop> {
    let usage = |what: &dyn std::fmt::Display| Stop::Usage(format!("{}: {what}", text::path(path)));
    let bytes = head(path).map_err(|error| usage(&error))?;
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
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
    Policy::parse(text, base).map_err(|error| Stop::Usage(format!("{}:{error}", text::path(path))))
}

fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_POLICY).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What every command takes that looks at one component.
#[derive(clap::Args)]
pub(crate) struct ComponentOpts {
    /// The component, a .wasm file
    #[arg(value_name = "COMPONENT")]
    pub(crate) component: PathBuf,
    #[command(flatten)]
    pub(crate) policy: PolicyOpts,
    /// Write the JSON report to a file, or with `-` to stderr, which then holds nothing else
    #[arg(long, value_name = "FILE|-")]
    pub(crate) report: Option<PathBuf>,
    /// Print JSON where this command prints text for people
    #[arg(long)]
    pub(crate) json: bool,
}

impl ComponentOpts {
    /// Whether stderr is for people, and not the report's.
    pub(crate) fn has_stderr(&self) -> bool {
        !self.report.as_deref().is_some_and(is_stream)
    }
}
