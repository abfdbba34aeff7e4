//! Lies of many parts: a message of a process takes no large multiple of its length of the host's memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::counting::held;
use support::harness::{alone, builder, policy, source};
use support::processes::script;
use tempfile::TempDir;
use tollgate::Compiler;
use tollgate::blocking::Runtime;

use super::{compiles_and, isolating};

/// The most MiB that this process held during `work`, in addition to its memory before.
fn peak<T>(work: impl FnOnce() -> T) -> (i64, T) {
    let before = held();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sampled = scope.spawn(|| {
            let mut peak = 0;
            while !done.load(Ordering::Relaxed) {
                peak = peak.max(held() - before);
                std::thread::sleep(Duration::from_micros(200));
            }
            peak >> 20
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        (sampled.join().unwrap(), result)
    })
}

/// A number as messages have it.
fn number(mut left: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while left >= 0x80 {
        bytes.push(left as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
    bytes
}

const PARTS: u32 = 15 << 20;

/// A fault whose trace has fifteen million empty names, and as many empty log lines.
#[test]
fn an_answer_of_many_empty_parts_takes_no_memory() {
    let _alone = alone();
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    let frame = |kind: u8, session: u64, body: &[u8]| {
        let length = (body.len() as u32).to_le_bytes();
        [&[kind][..], &session.to_le_bytes(), &length, body].concat()
    };
    let ready = frame(16, 0, &[b"\0", version].concat());
    // A report of a fault without text, code and trap; ten numbers after the names, of which one counts log lines.
    let fault = [&[0, 5, 4][..], b"trap", &[0, 0, 0]].concat();
    let names = [&fault[..], &number(PARTS), &vec![0; PARTS as usize + 11]].concat();
    let lines = number(PARTS / 2);
    let lines = [&fault[..], &[0; 9], &lines, &vec![0; PARTS as usize + 2]].concat();
    for lie in [names, lines] {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("ready"), &ready).unwrap();
        std::fs::write(at("lie"), frame(18, 1, &lie)).unwrap();
        let (ready, lie) = (at("ready"), at("lie"));
        let line = format!("cat {ready:?} >&0\nsleep 1\ncat {lie:?} >&0\nsleep 5");
        let runtime: Runtime = isolating(compiles_and(&folder, &line)).build().into();
        let provider = runtime.load(&source("echo"), &policy("")).unwrap();
        let (most, report) = peak(|| provider.session().run(b"x").unwrap());
        assert_eq!(report.outcome.fault().unwrap().label(), "crash");
        assert!(most < 64, "{most} MiB are taken for a message of 15 MiB");
    }
}

/// The same for the findings of a worker that compiles.
#[test]
fn findings_of_many_empty_parts_take_no_memory() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    let exports = [&[1, b'x', 8, 0][..], &number(PARTS)].concat();
    let body = [exports, vec![0; 2 * PARTS as usize + 2]].concat();
    // The parts that the worker's wall lacks, and the message.
    let length = (body.len() as u64).to_le_bytes();
    let digest = blake3::hash(&body);
    let message = [&[0, 4][..], &length, digest.as_bytes(), &body].concat();
    let lie = folder.path().join("lie");
    std::fs::write(&lie, message).unwrap();
    let program = script(folder.path(), &format!("cat {lie:?}\nsleep 2"));
    let runtime: Runtime = builder()
        .compiler(Compiler::Worker { program })
        .build()
        .into();
    let (most, loaded) = peak(|| runtime.load(&source("echo"), &policy("")));
    assert!(loaded.is_err());
    assert!(most < 128, "{most} MiB are taken for a message of 30 MiB");
}
