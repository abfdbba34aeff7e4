//! Runs a program for a limited time, with all its output in a file.

use std::{
    fs::{self, File},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// The end of a program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ended {
    /// It ended by itself, with an exit status.
    Exit(i32),
    /// It ended by a signal.
    Signal(i32),
    /// It was killed when its time was over.
    TimedOut,
}

/// Runs `command`, standard output and error in `log`, until it ends or `limit` is over.
///
/// The program stays in the runner's process group, so that Ctrl-C ends it too.
pub(crate) fn run(command: &mut Command, log: &Path, limit: Duration) -> Result<Ended> {
    let output =
        File::create(log).with_context(|| format!("{}: it cannot be written", log.display()))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| {
            format!(
                "{}: it cannot be started",
                command.get_program().to_string_lossy()
            )
        })?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > limit {
            let descendants = descendants(child.id());
            child.kill()?;
            child.wait()?;
            kill(&descendants);
            return Ok(Ended::TimedOut);
        }
        thread::sleep(Duration::from_millis(20));
    };
    Ok(match status.code() {
        Some(code) => Ended::Exit(code),
        None => Ended::Signal(status.signal().unwrap_or_default()),
    })
}

/// The processes that `process` has started, and their descendants.
fn descendants(process: u32) -> Vec<u32> {
    let mut all = Vec::new();
    let tasks = fs::read_dir(format!("/proc/{process}/task"));
    for task in tasks.into_iter().flatten().flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|id| id.parse().ok()) {
            all.push(child);
            all.extend(descendants(child));
        }
    }
    all
}

fn kill(processes: &[u32]) {
    for process in processes {
        if let Some(process) = i32::try_from(*process).ok().and_then(Pid::from_raw) {
            // A process that has ended meanwhile is no error.
            let _ = kill_process(process, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: u64) -> (Ended, String) {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = Command::new("sh");
        let ended = run(
            command.args(["-c", script]),
            &log,
            Duration::from_millis(limit),
        )
        .unwrap();
        (ended, fs::read_to_string(log).unwrap())
    }

    #[test]
    fn each_end_is_told_apart() {
        assert_eq!(
            shell("echo out; echo err >&2; exit 3", 9000),
            (Ended::Exit(3), "out\nerr\n".to_owned())
        );
        assert_eq!(shell("kill -6 $$", 9000).0, Ended::Signal(6));
        assert_eq!(shell("sleep 60", 100).0, Ended::TimedOut);
    }

    #[test]
    fn no_process_of_a_program_outlives_its_time() {
        let (ended, log) = shell("sleep 61 & echo $!; wait", 500);
        assert_eq!(ended, Ended::TimedOut);
        let stat = format!("/proc/{}/stat", log.trim());
        let is_gone = || {
            let state = fs::read_to_string(&stat).unwrap_or_default();
            state.is_empty() || state.contains(") Z ")
        };
        // A killed process takes a moment to end.
        let start = Instant::now();
        while !is_gone() {
            assert!(start.elapsed() < Duration::from_secs(10));
            thread::sleep(Duration::from_millis(10));
        }
    }
}
