//! The options of a command that works with a fleet.

use std::path::{Path, PathBuf};

use tollgate::policy::Policy;
use tollgate_fleet::{Connect, Fleet, FleetError, Tenant};

use crate::options::policy;
use crate::output::status::ExitReason;

/// The way to the fleet.
#[derive(clap::Args)]
pub(crate) struct FleetOpts {
    /// The server of NATS, with JetStream: nats://HOST:PORT, or tls://HOST:PORT; more with commas between them
    #[arg(
        long,
        value_name = "URL",
        help_heading = "Fleet",
        env = "TOLLGATE_NATS",
        hide_env_values = true,
        default_value = "nats://127.0.0.1:4222"
    )]
    nats: String,
    /// The credentials for it, a .creds file
    #[arg(long, help_heading = "Fleet", value_name = "FILE")]
    creds: Option<PathBuf>,
    /// The authorities of its certificate, PEM [default: those of the platform]
    #[arg(long, help_heading = "Fleet", value_name = "FILE")]
    nats_ca: Option<PathBuf>,
    /// The tenant: workers, versions and calls of one see none of another
    #[arg(long, help_heading = "Fleet", value_name = "NAME", default_value_t)]
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

/// The fleet that makes the calls of a server.
#[derive(clap::Args)]
pub(crate) struct ServedOpts {
    /// Serve what is deployed in a fleet, and have its workers make the calls: the server of NATS, as for `tollgate worker --nats`.
    /// Takes no component of `wasi:http`
    #[arg(long, help_heading = "Fleet", value_name = "URL", conflicts_with_all = ["folder", "policies", "routes", "isolate", "warm", "queue"])]
    fleet: Option<String>,
    /// The credentials for it, a .creds file
    #[arg(long, help_heading = "Fleet", value_name = "FILE", requires = "fleet")]
    creds: Option<PathBuf>,
    /// The authorities of its certificate, PEM [default: those of the platform]
    #[arg(long, help_heading = "Fleet", value_name = "FILE", requires = "fleet")]
    nats_ca: Option<PathBuf>,
    /// The tenant [default: default]
    #[arg(long, help_heading = "Fleet", value_name = "NAME", requires = "fleet")]
    tenant: Option<Tenant>,
    /// A policy that no policy of the fleet may exceed, as for `tollgate worker`
    #[arg(long, help_heading = "Fleet", value_name = "FILE", requires = "fleet")]
    ceiling: Option<PathBuf>,
}

impl ServedOpts {
    /// The way to the fleet, if there is one.
    pub(crate) fn connect(&self) -> Result<Option<Connect>, ExitReason> {
        let Some(servers) = self.fleet.clone() else {
            // The parser does not require an option that another one excludes.
            let options = [
                ("--creds", self.creds.is_some()),
                ("--nats-ca", self.nats_ca.is_some()),
                ("--tenant", self.tenant.is_some()),
                ("--ceiling", self.ceiling.is_some()),
            ];
            let given = options.into_iter().find(|(_, is_given)| *is_given);
            return given.map_or(Ok(None), |(option, _)| {
                Err(ExitReason::Usage(format!(
                    "{option} is for a fleet; give --fleet URL in place of the folder, or leave it out"
                )))
            });
        };
        Ok(Some(Connect {
            servers,
            credentials: self.creds.clone(),
            authorities: self.nats_ca.clone(),
            tenant: self.tenant.clone().unwrap_or_default(),
        }))
    }

    /// The ceiling of its policies.
    pub(crate) fn ceiling(&self) -> Result<Policy, ExitReason> {
        ceiling(self.ceiling.as_deref())
    }

    /// The files that a component may not see.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.creds.iter().chain(&self.nats_ca).chain(&self.ceiling)
    }
}

/// The ceiling in a file. Without one nothing is granted.
pub(crate) fn ceiling(path: Option<&Path>) -> Result<Policy, ExitReason> {
    match path {
        Some(path) => policy::read(path),
        None => Ok(Policy::default()),
    }
}

/// The reason for the end of a command.
pub(crate) fn reason(error: FleetError) -> ExitReason {
    match error {
        FleetError::NotDeployed(name) => ExitReason::Usage(format!(
            "no version of `{name}` serves in this fleet; put one there with `tollgate deploy COMPONENT --name {name}`"
        )),
        FleetError::Name(_)
        | FleetError::Key(_)
        | FleetError::TooLarge { .. }
        | FleetError::File { .. } => ExitReason::Usage(error.to_string()),
        FleetError::Connect { .. } => ExitReason::Host(format!(
            "{error}; start `nats-server -js` there, or name another address"
        )),
        error => ExitReason::Host(error.to_string()),
    }
}
