//! `tollgate call`: calls any exported function, with arguments and result in WAVE notation.

use tollgate::embed::check_expression;
use tollgate::{Outcome, escape};

use crate::in_tokio;
use crate::options::cache::CacheOpts;
use crate::options::component::ComponentOpts;
use crate::options::wall::WallOpts;
use crate::output::outcome;
use crate::output::status::{ExitReason, status};
use crate::output::text;
use crate::output::ui::Ui;
use crate::target::{LoadedTarget, Target};

const AFTER_HELP: &str = "\
Examples:
  tollgate call registry.wasm 'resolve(\"^1\", \"linux/x86_64\")' --policy registry.toml
  tollgate call registry.wasm 'tollgate:releases/list-versions.list-versions()' --policy registry.toml";

/// Call any exported function and print its result, in WAVE notation
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    #[command(flatten)]
    component: ComponentOpts,
    /// The call: NAME(ARGUMENT, …), with the interface in front if the name alone is ambiguous
    #[arg(value_name = "EXPR")]
    expression: String,
    #[command(flatten)]
    cache: CacheOpts,
    #[command(flatten)]
    wall: WallOpts,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    // A component made of Python takes 20 s to compile; a syntax error is reported before that.
    check_expression(&opts.expression).map_err(|error| ExitReason::Usage(error.to_string()))?;
    let cache = opts.cache.open(ui, opts.component.has_stderr())?;
    let target = Target::open(&opts.component, cache, ui)?;
    let mut loaded = in_tokio(target.load())?;
    loaded.raise(&opts.wall)?;
    in_tokio(call(opts, &loaded, ui))
}

async fn call(opts: &Opts, loaded: &LoadedTarget<'_>, ui: &Ui) -> Result<u8, ExitReason> {
    let LoadedTarget { target, provider } = loaded;
    let mut session = provider.session();
    let called = session.wave(&opts.expression).await;
    let report = called.map_err(|error| loaded.call_error(error))?;
    outcome::print_outcome(ui, &target.reporter, &report, |error| {
        Some(format!(
            "the provider returned {}",
            escape::line(&error.text)
        ))
    })?;
    if !target.reporter.is_stderr() {
        outcome::print_stdio_tail(ui, &report);
    }
    if let Outcome::Returned(value) = &report.outcome
        && !value.is_empty()
    {
        ui.result(text::one_line(value) + "\n")?;
    }
    Ok(status(&report))
}
