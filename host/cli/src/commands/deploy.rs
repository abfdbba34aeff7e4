//! `tollgate deploy`: puts a version of a provider into the store of a fleet, and switches to it.

use std::path::{Path, PathBuf};

use tollgate::component::signature_path;
use tollgate::{LoadError, Policy, Source};
use tollgate_fleet::Replaced;

use crate::commands::sign::largest;
use crate::files::input::read_small;
use crate::in_tokio;
use crate::options::assumed::AssumedOpts;
use crate::options::fleet::{FleetOpts, reason};
use crate::output::status::{ExitReason, RETURNED};
use crate::output::ui::Ui;
use crate::target::judging_runtime;

const AFTER_HELP: &str = "\
Example: tollgate deploy registry.wasm --policy registry.toml --nats nats://127.0.0.1:4222";

/// The most bytes of a signature, which are more than one has.
const MAX_SIGNATURE: u64 = 4 << 10;

/// Put a component with its policy into the store of a fleet, and have the fleet call it from now on
///
/// COMPONENT.minisig goes with it if it is there. The component is judged first, as by `tollgate check`. Each worker
/// checks all of it itself, under its own ceiling.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The component, a .wasm file
    #[arg(value_name = "COMPONENT")]
    component: PathBuf,
    /// Its policy, a TOML file [default: the default limits, and no grant]
    #[arg(short, long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Its name in the fleet [default: that of the file, without .wasm]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    assumed: AssumedOpts,
    #[command(flatten)]
    fleet: FleetOpts,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let source = Source::file(&opts.component, &largest())?;
    let (text, policy) = match &opts.policy {
        Some(path) => {
            let text = read_small(path, Policy::MAX_TEXT as u64)?;
            let policy = Policy::parse(&text, Path::new("/"))
                .map_err(|error| ExitReason::Policy(path.clone(), error))?;
            (text.to_string(), policy)
        }
        None => (String::new(), Policy::default()),
    };
    let signature = signature_path(&opts.component);
    let signature = match signature.exists() {
        true => Some(read_small(&signature, MAX_SIGNATURE)?),
        false => None,
    };
    let name = opts.name.as_deref().unwrap_or_else(|| source.name());
    let deployed = in_tokio(async {
        // A mistake is told here, and not by each worker.
        opts.judge(&source, &policy, ui).await?;
        let fleet = opts.fleet.connect().await?;
        let signature = signature.as_ref().map(|text| text.as_str());
        let deployed = fleet
            .deploy(name, source.as_bytes(), &text, signature)
            .await;
        deployed.map_err(reason)
    })?;
    let switched = match deployed.replaced {
        Replaced::Component(before) => format!("in place of sha256:{before}"),
        Replaced::Policy => "with another policy or signature than before".to_owned(),
        Replaced::Same => "as before".to_owned(),
        _ => "and served no other version before".to_owned(),
    };
    ui.note(&format!(
        "{name} is sha256:{}, {switched}",
        deployed.component
    ));
    Ok(RETURNED)
}

impl Opts {
    /// Examines the component, and judges its imports by the policy.
    async fn judge(&self, source: &Source, policy: &Policy, ui: &Ui) -> Result<(), ExitReason> {
        let about = |reason| ExitReason::About(self.component.clone(), Box::new(reason));
        let runtime = judging_runtime(&self.assumed)?;
        let vetted = runtime.inspect(source, policy).await;
        let vetted = vetted.map_err(|error| match error {
            LoadError::Refused(refusal) => about(ExitReason::Refused(refusal)),
            error => error.into(),
        })?;
        let verdict = runtime.judge(&vetted.inspection, &policy.grants);
        match verdict.refusal() {
            Some(refusal) => {
                AssumedOpts::note_cure(&refusal.imports, ui);
                Err(about(ExitReason::Refused(refusal)))
            }
            None => Ok(()),
        }
    }
}
