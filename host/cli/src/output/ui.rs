//! Everything that is written to the terminal: results to stdout, all else to stderr, and a closed pipe
//! is a quiet end.

use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{ArgAction, ValueEnum};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use crate::stop::Stop;
use crate::text;

/// Whether a line stands on the terminal that is to be removed.
static PROGRESS: AtomicBool = AtomicBool::new(false);

/// Whether stderr is the report's, and the log has no place.
static NO_LOG: AtomicBool = AtomicBool::new(false);

/// Leaves stderr to the report.
pub(crate) fn no_log() {
    NO_LOG.store(true, Ordering::Relaxed);
}

fn log() -> Box<dyn Write> {
    match NO_LOG.load(Ordering::Relaxed) {
        true => Box::new(io::sink()),
        false => Box::new(io::stderr()),
    }
}

/// How much is said, and how.
#[derive(clap::Args)]
pub(crate) struct DisplayOpts {
    /// Say nothing but the result and errors
    #[arg(short, long, global = true, help_heading = "Display")]
    quiet: bool,
    /// Say more: what the provider logged and was denied, backtraces, the host's log; twice for what it
    /// was allowed, too
    #[arg(short, long, action = ArgAction::Count, global = true, help_heading = "Display")]
    verbose: u8,
    /// When to use colours; auto is on a terminal, unless NO_COLOR is set
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

/// The colours there are, by what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As it is.
    Plain,
    /// Headings.
    Bold,
    /// Granted, returned.
    Good,
    /// Denied, faulted, errors.
    Bad,
    /// Notes.
    Note,
}

/// The two streams and how to write to them.
pub(crate) struct Ui {
    quiet: bool,
    verbose: u8,
    colors_out: bool,
    colors_err: bool,
    terminal_out: bool,
    terminal_err: bool,
}

impl Ui {
    /// Looks at the streams and starts the log.
    pub(crate) fn new(opts: &DisplayOpts) -> Ui {
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let colors = |terminal: bool| match opts.color {
            ColorWhen::Auto => terminal && colors_are_welcome(),
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
        // What the engine and the async runtime log is of use to those who change this host only.
        let others = if self.verbose > 2 {
            level
        } else {
            LevelFilter::ERROR
        };
        let filter = Targets::new()
            .with_target("tollgate", level)
            // Denials are told as notes; what was allowed is told from `-vv` on.
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
            // It would panic on a stderr that is closed.
            .log_internal_errors(false);
        tracing_subscriber::registry()
            .with(layer.with_filter(filter))
            .init();
    }

    /// Whether notes are wanted that only concern how it went.
    pub(crate) fn verbose(&self) -> bool {
        self.verbose > 0
    }

    /// Whether tables and other texts beside the result are unwanted.
    pub(crate) fn quiet(&self) -> bool {
        self.quiet
    }

    /// Writes a result to stdout as it is.
    pub(crate) fn result(&self, bytes: impl AsRef<[u8]>) -> Result<(), Stop> {
        let mut stdout = io::stdout().lock();
        let written = stdout
            .write_all(bytes.as_ref())
            .and_then(|()| stdout.flush());
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Stop::Host(format!("cannot write to stdout: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Writes bytes of the guest's to stdout: escaped for a terminal, else as they are.
    pub(crate) fn guest_result(&self, bytes: &[u8]) -> Result<(), Stop> {
        if !self.terminal_out {
            return self.result(bytes);
        }
        let mut shown = text::shown(bytes);
        if !shown.is_empty() && !shown.ends_with('\n') {
            shown.push('\n');
        }
        self.result(shown)
    }

    /// Writes what the guest wrote to its stderr to ours, by the same rule.
    pub(crate) fn guest_stderr(&self, bytes: &[u8]) {
        if self.terminal_err {
            stderr(text::shown(bytes).as_bytes());
        } else {
            stderr(bytes);
        }
    }

    /// Writes a text for programs to stderr.
    pub(crate) fn stderr(&self, text: &str) {
        stderr(text.as_bytes());
    }

    /// One error, on stderr.
    pub(crate) fn error(&self, message: &str) {
        self.labelled(Style::Bad, "error:", message);
    }

    /// Something worth knowing, on stderr, unless quiet is wanted.
    pub(crate) fn note(&self, message: &str) {
        if !self.quiet {
            self.labelled(Style::Note, "note:", message);
        }
    }

    fn labelled(&self, style: Style, label: &str, message: &str) {
        let label = paint(self.colors_err, style, label);
        stderr(format!("{label} {message}\n").as_bytes());
    }

    /// Text for stdout in a colour, if there are colours there.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        paint(self.colors_out, style, text)
    }

    /// Whether a line may be shown and updated in place.
    pub(crate) fn has_progress(&self) -> bool {
        self.terminal_err && !self.quiet
    }

    /// Shows a line in place of the last one.
    pub(crate) fn progress(&self, line: &str) {
        PROGRESS.store(true, Ordering::Relaxed);
        stderr(format!("\r{line}\x1b[K").as_bytes());
    }
}

/// Removes the line that [`Ui::progress`] showed, if it showed one.
pub(crate) fn end_progress() {
    if PROGRESS.swap(false, Ordering::Relaxed) {
        stderr(b"\r\x1b[K");
    }
}

fn colors_are_welcome() -> bool {
    let no = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !no && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

fn paint(colors: bool, style: Style, text: &str) -> String {
    let code = match style {
        Style::Plain => return text.to_owned(),
        _ if !colors => return text.to_owned(),
        Style::Bold => "1",
        Style::Good => "32",
        Style::Bad => "1;31",
        Style::Note => "1;36",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

fn stderr(bytes: &[u8]) {
    // There is nobody left to tell when stderr itself does not take it.
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(bytes).and_then(|()| stderr.flush());
}
