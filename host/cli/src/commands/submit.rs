//! `tollgate submit`: a call that a worker of a fleet makes.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize as _;
use tollgate::report::ReportedError;
use tollgate::{Report, escape};
use tollgate_fleet::{Answer, Ended};

use crate::files::arguments;
use crate::in_tokio;
use crate::options::fleet::{FleetOpts, reason};
use crate::output::outcome::print_details;
use crate::output::report::pretty;
use crate::output::status::{ExitReason, FAILED, FAULTED, REFUSED, RETURNED};
use crate::output::ui::Ui;

const AFTER_HELP: &str = "\
Example: tollgate submit registry 'resolve(\"^1\", \"linux/x86_64\")' --nats nats://127.0.0.1:4222";

/// Call a function of a provider of a fleet and print its result, in WAVE notation
///
/// The same call of the same version is made once, and gets the first result for an hour; a key of its own makes it another call.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The provider's name in the fleet
    #[arg(value_name = "NAME")]
    name: String,
    /// The call: FUNCTION(ARGUMENT, …), as for `tollgate call`
    #[arg(value_name = "EXPR")]
    expression: String,
    /// The key of the call: two calls of one key are one
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Seconds to wait for the result, and for a worker to begin the call
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    wait: u32,
    /// Print the key of the call, and wait for nothing
    #[arg(long)]
    no_wait: bool,
    /// Print the result with its report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    fleet: FleetOpts,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let expression = arguments::checked(&opts.expression, Path::new(""))?;
    let patience = Duration::from_secs(opts.wait.into());
    let key = opts.key.as_deref();
    let answer = in_tokio(async {
        let fleet = opts.fleet.connect().await?;
        let submitted = fleet.submit(&opts.name, &expression, key, patience).await;
        let submitted = submitted.map_err(reason)?;
        if opts.no_wait {
            ui.result(submitted.key + "\n")?;
            return Ok(None);
        }
        let answer = fleet.wait(&submitted.key, patience).await.map_err(reason)?;
        answer.map(Some).ok_or_else(|| {
            ExitReason::Host(format!(
                "no result after {} s; the call is in the queue, and the same command waits for it again",
                opts.wait
            ))
        })
    })?;
    answer.map_or(Ok(RETURNED), |answer| shown(opts, &answer, ui))
}

fn shown(opts: &Opts, answer: &Answer, ui: &Ui) -> Result<u8, ExitReason> {
    let status = match &answer.ended {
        Ended::Returned { .. } => RETURNED,
        Ended::Failed { .. } => FAILED,
        Ended::Faulted { .. } => FAULTED,
        _ => REFUSED,
    };
    if opts.json {
        ui.result(pretty(answer))?;
        return Ok(status);
    }
    let report = answer.report.as_ref();
    let report = report.and_then(|report| Report::<(), ReportedError>::deserialize(report).ok());
    if let Some(report) = report {
        print_details(ui, &report);
    }
    match &answer.ended {
        Ended::Returned { result } => ui.result(escape::line(result).into_owned() + "\n")?,
        Ended::Failed { error, .. } => {
            ui.error(&format!("the provider returned {}", escape::line(error)));
        }
        Ended::Faulted { detail, .. } => ui.error(&escape::line(detail)),
        Ended::Refused { kind, detail } => {
            ui.error(&format!("{}: {}", escape::line(kind), escape::line(detail)));
        }
        _ => ui.error("the fleet is of a newer version"),
    }
    Ok(status)
}
