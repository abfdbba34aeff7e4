//! The messages about a call: denials, faults, logs and the guest's own output.

use tollgate::report::ErrorReport;
use tollgate::{Outcome, Report, escape};

use crate::options::remedy::fault_text;
use crate::output::report::Reporter;
use crate::output::status::ExitReason;
use crate::output::ui::Ui;

/// Lines of a provider's stdout and stderr that are printed after a call that failed or faulted.
const TAIL_LINES: usize = 10;

/// Writes the report, then prints the outcome to stderr unless the call returned. `failed` words the provider's own
/// error.
pub(crate) fn print_outcome<T, E: ErrorReport>(
    ui: &Ui,
    reporter: &Reporter,
    report: &Report<T, E>,
    failed: impl FnOnce(&E) -> Option<String>,
) -> Result<(), ExitReason> {
    reporter.write(ui, || report.to_json())?;
    if reporter.is_stderr() {
        return Ok(());
    }
    if ui.verbose() {
        print_logs(ui, report);
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
            ui.error(&format!("{}: {}", fault.label(), fault_text(fault)));
            if ui.verbose() {
                for frame in &fault.backtrace {
                    ui.stderr(&format!("  at {frame}\n"));
                }
            }
        }
    }
    Ok(())
}

fn print_logs<T, E>(ui: &Ui, report: &Report<T, E>) {
    for line in &report.logs {
        let message = escape::line(&line.message);
        ui.stderr(&format!("{}: {message}\n", line.level.label()));
    }
    if report.logs_dropped > 0 {
        ui.note(&format!(
            "{} more log lines did not fit; raise `limits.log` in the policy (or --log)",
            report.logs_dropped
        ));
    }
}

/// Prints the stdout and stderr of a provider that is not a command: all of it with `--verbose`, the last lines
/// after a call that failed or faulted. The panic message of a guest's toolchain is found nowhere else.
pub(crate) fn print_stdio_tail<T, E>(ui: &Ui, report: &Report<T, E>) {
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
            false => lines.len().saturating_sub(TAIL_LINES),
        };
        for line in lines.iter().skip(first) {
            ui.stderr(&format!("{name}: {}\n", escape::line(line)));
        }
    }
    for (name, bytes) in [
        ("stdout", stdio.stdout_dropped),
        ("stderr", stdio.stderr_dropped),
    ] {
        if bytes > 0 {
            ui.note(&format!(
                "{bytes} more bytes of {name} did not fit; raise `limits.stdio` in the policy (or --stdio)"
            ));
        }
    }
}
