//! Errors that are not the guest's: a component that was refused, a host that failed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;
use tollgate_policy::SignatureFault;

use crate::remedy::Remedy;
use crate::verdict::ImportVerdict;

/// Why a component cannot be called. No guest code has run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Something about the component itself.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A policy that was built in code and is not valid.
    #[error("the policy is not valid: {0}")]
    Policy(#[from] tollgate_policy::ValueError),
    /// A folder the policy grants cannot be opened as the policy says.
    #[error("the policy grants `{root}`, but {path}: {error}", path = shown(.path))]
    Root {
        /// The root's name in the policy.
        root: String,
        /// The folder it stands for.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A secret that the policy names cannot be read. The message names the place, never the secret.
    #[error("the credential for `{url}`: {place}: {why}")]
    Secret {
        /// The URL of the grant.
        url: String,
        /// The environment variable or the file.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// The policy gives the guest the output of this process, and whoever embeds the runtime does not.
    #[error(
        "the policy's `grants.wasi.stdio` is \"inherit\", which this program does not allow; \
         write \"captured\""
    )]
    InheritedStdio,
    /// The file the policy keeps a store in cannot be used.
    #[error("the policy keeps a store in {path}: {what}", path = shown(.path))]
    Store {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The policy limits compiling, and this program compiles where it cannot be limited.
    #[error(
        "the policy sets `limits.compile-time` or `limits.compile-memory`, which this program cannot keep: \
         it compiles in its own process; leave them out, or build its runtime with `Compiler::Worker`"
    )]
    CompilesInProcess,
    /// The policy sets a limit on fuel, and this program has chosen the profile that does not count it.
    #[error(
        "the policy sets `limits.fuel`, which this program does not count: it runs guests in the profile \
         `deadline-only`; leave it out, or build its runtime with `Profile::Metered`"
    )]
    FuelNotCounted,
    /// The component fits no slot of the pool, or has a stack of its own size, and there is no room outside of the pool.
    #[error(
        "this component would be outside of the pool, where no memory maps are left: the runtime has places \
         for {guests} guests, for which `vm.max_map_count` is just enough; ask for half as many with \
         `Builder::concurrency`, or raise it"
    )]
    OutsideThePool {
        /// Places of the runtime.
        guests: u32,
    },
    /// A limit that shapes the engine was to change after loading.
    #[error("the limit `{key}` is fixed when a component is loaded; load it anew to change it")]
    FixedAtLoad {
        /// Its key in the policy.
        key: &'static str,
    },
    /// The component's file cannot be read.
    #[error("{path}: {error}", path = shown(.path))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Our fault, or the machine's.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl LoadError {
    /// What lets the component pass, where it is one thing; see [`Refusal::remedy`].
    pub fn remedy(&self) -> Option<&Remedy> {
        match self {
            LoadError::Refused(refusal) => refusal.remedy.as_ref(),
            _ => None,
        }
    }
}

/// A path on a line of its own: file names may be anybody's.
fn shown(path: &Path) -> String {
    crate::escape::line(&path.to_string_lossy()).into_owned()
}

/// Why a component was refused before any of its code ran.
#[derive(Debug, Error)]
#[error("{}", self.text())]
pub struct Refusal {
    /// Which rule.
    pub kind: RefusalKind,
    /// For people, on one line.
    pub message: String,
    /// Every import that stands in the way, when `kind` is [`RefusalKind::Imports`] or
    /// [`RefusalKind::WorldVersion`].
    pub imports: Vec<ImportVerdict>,
    /// What is wrong with the signature, when `kind` is [`RefusalKind::Signature`].
    pub signature: Option<SignatureFault>,
    /// What lets the component pass, where it is one thing. Each of `imports` has its own.
    pub remedy: Option<Remedy>,
}

impl Refusal {
    pub(crate) fn new(kind: RefusalKind, message: impl Into<String>) -> Refusal {
        Refusal {
            kind,
            message: message.into(),
            imports: Vec::new(),
            signature: None,
            remedy: None,
        }
    }

    pub(crate) fn with_remedy(self, remedy: Remedy) -> Refusal {
        Refusal {
            remedy: Some(remedy),
            ..self
        }
    }

    pub(crate) fn signature(fault: SignatureFault, message: String) -> Refusal {
        Refusal {
            signature: Some(fault),
            ..Refusal::new(RefusalKind::Signature, message)
        }
    }

    fn text(&self) -> String {
        let mut text = self.message.clone();
        for import in &self.imports {
            text.push_str("\n  ");
            text.push_str(&import.to_string());
        }
        text
    }
}

/// The rules by which a component is refused. The set may grow; labels never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalKind {
    /// A core module, text, or something else that is no component.
    NotAComponent,
    /// A component that does not validate, or uses a proposal that is off.
    Malformed,
    /// Larger than the policy's `component-size`.
    TooLarge,
    /// It imports what the policy does not grant or this host does not know.
    Imports,
    /// It was built for a version of an interface that this host does not have.
    WorldVersion,
    /// It is not signed as the policy asks.
    Signature,
    /// It has other bytes than it was pinned to.
    Digest,
    /// It takes more time or memory to compile than is allowed, or has a shape that does.
    CompileLimit,
    /// It does not export what is to be called, or with another type.
    MissingExport,
}

impl RefusalKind {
    /// The stable name, as in the report.
    pub fn label(self) -> &'static str {
        match self {
            RefusalKind::NotAComponent => "not-a-component",
            RefusalKind::Malformed => "malformed",
            RefusalKind::TooLarge => "too-large",
            RefusalKind::Imports => "imports",
            RefusalKind::WorldVersion => "world-version",
            RefusalKind::Signature => "signature",
            RefusalKind::Digest => "digest",
            RefusalKind::CompileLimit => "compile-limit",
            RefusalKind::MissingExport => "missing-export",
        }
    }
}

/// The host failed: a bug of ours, or the machine. The guest and the caller learn an id and nothing
/// else; the whole chain of causes is in the log under that id.
#[derive(Debug)]
pub struct HostError {
    id: u64,
    message: String,
}

impl HostError {
    pub(crate) fn new(error: impl fmt::Display) -> HostError {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let message = error.to_string();
        tracing::error!(id, error = %message, "host error");
        HostError { id, message }
    }

    /// From the engine's error, with its causes.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "used as a function in `map_err`"
    )]
    pub(crate) fn engine(error: wasmtime::Error) -> HostError {
        HostError::new(format_args!("{error:#}"))
    }

    /// The number under which the log has this error.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What happened, for the operator; may name paths of the host.
    pub fn detail(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the host failed (error {}); see the log", self.id)
    }
}

impl std::error::Error for HostError {}

/// Why a call gave no report.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The component does not export what was to be called, or with another type.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An earlier call on this session faulted or was cancelled; its store is gone.
    #[error("this session ended with an earlier fault; open a new one")]
    Ended,
    /// As many guests live as may, and as many calls wait for them, or this one has waited until its deadline.
    /// Nothing of it has run: call again later.
    #[error(
        "busy: no guest went in time for this call; try again later, or raise `Builder::concurrency` or \
         `Builder::queue`"
    )]
    Busy,
    /// The arguments do not fit the export's parameters.
    #[error("{0}")]
    Arguments(String),
    /// A blocking call was made from inside an async runtime, which it would bring to a stop.
    #[error("a blocking call was made on a thread of an async runtime; use the async API there")]
    InsideAsync,
    /// Our fault, or the machine's.
    #[error(transparent)]
    Host(#[from] HostError),
}
