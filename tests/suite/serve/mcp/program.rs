//! `tollgate mcp`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use support::cli::{command, run};
use support::harness::{guest_file, in_time};

use super::super::PATIENCE;
use super::{call, initialize, request, returned};

/// The program over a folder, which a test changes.
struct Program {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    folder: tempfile::TempDir,
}

impl Program {
    fn of(guest: &str) -> Program {
        Program::under(guest, "")
    }

    fn under(guest: &str, policy: &str) -> Program {
        let folder = tempfile::tempdir().unwrap();
        install(&folder, guest, policy);
        let mut child = command(&["mcp", folder.path().to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (tell, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines() {
                let _ = tell.send(line.unwrap());
            }
        });
        Program {
            input: child.stdin.take(),
            child,
            lines,
            folder,
        }
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.input.as_mut().unwrap(), "{message}").unwrap();
    }

    fn next(&self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).unwrap();
        // Nothing else is on standard output.
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"))
    }

    fn ask(&mut self, id: u64, method: &str, params: Value) -> Value {
        self.send(&request(id, method, params));
        let answer = self.next();
        assert_eq!(answer["id"], id, "{answer}");
        answer["result"].clone()
    }

    /// The status once its input has ended.
    fn end(mut self) -> Option<i32> {
        self.input = None;
        self.ended()
    }

    /// The status with which it ends by itself.
    fn ended(mut self) -> Option<i32> {
        in_time(move || self.child.wait().unwrap()).code()
    }
}

/// A child that nobody waits for would be one of the test process until its end, and other tests look for those.
impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn install(folder: &tempfile::TempDir, guest: &str, policy: &str) {
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path(&format!("{guest}.toml")), policy).unwrap();
    std::fs::copy(guest_file(guest), path("new")).unwrap();
    std::fs::rename(path("new"), path(&format!("{guest}.wasm"))).unwrap();
}

#[test]
fn the_tools_of_a_folder_follow_it() {
    let mut program = Program::of("counter");
    let opened = program.ask(1, "initialize", initialize());
    assert_eq!(opened["serverInfo"]["name"], "tollgate");
    assert_eq!(opened["capabilities"]["tools"]["listChanged"], true);
    program.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    let next = program.ask(2, "tools/call", call("counter.next", json!({})));
    assert_eq!(returned(&next), 1);
    install(&program.folder, "echo", "");
    let told = program.next();
    assert_eq!(told["method"], "notifications/tools/list_changed", "{told}");
    program.send(&request(3, "tools/list", json!({})));
    let list = std::iter::repeat_with(|| program.next());
    // Each event of the folder is told.
    let list = list.take(5).find(|message| message["id"] == 3).unwrap();
    let tools = list["result"]["tools"].as_array().unwrap();
    assert!(
        tools.iter().any(|tool| tool["name"] == "echo.run"),
        "{list}"
    );
    assert_eq!(program.end(), Some(0));
}

/// One call that takes long is not all that a session does.
#[test]
fn calls_run_at_the_same_time() {
    let long = "limits.deadline = \"60s\"\nlimits.fuel = 1_000_000_000_000";
    let mut program = Program::under("counter", long);
    program.ask(1, "initialize", initialize());
    let work = call("counter.work", json!({ "turns": 4_000_000_000_u32 }));
    program.send(&request(2, "tools/call", work));
    std::thread::sleep(std::time::Duration::from_millis(300));
    let next = program.ask(3, "tools/call", call("counter.next", json!({})));
    assert_eq!(returned(&next), 1);
}

/// A guest with it would write messages of the protocol.
#[test]
fn no_guest_has_standard_output() {
    let mut program = Program::under("counter", "grants.wasi.stdio = \"inherit\"");
    program.ask(1, "initialize", initialize());
    let list = program.ask(2, "tools/list", json!({}));
    assert_eq!(list["tools"], json!([]), "{list}");
}

#[test]
fn a_signal_ends_it() {
    let mut program = Program::of("counter");
    program.ask(1, "initialize", initialize());
    let id = rustix::process::Pid::from_child(&program.child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert_eq!(program.ended(), Some(0));
}

#[test]
fn a_folder_that_is_not_there_is_a_mistake() {
    let told = run(&["mcp", "/none/of/these"]);
    assert_eq!(told.status.code(), Some(2));
    assert!(told.stdout.is_empty());
}
