//! The messages about a call: denials, faults, logs and the guest's own output.

use std::time::Duration;

use tollgate::embed::inherited_output;
use tollgate::report::{ErrorReport, Usage};
use tollgate::{Outcome, Report, escape};

use crate::options::remedy::fault_text;
use crate::output::backtrace;
use crate::output::report::Reporter;
use crate::output::status::ExitReason;
use crate::output::text;
use crate::output::ui::Ui;

/// Lines of a provider's stdout and stderr that are printed after a call that failed or faulted.
const TAIL_LINES: usize = 10;

/// Options of the output about a call.
#[derive(clap::Args)]
pub(crate) struct StatsOpts {
    /// Print what the call used on stderr: fuel, memory, time, host calls; -v does it, too
    #[arg(long, help_heading = "Display")]
    stats: bool,
}

/// Writes the report, then prints the outcome to stderr unless the call returned. `failed` words the provider's own
/// error.
pub(crate) fn print_outcome<T, E: ErrorReport>(
    ui: &Ui,
    reporter: &Reporter,
    stats: &StatsOpts,
    report: &Report<T, E>,
    failed: impl FnOnce(&E) -> Option<String>,
) -> Result<(), ExitReason> {
    reporter.write(ui, || report.to_json())?;
    match &report.outcome {
        Outcome::Returned(_) => {}
        Outcome::Failed(error) => ui.json_error("failed", Some(&error.kind()), &error.message()),
        Outcome::Faulted(fault) => {
            ui.json_error("faulted", Some(fault.label()), &fault.to_string());
        }
    }
    if reporter.is_stderr() {
        return Ok(());
    }
    if ui.verbose() {
        print_logs(ui, report);
    }
    print_denials(ui, report);
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
                print_backtrace(ui, &fault.backtrace);
            }
        }
    }
    if stats.stats || ui.verbose() {
        ui.stderr(&format!("{}\n", used(&report.usage)));
    }
    Ok(())
}

/// Prints what the report of a call that was made elsewhere has beside its outcome.
#[cfg(feature = "fleet")]
pub(crate) fn print_details<T, E>(ui: &Ui, report: &Report<T, E>) {
    if ui.verbose() {
        print_logs(ui, report);
    }
    print_denials(ui, report);
    if let (Outcome::Faulted(fault), true) = (&report.outcome, ui.verbose()) {
        print_backtrace(ui, &fault.backtrace);
    }
    if ui.verbose() {
        ui.stderr(&format!("{}\n", used(&report.usage)));
    }
}

fn print_denials<T, E>(ui: &Ui, report: &Report<T, E>) {
    let returned = matches!(report.outcome, Outcome::Returned(_));
    if returned && !ui.verbose() {
        return;
    }
    for denial in &report.denials {
        let target = escape::line(&denial.target);
        let allowed = denial.remedy().map(|line| format!("; {line} allows it"));
        ui.note(&format!(
            "denied {} {target}: {}: {}{}",
            denial.capability,
            denial.reason,
            denial.explanation(),
            allowed.unwrap_or_default()
        ));
    }
}

/// The usage of a call, on one line.
fn used(usage: &Usage) -> String {
    let calls = match usage.host_calls {
        1 => "1 host call".to_owned(),
        n => format!("{} host calls", text::count(n)),
    };
    let mut line = format!(
        "used {} fuel, {} of memory, {}, {calls}",
        text::count(usage.fuel),
        text::memory(usage.memory_peak),
        text::time(usage.elapsed),
    );
    if usage.host_calls > 0 {
        line.push_str(&format!(" ({})", text::time(usage.host_time)));
    }
    line
}

/// Prints a backtrace; without a second `--verbose` only the guest's own frames.
fn print_backtrace(ui: &Ui, frames: &[String]) {
    let shown = match ui.very_verbose() {
        true => frames.iter().collect(),
        false => backtrace::of_guest(frames),
    };
    for frame in &shown {
        ui.stderr(&format!("  at {}\n", escape::line(frame)));
    }
    let left_out = frames.len().saturating_sub(shown.len());
    if left_out > 0 {
        let noun = if left_out == 1 { "frame" } else { "frames" };
        ui.stderr(&format!(
            "  and {left_out} {noun} of the standard library; -vv shows all\n"
        ));
    }
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

/// Waits for the output that a guest has passed on to this program's own streams, at most for `time`, its deadline. A call
/// that failed keeps its own status, and one that was ended does not wait for a reader.
pub(crate) async fn wait_for_output<T, E>(
    report: &Report<T, E>,
    time: Duration,
) -> Result<(), ExitReason> {
    if matches!(report.outcome, Outcome::Faulted(_)) {
        return Ok(());
    }
    let lost = match tokio::time::timeout(time, inherited_output()).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => format!("{error}; give it a place with room, and read it to its end"),
        Err(_) => format!("nobody has read the rest for {time:?}; read it to its end"),
    };
    match report.outcome {
        Outcome::Returned(_) => Err(ExitReason::Host(format!(
            "the guest's output is not written whole: {lost}"
        ))),
        Outcome::Failed(_) | Outcome::Faulted(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_in_units_of_people() {
        let mut usage = Usage::default();
        usage.fuel = 51_234;
        usage.memory_peak = 1_114_112;
        usage.elapsed = Duration::from_micros(812);
        assert_eq!(
            used(&usage),
            "used 51_234 fuel, 1.1 MiB of memory, 0.8 ms, 0 host calls"
        );
        usage.host_calls = 1;
        usage.host_time = Duration::from_micros(140);
        assert!(used(&usage).ends_with(", 1 host call (0.1 ms)"));
    }
}
