//! The terminal: results go to stdout, everything else to stderr. A closed pipe ends the program without a message.

use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{ArgAction, ValueEnum};
use serde_json::json;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use crate::output::mistakes;
use crate::output::report::pretty;
use crate::output::status::ExitReason;
use crate::output::style::{Style, environment_allows_colors, paint};
use crate::output::text;

/// The variable that stands for `--color`.
pub(crate) const COLOR: &str = "TOLLGATE_COLOR";

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
    /// Print more: the provider's log and denials, backtraces, what a call used, the host's log; twice to
    /// add what the provider was allowed, and all of a backtrace
    #[arg(short, long, action = ArgAction::Count, global = true, help_heading = "Display")]
    verbose: u8,
    /// When to use colours; auto means on a terminal, unless NO_COLOR is set
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        env = COLOR,
        hide_env_values = true,
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
    json: bool,
    /// Whether stdout has something.
    has_result: AtomicBool,
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
            json: asks_for_json(),
            has_result: AtomicBool::new(false),
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
            // The client of NATS logs what it returns as an error, too.
            .with_target(
                "async_nats",
                if self.verbose > 2 {
                    level
                } else {
                    LevelFilter::OFF
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

    /// Whether `--verbose` is given twice.
    pub(crate) fn very_verbose(&self) -> bool {
        self.verbose > 1
    }

    /// Whether `--quiet` is given.
    pub(crate) fn quiet(&self) -> bool {
        self.quiet
    }

    /// Writes a result to stdout, unchanged.
    pub(crate) fn result(&self, bytes: impl AsRef<[u8]>) -> Result<(), ExitReason> {
        self.has_result.store(true, Ordering::Relaxed);
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

    /// With `--json`, prints the end of a command as JSON on stdout, unless JSON is there already.
    pub(crate) fn json_error(&self, kind: &str, reason: Option<&str>, message: &str) {
        if self.json && !self.has_result.load(Ordering::Relaxed) {
            // A reader that is gone wants no error either.
            let _ = self.result(json_error(kind, reason, message));
        }
    }

    /// Prints the reason why a command ends, unless the report on stderr has it already.
    pub(crate) fn show(&self, reason: &ExitReason) {
        let refusal = reason.refusal().map(|refusal| refusal.kind.label());
        self.json_error(reason.kind(), refusal, &reason.message());
        self.tell(reason);
    }

    /// The same of one of several reasons, which a result has as JSON.
    pub(crate) fn tell(&self, reason: &ExitReason) {
        match reason {
            ExitReason::AlreadyReported(_) => {}
            ExitReason::Policy(path, error) => {
                for mistake in mistakes::excerpts(path, error) {
                    self.error(&mistake);
                }
            }
            reason => self.error(&reason.message()),
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

/// Whether the command line asks for JSON, also if it is wrong.
pub(crate) fn asks_for_json() -> bool {
    let mut words = std::env::args_os().take_while(|word| word != "--");
    words.any(|word| word == "--json")
}

/// An error as JSON.
pub(crate) fn json_error(kind: &str, reason: Option<&str>, message: &str) -> String {
    pretty(&json!({
        "error": match reason {
            Some(reason) => json!({ "kind": kind, "reason": reason, "message": message }),
            None => json!({ "kind": kind, "message": message }),
        },
    }))
}

/// Prints the mistake of a command line, or the requested help, and ends the program.
pub(crate) fn misused(error: &clap::Error) -> ! {
    if error.use_stderr() && asks_for_json() {
        let message = error.render().to_string();
        let message = message.strip_prefix("error: ").unwrap_or(&message);
        let json = json_error("usage", None, message.trim_end());
        let _ = io::stdout().lock().write_all(json.as_bytes());
    }
    error.exit()
}

/// Removes the progress line, if there is one.
pub(crate) fn end_progress() {
    if PROGRESS.swap(false, Ordering::Relaxed) {
        last_words("\r\x1b[K");
    }
}

/// Writes text to stderr when the process is interrupted: without the lock, which another thread may hold while a pipe is
/// full.
pub(crate) fn last_words(text: &str) {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd as _;
        if let Ok(stderr) = io::stderr().as_fd().try_clone_to_owned() {
            let _ = std::fs::File::from(stderr).write_all(text.as_bytes());
        }
    }
    #[cfg(not(unix))]
    stderr(text.as_bytes());
}

/// Whether stderr is reserved for the report.
pub(crate) fn stderr_is_reserved() -> bool {
    LOG_SILENCED.load(Ordering::Relaxed)
}

fn stderr(bytes: &[u8]) {
    // An error of stderr itself cannot be reported anywhere.
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(bytes).and_then(|()| stderr.flush());
}
