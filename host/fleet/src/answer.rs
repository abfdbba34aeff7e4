//! The result of a call, as it is kept and told.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate::report::{ErrorReport as _, ReturnedError, WaveError};
use tollgate::value::Value as Values;
use tollgate::value::json::Json;
use tollgate::{Fault, Outcome, Report, escape};

/// The result of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The key of the call.
    pub key: String,
    /// The end of the call.
    #[serde(flatten)]
    pub ended: Ended,
    /// The worker that made it.
    pub worker: String,
    /// The times that it was begun, of which this was the last: 1 unless a worker died or gave it back.
    pub attempts: u32,
    /// The report, if the component was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Value>,
}

/// The end of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Ended {
    /// It returned.
    Returned {
        /// The result, in WAVE or, for a call with JSON arguments, in JSON.
        result: String,
    },
    /// The provider returned an error of its own.
    Failed {
        /// The case of the error.
        kind: String,
        /// In WAVE the whole result, `err(…)`; in JSON its value.
        error: String,
    },
    /// A limit was reached, or the guest trapped.
    Faulted {
        /// The kind of the fault.
        kind: String,
        /// The fault.
        detail: String,
    },
    /// No code of the component has run.
    Refused {
        /// The kind of the reason: `expired`, `digest`, `ceiling`, `policy`, `arguments`, `dead`, or one of a refusal.
        kind: String,
        /// The reason.
        detail: String,
    },
}

impl Ended {
    pub(crate) fn refused(kind: &str, detail: impl AsRef<str>) -> Ended {
        Ended::Refused {
            kind: kind.to_owned(),
            detail: escape::line(detail.as_ref()).into_owned(),
        }
    }

    /// The end of a call in WAVE.
    pub(crate) fn of(report: &Report<String, WaveError>) -> Ended {
        match &report.outcome {
            Outcome::Returned(result) => Ended::Returned {
                result: result.clone(),
            },
            Outcome::Failed(error) => Ended::Failed {
                kind: error.kind(),
                error: error.text.clone(),
            },
            Outcome::Faulted(fault) => Ended::fault(fault),
        }
    }

    /// The end of a call with values.
    pub(crate) fn of_values(
        report: &Report<Option<Values>, ReturnedError>,
    ) -> serde_json::Result<Ended> {
        let text = |value: &Option<Values>| serde_json::to_string(&value.as_ref().map(Json));
        Ok(match &report.outcome {
            Outcome::Returned(value) => Ended::Returned {
                result: text(value)?,
            },
            Outcome::Failed(error) => Ended::Failed {
                kind: error.kind(),
                error: text(&error.value)?,
            },
            Outcome::Faulted(fault) => Ended::fault(fault),
        })
    }

    fn fault(fault: &Fault) -> Ended {
        Ended::Faulted {
            kind: fault.label().to_owned(),
            detail: fault.to_string(),
        }
    }
}

impl Answer {
    /// The end of a call that no worker has begun.
    pub(crate) fn expired(key: &str) -> Answer {
        let why = "no worker took the call before its submitter stopped to wait; submit it again";
        Answer {
            key: key.to_owned(),
            ended: Ended::refused("expired", why),
            worker: String::new(),
            attempts: 0,
            report: None,
        }
    }

    pub(crate) fn to_json(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        escape::json(&text).into_owned()
    }
}
