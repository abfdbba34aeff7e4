//! What a person is told of a call beside its result.

use tollgate::{Describe, Outcome, Report, Stdio, escape};

use crate::output::Ui;
use crate::report::Reporter;
use crate::stop::Stop;

/// Lines of a provider's own stdout and stderr that are shown when its call went wrong.
const LAST_WORDS: usize = 10;

/// Writes the report, and tells on stderr how the call went: nothing at all when it went well.
pub(crate) fn tell<T, E: Describe>(
    ui: &Ui,
    reporter: &Reporter,
    report: &Report<T, E>,
    failed: impl FnOnce(&E) -> Option<String>,
) -> Result<(), Stop> {
    reporter.write(ui, || report.to_json())?;
    if reporter.is_stderr() {
        return Ok(());
    }
    if ui.verbose() {
        logs(ui, report);
    }
    let returned = matches!(report.outcome, Outcome::Returned(_));
    if ui.verbose() || !returned {
        for denial in &report.denials {
            let target = escape::line(&denial.target);
            let allowed = denial.remedy().map(|line| format!("; {line} allows it"));
            ui.note(&format!(
                "denied {} {target}: {}{}",
                denial.capability,
                denial.reason,
                allowed.unwrap_or_default()
            ));
        }
    }
    match &report.outcome {
        Outcome::Returned(_) => {}
        Outcome::Failed(error) => {
            if let Some(message) = failed(error) {
                ui.error(&message);
            }
        }
        Outcome::Faulted(fault) => {
            ui.error(&format!("{}: {fault}", fault.label()));
            if ui.verbose() {
                for frame in &fault.backtrace {
                    ui.stderr(&format!("  at {frame}\n"));
                }
            }
        }
    }
    Ok(())
}

fn logs<T, E>(ui: &Ui, report: &Report<T, E>) {
    for line in &report.logs {
        let message = escape::line(&line.message);
        ui.stderr(&format!("{}: {message}\n", line.level.label()));
    }
    if report.logs_dropped > 0 {
        ui.note(&format!(
            "{} more log lines did not fit; the policy's `limits.log` (or --log) raises it",
            report.logs_dropped
        ));
    }
}

/// What a provider that is no command wrote to its own stdout and stderr: all of it when much is wanted,
/// its last words when its call went wrong. A toolchain's panic message is there, and nowhere else.
pub(crate) fn last_words<T, E>(ui: &Ui, report: &Report<T, E>) {
    let Some(stdio) = &report.stdio else {
        return;
    };
    let returned = matches!(report.outcome, Outcome::Returned(_));
    if ui.quiet() || (returned && !ui.verbose()) {
        return;
    }
    for (name, bytes) in [("stdout", &stdio.stdout), ("stderr", &stdio.stderr)] {
        let text = String::from_utf8_lossy(bytes);
        let lines: Vec<&str> = text.lines().collect();
        let first = match ui.verbose() {
            true => 0,
            false => lines.len().saturating_sub(LAST_WORDS),
        };
        for line in lines.iter().skip(first) {
            ui.stderr(&format!("{name}: {}\n", escape::line(line)));
        }
    }
    dropped(ui, stdio);
}

/// Says so when not all that was written could be kept.
pub(crate) fn dropped(ui: &Ui, stdio: &Stdio) {
    for (name, bytes) in [
        ("stdout", stdio.stdout_dropped),
        ("stderr", stdio.stderr_dropped),
    ] {
        if bytes > 0 {
            ui.note(&format!(
                "{bytes} more bytes of {name} did not fit; the policy's `limits.stdio` (or --stdio) \
                 raises it"
            ));
        }
    }
}
