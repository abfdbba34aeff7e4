//! Calls that are made somewhere else than in this process.

use std::pin::Pin;

use http::StatusCode;
use tollgate::approve::Approver;
use tollgate::report::ReturnedError;
use tollgate::value::{Function, Value};
use tollgate::{HostError, Provider, Report, Session};

use crate::problem::Problem;

/// A call on its way to another place.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct CallElsewhere<'c> {
    /// The provider, as the catalog has it.
    pub provider: &'c Provider,
    /// The function.
    pub function: &'c Function,
    /// Its arguments, which fit it.
    pub arguments: &'c [Value],
    /// The `Idempotency-Key` of the request and the name of its caller, as one text. Two calls of one key are one.
    pub key: Option<&'c str>,
}

/// The reason why a call was not made.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotMade {
    /// The arguments do not fit: another version serves there.
    Arguments(String),
    /// There is no room for it now.
    Busy(String),
    /// It was refused before any code ran.
    Refused {
        /// A stable name for programs.
        kind: String,
        /// Text for people.
        detail: String,
    },
    /// The component ran, and ended in a fault without a report.
    Faulted {
        /// The kind of the fault.
        kind: String,
        /// Text for people.
        detail: String,
    },
    /// There is no result in time. The call may still be made.
    Late,
    /// The other place failed. The cause goes to the log, under a number that the caller is told.
    Failed(String),
}

/// The report of a call with values.
pub(crate) type Done = Report<Option<Value>, ReturnedError>;

/// The end of a call that was made elsewhere: as it would be here.
pub type MadeElsewhere = Result<Report<Option<Value>, ReturnedError>, NotMade>;

/// Makes the calls of a server elsewhere: [`Server::elsewhere`](crate::Server::elsewhere).
pub trait Elsewhere: Send + Sync {
    /// Makes a call, and waits for its end.
    fn invoke<'c>(
        &'c self,
        call: CallElsewhere<'c>,
    ) -> Pin<Box<dyn Future<Output = MadeElsewhere> + Send + 'c>>;

    /// Whether calls can be made there now, which `/readyz` tells.
    fn is_ready(&self) -> bool;
}

/// The reason why a call has no report.
pub(crate) struct NotDone {
    pub(crate) problem: Problem,
    /// The call may have run, or still run.
    pub(crate) may_run: bool,
}

/// The place of a call.
pub(crate) enum Place<'s> {
    Here(Session),
    Elsewhere {
        by: &'s dyn Elsewhere,
        provider: Provider,
        key: Option<String>,
    },
}

impl<'s> Place<'s> {
    pub(crate) fn of(by: Option<&'s dyn Elsewhere>, provider: &Provider) -> Place<'s> {
        match by {
            None => Place::Here(provider.session()),
            Some(by) => Place::Elsewhere {
                by,
                provider: provider.clone(),
                key: None,
            },
        }
    }

    /// With somebody who answers questions. There is nobody elsewhere.
    pub(crate) fn approver(self, approver: std::sync::Arc<dyn Approver>) -> Place<'s> {
        match self {
            Place::Here(session) => Place::Here(session.with_approver(approver)),
            elsewhere => elsewhere,
        }
    }

    /// With the key of the request. A call here is not made twice.
    pub(crate) fn key(mut self, of_request: Option<String>) -> Place<'s> {
        if let Place::Elsewhere { key, .. } = &mut self {
            *key = of_request;
        }
        self
    }

    pub(crate) async fn invoke(
        self,
        function: &Function,
        arguments: &[Value],
    ) -> Result<Done, NotDone> {
        match self {
            Place::Here(mut session) => {
                let done = session.invoke(&function.full_name(), arguments).await;
                done.map_err(|error| NotDone {
                    problem: error.into(),
                    may_run: false,
                })
            }
            Place::Elsewhere { by, provider, key } => {
                let call = CallElsewhere {
                    provider: &provider,
                    function,
                    arguments,
                    key: key.as_deref(),
                };
                by.invoke(call).await.map_err(|why| NotDone {
                    may_run: matches!(why, NotMade::Late | NotMade::Faulted { .. }),
                    problem: why.into(),
                })
            }
        }
    }
}

impl From<NotMade> for Problem {
    fn from(why: NotMade) -> Problem {
        match why {
            NotMade::Arguments(what) => Problem::bad("arguments", what),
            NotMade::Busy(why) => Problem::busy(&why),
            NotMade::Refused { kind, detail } | NotMade::Faulted { kind, detail } => {
                Problem::new(StatusCode::BAD_GATEWAY, kind, detail)
            }
            NotMade::Late => Problem::new(
                StatusCode::GATEWAY_TIMEOUT,
                "late",
                "no result in time; the call may still be made",
            ),
            NotMade::Failed(why) => Problem::host(&HostError::new(why)),
        }
    }
}
