//! `tollgate call`: calls any exported function, with arguments and result in WAVE notation.

use std::path::Path;
use std::sync::Arc;

use tollgate::approve::Approver;
use tollgate::value::json::Json;
use tollgate::{CallError, Outcome, escape};

use crate::files::{arguments, terminal};
use crate::in_tokio;
use crate::options::cache::CacheOpts;
use crate::options::component::ComponentOpts;
use crate::options::wall::WallOpts;
use crate::output::outcome::{self, StatsOpts};
use crate::output::report::pretty;
use crate::output::status::{ExitReason, status};
use crate::output::ui::Ui;
use crate::output::{text, value};
use crate::target::{LoadedTarget, Target};

const AFTER_HELP: &str = "\
Examples:
  tollgate call registry.wasm 'resolve(\"^1\", \"linux/x86_64\")' --policy registry.toml
  tollgate call registry.wasm 'tollgate:releases/list-versions.list-versions()' --policy registry.toml
  tollgate call echo.wasm 'run(\"hello\")'
  tollgate call ledger.wasm 'parse(@\"statement.csv\")' --json";

/// Call any exported function and print its result, in WAVE notation
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    #[command(flatten)]
    component: ComponentOpts,
    /// The call: NAME(ARGUMENT, …), with the interface in front if the name alone is ambiguous; @"FILE" is what the
    /// file holds, @"-" stdin
    #[arg(value_name = "EXPR")]
    expression: String,
    #[command(flatten)]
    cache: CacheOpts,
    #[command(flatten)]
    wall: WallOpts,
    #[command(flatten)]
    stats: StatsOpts,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    // A component made of Python takes 20 s to compile; a syntax error is reported before that.
    if opts.component.policy.is_stdin() && arguments::names_stdin(&opts.expression) {
        return Err(ExitReason::Usage(
            "@\"-\": stdin is the policy already; give one of the two as a file".to_owned(),
        ));
    }
    let expression = arguments::checked(&opts.expression, Path::new(""))?;
    let cache = opts.cache.open(ui, opts.component.has_stderr())?;
    let target = Target::open(&opts.component, cache, ui)?;
    let mut loaded = in_tokio(target.load())?;
    let approver = terminal::approver(
        &loaded.target.policy,
        &opts.component,
        &opts.wall,
        arguments::names_stdin(&opts.expression),
        ui,
    )?;
    loaded.raise(&opts.wall)?;
    in_tokio(call(opts, approver, &expression, &loaded, ui))
}

async fn call(
    opts: &Opts,
    approver: Option<Arc<dyn Approver>>,
    expression: &str,
    loaded: &LoadedTarget<'_>,
    ui: &Ui,
) -> Result<u8, ExitReason> {
    let LoadedTarget { target, provider } = loaded;
    let mut session = loaded.session(approver);
    let called = session.wave(expression).await;
    let report = called.map_err(|error| match error {
        CallError::Arguments(_) if expression != opts.expression => {
            ExitReason::Usage(arguments::unfit(&opts.expression))
        }
        error => loaded.call_error(error),
    })?;
    outcome::print_outcome(ui, &target.reporter, &opts.stats, &report, |error| {
        Some(format!(
            "the provider returned {}",
            escape::line(&error.text)
        ))
    })?;
    if !target.reporter.is_stderr() {
        outcome::print_stdio_tail(ui, &report);
    }
    outcome::wait_for_output(&report, provider.limits().deadline).await?;
    if let Outcome::Returned(wave) = &report.outcome {
        let ty = value::result_type(expression, &loaded.provider);
        if opts.component.json {
            let no_json = || ExitReason::Host("the result has no form in JSON".to_owned());
            let value = ty.map(|ty| value::parse(wave, ty).ok_or_else(no_json));
            ui.result(pretty(&value.transpose()?.as_ref().map(Json)))?;
        } else if let Some(ty) = ty {
            ui.result(text::one_line(&value::with_text(wave, ty)) + "\n")?;
        }
    }
    Ok(status(&report))
}
