//! `tollgate profile`: calls a provider and draws where its fuel went.

mod flame;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tollgate::policy::{Access, Protected};
use tollgate::profile::Profile;
use tollgate::report::ErrorReport;
use tollgate::{CallError, Report, escape};

use self::flame::Flame;
use crate::commands::run::{InputOpts, command_input, no_arguments, read};
use crate::files::arguments;
use crate::files::output::OutputFile;
use crate::in_tokio;
use crate::options::cache::CacheOpts;
use crate::options::component::ComponentOpts;
use crate::options::wall::WallOpts;
use crate::output::outcome::{self, StatsOpts};
use crate::output::status::{ExitReason, Failure, status};
use crate::output::table::{self, Cell};
use crate::output::text;
use crate::output::ui::Ui;
use crate::target::{LoadedTarget, Target};

const AFTER_HELP: &str = "\
Examples:
  tollgate profile echo.wasm -o echo.svg --input-text hello
  tollgate profile ledger.wasm 'parse(@\"statement.csv\")' -o parse.svg
  tollgate profile tool.wasm --grant wasi=inert -o tool.svg -- first second";

/// Functions that are listed.
const LISTED: usize = 10;

/// Draw where the fuel of a call went, as a flame graph, and list the hottest functions
///
/// The call is that of `call` if there is an EXPR, and that of `run` otherwise. Its result is dropped; its exit status is
/// that of `call` or `run`. The picture is of fuel, not of time: the same call gives the same picture.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP, mut_arg("json", |json| json.hide(true)))]
pub(crate) struct Opts {
    #[command(flatten)]
    component: ComponentOpts,
    /// The call, as `call` takes it; without it the component is run
    #[arg(value_name = "EXPR")]
    expression: Option<String>,
    /// The file for the flame graph, an SVG without scripts, written whole or not at all
    // The limit `output` has the id `output`.
    #[arg(id = "output-file", short = 'o', long = "output", value_name = "FILE")]
    output: PathBuf,
    /// A file for the stacks, one a line with its fuel, as other tools for flame graphs read them
    #[arg(long, value_name = "FILE")]
    folded: Option<PathBuf>,
    #[command(flatten)]
    input: InputOpts,
    /// Arguments for a WASI command
    #[arg(last = true)]
    args: Vec<String>,
    #[command(flatten)]
    cache: CacheOpts,
    #[command(flatten)]
    wall: WallOpts,
    #[command(flatten)]
    stats: StatsOpts,
}

/// The files that are written.
struct Files {
    picture: OutputFile,
    folded: Option<OutputFile>,
}

impl Files {
    fn new(opts: &Opts) -> Result<Files, ExitReason> {
        let folded = opts.folded.as_deref().map(OutputFile::new).transpose()?;
        let picture = OutputFile::new(&opts.output)?;
        Ok(Files { picture, folded })
    }

    fn prepare_for_wall(&mut self) -> Result<(), ExitReason> {
        self.picture.prepare_for_wall()?;
        self.folded
            .as_mut()
            .map_or(Ok(()), OutputFile::prepare_for_wall)
    }
}

pub(crate) fn run(opts: Opts, ui: &Ui) -> Result<u8, ExitReason> {
    refuse_contradictions(&opts)?;
    let expression = opts.expression.as_deref();
    let checked = expression.map(|call| arguments::checked(call, Path::new("")));
    let checked = checked.transpose()?;
    let input = opts.input.open(&opts.component)?;
    let mut files = Files::new(&opts)?;
    let cache = opts.cache.open(ui, opts.component.has_stderr())?;
    let written = [Some(&opts.output), opts.folded.as_ref()];
    let written = written.into_iter().flatten();
    let written = written.map(|path| Protected::new("the output", path, Access::ReadWrite));
    let target = Target::open_protecting(&opts.component, written, cache, ui)?;
    let mut loaded = in_tokio(target.load())?;
    let LoadedTarget { target, provider } = &loaded;
    let profile = Profile::of(provider)?;
    let call = match checked {
        Some(checked) => Call::Function(checked),
        None if provider.is_command() => {
            Call::Command(command_input(&opts.component, opts.args.clone(), input))
        }
        None if !opts.args.is_empty() => return Err(no_arguments(target)),
        None => Call::Run(read(input, &opts.component, provider, ui)?),
    };
    if opts.wall.is_on() {
        files.prepare_for_wall()?;
    }
    loaded.raise(&opts.wall)?;
    let called = Called {
        opts: &opts,
        loaded: &loaded,
        profile,
        files,
    };
    in_tokio(called.make(call, ui))
}

fn refuse_contradictions(opts: &Opts) -> Result<(), ExitReason> {
    let usage = |text: &str| Err(ExitReason::Usage(text.to_owned()));
    if opts.component.json {
        return usage(
            "--json has no effect on `profile`; --folded writes the stacks, and --report the usage",
        );
    }
    if opts.folded.as_ref() == Some(&opts.output) {
        return usage("--folded and --output name the same file; name two");
    }
    let Some(expression) = &opts.expression else {
        return Ok(());
    };
    if opts.input.is_given() || !opts.args.is_empty() {
        return usage(
            "an EXPR has its arguments in it; leave out --input, --input-text and the words after `--`",
        );
    }
    if opts.component.policy.is_stdin() && arguments::names_stdin(expression) {
        return usage("@\"-\": stdin is the policy already; give one of the two as a file");
    }
    Ok(())
}

/// The call that is profiled.
enum Call {
    Function(String),
    Command(tollgate::embed::CommandInput),
    Run(Vec<u8>),
}

struct Called<'a> {
    opts: &'a Opts,
    loaded: &'a LoadedTarget<'a>,
    profile: Profile,
    files: Files,
}

impl Called<'_> {
    async fn make(self, call: Call, ui: &Ui) -> Result<u8, ExitReason> {
        let mut session = self.profile.session();
        let failed = |error| self.loaded.call_error(error);
        match call {
            Call::Run(input) => {
                let report = session.run(&input).await.map_err(failed)?;
                self.finish(&report, ui).await
            }
            Call::Command(input) => {
                let report = session.command(input).await.map_err(failed)?;
                self.finish(&report, ui).await
            }
            Call::Function(checked) => {
                let report = session.wave(&checked).await.map_err(|error| {
                    let written = self.opts.expression.as_ref();
                    match (error, written) {
                        (CallError::Arguments(_), Some(written)) if *written != checked => {
                            ExitReason::Usage(arguments::unfit(written))
                        }
                        (error, _) => failed(error),
                    }
                })?;
                self.finish(&report, ui).await
            }
        }
    }

    /// Tells how the call ended, and where its fuel went: also if it was ended.
    async fn finish<T, E: ErrorReport + Failure>(
        &self,
        report: &Report<T, E>,
        ui: &Ui,
    ) -> Result<u8, ExitReason> {
        let LoadedTarget { target, provider } = self.loaded;
        let reporter = &target.reporter;
        outcome::print_outcome(ui, reporter, &self.opts.stats, report, |error| {
            let error = escape::line(&error.message()).into_owned();
            Some(format!("the provider returned {error}"))
        })?;
        if !reporter.is_stderr() {
            outcome::print_stdio_tail(ui, report);
        }
        outcome::wait_for_output(report, provider.limits().deadline).await?;
        let flame = Flame::new(self.profile.nodes());
        let name = escape::line(&provider.info().name).into_owned();
        self.files.picture.write(flame.svg(&name).as_bytes())?;
        if let Some(folded) = &self.files.folded {
            let (stacks, is_whole) = flame.folded();
            folded.write(stacks.as_bytes())?;
            if !is_whole {
                ui.note("--folded: the stacks of the file end at 64 MiB");
            }
        }
        ui.result(self.hottest(&name, ui))?;
        if !reporter.is_stderr() && self.profile.merged() > 0 {
            ui.note(&format!(
                "{} of the fuel is shown at callers: the profile holds no more calls",
                text::share(self.profile.merged(), flame.fuel())
            ));
        }
        Ok(status(report))
    }

    /// The functions that used most of the fuel themselves.
    fn hottest(&self, name: &str, ui: &Ui) -> String {
        let mut own: BTreeMap<String, u64> = BTreeMap::new();
        for node in self.profile.nodes() {
            let sum = own.entry(node.frame.to_string()).or_default();
            *sum = sum.saturating_add(node.fuel);
        }
        let mut own: Vec<(String, u64)> = own.into_iter().filter(|(_, fuel)| *fuel > 0).collect();
        own.sort_by_key(|(_, fuel)| Reverse(*fuel));
        let all = self.profile.fuel();
        let listed = own.len().min(LISTED);
        let mut rows = vec![vec![
            Cell::number("fuel"),
            Cell::number("share"),
            Cell::new("function"),
        ]];
        rows.extend(own.iter().take(LISTED).map(|(function, fuel)| {
            vec![
                Cell::number(text::count(*fuel)),
                Cell::number(text::share(*fuel, all)),
                Cell::new(function),
            ]
        }));
        let of = match own.len() {
            found if found > listed => format!(", the hottest {listed} of {found} functions"),
            _ => String::new(),
        };
        let head = format!("{name}: {} fuel{of}\n", text::count(all));
        head + &table::lines(ui, 2, &rows)
    }
}
