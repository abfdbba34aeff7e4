//! Processes that lie: each message from one is bounded and fits the request, or ends the process, and each caller
//! learns of it in time.

use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use support::audit_log::heard;
use support::harness::{alone, policy, source};
use support::processes::{children, until};
use tempfile::TempDir;
use tollgate::CallError;
use tollgate::blocking::{Provider, Runtime};

use super::{compiles_and, isolating};

/// Set for the process that lies: this test, once more.
const LIE: &str = "TOLLGATE_TEST_LIE";

/// The deadline of four seconds, one second more, and the delays of a busy machine.
const IN_TIME: Duration = Duration::from_secs(15);

const THIS: &str = "isolation::liars::a_process_that_lies";

/// The kinds of frames, as the host sends them and expects them.
const HELLO: u8 = 1;
const CODE: u8 = 2;
const START: u8 = 3;
const CALL: u8 = 4;
const END: u8 = 5;
const READY: u8 = 16;
const DECISION: u8 = 17;
const ANSWER: u8 = 18;
const ENDED: u8 = 19;
const ASK: u8 = 20;

fn frame(kind: u8, session: u64, length: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(session.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(body);
    bytes
}

fn whole(kind: u8, session: u64, body: &[u8]) -> Vec<u8> {
    frame(kind, session, body.len() as u32, body)
}

fn ready() -> Vec<u8> {
    let version = env!("CARGO_PKG_VERSION");
    whole(READY, 0, &[b"\0", version.as_bytes()].concat())
}

/// An answer with these bytes as the result: a report, of a call that returned, and zeroes for all that it used.
fn report(result: &[u8]) -> Vec<u8> {
    let length = [
        (result.len() & 0x7f) as u8 | 0x80,
        (result.len() >> 7) as u8,
    ];
    [&[0, 0][..], &length, result, &[0; 12]].concat()
}

/// The next frame of the host.
fn next(socket: &mut UnixStream) -> Option<(u8, u64)> {
    let mut head = [0; 13];
    socket.read_exact(&mut head).ok()?;
    let session = u64::from_le_bytes(head[1..9].try_into().unwrap());
    let length = u32::from_le_bytes(head[9..].try_into().unwrap());
    let mut body = vec![0; length as usize];
    socket.read_exact(&mut body).ok()?;
    Some((head[0], session))
}

/// Behaves until a call comes, and then says something else than an answer.
fn lie(kind: &str) {
    let mut socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let say = |bytes: &[u8]| {
        let _ = (&socket).write_all(bytes);
    };
    let wait = || std::thread::sleep(Duration::from_secs(60));
    match kind {
        "nothing" => return wait(),
        "another-version" => {
            say(&whole(READY, 0, b"\x000.0.0"));
            return wait();
        }
        "speaks-first" => {
            say(&whole(ENDED, 1, b""));
            return wait();
        }
        "never-reads" => {
            say(&ready());
            return wait();
        }
        _ => say(&ready()),
    }
    while let Some((asked, session)) = next(&mut socket) {
        let decision = |session: u64, target: &str| {
            let mut body = vec![5];
            body.extend(b"files");
            assert!(target.len() < 128);
            body.push(target.len() as u8);
            body.extend(target.as_bytes());
            // The decision is no denial, and has no address.
            body.extend([0, 0]);
            whole(DECISION, session, &body)
        };
        match (kind, asked) {
            ("late", END) => {
                say_to(&socket, &whole(ENDED, session, b""));
                say_to(&socket, &decision(1, "data/late"));
            }
            ("late-for-ever", END) => {
                say_to(&socket, &whole(ENDED, session, b""));
                for_ever(&socket, &decision(session, "data/late"));
            }
            ("late-for-ever-after", END) => {
                say_to(&socket, &whole(ENDED, session, b""));
                if session > 70 {
                    for_ever(&socket, &decision(1, "data/late"));
                }
            }
            (_, HELLO | CODE | START | END) => {}
            // The second kind of answer has no more to it: the process is busy.
            ("answers-twice", CALL) => say_to(&socket, &whole(ANSWER, session, &[1]).repeat(2)),
            ("long-output", CALL) => say_to(&socket, &whole(ANSWER, session, &report(&[7; 1_001]))),
            ("long-error", CALL) => {
                // Its text counts half, since it may have been Latin-1.
                let error = [&[0, 1, 0, 0xd1, 0x0f][..], &[b'x'; 2_001], &[0; 12]].concat();
                say_to(&socket, &whole(ANSWER, session, &error));
            }
            ("true-output", CALL) => say_to(&socket, &whole(ANSWER, session, &report(&[7; 1_000]))),
            ("ready-twice", CALL) => say_to(&socket, &ready()),
            ("nonsense", CALL) => say_to(&socket, &[0xaa; 4096]),
            ("empty-answer", CALL) => say_to(&socket, &whole(ANSWER, session, b"")),
            ("bad-answer", CALL) => say_to(&socket, &whole(ANSWER, session, &[0xff; 64])),
            ("wrong-session", CALL) => say_to(&socket, &whole(ANSWER, session + 7, b"")),
            ("ends-it", CALL) => say_to(&socket, &whole(ENDED, session, b"")),
            ("asks", CALL) => say_to(&socket, &whole(ASK, session, b"")),
            ("long-answer", CALL) => {
                say_to(&socket, &frame(ANSWER, session, u32::MAX, &[0; 1024]));
            }
            ("long-decision", CALL) => {
                say_to(&socket, &frame(DECISION, session, u32::MAX, &[0; 1024]));
            }
            ("half-an-answer", CALL) => say_to(&socket, &frame(ANSWER, session, 100, &[0; 10])),
            ("closes", CALL) => {
                socket.shutdown(std::net::Shutdown::Both).unwrap();
                return wait();
            }
            ("no-capability", CALL) => {
                let mut no_such = decision(session, "a");
                no_such[14] = b'x';
                say_to(&socket, &no_such);
            }
            ("decides-for-ever", CALL) => {
                for_ever(&socket, &decision(session, "data/file"));
            }
            ("fails", CALL) => {
                let text = b"\x1b]0;owned\x07\nERROR forged";
                let answer = [&[2, text.len() as u8], &text[..]].concat();
                say_to(&socket, &whole(ANSWER, session, &answer));
            }
            ("silent" | "leaves-a-child", CALL) => {}
            // The process is busy; the host ends the session for it.
            (_, CALL) if kind.starts_with("late") => say_to(&socket, &whole(ANSWER, session, &[1])),
            (other, asked) => panic!("{other}, {asked}"),
        }
    }
}

/// Sends it a million times, or until the other end is closed.
fn for_ever(mut socket: &UnixStream, bytes: &[u8]) {
    let piece = bytes.repeat(1_000);
    let mut times = 0..1_000;
    while times.next().is_some() && socket.write_all(&piece).is_ok() {}
}

fn say_to(mut socket: &UnixStream, bytes: &[u8]) {
    let _ = socket.write_all(bytes);
}

pub(super) fn liar(folder: &TempDir, kind: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let test = test.display();
    let child = match kind {
        "leaves-a-child" => "exec 9<&0; sleep 20 &",
        _ => "",
    };
    let line = format!("{child}\n{LIE}={kind} exec '{test}' --exact {THIS} --nocapture");
    compiles_and(folder, &line)
}

pub(super) fn loaded(folder: &TempDir, kind: &str, limits: &str) -> Provider {
    let runtime: Runtime = isolating(liar(folder, kind)).build().into();
    runtime.load(&source("echo"), &policy(limits)).unwrap()
}

#[test]
fn a_process_that_lies() {
    if let Ok(kind) = std::env::var(LIE) {
        return lie(&kind);
    }
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    let limits = "limits.deadline = \"4s\"\nlimits.host-calls = 100\nlimits.output = 1_000";
    // None that ever took a call: the host's own error.
    for kind in ["nothing", "another-version", "speaks-first"] {
        let provider = loaded(&folder, kind, limits);
        let start = Instant::now();
        match provider.session().run(b"input") {
            Err(CallError::Host(error)) => {
                let detail = error.detail();
                assert!(detail.contains("is no worker of this version"), "{detail}");
            }
            other => panic!("{kind}: {other:?}"),
        }
        assert!(start.elapsed() < IN_TIME, "{kind}");
        drop(provider);
        until("ended", || children(std::process::id()).is_empty());
    }
    // A process that sent a forbidden message: it is killed at once, and the log has the reason.
    for (kind, why) in [
        ("ready-twice", "it is ready twice"),
        ("nonsense", "its message is of no kind"),
        ("empty-answer", "its answer is none that the call can have"),
        ("bad-answer", "its answer is none that the call can have"),
        ("long-output", "its answer is none that the call can have"),
        ("long-error", "its answer is none that the call can have"),
        ("wrong-session", "it speaks of a session that is none"),
        ("ends-it", "it ends a session whose caller waits"),
        ("asks", "it asks for input that there is not"),
        ("long-answer", "its message is too long"),
        ("long-decision", "its message is too long"),
        ("no-capability", "it decides on no capability"),
        (
            "decides-for-ever",
            "it tells of more decisions than a call can make",
        ),
        ("closes", "it closed its socket"),
    ] {
        let mut denials = 0;
        let listener = heard(|| {
            let provider = loaded(&folder, kind, limits);
            let start = Instant::now();
            let report = provider.session().run(b"input").unwrap();
            assert!(start.elapsed() < Duration::from_secs(4), "{kind}");
            let fault = report.outcome.fault().unwrap();
            assert_eq!(fault.label(), "crash", "{kind}");
            assert!(
                fault.to_string().contains("the log has the reason"),
                "{fault}"
            );
            denials = report.denials.len();
            // The thread that keeps the process says why.
            until("ended", || children(std::process::id()).is_empty());
            drop(provider);
        });
        assert!(denials <= 100, "{kind}");
        let events = listener.take();
        let reasons = events.iter().filter_map(|event| event.fields.get("how"));
        assert_eq!(reasons.collect::<Vec<_>>(), [why], "{kind}");
    }
    // The same answer as that of `long-output`, and a byte shorter, is believed.
    let provider = loaded(&folder, "true-output", limits);
    let report = provider.session().run(b"input").unwrap();
    assert_eq!(report.outcome.returned(), Some(vec![7; 1_000]));
    // As text as well.
    for (kind, told) in [("true-output", "returned"), ("long-output", "faulted")] {
        let provider = loaded(&folder, kind, limits);
        let report = provider.session().wave("run([120])").unwrap();
        assert_eq!(report.outcome.label(), told);
    }
    drop(provider);
    let listener = heard(|| {
        let provider = loaded(&folder, "answers-twice", limits);
        let result = provider.session().run(b"input");
        assert!(matches!(result, Err(CallError::Busy)), "{result:?}");
        until("ended", || children(std::process::id()).is_empty());
    });
    // The thread that has seen its end tells of it then.
    let why = "it answers what it was not asked";
    until("told", || {
        let mut events = listener.take().into_iter();
        events.any(|event| event.fields.get("how").is_some_and(|how| how == why))
    });
    // One whose child has its socket open: nothing of the host waits for the child.
    let provider = loaded(&folder, "leaves-a-child", limits);
    assert!(provider.session().run(b"input").is_ok());
    drop(provider);
    until("ended", || children(std::process::id()).is_empty());
    let listens = || {
        let threads = std::fs::read_dir("/proc/self/task").unwrap();
        let names =
            threads.filter_map(|it| std::fs::read_to_string(it.ok()?.path().join("comm")).ok());
        names
            .filter(|name| name.starts_with("tollgate-listen"))
            .count()
    };
    let start = Instant::now();
    until("not listened to", || listens() == 0);
    assert!(start.elapsed() < Duration::from_secs(10));
    // One that says nothing, or does not read: the deadline, and a second.
    for (kind, input) in [
        ("silent", 5),
        ("half-an-answer", 5),
        ("never-reads", 4 << 20),
    ] {
        let provider = loaded(&folder, kind, limits);
        let start = Instant::now();
        let report = provider.session().run(&vec![0; input]).unwrap();
        assert_eq!(
            report.outcome.fault().unwrap().label(),
            "deadline",
            "{kind}"
        );
        assert!(start.elapsed() < IN_TIME, "{kind}");
        drop(provider);
        until("ended", || children(std::process::id()).is_empty());
    }
}

/// The text of a failure is the word of the process: in the log and in the error it is escaped.
#[test]
fn what_a_process_says_of_its_failure_is_escaped() {
    let folder = TempDir::new().unwrap();
    let listener = heard(|| {
        let provider = loaded(&folder, "fails", "");
        match provider.session().run(b"input") {
            Err(CallError::Host(error)) => {
                assert_eq!(error.detail(), "\\u{1b}]0;owned\\u{7}\\nERROR forged");
            }
            other => panic!("{other:?}"),
        }
    });
    let events = listener.take().into_iter();
    let texts: Vec<String> = events.flat_map(|it| it.fields.into_values()).collect();
    assert!(texts.iter().any(|text| text.contains("owned")), "{texts:?}");
    let raw = |text: &String| text.contains(['\u{1b}', '\n']);
    assert!(!texts.iter().any(raw), "{texts:?}");
}

/// A process that never says that it is ready has ten seconds for it, however long the call may take.
#[test]
fn a_process_that_says_nothing_is_killed() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    let provider = loaded(&folder, "nothing", "limits.deadline = \"60s\"");
    let start = Instant::now();
    match provider.session().run(b"input") {
        Err(CallError::Host(error)) => {
            let detail = error.detail();
            assert!(detail.contains("is no worker of this version"), "{detail}");
        }
        other => panic!("{other:?}"),
    }
    let took = start.elapsed();
    assert!(
        took > Duration::from_secs(9) && took < Duration::from_secs(30),
        "{took:?}"
    );
}
