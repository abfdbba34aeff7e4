//! The outcome of a load or a call, in a word.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use tollgate::load::RefusalKind;
use tollgate::report::Usage;
use tollgate::{CallError, LoadError, Outcome, Report};

/// The result of a load or of a call.
pub(crate) struct Came {
    pub(crate) label: String,
    /// More about it, for the reader.
    pub(crate) detail: String,
    /// The trap's name.
    pub(crate) trap: Option<String>,
    pub(crate) usage: Option<Usage>,
    pub(crate) elapsed: Duration,
    /// Whether the session can still be called.
    pub(crate) alive: bool,
}

impl Came {
    pub(crate) fn new(label: impl Into<String>, detail: impl Into<String>) -> Came {
        Came {
            label: label.into(),
            detail: detail.into(),
            trap: None,
            usage: None,
            elapsed: Duration::ZERO,
            alive: false,
        }
    }

    /// Whether the engine found that the guest breaks the component model's rules.
    pub(crate) fn is_canonical_abi(&self) -> bool {
        self.trap.as_deref() == Some("canonical-abi")
    }

    /// Whether a call came to its end.
    pub(crate) fn is_done(&self) -> bool {
        matches!(&*self.label, "returned" | "failed")
    }
}

/// A panic outside of the library's own guard is an outcome as well.
pub(crate) async fn guarded(call: impl Future<Output = Came>) -> Came {
    let mut call = std::pin::pin!(call);
    std::future::poll_fn(|context| {
        let polled = AssertUnwindSafe(|| call.as_mut().poll(context));
        match std::panic::catch_unwind(polled) {
            Ok(polled) => polled,
            Err(_) => std::task::Poll::Ready(Came::new("panic", "the call panicked")),
        }
    })
    .await
}

/// The result of a load that failed.
pub(crate) fn not_loaded(error: &LoadError) -> Came {
    match error {
        LoadError::Refused(refusal) if refusal.kind == RefusalKind::Imports => {
            Came::new("refused", "imports")
        }
        LoadError::Refused(refusal) => Came::new("refused", refusal.to_string()),
        LoadError::Host(error) => Came::new("host-error", error.detail()),
        error => Came::new("not-loaded", error.to_string()),
    }
}

pub(crate) fn told<T, E>(result: Result<Report<T, E>, CallError>) -> Came {
    match result {
        Ok(report) => {
            let mut came = match &report.outcome {
                Outcome::Faulted(fault) => Came {
                    trap: fault.trap.clone(),
                    ..Came::new(fault.label(), fault.to_string())
                },
                other => Came::new(other.label(), ""),
            };
            came.usage = Some(report.usage);
            came
        }
        Err(CallError::Host(error)) => Came::new("host-error", error.detail()),
        Err(CallError::Isolated) => Came::new("isolated", "a typed call is made in this process"),
        Err(CallError::Busy) => Came::new("busy", "no place was free"),
        Err(error) => Came::new("call-error", error.to_string()),
    }
}
