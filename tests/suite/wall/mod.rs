//! The second wall: the kernel's answers to an escaped guest, part by part, and the uses that must still work.

#![cfg(target_os = "linux")]

mod behind;
pub(crate) mod escaped;
mod option;
mod threads;

use std::process::Stdio;

use support::cli::guest;
use support::harness::in_time;
use support::processes::{send, until};

use self::escaped::{
    Attempts, CLOSED, DENIED, NO_SUCH_CALL, Scene, attempts, kernel_has_all_parts,
};

/// Attempts on paths that no grant names, which Landlock denies.
pub(crate) const PATHS: [&str; 12] = [
    "open-passwd",
    "open-outside",
    "write-outside",
    "truncate-outside",
    "write-home",
    "list-root",
    "own-memory",
    "remove-outside",
    "rename-outside",
    "link-outside",
    "open-process",
    "exec-at",
];

/// Attempts that take a system call which calling a guest does not. The last two do with HTTP.
pub(crate) const CALLS: [&str; 35] = [
    "mode-outside",
    "listen",
    "connect-by-sending",
    "socket-unix",
    "socket-packet",
    "socket-raw",
    "socket-ping",
    "socket-netlink",
    "pair-of-datagrams",
    "exec",
    "exec-at",
    "fork",
    "fork-3",
    "thread-in-namespace",
    "machine-code",
    "trace",
    "read-process",
    "kill",
    "kill-thread",
    "process-handle",
    "signal-by-owner",
    "mount",
    "unshare-mounts",
    "unshare-user",
    "chroot",
    "bpf",
    "perf",
    "io-uring",
    "module",
    "kexec",
    "keys",
    "type-into-terminal",
    "set-limit",
    "connect",
    "socket-udp",
];

#[track_caller]
pub(crate) fn all_end_by(attempts: &Attempts, names: &[&str], error: i32) {
    for name in names {
        assert_eq!(attempts[*name], error, "{name}: {attempts:?}");
    }
}

/// Asserts that no other attempts succeed.
#[track_caller]
pub(crate) fn only_these_succeed(attempts: &Attempts, names: &[&str]) {
    let succeeded = attempts.iter().filter(|(_, error)| **error == 0);
    let succeeded: Vec<&str> = succeeded.map(|(name, _)| name.as_str()).collect();
    assert_eq!(succeeded, names, "{attempts:?}");
}

#[test]
fn an_escaped_guest_without_grants_gets_nothing() {
    if kernel_has_all_parts() {
        let attempts = Scene::new().call(&[], "");
        only_these_succeed(&attempts, &[]);
        all_end_by(&attempts, &CALLS, NO_SUCH_CALL);
        assert_eq!(attempts["inherited-file"], CLOSED);
    }
}

/// The attempts are no good if they fail anyway.
#[test]
fn without_the_wall_an_escaped_guest_gets_what_the_user_has() {
    let scene = Scene::new();
    let args = ["call", &guest("counter"), "next()", "--wall", "off"];
    let output = scene.program(&args, "write", 2).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    for name in ["open-passwd", "open-outside", "inherited-file", "connect"] {
        assert!(said.contains(&format!("{name} 0\n")), "{name}: {said}");
    }
    // It has become another program.
    assert!(!said.contains("exec ") && !said.contains("end "), "{said}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn an_escaped_guest_gets_what_is_granted_and_no_more() {
    if !kernel_has_all_parts() {
        return;
    }
    let scene = Scene::new();
    let root = scene.at("granted");
    let files = |access: &str| format!("files=data:{root}{access}");
    let http = |host: &str| format!("http=http://{host}:{}/**", scene.granted_port());

    let attempts = scene.call(&["--grant", &files("")], "");
    only_these_succeed(&attempts, &["read-inside"]);
    assert_eq!(attempts["write-inside"], DENIED);

    let attempts = scene.call(&["--grant", &files(":rw")], "");
    only_these_succeed(&attempts, &["read-inside", "write-inside"]);

    let always = &CALLS[..CALLS.len() - 2];
    let attempts = scene.call(&["--grant", &http("127.0.0.1")], "");
    only_these_succeed(&attempts, &["connect-granted"]);
    all_end_by(&attempts, always, NO_SUCH_CALL);
    assert_eq!(attempts["connect"], DENIED);

    // A name is looked up, which takes UDP.
    let attempts = scene.call(&["--grant", &http("localhost")], "");
    only_these_succeed(&attempts, &["connect-granted", "socket-udp"]);
    all_end_by(&attempts, always, NO_SUCH_CALL);
    assert_eq!(attempts["connect"], DENIED);
}

/// Each part holds without the others: a hole in one is not a hole in the wall.
#[test]
fn each_part_holds_alone() {
    if !kernel_has_all_parts() {
        return;
    }
    let scene = Scene::new();
    let grant = format!("http=http://127.0.0.1:{}/**", scene.granted_port());
    let attempts = scene.call(&["--grant", &grant], "seccomp");
    all_end_by(&attempts, &PATHS, DENIED);
    all_end_by(&attempts, &["connect", "exec"], DENIED);
    let attempts = Scene::new().call(&[], "landlock");
    all_end_by(&attempts, &CALLS, NO_SUCH_CALL);
    assert_eq!(attempts["open-passwd"], 0, "Landlock is there all the same");

    let attempts = scene.worker("seccomp");
    all_end_by(&attempts, &PATHS, DENIED);
    all_end_by(&attempts, &["connect", "connect-granted", "exec"], DENIED);
    assert_eq!(attempts["inherited-file"], CLOSED);
    let attempts = scene.worker("landlock");
    all_end_by(&attempts, &CALLS, NO_SUCH_CALL);
    all_end_by(&attempts, &PATHS, NO_SUCH_CALL);
}

#[test]
fn an_escaped_component_in_the_worker_gets_nothing() {
    if kernel_has_all_parts() {
        let attempts = Scene::new().worker("");
        only_these_succeed(&attempts, &[]);
        all_end_by(&attempts, &CALLS, NO_SUCH_CALL);
        all_end_by(&attempts, &PATHS, NO_SUCH_CALL);
        assert_eq!(attempts["inherited-file"], CLOSED);
    }
}

/// The parts are applied to threads, and a guest that has escaped has them all: it is the same memory. This is the thread
/// that waits for Ctrl-C.
#[test]
fn every_thread_is_behind_the_wall() {
    if !kernel_has_all_parts() {
        return;
    }
    let scene = Scene::new();
    let mut program = scene.program(&["call", &guest("start-loop"), "attack()"], "exit", 2);
    let mut child = program
        .args(["--fuel", "9000000000000000000", "--deadline", "20s"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let id = child.id();
    let status = |of: &str| std::fs::read_to_string(of).unwrap_or_default();
    until("a wall", || {
        status(&format!("/proc/{id}/status")).contains("Seccomp:\t2")
    });
    let threads = || std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
    until("a thread that waits", || threads().count() > 1);
    for thread in threads() {
        let path = thread.unwrap().path().join("status");
        let said = status(path.to_str().unwrap());
        assert!(
            said.contains("Seccomp:\t2\n") && said.contains("NoNewPrivs:\t1\n"),
            "{said}"
        );
        assert!(capabilities(&said) & !OVER_FILES == 0, "{said}");
    }
    send("INT", id);
    let output = in_time(move || {
        let said = support::cli::words(&mut child);
        (said, child.wait().unwrap().code())
    });
    assert_eq!(output.1, Some(130), "{}", output.0);
    let attempts = attempts(&output.0);
    only_these_succeed(&attempts, &[]);
    all_end_by(&attempts, &PATHS[..11], DENIED);
}

/// `CAP_DAC_OVERRIDE`, `CAP_DAC_READ_SEARCH` and `CAP_FOWNER`.
pub(crate) const OVER_FILES: u64 = 1 << 1 | 1 << 2 | 1 << 3;

/// All capabilities that a process can ever have.
pub(crate) fn capabilities(status: &str) -> u64 {
    let sets = status.lines().filter_map(|line| {
        let (name, set) = line.split_once(":\t")?;
        ["CapInh", "CapPrm", "CapEff", "CapAmb"]
            .contains(&name)
            .then_some(set)
    });
    sets.map(|set| u64::from_str_radix(set, 16).unwrap())
        .fold(0, |all, set| all | set)
}

/// The arguments of a worker: its flag, the metering, bytes of memory, seconds, the complexity, its task.
const WORKER: [&str; 6] = [
    "--tollgate-compile-worker",
    "fuel",
    "2000000000",
    "30",
    "100",
    "load",
];

/// As the kernel shows it: nothing of the worker's own is believed.
#[test]
fn a_worker_has_two_pipes_and_no_privileges() {
    if !kernel_has_all_parts() {
        return;
    }
    let scene = Scene::new();
    let mut worker = support::cli::command(&WORKER)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let id = worker.id();
    let status = || std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    until("a wall", || status().contains("Seccomp:\t2"));
    let open = std::fs::read_dir(format!("/proc/{id}/fd")).unwrap();
    let open: Vec<String> = open
        .map(|entry| std::fs::read_link(entry.unwrap().path()).unwrap())
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(open.len(), 2, "{open:?}");
    assert!(
        open.iter().all(|path| path.starts_with("pipe:")),
        "{open:?}"
    );
    let status = status();
    assert!(status.contains("NoNewPrivs:\t1\n"), "{status}");
    assert_eq!(capabilities(&status), 0, "{status}");
    drop(worker.stdin.take());
    worker.wait().unwrap();
    drop(scene);
}
