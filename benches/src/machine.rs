//! The machine of the measurement, and the versions of the programs.

use serde_json::{Value, json};

/// Processor, cores, kernel, and the settings that are known to change results.
pub(crate) fn machine() -> Value {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let cpu = cpu.map_or("unknown", |line| line.trim_start_matches(['\t', ' ', ':']));
    let load = read("/proc/loadavg");
    json!({
        "cpu": cpu,
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "max-map-count": read("/proc/sys/vm/max_map_count").trim(),
        "load-at-start": load.split(' ').next(),
        "RUST_BACKTRACE": std::env::var("RUST_BACKTRACE").ok(),
        "commit": commit(),
        "unix-time": std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
    })
}

/// The commit of the repository, and whether its files are others by now.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        let output = command
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let is_clean = git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    let mark = if is_clean { "" } else { ", with changes" };
    Some(format!("{commit}{mark}"))
}

/// The date of a number of seconds after 1970, in UTC.
fn date(seconds: u64) -> String {
    // Days to a date of the Gregorian calendar, by Howard Hinnant's `civil_from_days`
    // (howardhinnant.github.io/date_algorithms.html), for dates after March 1970.
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

/// The same in a line.
pub(crate) fn sentence(machine: &Value) -> String {
    let text = |key: &str| machine.get(key).and_then(Value::as_str).unwrap_or("unset");
    format!(
        "{}, {} cores, Linux {}, RUST_BACKTRACE {}, load {} at the start; {}, commit {}",
        text("cpu"),
        machine.get("cores").unwrap_or(&Value::Null),
        text("kernel"),
        text("RUST_BACKTRACE"),
        text("load-at-start"),
        date(
            machine
                .get("unix-time")
                .and_then(Value::as_u64)
                .unwrap_or(0)
        ),
        text("commit"),
    )
}

/// Versions of the measured programs, from the lock file that they were built by.
pub(crate) fn versions() -> Value {
    let lock = include_str!("../Cargo.lock");
    let mut versions = json!({});
    let mut name = "";
    for line in lock.lines() {
        if let Some(rest) = line.strip_prefix("name = ") {
            name = rest.trim_matches('"');
        }
        let Some(version) = line.strip_prefix("version = ") else {
            continue;
        };
        if !["extism", "tokio", "tollgate", "wasmi", "wasmtime"].contains(&name) {
            continue;
        }
        // Extism brings a wasmtime of its own.
        let key = match versions.get(name) {
            Some(_) => format!("{name} (second)"),
            None => name.to_owned(),
        };
        versions[key] = json!(version.trim_matches('"'));
    }
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_709_164_800, "2024-02-29"),
            (1_767_225_599, "2025-12-31"),
            (1_796_036_684, "2026-11-30"),
        ] {
            assert_eq!(date(seconds), expected);
        }
    }
}
