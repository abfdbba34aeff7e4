//! `tollgate call`: any export, by a line of WAVE.

use tollgate::{Outcome, check_expression, escape};

use crate::cache_opts::CacheOpts;
use crate::load::Subject;
use crate::options::ComponentOpts;
use crate::outcome;
use crate::output::Ui;
use crate::stop::{FAILED, FAULTED, RETURNED, Stop};
use crate::text;

const AFTER_HELP: &str = "\
Examples:
  tollgate call registry.wasm 'resolve(\"^1\", \"linux/x86_64\")' --policy registry.toml
  tollgate call registry.wasm 'tollgate:releases/list-versions.list-versions()' --policy registry.toml";

/// Call any export and print what it returns, in WAVE notation
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    #[command(flatten)]
    component: ComponentOpts,
    /// The call: NAME(ARGUMENT, …), with the interface in front where the name alone is ambiguous
    #[arg(value_name = "EXPR")]
    expression: String,
    #[command(flatten)]
    cache: CacheOpts,
}

pub(crate) async fn run(opts: Opts, ui: &Ui) -> Result<u8, Stop> {
    // A component made of Python takes 20 s to compile; a missing parenthesis is told at once.
    check_expression(&opts.expression).map_err(|error| Stop::Usage(error.to_string()))?;
    let cache = opts.cache.open(ui, opts.component.has_stderr())?;
    let subject = Subject::open(&opts.component, cache, ui)?;
    let provider = subject.load().await?;
    let mut session = provider.session();
    let called = session.wave(&opts.expression).await;
    let report = called.map_err(|error| subject.no_call(error))?;
    outcome::tell(ui, &subject.reporter, &report, |error| {
        Some(format!(
            "the provider returned {}",
            escape::line(&error.text)
        ))
    })?;
    if !subject.reporter.is_stderr() {
        outcome::last_words(ui, &report);
    }
    match report.outcome {
        Outcome::Returned(value) => {
            if !value.is_empty() {
                ui.result(text::one_line(&value) + "\n")?;
            }
            Ok(RETURNED)
        }
        Outcome::Failed(_) => Ok(FAILED),
        Outcome::Faulted(_) => Ok(FAULTED),
    }
}
