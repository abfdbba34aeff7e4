//! The options that make up the policy of a command.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tollgate::Policy;
use tollgate::policy::{Access, Lock, Protected};

use crate::files::find_policy;
use crate::files::input::{STDIN, is_stream};
use crate::files::key::public_key;
use crate::files::lock::LockFile;
use crate::options::limits::LimitFlags;
use crate::output::status::ExitReason;
use crate::output::text;
use crate::output::ui::Ui;

/// One byte more than the policy crate accepts; it refuses a longer policy with its own message.
const MAX_POLICY: u64 = (1 << 20) + 1;

/// The policy of a command: the defaults, changed by the policy file, changed by flags.
#[derive(Clone, clap::Args)]
pub(crate) struct PolicyOpts {
    /// The policy, a TOML file, or `-` for stdin [default: the nearest tollgate.toml in the working directory or above it]; without
    /// one nothing is granted and the default limits apply
    #[arg(
        short,
        long,
        value_name = "FILE|-",
        env = "TOLLGATE_POLICY",
        hide_env_values = true,
        help_heading = "Policy"
    )]
    policy: Option<PathBuf>,
    /// Use no policy file, and look for none
    #[arg(long, help_heading = "Policy")]
    no_policy: bool,
    /// The policy that was found, once it was looked for.
    #[arg(skip)]
    found: OnceLock<Option<PathBuf>>,
    /// Add one grant: log, hash, store or store=NAMESPACE:PATH, wasi=inert, http=https://host/**, files=NAME:PATH or
    /// files=NAME:PATH:rw, config=KEY:VALUE, stub=NAMESPACE:PACKAGE/NAME; may be given more than once
    #[arg(
        short,
        long = "grant",
        value_name = "NAME[=VALUE]",
        help_heading = "Policy"
    )]
    grants: Vec<String>,
    /// Trust a minisign public key, given as text or as a .pub file; a component must then be signed by a
    /// trusted key; may be given more than once
    #[arg(
        long = "trust-key",
        value_name = "KEY|FILE",
        help_heading = "Trust",
        hide_short_help = true
    )]
    trust_keys: Vec<String>,
    /// Refuse every component that no trusted key has signed, even if no key is trusted
    #[arg(long, help_heading = "Trust", hide_short_help = true)]
    require_signature: bool,
    /// Pin a component to its bytes when it is first used, in tollgate.lock beside the policy, and refuse
    /// other bytes from then on
    #[arg(
        long,
        conflicts_with = "locked",
        help_heading = "Trust",
        hide_short_help = true
    )]
    lock: bool,
    /// Refuse every component that tollgate.lock beside the policy does not pin, and pin none
    #[arg(long, help_heading = "Trust", hide_short_help = true)]
    locked: bool,
    #[command(flatten)]
    limits: LimitFlags,
}

impl PolicyOpts {
    /// The resulting policy. No root of it covers one of `files`, those of the command, or a file that these options name. A
    /// policy file that was found is told to `ui`.
    pub(crate) fn policy(
        &self,
        files: Vec<Protected>,
        ui: Option<&Ui>,
    ) -> Result<Policy, ExitReason> {
        let path = self.path(ui)?;
        if self.is_stdin() && (self.lock || self.locked) {
            return Err(ExitReason::Usage(
                "--policy -: a policy from stdin has no lock file beside it; omit --lock and --locked".to_owned(),
            ));
        }
        if path.is_none() && (self.lock || self.locked) {
            let text = "--lock and --locked: there is no policy to have a tollgate.lock beside; name one with --policy";
            return Err(ExitReason::Usage(text.to_owned()));
        }
        let mut policy = match path {
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

    /// The same options with another policy file.
    pub(crate) fn with_file(&self, path: &Path) -> PolicyOpts {
        PolicyOpts {
            policy: Some(path.to_owned()),
            no_policy: false,
            ..self.clone()
        }
    }

    /// The policy file that is named, or else found.
    fn path(&self, ui: Option<&Ui>) -> Result<Option<&Path>, ExitReason> {
        if self.no_policy || self.policy.is_some() {
            return Ok(self.known_path());
        }
        if self.found.get().is_none() {
            // A folder that was removed has none above it.
            let folder = std::env::current_dir().ok();
            let found = folder.map_or(Ok(None), |folder| find_policy::find(&folder))?;
            if let (Some(path), Some(ui)) = (&found, ui) {
                let path = text::path(path);
                ui.note(&format!("using policy {path}; --no-policy uses none"));
            }
            self.found.get_or_init(|| found);
        }
        Ok(self.known_path())
    }

    /// The policy file that is named, or was found.
    fn known_path(&self) -> Option<&Path> {
        match (self.no_policy, &self.policy) {
            (true, _) => None,
            (false, Some(named)) => Some(named),
            (false, None) => self.found.get()?.as_deref(),
        }
    }

    /// The policy file that was read; none if the policy is from stdin or flags alone.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.known_path().filter(|path| !is_stream(path))
    }

    /// Whether the policy comes from stdin.
    pub(crate) fn is_stdin(&self) -> bool {
        !self.no_policy && self.policy.as_deref().is_some_and(is_stream)
    }

    /// The lock file, with `--lock` or `--locked`, beside the policy that was read.
    pub(crate) fn lock_file(&self) -> Option<LockFile> {
        let policy = self.known_path().filter(|_| self.lock || self.locked)?;
        Some(LockFile::beside(policy, self.locked))
    }
}

/// Reads a policy file, or stdin. Paths in it are relative to its folder, or to the current one. No root may be written that
/// holds it or its lock file.
pub(crate) fn read(path: &Path) -> Result<Policy, ExitReason> {
    let from_stdin = is_stream(path);
    let path = if from_stdin { Path::new(STDIN) } else { path };
    let usage =
        |error: &dyn std::fmt::Display| ExitReason::Usage(format!("{}: {error}", text::path(path)));
    let bytes = match from_stdin {
        true => stdin(),
        false => File::open(path).and_then(head),
    };
    let bytes = bytes.map_err(|error| usage(&error))?;
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
    let mut policy =
        Policy::parse(text, base).map_err(|error| ExitReason::Policy(path.to_owned(), error))?;
    if from_stdin {
        return Ok(policy);
    }
    let lock = path.with_file_name(Lock::FILE);
    policy.protected = vec![
        Protected::new("the policy file", path, Access::ReadWrite),
        Protected::new("the lock file", lock, Access::ReadWrite),
    ];
    Ok(policy)
}

/// Standard input, which a command of several components reads once.
fn stdin() -> io::Result<Vec<u8>> {
    static TEXT: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(text) = TEXT.get() {
        return Ok(text.clone());
    }
    let text = head(io::stdin().lock())?;
    Ok(TEXT.get_or_init(|| text).clone())
}

fn head(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(MAX_POLICY).read_to_end(&mut bytes)?;
    Ok(bytes)
}
