//! `tollgate run`: calls a provider with bytes, or runs a WASI command with arguments and streams.

use std::path::PathBuf;
use std::sync::Arc;

use tollgate::approve::Approver;
use tollgate::embed::CommandInput;
use tollgate::policy::Streams;
use tollgate::report::ExitCode;
use tollgate::{Outcome, Provider, Report, escape};

use crate::files::input::{Input, is_stream};
use crate::files::output::OutputFile;
use crate::files::terminal;
use crate::in_tokio;
use crate::options::cache::CacheOpts;
use crate::options::component::ComponentOpts;
use crate::options::wall::WallOpts;
use crate::output::outcome::{self, StatsOpts};
use crate::output::status::{ExitReason, status};
use crate::output::ui::Ui;
use crate::target::{LoadedTarget, Target};

const AFTER_HELP: &str = "\
Examples:
  tollgate run checksums.wasm --grant log --grant hash --grant files=data:./docs
  tollgate run echo.wasm --input-text hello
  cat text.txt | tollgate run hello.wasm --grant wasi=inert -- first second";

/// Call the provider world's `run`, or run a WASI command
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP, mut_arg("json", |json| json.hide(true)))]
pub(crate) struct Opts {
    #[command(flatten)]
    component: ComponentOpts,
    #[command(flatten)]
    input: InputOpts,
    /// The file for the result, written whole or not at all; `-` is stdout [default: -]
    // The limit `output` has the id `output`.
    #[arg(
        id = "output-file",
        short = 'o',
        long = "output",
        value_name = "FILE|-"
    )]
    output: Option<PathBuf>,
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

/// The input of a provider or of a command.
#[derive(clap::Args)]
pub(crate) struct InputOpts {
    /// The provider's input, or a command's standard input; `-` is stdin [default: stdin if it is a pipe or a file,
    /// else no input]
    #[arg(short, long, value_name = "FILE|-")]
    input: Option<PathBuf>,
    /// The same as text
    #[arg(long, value_name = "TEXT", conflicts_with = "input")]
    input_text: Option<String>,
}

/// The place of the result.
enum Sink {
    Stdout,
    File(OutputFile),
}

impl Sink {
    /// Opens the files that the wall will deny, before it is raised.
    fn prepare_for_wall(&mut self, wall: &WallOpts) -> Result<(), ExitReason> {
        match self {
            Sink::File(file) if wall.is_on() => file.prepare_for_wall(),
            Sink::File(_) | Sink::Stdout => Ok(()),
        }
    }

    fn write(&self, ui: &Ui, bytes: &[u8]) -> Result<(), ExitReason> {
        match self {
            Sink::Stdout => ui.guest_result(bytes),
            Sink::File(file) => file.write(bytes),
        }
    }
}

pub(crate) fn run(opts: Opts, ui: &Ui) -> Result<u8, ExitReason> {
    if opts.component.json {
        return Err(ExitReason::Usage(
            "--json has no effect on `run`, which writes the result as it is; --report writes JSON, and `call` prints it"
                .to_owned(),
        ));
    }
    let input = opts.input.open(&opts.component)?;
    let stdin_is_input = input.is_stdin();
    let mut sink = match &opts.output {
        Some(path) if !is_stream(path) => Sink::File(OutputFile::new(path)?),
        _ => Sink::Stdout,
    };
    let cache = opts.cache.open(ui, opts.component.has_stderr())?;
    let target = Target::open_with(&opts.component, opts.output.as_deref(), cache, ui)?;
    let mut loaded = in_tokio(target.load())?;
    let LoadedTarget { target, provider } = &loaded;
    let approver = terminal::approver(
        &target.policy,
        &opts.component,
        &opts.wall,
        stdin_is_input,
        ui,
    )?;
    if provider.is_command() {
        let wasi = target.policy.grants.wasi.as_ref();
        let inherits = wasi.is_some_and(|wasi| wasi.stdio == Streams::Inherit);
        if inherits && matches!(sink, Sink::File(_)) {
            return Err(ExitReason::Usage(
                "--output has no effect with `grants.wasi.stdio = \"inherit\"`: the command writes to stdout itself; \
                 write \"captured\", or omit --output"
                    .to_owned(),
            ));
        }
        let input = command_input(&opts.component, opts.args, input);
        sink.prepare_for_wall(&opts.wall)?;
        loaded.raise(&opts.wall)?;
        return in_tokio(command(&loaded, approver, input, &sink, &opts.stats));
    }
    if !opts.args.is_empty() {
        return Err(no_arguments(target));
    }
    let input = read(input, &opts.component, provider, ui)?;
    sink.prepare_for_wall(&opts.wall)?;
    loaded.raise(&opts.wall)?;
    in_tokio(provider_run(&loaded, approver, &input, &sink, &opts.stats))
}

impl InputOpts {
    /// The input, as far as it is known before the component is loaded.
    pub(crate) fn open(&self, component: &ComponentOpts) -> Result<Input, ExitReason> {
        let policy_is_stdin = component.policy.is_stdin();
        match (&self.input, &self.input_text) {
            (Some(path), _) if is_stream(path) && policy_is_stdin => Err(ExitReason::Usage(
                "--input -: stdin is the policy already; give one of the two as a file".to_owned(),
            )),
            (Some(path), _) => Input::open(path),
            (None, Some(text)) => Ok(Input::Text(text.clone())),
            (None, None) if policy_is_stdin => Ok(Input::Empty),
            (None, None) => Ok(Input::piped()),
        }
    }

    /// Whether one is given.
    pub(crate) fn is_given(&self) -> bool {
        self.input.is_some() || self.input_text.is_some()
    }
}

/// The input of a command, whose first argument is its own name.
pub(crate) fn command_input(
    component: &ComponentOpts,
    args: Vec<String>,
    input: Input,
) -> CommandInput {
    let file = component.component.file_name().unwrap_or_default();
    let name = file.to_string_lossy().into_owned();
    let args = std::iter::once(name).chain(args).collect();
    let stdin = input.stream();
    CommandInput { args, stdin }
}

/// The input of a provider, all of it.
pub(crate) fn read(
    input: Input,
    component: &ComponentOpts,
    provider: &Provider,
    ui: &Ui,
) -> Result<Vec<u8>, ExitReason> {
    let has_stderr = component.has_stderr();
    input.read(provider.limits().memory, || {
        if has_stderr {
            ui.note(
                "waiting for the end of stdin, which is the input where neither --input nor --input-text is given; \
                 `< /dev/null` is no input",
            );
        }
    })
}

/// The mistake of arguments for a component that takes none.
pub(crate) fn no_arguments(target: &Target<'_>) -> ExitReason {
    ExitReason::Usage(format!(
        "{} is not a WASI command and takes no arguments; use --input, or `tollgate call`",
        escape::line(target.source.name())
    ))
}

async fn provider_run(
    loaded: &LoadedTarget<'_>,
    approver: Option<Arc<dyn Approver>>,
    input: &[u8],
    sink: &Sink,
    stats: &StatsOpts,
) -> Result<u8, ExitReason> {
    let LoadedTarget { target, provider } = loaded;
    let ui = target.ui;
    let mut session = loaded.session(approver);
    let report = session
        .run(input)
        .await
        .map_err(|error| loaded.call_error(error))?;
    outcome::print_outcome(ui, &target.reporter, stats, &report, |error| {
        Some(format!("the provider returned {error}"))
    })?;
    if !target.reporter.is_stderr() {
        outcome::print_stdio_tail(ui, &report);
    }
    outcome::wait_for_output(&report, provider.limits().deadline).await?;
    if let Outcome::Returned(bytes) = &report.outcome {
        sink.write(ui, bytes)?;
    }
    Ok(status(&report))
}

async fn command(
    loaded: &LoadedTarget<'_>,
    approver: Option<Arc<dyn Approver>>,
    input: CommandInput,
    sink: &Sink,
    stats: &StatsOpts,
) -> Result<u8, ExitReason> {
    let LoadedTarget { target, provider } = loaded;
    let ui = target.ui;
    let session = loaded.session(approver);
    let called = session.command(input).await;
    let report: Report<(), ExitCode> = called.map_err(|error| loaded.call_error(error))?;
    let stdio = report.stdio.clone().unwrap_or_default();
    // As with any program, stdout keeps the output of the command before its failure; a file is only written when the
    // output is complete.
    match (sink, &report.outcome) {
        (Sink::File(_), Outcome::Failed(_) | Outcome::Faulted(_)) => {}
        // A command with inherited streams has written to this program's stdout itself, which may be blocked.
        (Sink::Stdout, _) if stdio.stdout.is_empty() => {}
        _ => sink.write(ui, &stdio.stdout)?,
    }
    if !target.reporter.is_stderr() {
        ui.guest_stderr(&stdio.stderr);
    }
    let verbose = ui.verbose();
    outcome::print_outcome(ui, &target.reporter, stats, &report, |code| {
        verbose.then(|| format!("the command exited with code {}", code.0))
    })?;
    outcome::wait_for_output(&report, provider.limits().deadline).await?;
    Ok(status(&report))
}
