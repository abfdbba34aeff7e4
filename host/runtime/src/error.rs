//! Errors that are not the guest's: a refused component, a host failure.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;
use tollgate_capability::{GrantError, OpenError};
use tollgate_component::{Refusal, Remedy, SourceError, escape};

use crate::wire::cut;

/// The reason why a component was not loaded. None of its code has run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The component was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The policy was built in code and is not valid.
    #[error("the policy is not valid: {0}")]
    Policy(#[from] tollgate_policy::ValueError),
    /// A grant of the policy names something that does not exist, or is not as the policy says.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The policy needs something that this program, as built and configured, cannot support.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The component's file cannot be read.
    #[error("{path}: {error}", path = shown(.path))]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The host failed: a bug of this library, or the machine.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl LoadError {
    /// The change that lets the component pass, if one change does; see [`Refusal::remedy`].
    pub fn remedy(&self) -> Option<&Remedy> {
        match self {
            LoadError::Refused(refusal) => refusal.remedy.as_ref(),
            _ => None,
        }
    }
}

/// A property of a policy that this program, as built and configured, cannot support.
#[derive(Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// The policy gives the guest the output of this process, and the program does not allow it
    /// ([`Builder::allow_inherited_stdio`](crate::Builder::allow_inherited_stdio)).
    #[error(
        "the policy's `grants.wasi.stdio` is \"inherit\", which this program does not allow; \
         write \"captured\""
    )]
    InheritedStdio,
    /// The policy limits compiling, and this program compiles in its own process, without limits.
    #[error(
        "the policy sets `limits.compile-time` or `limits.compile-memory`, which this program cannot keep: \
         it compiles in its own process; leave them out, or build its runtime with `Compiler::Worker`"
    )]
    CompileLimits,
    /// The policy sets a limit on fuel, and this program does not count it.
    #[error(
        "the policy sets `limits.fuel`, which this program does not count: its metering is `deadline-only`; \
         leave it out, or build its runtime with `Metering::Fuel`"
    )]
    Fuel,
    /// A profile was asked for, which counts fuel, and this program does not.
    #[error(
        "a profile is of fuel, which this program does not count: its metering is `deadline-only`; build its runtime \
         with `Metering::Fuel`"
    )]
    Profile,
    /// The component fits no slot of the pool, or needs a stack size of its own, and there is no room outside the pool.
    #[error(
        "the component does not fit the instance pool, and vm.max_map_count leaves no room outside it for \
         {guests} slots; halve `Builder::concurrency` or raise vm.max_map_count"
    )]
    Pool {
        /// The slots of the runtime.
        guests: u32,
    },
    /// The policy needs something that is in this process, and its sessions are in another
    /// ([`Isolation::Process`](crate::Isolation::Process)).
    #[error(
        "{what} does not work where sessions are in a process of their provider; {fix}, or build the runtime with \
         `Isolation::Thread`"
    )]
    Isolated {
        /// The value that cannot pass to the other process, and the reason.
        what: &'static str,
        /// The change that helps.
        fix: &'static str,
    },
    /// The new policy changes a limit that shapes the engine, after loading.
    #[error("the limit `{key}` is fixed when a component is loaded; load it anew to change it")]
    FixedAtLoad {
        /// The limit's key in the policy.
        key: &'static str,
    },
}

impl From<SourceError> for LoadError {
    fn from(error: SourceError) -> LoadError {
        match error {
            SourceError::Refused(refusal) => LoadError::Refused(refusal),
            SourceError::Read { path, error } => LoadError::Read { path, error },
        }
    }
}

impl From<OpenError> for LoadError {
    fn from(error: OpenError) -> LoadError {
        match error {
            OpenError::Grant(error) => LoadError::Grant(error),
            OpenError::Host(failure) => LoadError::Host(HostError::new(failure)),
        }
    }
}

/// Escapes a path to one line: file names may be hostile.
fn shown(path: &Path) -> String {
    escape::line(&path.to_string_lossy()).into_owned()
}

/// The most bytes of a cause that is shown.
pub(crate) const MAX_CAUSE: usize = 16 << 10;

/// Escapes a cause to one line of at most [`MAX_CAUSE`] bytes: it may quote a guest, or be the word of a process that one
/// has taken over.
pub(crate) fn shown_cause(text: &str) -> String {
    const MARK: char = '…';
    let most = MAX_CAUSE.saturating_sub(MARK.len_utf8());
    let part = cut(text, most);
    let safe = escape::whole(part);
    if part.len() == text.len() && safe.len() <= most {
        return safe.into_owned();
    }
    let mut shown = cut(&safe, most).to_owned();
    shown.push(MARK);
    shown
}

/// A failure of the host: a bug of this library or of a host function of the embedding program, or the machine. Reports
/// have only an id. The log, which is events of [`tracing`] at the level of errors, has the whole chain of causes under
/// that id, and so has [`detail`](HostError::detail).
#[derive(Debug)]
pub struct HostError {
    id: u64,
    message: String,
    /// Whether the log takes errors, so that it has this one.
    is_logged: bool,
}

impl HostError {
    /// Logs an error of the host, and gives it a number, which is all that a caller is told of it.
    pub fn new(error: impl fmt::Display) -> HostError {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let message = shown_cause(&error.to_string());
        tracing::error!(id, error = %message, "host error");
        HostError {
            id,
            message,
            is_logged: tracing::enabled!(tracing::Level::ERROR),
        }
    }

    /// Makes an error from the engine's error, with its causes.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "used as a function in `map_err`"
    )]
    pub(crate) fn engine(error: wasmtime::Error) -> HostError {
        HostError::of_engine(&error)
    }

    /// The same for an error that is kept.
    pub(crate) fn of_engine(error: &wasmtime::Error) -> HostError {
        // Each is cut for itself: one may be the engine's trace, with names of the guest that leave no room for the rest.
        let causes = error.chain().map(|cause| cause.to_string());
        let causes = causes.map(|cause| escape::line(&cause).into_owned());
        HostError::new(causes.collect::<Vec<_>>().join(": "))
    }

    /// The number of this error in the log.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The causes, for the operator, escaped to one line; they may name paths of the host.
    pub fn detail(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HostError { id, is_logged, .. } = self;
        let place = if *is_logged {
            "the program's log has the cause under this number"
        } else {
            "no log took the cause, as the program has no `tracing` subscriber for it: `HostError::detail` tells it"
        };
        write!(f, "the host failed (error {id}); {place}")
    }
}

impl std::error::Error for HostError {}

/// The reason why a call gave no report.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The component does not export the function called, or exports it with another type.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An earlier call of this session faulted or was cancelled; its store is gone.
    #[error("this session ended with an earlier fault; open a new one")]
    Ended,
    /// Every slot is taken and the queue is full, or this call waited until its deadline. None of its code has run.
    #[error(
        "busy: no slot became free before the deadline; retry, or raise `Builder::concurrency` or \
         `Builder::queue`"
    )]
    Busy,
    /// The arguments do not fit the export's parameters, or have more bytes than `host-data` allows.
    #[error("{0}")]
    Arguments(String),
    /// A typed call was made, whose closure cannot cross to the process that the session is in, or one that answers a request
    /// of HTTP, whose bodies cannot
    /// ([`Isolation::Process`](crate::Isolation::Process)). None of its code has run.
    #[error(
        "a typed call or one of HTTP is made in this process, and the session is in another; use `run`, `wave`, `invoke` or \
         `command`, or build the runtime with `Isolation::Thread`"
    )]
    Isolated,
    /// A blocking call was made on a thread of an async runtime, which it would block.
    #[error("a blocking call was made on a thread of an async runtime; use the async API there")]
    InsideAsync,
    /// The host failed: a bug of this library, or the machine.
    #[error(transparent)]
    Host(#[from] HostError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_error_says_where_its_cause_is() {
        let said = HostError::new("hunter2").to_string();
        assert!(said.ends_with("`HostError::detail` tells it"), "{said}");
        assert!(!said.contains("hunter2"));
        // A subscriber that takes everything.
        let said =
            tracing::subscriber::with_default(Everything, || HostError::new("hunter2").to_string());
        assert!(
            said.ends_with("the program's log has the cause under this number"),
            "{said}"
        );
    }

    struct Everything;

    impl tracing::Subscriber for Everything {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, _: &tracing::Event<'_>) {}
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }

    #[test]
    fn a_cause_is_one_line_of_bounded_length() {
        assert_eq!(shown_cause("plain: why"), "plain: why");
        let error = HostError::new("\u{1b}]0;owned\u{7}\nERROR forged");
        assert_eq!(error.detail(), "\\u{1b}]0;owned\\u{7}\\nERROR forged");
        for text in ["x", "é", "\u{1b}", "\u{e0001}", "\n"] {
            let long = text.repeat(MAX_CAUSE + 1);
            let shown = shown_cause(&long);
            assert!(shown.len() <= MAX_CAUSE && shown.ends_with('…'), "{text:?}");
            // Showing a shown text again changes nothing.
            assert_eq!(shown_cause(&shown), shown);
        }
        let whole = "x".repeat(MAX_CAUSE - 3);
        assert_eq!(shown_cause(&whole), whole);
    }

    /// The engine puts the trace before the cause, and a guest names the functions in it.
    #[test]
    fn a_trace_with_long_names_leaves_room_for_the_cause() {
        let error = wasmtime::Error::msg("the cause").context("name\n".repeat(100_000));
        let error = HostError::engine(error);
        assert!(error.detail().ends_with("…: the cause"));
        assert!(!error.detail().contains('\n'));
    }
}
