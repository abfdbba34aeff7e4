//! Those who may write to the server: messages, components and policies of their choice.

use std::time::Duration;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use support::harness::{guest_file, wait};
use support::processes::until;
use tollgate_fleet::Ended;

use super::{Nats, Worker};

pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The key of a call with a key of its own.
pub(super) fn key(provider: &str, own: &str) -> String {
    let mut hash = Sha256::new();
    for part in ["key", provider, own] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(super) fn kind(ended: &Ended) -> &str {
    match ended {
        Ended::Refused { kind, .. } => kind,
        other => panic!("{other:?}"),
    }
}

/// The end of a call of any version, published without a client of ours.
pub(super) fn ended(nats: &Nats, own: &str, component: &str, policy: &str, patience: u64) -> Ended {
    let job = json!({
        "provider": "counter",
        "version": { "component": component, "policy": policy },
        "call": "next()",
        "key": key("counter", own),
        "own_key": own,
        "patience": patience,
    });
    nats.publish_work("", job.to_string().as_bytes());
    let answer = wait(
        nats.fleet()
            .wait(&key("counter", own), Duration::from_secs(20)),
    );
    answer.unwrap().unwrap().ended
}

/// Each is buried with its reason, and the worker goes on.
#[test]
fn a_message_that_is_no_call_is_buried() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy("counter", "");
    let fleet = nats.fleet();
    let _worker = Worker::start(&nats, "w", &["--concurrency", "4"]);
    let job = json!({
        "provider": "counter",
        "version": { "component": digest(b"a"), "policy": digest(b"b") },
        "call": "next()",
        "key": key("counter", "k"),
        "own_key": "k",
        "patience": u64::MAX,
    });
    // Its name would be the reason, escaped, beside a copy that leaves 2 KiB for all headers.
    let field = format!("{{\"{}\":1}}", "\u{202e}".repeat(348_600));
    let mut other = job.clone();
    other["provider"] = json!("other");
    let mut reply = job.clone();
    reply["key"] = json!("$JS.API.STREAM.DELETE.tollgate_default_work");
    let deep = "[".repeat(100_000);
    let big = format!("{{\"provider\":\"{}\"}}", "a".repeat(900_000));
    let texts = [
        "",
        "{",
        "null",
        "\u{202e}",
        &deep,
        &big,
        &field,
        &other.to_string(),
        &reply.to_string(),
    ];
    for text in texts {
        nats.publish_work("", text.as_bytes());
    }
    // Bytes that are no text.
    nats.publish_work("", &[0xff; 1_000]);
    let buried = texts.len() as u64 + 1;
    until("buried", || wait(fleet.state()).unwrap().dead == buried);
    assert_eq!(nats.submit(&["counter", "next()"]).0, Some(0));
    until("gone", || wait(fleet.state()).unwrap().queued == 0);
}

/// Under the names of digests is what somebody has put there.
#[test]
fn files_are_checked_by_each_worker() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy("counter", "");
    let fleet = nats.fleet();
    let _worker = Worker::start(&nats, "w", &[]);
    let bytes = std::fs::read(guest_file("counter")).unwrap();
    let job = |own: &str, component: &str, policy: &str, patience: u64| {
        wait(fleet.release_as("counter", component, policy)).unwrap();
        ended(&nats, own, component, policy, patience)
    };
    let (component, policy) = (digest(&bytes), digest(b""));
    assert_eq!(
        kind(&job("none", &digest(b"none"), &policy, u64::MAX)),
        "not-found"
    );
    assert_eq!(kind(&job("text", &policy, &component, u64::MAX)), "policy");
    assert_eq!(kind(&job("late", &component, &policy, 0)), "expired");
    let made = job("good", &component, &policy, u64::MAX);
    assert!(matches!(made, Ended::Returned { .. }), "{made:?}");
    // The name of the counter, and other bytes under it.
    let echo = std::fs::read(guest_file("echo")).unwrap();
    wait(fleet.put_as(&digest(b"liar"), &echo)).unwrap();
    assert_eq!(
        kind(&job("liar", &digest(b"liar"), &policy, u64::MAX)),
        "digest"
    );
    // A component is not read beyond its limit.
    let large = digest(b"limits.component-size = 200");
    wait(fleet.put_as(&large, b"limits.component-size = 200")).unwrap();
    assert_eq!(
        kind(&job("large", &component, &large, u64::MAX)),
        "component-size"
    );
}

#[test]
fn a_policy_above_the_ceiling_is_refused() {
    let Some(nats) = Nats::start() else { return };
    let ceiling = "limits.fuel = 1_000_000\ngrants.log = true";
    let _worker = Worker::under(&nats, "w", ceiling, &[]);
    let called = |policy: &str| {
        nats.deploy("counter", policy);
        nats.submit(&["counter", "next()"])
    };
    assert_eq!(called("limits.fuel = 1_000_000").0, Some(0));
    assert_eq!(
        called("limits.fuel = 900_000\ngrants.log = true").0,
        Some(0)
    );
    for (policy, key) in [
        ("", "limits.fuel"),
        ("limits.fuel = 1_000_001", "limits.fuel"),
        ("limits.fuel = 1_000\ngrants.hash = true", "grants.hash"),
        (
            "limits.fuel = 1_000\ngrants.files = [{ root = \"r\", path = \"/srv\", access = \"read\" }]",
            "grants.files",
        ),
        (
            "limits.fuel = 1_000\ngrants.http = [{ url = \"http://127.0.0.1/\", networks = [\"loopback\"] }]",
            "grants.http",
        ),
    ] {
        let (status, said) = called(policy);
        assert_eq!(status, Some(3), "{policy}: {said}");
        assert!(
            said.contains(&format!("ceiling: `{key}`")),
            "{policy}: {said}"
        );
    }
}

#[test]
fn a_component_without_the_signature_of_the_ceiling_is_refused() {
    let Some(nats) = Nats::start() else { return };
    let _worker = Worker::under(&nats, "w", "trust.require = true", &[]);
    nats.deploy("counter", "");
    let (status, said) = nats.submit(&["counter", "next()"]);
    assert_eq!(status, Some(3), "{said}");
    assert!(said.contains("signature"), "{said}");
}
