//! The options of a command that works with a fleet.

use std::path::PathBuf;

use tollgate_fleet::{Connect, Fleet, FleetError, Tenant};

use crate::output::status::ExitReason;

/// The way to the fleet.
#[derive(clap::Args)]
#[command(next_help_heading = "Fleet")]
pub(crate) struct FleetOpts {
    /// The server of NATS, with JetStream: nats://HOST:PORT, or tls://HOST:PORT; more with commas between them
    #[arg(
        long,
        value_name = "URL",
        env = "TOLLGATE_NATS",
        hide_env_values = true
    )]
    nats: String,
    /// The credentials for it, a .creds file
    #[arg(long, value_name = "FILE")]
    creds: Option<PathBuf>,
    /// The authorities of its certificate, PEM [default: those of the platform]
    #[arg(long, value_name = "FILE")]
    nats_ca: Option<PathBuf>,
    /// The tenant: workers, versions and calls of one see none of another
    #[arg(long, value_name = "NAME", default_value_t)]
    tenant: Tenant,
}

impl FleetOpts {
    pub(crate) async fn connect(&self) -> Result<Fleet, ExitReason> {
        let connect = Connect {
            servers: self.nats.clone(),
            credentials: self.creds.clone(),
            authorities: self.nats_ca.clone(),
            tenant: self.tenant.clone(),
        };
        Fleet::connect(&connect).await.map_err(reason)
    }

    /// The files that a component may not see.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.creds.iter().chain(&self.nats_ca)
    }
}

/// The reason for the end of a command.
pub(crate) fn reason(error: FleetError) -> ExitReason {
    match error {
        FleetError::NotDeployed(name) => ExitReason::Usage(format!(
            "no version of `{name}` serves in this fleet; put one there with `tollgate deploy COMPONENT --name {name}`"
        )),
        FleetError::Name(_) | FleetError::Key(_) | FleetError::TooLarge { .. } => {
            ExitReason::Usage(error.to_string())
        }
        error => ExitReason::Host(error.to_string()),
    }
}
