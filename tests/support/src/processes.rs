//! Processes of this machine, as `/proc` shows them, and programs of a few lines.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The time that a test waits for an expected event. It decides only when a failing test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program of lines of shell, in `folder`.
pub fn script(folder: &Path, lines: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let (written, program) = (folder.join("written"), folder.join("script"));
    std::fs::write(&written, format!("#!/bin/sh\n{lines}\n")).unwrap();
    std::fs::set_permissions(&written, std::fs::Permissions::from_mode(0o755)).unwrap();
    // Written elsewhere and moved: a file that is open for writing is not started.
    std::fs::rename(written, &program).unwrap();
    program
}

/// The child processes of this process.
pub fn children(of: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{of}/task")).unwrap();
    let children = tasks.flat_map(|task| {
        let text = std::fs::read_to_string(task.unwrap().path().join("children"));
        let numbers = text.unwrap_or_default();
        numbers
            .split_whitespace()
            .map(|n| n.parse().unwrap())
            .collect::<Vec<u32>>()
    });
    children.collect()
}

/// Processor time that a process has used, in all its threads, to ten milliseconds.
pub fn cpu_time(of: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{of}/stat")).unwrap();
    // The name of the program, in parentheses, may contain any characters.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2);
    let ticks: u64 = ticks.map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// Whether a process has a handler for a signal.
pub fn handles(process: u32, signal: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = u64::from_str_radix(caught.unwrap().trim(), 16).unwrap();
    caught & 1 << (signal - 1) != 0
}

/// Sends a signal by its name, such as `INT`.
pub fn send(signal: &str, process: u32) {
    assert!(is_sent(signal, process));
}

/// Whether a process has ended, also if its end was not noted yet.
pub fn is_gone(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
    stat.map_or(true, |stat| stat.contains(") Z "))
}

/// Whether a signal is sent: the process is there.
fn is_sent(signal: &str, process: u32) -> bool {
    let mut kill = std::process::Command::new("kill");
    let sent = kill
        .args([&format!("-{signal}"), &process.to_string()])
        .status();
    sent.unwrap().success()
}

/// Ends a process as a hole would: sends the signal until it is gone, since a handler of the engine looks at the first one.
pub fn crash(process: u32) {
    while !is_gone(process) {
        // It may have ended since.
        assert!(is_sent("SEGV", process) || is_gone(process));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until a condition holds.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "never {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
