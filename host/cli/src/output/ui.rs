//! The terminal: results go to stdout, everything else to stderr. A closed pipe ends the program without a message.

use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{ArgAction, ValueEnum};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use crate::output::status::ExitReason;
use crate::output::style::{Style, environment_allows_colors, paint};
use crate::output::text;

/// Whether a progress line is on the terminal.
static PROGRESS: AtomicBool = AtomicBool::new(false);

/// Whether the log is discarded, since stderr is reserved for the report.
static LOG_SILENCED: AtomicBool = AtomicBool::new(false);

/// Discards the log, so that stderr holds nothing but the report.
pub(crate) fn silence_log() {
    LOG_SILENCED.store(true, Ordering::Relaxed);
}

fn log() -> Box<dyn Write> {
    match LOG_SILENCED.load(Ordering::Relaxed) {
        true => Box::new(io::sink()),
        false => Box::new(io::stderr()),
    }
}

/// How much is printed, and in which colours.
#[derive(clap::Args)]
pub(crate) struct DisplayOpts {
    /// Print nothing but the result and errors
    #[arg(short, long, global = true, help_heading = "Display")]
    quiet: bool,
    /// Print more: the provider's log and denials, backtraces, the host's log; twice to add what the
    /// provider was allowed
    #[arg(short, long, action = ArgAction::Count, global = true, help_heading = "Display")]
    verbose: u8,
    /// When to use colours; auto means on a terminal, unless NO_COLOR is set
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        global = true,
        help_heading = "Display"
    )]
    color: ColorWhen,
}

#[derive(Clone, Copy, ValueEnum)]
enum ColorWhen {
    Auto,
    Always,
    Never,
}

/// Standard output and standard error, with the rules for writing to them.
pub(crate) struct Ui {
    quiet: bool,
    verbose: u8,
    colors_out: bool,
    colors_err: bool,
    terminal_out: bool,
    terminal_err: bool,
}

impl Ui {
    /// Examines both streams and starts the log.
    pub(crate) fn new(opts: &DisplayOpts) -> Ui {
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let colors = |terminal: bool| match opts.color {
            ColorWhen::Auto => terminal && environment_allows_colors(),
            ColorWhen::Always => true,
            ColorWhen::Never => false,
        };
        let ui = Ui {
            quiet: opts.quiet,
            verbose: if opts.quiet { 0 } else { opts.verbose },
            colors_out: colors(out),
            colors_err: colors(err),
            terminal_out: out,
            terminal_err: err,
        };
        ui.start_log();
        ui
    }

    fn start_log(&self) {
        let level = match self.verbose {
            0 => LevelFilter::ERROR,
            1 => LevelFilter::INFO,
            2 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        };
        // The logs of the engine and of the async runtime are useful for work on this program only.
        let others = if self.verbose > 2 {
            level
        } else {
            LevelFilter::ERROR
        };
        let filter = Targets::new()
            .with_target("tollgate", level)
            // Denials are printed as notes; allowed requests appear from `-vv` on.
            .with_target(
                "tollgate::audit",
                if self.verbose > 1 {
                    level
                } else {
                    LevelFilter::ERROR
                },
            )
            .with_default(others);
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(log)
            .with_ansi(false)
            // An error would be printed to stderr, which panics when stderr is closed.
            .log_internal_errors(false);
        tracing_subscriber::registry()
            .with(layer.with_filter(filter))
            .init();
    }

    /// Whether `--verbose` is given.
    pub(crate) fn verbose(&self) -> bool {
        self.verbose > 0
    }

    /// Whether `--quiet` is given.
    pub(crate) fn quiet(&self) -> bool {
        self.quiet
    }

    /// Writes a result to stdout, unchanged.
    pub(crate) fn result(&self, bytes: impl AsRef<[u8]>) -> Result<(), ExitReason> {
        let mut stdout = io::stdout().lock();
        let written = stdout
            .write_all(bytes.as_ref())
            .and_then(|()| stdout.flush());
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(ExitReason::Host(format!("cannot write to stdout: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Writes guest bytes to stdout: escaped on a terminal, else unchanged.
    pub(crate) fn guest_result(&self, bytes: &[u8]) -> Result<(), ExitReason> {
        if !self.terminal_out {
            return self.result(bytes);
        }
        let mut shown = text::shown(bytes);
        if !shown.is_empty() && !shown.ends_with('\n') {
            shown.push('\n');
        }
        self.result(shown)
    }

    /// Writes a guest's stderr to this program's stderr, by the same rule.
    pub(crate) fn guest_stderr(&self, bytes: &[u8]) {
        if self.terminal_err {
            stderr(text::shown(bytes).as_bytes());
        } else {
            stderr(bytes);
        }
    }

    /// Writes text to stderr without a label.
    pub(crate) fn stderr(&self, text: &str) {
        stderr(text.as_bytes());
    }

    /// Prints the reason why a command ends, unless the report on stderr has it already.
    pub(crate) fn show(&self, reason: &ExitReason) {
        if !matches!(reason, ExitReason::AlreadyReported(_)) {
            self.error(&reason.message());
        }
    }

    /// Prints an error on stderr.
    pub(crate) fn error(&self, message: &str) {
        self.labelled(Style::Bad, "error:", message);
    }

    /// Prints a note on stderr, unless `--quiet` is given.
    pub(crate) fn note(&self, message: &str) {
        if !self.quiet {
            self.labelled(Style::Note, "note:", message);
        }
    }

    fn labelled(&self, style: Style, label: &str, message: &str) {
        let label = paint(self.colors_err, style, label);
        stderr(format!("{label} {message}\n").as_bytes());
    }

    /// Text in a colour, if stdout has colours.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        paint(self.colors_out, style, text)
    }

    /// Whether a progress line may be shown.
    pub(crate) fn has_progress(&self) -> bool {
        self.terminal_err && !self.quiet
    }

    /// Shows a progress line in place of the last one.
    pub(crate) fn progress(&self, line: &str) {
        PROGRESS.store(true, Ordering::Relaxed);
        stderr(format!("\r{line}\x1b[K").as_bytes());
    }
}

/// Removes the progress line, if there is one.
pub(crate) fn end_progress() {
    if PROGRESS.swap(false, Ordering::Relaxed) {
        stderr(b"\r\x1b[K");
    }
}

fn stderr(bytes: &[u8]) {
    // An error of stderr itself cannot be reported anywhere.
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(bytes).and_then(|()| stderr.flush());
}
