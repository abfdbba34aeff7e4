//! Calls that end, and the versions that they are made with.

use std::time::Duration;

use support::harness::{guest_file, wait};
use tollgate_fleet::{Ended, Fleet};

use super::{Nats, SPIN, Worker};
use support::cli::run;

#[test]
fn a_call_goes_to_a_worker_and_its_result_comes_back() {
    let Some(nats) = Nats::start() else { return };
    let (status, said) = nats.submit(&["echo", "run(\"a\")"]);
    assert_eq!(status, Some(2), "{said}");
    assert!(said.contains("tollgate deploy"), "{said}");
    let policy = tempfile::tempdir().unwrap();
    let policy = super::file(
        &policy,
        "p.toml",
        "limits.deadline = \"300ms\"\nlimits.fuel = 9_000_000_000_000",
    );
    let component = guest_file("counter");
    let [component, policy] = [&component, &policy].map(|path| path.to_str().unwrap());
    let url = nats.url();
    let arguments = [
        "deploy", component, "--policy", policy, "--name", "one", "--nats", &url,
    ];
    let deployed = run(&arguments);
    assert_eq!(deployed.status.code(), Some(0), "{deployed:?}");
    let worker = Worker::start(&nats, "w", &[]);
    // Each is told before anything is switched.
    let [other, counter] = ["hostile", "counter"].map(guest_file);
    let [other, counter] = [&other, &counter].map(|path| path.to_str().unwrap());
    for (component, more, status, said) in [
        (policy, &[][..], 3, "not WebAssembly"),
        (other, &[], 3, "grants."),
        (
            counter,
            &[],
            0,
            "with another policy or signature than before",
        ),
        (counter, &[], 0, ", as before"),
        (counter, &["--policy", policy], 0, "with another policy"),
    ] {
        let arguments = ["deploy", component, "--name", "one", "--nats", &url];
        let deployed = run(&[&arguments[..], more].concat());
        let text = String::from_utf8(deployed.stderr).unwrap();
        assert_eq!(deployed.status.code(), Some(status), "{text}");
        assert!(text.contains(said), "{text}");
    }
    for (call, status, text) in [
        ("next()", 0, "1\n"),
        ("grow(2)", 0, "4\n"),
        ("trap()", 4, "unreachable"),
        ("grow(\"a\")", 3, "arguments: "),
        ("none()", 3, "missing-export: "),
    ] {
        let (code, said) = nats.submit(&["one", call]);
        assert_eq!(code, Some(status), "{call}: {said}");
        assert!(said.contains(text), "{call}: {said}");
    }
    let (_, said) = nats.submit(&["one", "next()", "--key", "v", "-v"]);
    assert!(said.contains("used ") && said.contains(" fuel, "), "{said}");
    nats.deploy("start-loop", "limits.deadline = \"300ms\"");
    let (code, said) = nats.submit(&["start-loop", SPIN]);
    assert_eq!(code, Some(4), "{said}");
    assert_eq!(worker.end(), Some(0));
}

/// The first result is the one of the call, also when the guest would give another one.
#[test]
fn a_call_of_one_key_is_made_once() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy("grow-nothing", "");
    nats.deploy("counter", "");
    let worker = Worker::start(&nats, "first", &[]);
    let first = nats.answer(&["counter", "next()"]);
    assert_eq!((first.attempts, &*first.worker), (1, "first"));
    assert!(matches!(first.ended, Ended::Returned { ref result } if result == "1"));
    drop(worker);
    let _worker = Worker::start(&nats, "second", &[]);
    assert_eq!(nats.answer(&["counter", "next()"]), first);
    // A key of its own is another call, and is one, too.
    let second = nats.answer(&["counter", "next()", "--key", "k"]);
    assert_eq!(&*second.worker, "second");
    assert_eq!(nats.answer(&["counter", "next()", "--key", "k"]), second);
    // It is a key of this provider alone.
    let other = nats.answer(&["grow-nothing", "memory(0)", "--key", "k"]);
    assert_ne!(other.key, second.key);
    // A new policy is a new version.
    nats.deploy("counter", "limits.deadline = \"2s\"");
    assert_ne!(nats.answer(&["counter", "next()"]).key, first.key);
}

/// Also while others wait, and whatever identifiers of messages somebody has used.
#[test]
fn a_call_whose_result_is_gone_is_made_again() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy("counter", "");
    let long = "limits.deadline = \"60s\"\nlimits.fuel = 9_000_000_000_000";
    nats.deploy("start-loop", long);
    let _worker = Worker::start(&nats, "w", &["--concurrency", "4"]);
    let fleet = nats.fleet();
    let submit = |guest, call: &'static str, key: &str| {
        wait(fleet.submit(guest, call, Some(key), Duration::from_secs(60))).unwrap()
    };
    for number in 0..5 {
        submit("start-loop", SPIN, &format!("long-{number}"));
    }
    // A call that waits is there once.
    assert!(submit("start-loop", SPIN, "long-4").duplicate);
    let key = submit("counter", "next()", "other").key;
    let id = format!("NATS/1.0\r\nNats-Msg-Id: {key}\r\n\r\n");
    nats.publish_work(&id, b"junk");
    for _ in 0..2 {
        let (status, said) = nats.submit(&["counter", "next()", "--key", "other", "--wait", "10"]);
        assert_eq!(status, Some(0), "{said}");
        let purged = nats.asked("$JS.API.STREAM.PURGE.KV_tollgate_default_results", "");
        assert_eq!(purged["success"], true, "{purged}");
    }
    // An operator throws the queue away, and what waited in it is submitted again.
    let purged = nats.asked("$JS.API.STREAM.PURGE.tollgate_default_work", "");
    assert_eq!(purged["success"], true, "{purged}");
    assert!(!submit("start-loop", SPIN, "long-4").duplicate);
}

/// The reason may be gone.
#[test]
fn a_call_that_was_refused_is_made_when_it_is_submitted_again() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy("counter", "limits.fuel = 2_000");
    let low = Worker::under(&nats, "low", "limits.fuel = 1_000", &[]);
    for _ in 0..2 {
        let (status, said) = nats.submit(&["counter", "next()"]);
        assert_eq!(status, Some(3), "{said}");
    }
    drop(low);
    let _high = Worker::start(&nats, "high", &[]);
    assert_eq!(nats.submit(&["counter", "next()"]).0, Some(0));
}

/// A version that does not serve leaves no trace in those that do.
#[test]
fn a_tenant_sees_nothing_of_another_one() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy("counter", "");
    let _worker = Worker::start(&nats, "w", &[]);
    let (status, said) = nats.submit(&["counter", "next()", "--tenant", "other"]);
    assert_eq!(status, Some(2), "{said}");
    let (status, said) = nats.submit(&["counter", "next()", "--tenant", "a.b"]);
    assert_eq!(status, Some(2), "{said}");
    let connect = tollgate_fleet::Connect {
        tenant: "other".parse().unwrap(),
        ..nats.connect()
    };
    let other = wait(Fleet::connect(&connect)).unwrap();
    let bytes = std::fs::read(guest_file("counter")).unwrap();
    wait(other.deploy("counter", &bytes, "", None)).unwrap();
    // Nobody takes its calls.
    let wait_one = ["counter", "next()", "--tenant", "other", "--wait", "1"];
    let (status, said) = nats.submit(&wait_one);
    assert_eq!(status, Some(5), "{said}");
    assert_eq!(nats.submit(&["counter", "next()"]).0, Some(0));
}
