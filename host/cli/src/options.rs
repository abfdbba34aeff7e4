//! The options that every command shares which looks at a component.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tollgate::Policy;

use crate::files::is_stream;
use crate::limits::LimitFlags;
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
        self.limits
            .apply(&mut policy.limits)
            .map_err(|error| Stop::Usage(error.to_string()))?;
        Ok(policy)
    }
}

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
