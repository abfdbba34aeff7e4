//! Ctrl-C and SIGTERM: the messages, the report and the files of a program that they end.

use std::process::{Child, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use support::cli::{command, guest, words};
use support::harness::in_time;
use support::processes::{children, cpu_time, handles, is_gone, send, until};

const SIGTERM: u32 = 15;

/// A call that would continue for minutes, under way.
fn calling(arguments: &[&str]) -> Child {
    let child = command(&["call", &guest("start-loop"), "attack()"])
        .args(["--fuel", "9000000000000000000", "--deadline", "5m"])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let program = child.id();
    // The steps before the call take a small part of this, and another process compiles.
    let calls = || handles(program, SIGTERM) && cpu_time(program) > Duration::from_millis(500);
    until("a call", calls);
    child
}

fn ended(mut child: Child) -> (Option<i32>, String) {
    let status = in_time(move || {
        let status = child.wait().unwrap();
        (status, words(&mut child))
    });
    (status.0.code(), status.1)
}

#[test]
fn a_call_that_is_interrupted_says_so_and_is_reported() {
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report.json");
    let at = report.to_str().unwrap();
    for wall in ["best-effort", "off"] {
        for (signal, number, status) in [("INT", 2, 130), ("TERM", 15, 143)] {
            let child = calling(&["--report", at, "--wall", wall]);
            // A terminal sends it to all processes of the command.
            for process in children(child.id()).into_iter().chain([child.id()]) {
                send(signal, process);
            }
            let (code, said) = ended(child);
            assert_eq!(code, Some(status), "{signal}: {said}");
            let line = format!("error: start-loop: interrupted by SIG{signal} after ");
            assert!(
                said.starts_with(&line) && said.lines().count() == 1,
                "{said}"
            );
            until("a report", || report.exists());
            let text = std::fs::read_to_string(&report).unwrap();
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(json["outcome"], "interrupted");
            assert_eq!(json["interrupted"]["signal"], number);
            assert!(json["interrupted"]["elapsed_us"].as_u64() > Some(100_000));
            assert_eq!(json["provider"]["name"], "start-loop");
            std::fs::remove_file(&report).unwrap();
        }
    }
}

#[test]
fn a_report_of_an_interruption_is_alone_on_stderr() {
    let child = calling(&["--report", "-"]);
    send("TERM", child.id());
    let (code, said) = ended(child);
    assert_eq!(code, Some(143));
    let json: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(json["outcome"], "interrupted");
}

/// The worker, which has the component, ends with the program.
#[test]
fn compiling_is_interrupted_with_its_worker() {
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report.json");
    let child = command(&[
        "call",
        &guest("wasi-provider"),
        "f()",
        "--grant",
        "wasi=inert",
    ])
    .args(["--wall", "off", "--report", report.to_str().unwrap()])
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let program = child.id();
    until("a worker", || !children(program).is_empty());
    let worker = children(program);
    send("TERM", program);
    let (code, said) = ended(child);
    assert_eq!(code, Some(143), "{said}");
    assert!(
        said.starts_with("error: wasi-provider: interrupted by SIGTERM"),
        "{said}"
    );
    let text = std::fs::read_to_string(&report).unwrap();
    assert!(text.contains("\"outcome\": \"interrupted\""), "{text}");
    until("the end of the worker", || {
        worker.iter().all(|worker| is_gone(*worker))
    });
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is left beside the report");
}
