//! `tollgate run`: bytes in, bytes out; or a WASI command with arguments and streams.

use std::path::PathBuf;

use tollgate::policy::Streams;
use tollgate::{CommandInput, ExitCode, Outcome, Provider, Report, Stdio, escape};

use crate::cache_opts::CacheOpts;
use crate::files::{Input, Target, is_stream};
use crate::load::Subject;
use crate::options::ComponentOpts;
use crate::outcome;
use crate::output::Ui;
use crate::stop::{FAILED, FAULTED, RETURNED, Stop};

const AFTER_HELP: &str = "\
Examples:
  tollgate run checksums.wasm --grant log --grant hash --grant files=data:./docs
  tollgate run hello.wasm --grant wasi=inert --input text.txt -- first second";

/// Call the provider world's `run`, or run a WASI command
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    #[command(flatten)]
    component: ComponentOpts,
    /// What the provider is given, or a command's standard input; `-` is stdin [default: nothing]
    #[arg(long, value_name = "FILE|-")]
    input: Option<PathBuf>,
    /// Where the result goes, when there is one; the file is written whole or not at all [default: -]
    // The limit `output` has the name.
    #[arg(id = "output-file", long = "output", value_name = "FILE|-")]
    output: Option<PathBuf>,
    /// Arguments for a WASI command
    #[arg(last = true)]
    args: Vec<String>,
    #[command(flatten)]
    cache: CacheOpts,
}

/// Where the result goes.
enum Sink {
    Stdout,
    File(Target),
}

impl Sink {
    fn write(&self, ui: &Ui, bytes: &[u8]) -> Result<(), Stop> {
        match self {
            Sink::Stdout => ui.guest_result(bytes),
            Sink::File(target) => target.write(bytes),
        }
    }
}

pub(crate) async fn run(opts: Opts, ui: &Ui) -> Result<u8, Stop> {
    let input = Input::open(opts.input.as_deref())?;
    let sink = match &opts.output {
        Some(path) if !is_stream(path) => Sink::File(Target::new(path)?),
        _ => Sink::Stdout,
    };
    let cache = opts.cache.open(ui, opts.component.has_stderr())?;
    let subject = Subject::open(&opts.component, cache, ui)?;
    let provider = subject.load().await?;
    if provider.is_command() {
        let wasi = subject.policy.grants.wasi.as_ref();
        let inherits = wasi.is_some_and(|wasi| wasi.stdio == Streams::Inherit);
        if inherits && matches!(sink, Sink::File(_)) {
            return Err(Stop::Usage(
                "--output is of no use with `grants.wasi.stdio = \"inherit\"`: the command writes to stdout itself; \
                 write \"captured\", or leave --output out"
                    .to_owned(),
            ));
        }
        let file = opts.component.component.file_name().unwrap_or_default();
        let mut args = vec![file.to_string_lossy().into_owned()];
        args.extend(opts.args);
        // What streams through a command need not fit into its memory.
        let stdin = input.read(u64::MAX)?;
        return command(&subject, &provider, CommandInput { args, stdin }, &sink).await;
    }
    if !opts.args.is_empty() {
        return Err(Stop::Usage(format!(
            "{} is not a WASI command and takes no arguments; use --input, or `tollgate call`",
            escape::line(subject.source.name())
        )));
    }
    let input = input.read(provider.limits().memory)?;
    let mut session = provider.session();
    let report = session
        .run(&input)
        .await
        .map_err(|error| subject.no_call(error))?;
    outcome::tell(ui, &subject.reporter, &report, |error| {
        let message = escape::line(error.message());
        Some(format!("the provider returned {}: {message}", error.kind()))
    })?;
    if !subject.reporter.is_stderr() {
        outcome::last_words(ui, &report);
    }
    match report.outcome {
        Outcome::Returned(bytes) => {
            sink.write(ui, &bytes)?;
            Ok(RETURNED)
        }
        Outcome::Failed(_) => Ok(FAILED),
        Outcome::Faulted(_) => Ok(FAULTED),
    }
}

async fn command(
    subject: &Subject<'_>,
    provider: &Provider,
    input: CommandInput,
    sink: &Sink,
) -> Result<u8, Stop> {
    let ui = subject.ui;
    let called = provider.session().command(input).await;
    let report: Report<(), ExitCode> = called.map_err(|error| subject.no_call(error))?;
    let stdio = report.stdio.clone().unwrap_or_default();
    // What it wrote before it ended is its output all the same, as with any program; a file is only
    // written when all of it is there.
    match (sink, &report.outcome) {
        (Sink::File(_), Outcome::Failed(_) | Outcome::Faulted(_)) => {}
        // It may have written to our own output, and that may be waiting for a reader.
        (Sink::Stdout, _) if stdio.stdout.is_empty() => {}
        _ => sink.write(ui, &stdio.stdout)?,
    }
    if !subject.reporter.is_stderr() {
        streams(ui, &stdio);
    }
    let verbose = ui.verbose();
    outcome::tell(ui, &subject.reporter, &report, |code| {
        verbose.then(|| format!("the command exited with code {}", code.0))
    })?;
    Ok(match report.outcome {
        Outcome::Returned(()) => RETURNED,
        Outcome::Failed(code) => exit_status(code),
        Outcome::Faulted(_) => FAULTED,
    })
}

fn streams(ui: &Ui, stdio: &Stdio) {
    ui.guest_stderr(&stdio.stderr);
    outcome::dropped(ui, stdio);
}

/// The lowest eight bits, as the system has it.
fn exit_status(code: ExitCode) -> u8 {
    u8::try_from(code.0.rem_euclid(256)).unwrap_or(FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_cut_to_a_byte() {
        for (code, status) in [(1, 1), (255, 255), (256, 0), (300, 44), (-1, 255)] {
            assert_eq!(exit_status(ExitCode(code)), status);
        }
    }
}
