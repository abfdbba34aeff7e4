//! Calls with values, whose reports are those of a session here.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize as _;
use serde_json::Value as Data;
use thiserror::Error;
use tollgate::report::{ReportedError, ReturnedError};
use tollgate::value::json::{Json, read};
use tollgate::value::{Function, Type, Value};
use tollgate::{Limits, Outcome, Provider, Report};

use crate::answer::{Answer, Ended};
use crate::error::FleetError;
use crate::serving::Serving;
use crate::submit::Call;

/// The time beyond that of the call itself for which its result is waited for: a worker that dies is noticed after ten seconds.
const AGAIN: Duration = Duration::from_secs(15);

/// The reason why a call has no report.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InvokeError {
    /// No code of the component has run.
    #[error("{kind}: {detail}")]
    Refused {
        /// The kind of the reason, as in [`Ended::Refused`].
        kind: String,
        /// The reason.
        detail: String,
    },
    /// The component ran, and ended in a fault without a report: its result is too large for a message.
    #[error("{kind}: {detail}")]
    Faulted {
        /// The kind of the fault.
        kind: String,
        /// The fault.
        detail: String,
    },
    /// Another version serves now than the one that was asked for, or none.
    #[error("another version serves now; look at it, and call again")]
    Switched,
    /// There is no result in time. The call may still be made.
    #[error("no result in time; the call may still be made")]
    Late,
    /// The fleet failed.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The result is none that the function can have: another version made it, or somebody else wrote it.
    #[error("the result is none of `{0}`; another version may have made it")]
    Misfit(String),
}

impl Serving {
    /// Calls a function with values, in the version of a provider that this catalog gave, and waits for its report. A worker has to begin the call within
    /// `patience`, and its result is waited for that time more, and 15 seconds.
    ///
    /// # Errors
    ///
    /// No worker made the call, there is no result in time, or the server fails.
    pub async fn invoke(
        &self,
        provider: &Provider,
        function: &Function,
        arguments: &[Value],
        key: Option<&str>,
        patience: Duration,
    ) -> Result<Report<Option<Value>, ReturnedError>, InvokeError> {
        let full_name = function.full_name();
        let values: Vec<Json<'_>> = arguments.iter().map(Json).collect();
        let misfit = || InvokeError::Misfit(full_name.clone());
        let arguments = serde_json::to_string(&values).map_err(|_| misfit())?;
        let call = Call::Json {
            function: &full_name,
            arguments: &arguments,
        };
        let name = &*provider.info().name;
        let (version, loaded) = self.version(name).ok_or(InvokeError::Switched)?;
        if !Arc::ptr_eq(loaded.info(), provider.info()) {
            return Err(InvokeError::Switched);
        }
        let longest = patience.saturating_mul(2).saturating_add(AGAIN);
        let called = self
            .fleet
            .call_version(name, version, call, key, patience, longest);
        let answer = called.await?;
        let answer = answer.ok_or(InvokeError::Late)?;
        match answer.ended {
            Ended::Refused { kind, detail } => return Err(InvokeError::Refused { kind, detail }),
            Ended::Faulted { kind, detail } if answer.report.is_none() => {
                return Err(InvokeError::Faulted { kind, detail });
            }
            _ => {}
        }
        report(&answer, function, loaded.limits()).ok_or_else(misfit)
    }
}

/// The report of an answer, whose result is JSON. Its limits are ours: whoever writes results would choose them.
fn report(
    answer: &Answer,
    function: &Function,
    limits: &Limits,
) -> Option<Report<Option<Value>, ReturnedError>> {
    let Some(told) = &answer.report else {
        return None;
    };
    let told = Report::<(), ReportedError>::deserialize(told).ok()?;
    let most = limits.host_memory;
    let value = |text: &str, ty: Option<&Type>| match ty {
        Some(ty) => read(text.as_bytes(), ty, most).ok().map(Some),
        None => matches!(serde_json::from_str(text), Ok(Data::Null)).then_some(None),
    };
    let (ok, err) = match &function.result {
        Some(Type::Result(ok, err)) => (ok.as_deref(), err.as_deref()),
        ty => (ty.as_ref(), None),
    };
    let outcome = match (&told.outcome, &answer.ended) {
        (Outcome::Returned(()), Ended::Returned { result }) => {
            Outcome::Returned(value(result, ok)?)
        }
        (Outcome::Failed(_), Ended::Failed { error, .. }) => Outcome::Failed(ReturnedError {
            value: value(error, err)?,
        }),
        (Outcome::Faulted(fault), Ended::Faulted { .. }) => Outcome::Faulted(fault.clone()),
        _ => return None,
    };
    let mut report = told.with_outcome(outcome);
    report.limits = Arc::new(limits.clone());
    Some(report)
}
