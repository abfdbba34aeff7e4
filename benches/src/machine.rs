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
        "unix-time": std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
    })
}

/// The same in a line.
pub(crate) fn sentence(machine: &Value) -> String {
    let text = |key: &str| machine.get(key).and_then(Value::as_str).unwrap_or("unset");
    format!(
        "{}, {} cores, Linux {}, RUST_BACKTRACE {}, load {} at the start",
        text("cpu"),
        machine.get("cores").unwrap_or(&Value::Null),
        text("kernel"),
        text("RUST_BACKTRACE"),
        text("load-at-start"),
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
