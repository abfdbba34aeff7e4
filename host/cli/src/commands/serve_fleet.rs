//! `tollgate serve --fleet`: the providers of a fleet behind HTTP, called by its workers.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tollgate::Runtime;
use tollgate::policy::Policy;
use tollgate_fleet::{Connect, Fleet, FleetError, InvokeError, Serving};
use tollgate_serve::{AuditLog, CallElsewhere, Elsewhere, MadeElsewhere, Metrics, NotMade, Server};

use crate::commands::fleet_state::{self, FleetState};
use crate::options::fleet::reason;
use crate::options::folder::eprint_event;
use crate::output::status::ExitReason;
use crate::output::ui::Ui;

/// The shortest time for a worker to begin a call, however short its deadline is.
const BEGIN: Duration = Duration::from_secs(1);

/// The words for a fleet whose server does not answer, or with an error. The log has the cause.
const AWAY: &str = "the fleet is not reached, or does not do what is asked; retry";

/// A server of the providers of a fleet.
pub(super) async fn server(
    connect: &Connect,
    ceiling: Policy,
    ui: &Ui,
    runtime: Runtime,
    changed: watch::Sender<()>,
    (metrics, audit): (&Metrics, Option<&AuditLog>),
) -> Result<Server, ExitReason> {
    let fleet = Fleet::connect(connect).await.map_err(reason)?;
    let state = FleetState::default();
    tokio::spawn(state.clone().follow(fleet.clone(), metrics.clone()));
    let is_quiet = ui.quiet();
    if !is_quiet {
        tokio::spawn(fleet_state::tell(state.reached()));
    }
    let changed = move |change: tollgate_fleet::Change| {
        changed.send_replace(());
        if !is_quiet {
            eprint_event(&change.to_string());
        }
    };
    let refused = {
        let (metrics, audit) = (metrics.clone(), audit.cloned());
        move |provider: &str, digest: &str, why: &str| {
            metrics.refused();
            if let Some(audit) = &audit {
                audit.refused(provider, digest, why);
            }
        }
    };
    let serving = fleet.serving(runtime, ceiling, changed, refused).await;
    let serving = Arc::new(serving.map_err(reason)?);
    let elsewhere = InFleet {
        serving: Arc::clone(&serving),
        fleet,
        state,
    };
    Ok(Server::new(serving).elsewhere(elsewhere))
}

struct InFleet {
    serving: Arc<Serving>,
    fleet: Fleet,
    state: FleetState,
}

impl Elsewhere for InFleet {
    fn invoke<'c>(
        &'c self,
        call: CallElsewhere<'c>,
    ) -> Pin<Box<dyn Future<Output = MadeElsewhere> + Send + 'c>> {
        Box::pin(async move {
            // Requests to a server that is not there take their time to fail.
            if !self.is_ready() {
                return Err(NotMade::Busy(AWAY.to_owned()));
            }
            // Without a key each request is a call of its own.
            let key = match call.key {
                Some(text) => tollgate_fleet::key_of(text),
                None => self.fleet.fresh_key(),
            };
            let patience = call.provider.limits().deadline.max(BEGIN);
            let made = self.serving.invoke(
                call.provider,
                call.function,
                call.arguments,
                Some(&key),
                patience,
            );
            made.await.map_err(|error| {
                if matches!(error, InvokeError::Fleet(FleetError::Nats { .. })) {
                    self.state.doubt();
                }
                not_made(&call.provider.info().name, error)
            })
        })
    }

    fn is_ready(&self) -> bool {
        self.fleet.is_connected() && self.state.is_reached()
    }
}

fn not_made(provider: &str, error: InvokeError) -> NotMade {
    match error {
        InvokeError::Refused { kind, detail } => match &*kind {
            "arguments" => NotMade::Arguments(detail),
            "expired" => NotMade::Busy("no worker took the call in time; retry".to_owned()),
            _ => NotMade::Refused { kind, detail },
        },
        InvokeError::Faulted { kind, detail } => NotMade::Faulted { kind, detail },
        InvokeError::Switched => NotMade::Busy(error.to_string()),
        InvokeError::Late | InvokeError::Fleet(FleetError::Unacknowledged) => NotMade::Late,
        InvokeError::Fleet(error @ FleetError::Full) => NotMade::Busy(error.to_string()),
        InvokeError::Fleet(error @ FleetError::TooLarge { .. }) => {
            NotMade::Arguments(error.to_string())
        }
        InvokeError::Fleet(error @ FleetError::Nats { .. }) => {
            tracing::warn!(%error, "the fleet");
            NotMade::Busy(AWAY.to_owned())
        }
        error => NotMade::Failed(format!("{provider}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fuel of a call that may be made stays taken.
    #[test]
    fn a_call_that_the_server_may_have_may_be_made() {
        let late = not_made("a", InvokeError::Fleet(FleetError::Unacknowledged));
        assert!(matches!(late, NotMade::Late), "{late:?}");
        let full = not_made("a", InvokeError::Fleet(FleetError::Full));
        assert!(matches!(full, NotMade::Busy(_)), "{full:?}");
    }
}
