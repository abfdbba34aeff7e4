//! The bounds of what the server keeps, and what a hostile writer of it can do.

use std::time::{Duration, Instant};

use base64ct::{Base64Url, Encoding as _};
use serde_json::{Value, json};
use support::harness::{guest_file, wait};
use support::processes::until;
use tollgate_fleet::{Ended, FleetError};

use super::hostile::{digest, ended, key, kind};
use super::{Nats, Worker};

/// Each is bounded in bytes, and what ends first is said in the guide.
#[test]
fn what_the_server_keeps_is_bounded() {
    let Some(nats) = Nats::start() else { return };
    let fleet = nats.fleet();
    wait(fleet.state()).unwrap();
    let config =
        |stream: &str| nats.asked(&format!("$JS.API.STREAM.INFO.{stream}"), "")["config"].clone();
    let hour = 3_600_000_000_000_u64;
    for (stream, bytes, age, discard) in [
        ("tollgate_default_work", 256 << 20, 24 * hour, "new"),
        ("tollgate_default_dead", 256 << 20, 7 * 24 * hour, "old"),
        ("KV_tollgate_default_results", 1 << 30, hour, "old"),
    ] {
        let config = config(stream);
        assert_eq!(config["max_bytes"], bytes, "{stream}: {config}");
        assert_eq!(config["max_age"], age, "{stream}: {config}");
        assert_eq!(config["discard"], discard, "{stream}: {config}");
        assert_eq!(config["storage"], "file", "{stream}: {config}");
    }
    let work = config("tollgate_default_work");
    assert_eq!(work["max_msg_size"], 1 << 20);
    // As many as the workers may have at once.
    assert_eq!(work["max_msgs"], 100_000);
    assert_eq!(work["retention"], "workqueue");
    // A call is there once.
    assert_eq!(work["max_msgs_per_subject"], 1);
    assert_eq!(work["discard_new_per_subject"], true);
    let consumer = "$JS.API.CONSUMER.INFO.tollgate_default_work.workers";
    let workers = nats.asked(consumer, "")["config"].clone();
    assert_eq!(workers["max_waiting"], 10_000, "{workers}");
    assert_eq!(workers["max_ack_pending"], 100_000, "{workers}");
}

/// A queue that is full refuses calls, and loses none.
#[test]
fn a_full_queue_takes_no_more() {
    for bound in [json!({ "max_bytes": 8192 }), json!({ "max_msgs": 5 })] {
        a_queue_of(&bound);
    }
}

fn a_queue_of(bound: &Value) {
    let Some(nats) = Nats::start() else { return };
    let mut small = json!({
        "name": "tollgate_default_work", "subjects": ["tollgate.default.work.*.*"],
        "retention": "workqueue", "storage": "file", "discard": "new", "num_replicas": 1,
    });
    let all = small.as_object_mut().unwrap();
    all.extend(bound.as_object().unwrap().clone());
    let made = nats.asked(
        "$JS.API.STREAM.CREATE.tollgate_default_work",
        &small.to_string(),
    );
    assert!(made["error"].is_null(), "{made}");
    nats.deploy("counter", "");
    let fleet = nats.fleet();
    let submit = |number: u32| {
        let key = format!("call-{number:03}");
        let patience = Duration::from_secs(60);
        wait(fleet.submit("counter", "next()", Some(&key), patience))
    };
    let mut taken = Vec::new();
    let full = loop {
        match submit(u32::try_from(taken.len()).unwrap()) {
            Ok(submitted) => taken.push(submitted.key),
            Err(error) => break error,
        }
        assert!(taken.len() < 100);
    };
    assert!(matches!(full, FleetError::Full), "{full}");
    // As long as the others.
    let (status, said) = nats.submit(&["counter", "next()", "--key", "call-999"]);
    assert_eq!(status, Some(5), "{said}");
    assert!(said.contains("the queue is full"), "{said}");
    let _worker = Worker::start(&nats, "w", &[]);
    for key in taken {
        let answer = wait(fleet.wait(&key, Duration::from_secs(20))).unwrap();
        assert!(matches!(answer.unwrap().ended, Ended::Returned { .. }));
    }
    until("room", || submit(1_000).is_ok());
}

/// Anybody who may submit a call chooses its headers, too.
#[test]
fn a_message_with_the_headers_of_a_status_is_a_message() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy("counter", "");
    let fleet = nats.fleet();
    let _worker = Worker::start(&nats, "w", &["--concurrency", "2"]);
    let statuses = [
        "100 Idle Heartbeat",
        "404 No Messages",
        "408 Request Timeout",
        "409 Consumer Deleted",
        "409 Leadership Change",
        "503 No Responders",
    ];
    for number in 0..60 {
        let status = statuses[number % statuses.len()];
        let headers = format!("NATS/1.0 {status}\r\nNats-Pending-Messages: 1\r\n\r\n");
        nats.publish_work(&headers, b"");
    }
    let start = Instant::now();
    assert_eq!(nats.submit(&["counter", "next()"]).0, Some(0));
    // A pause for each of them would be half a minute.
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    until("buried", || wait(fleet.state()).unwrap().dead == 60);
}

/// The client follows links when it reads an object, also those to themselves, without end.
#[test]
fn an_object_that_is_a_link_is_refused() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy("counter", "");
    let fleet = nats.fleet();
    let _worker = Worker::start(&nats, "w", &[]);
    let bytes = std::fs::read(guest_file("counter")).unwrap();
    let files = "tollgate_default_files";
    let forge = |name: &str, nuid: &str, link: bool| {
        let mut info = json!({
            "name": name, "bucket": files, "nuid": nuid, "size": 10, "chunks": 1, "digest": "SHA-256=",
        });
        if link {
            info["options"] = json!({ "link": { "name": name, "bucket": files } });
        }
        let subject = format!("$O.{files}.M.{}", Base64Url::encode_string(name.as_bytes()));
        nats.publish_with(
            &subject,
            "NATS/1.0\r\nNats-Rollup: sub\r\n\r\n",
            info.to_string().as_bytes(),
        );
    };
    let policy = digest(b"");
    nats.publish(&format!("$O.{files}.C.b"), b"");
    for (own, nuid, link) in [
        ("link", "a", true),
        ("all", ">", false),
        ("odd", "a b\r\n", false),
        ("gone", "a", false),
        ("empty", "b", false),
    ] {
        let component = digest(own.as_bytes());
        forge(&component, nuid, link);
        wait(fleet.release_as("counter", &component, &policy)).unwrap();
        let ended = ended(&nats, own, &component, &policy, u64::MAX);
        assert_eq!(kind(&ended), "digest", "{own}: {ended:?}");
        assert_eq!(
            format!("{ended:?}").contains("an empty part"),
            own == "empty",
            "{ended:?}"
        );
    }
    let good = ended(&nats, "good", &digest(&bytes), &policy, u64::MAX);
    assert!(matches!(good, Ended::Returned { .. }), "{good:?}");
}

/// An object that is put again loses its bytes under those who read it.
#[test]
fn a_file_is_put_once() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy("counter", "");
    let last = || {
        let info = nats.asked("$JS.API.STREAM.INFO.OBJ_tollgate_default_files", "");
        info["state"]["last_seq"].as_u64().unwrap()
    };
    let before = last();
    nats.deploy("counter", "");
    assert_eq!(last(), before);
    // One that is damaged is put again.
    let bytes = std::fs::read(guest_file("counter")).unwrap();
    let fleet = nats.fleet();
    wait(fleet.put_as(&digest(&bytes), b"other bytes")).unwrap();
    nats.deploy("counter", "");
    let _worker = Worker::start(&nats, "w", &[]);
    assert_eq!(nats.submit(&["counter", "next()"]).0, Some(0));
}

/// The policy allows it, and a message of the server does not.
#[test]
fn a_result_that_is_too_large_is_a_fault() {
    let Some(nats) = Nats::start() else { return };
    let limits =
        "limits.output = \"64MiB\"\nlimits.host-data = \"64MiB\"\nlimits.host-memory = \"256MiB\"";
    nats.deploy("echo", limits);
    let _worker = Worker::under(&nats, "w", limits, &[]);
    // Each byte is two digits and a comma in WAVE.
    let input = "0,".repeat(400_000);
    let fleet = nats.fleet();
    let call = format!("run([{input}])");
    let answer = wait(fleet.call("echo", &call, None, Duration::from_secs(60)));
    let ended = answer.unwrap().unwrap().ended;
    assert!(
        matches!(&ended, Ended::Faulted { kind, detail } if kind == "output" && detail.contains("a message")),
        "{ended:?}"
    );
}

/// A part of a byte takes as long to read as one of 128 KiB.
#[test]
fn an_object_of_many_parts_is_refused() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy("counter", "");
    let fleet = nats.fleet();
    let _worker = Worker::start(&nats, "w", &[]);
    let files = "tollgate_default_files";
    let component = digest(&std::fs::read(guest_file("counter")).unwrap());
    for (own, parts, taken) in [("few", 10, true), ("many", 100, false)] {
        let text = " ".repeat(parts);
        let policy = digest(text.as_bytes());
        for _ in 0..parts {
            nats.publish(&format!("$O.{files}.C.{own}"), b" ");
        }
        let info = json!({
            "name": policy, "bucket": files, "nuid": own, "size": parts, "chunks": parts, "digest": "",
        });
        let subject = format!(
            "$O.{files}.M.{}",
            Base64Url::encode_string(policy.as_bytes())
        );
        nats.publish(&subject, info.to_string().as_bytes());
        wait(fleet.release_as("counter", &component, &policy)).unwrap();
        let ended = ended(&nats, own, &component, &policy, u64::MAX);
        match taken {
            true => assert!(matches!(ended, Ended::Returned { .. }), "{ended:?}"),
            false => assert!(format!("{ended:?}").contains("too many parts"), "{ended:?}"),
        }
    }
}

/// Those who may submit calls choose among what was deployed, and put no parts of it together.
#[test]
fn only_a_version_that_was_deployed_is_called() {
    let Some(nats) = Nats::start() else { return };
    let (low, high) = ("limits.fuel = 1_000", "limits.fuel = 1_000_000");
    nats.deploy("counter", low);
    nats.deploy("grow-nothing", high);
    let _worker = Worker::start(&nats, "w", &[]);
    let component = digest(&std::fs::read(guest_file("counter")).unwrap());
    let called = |own: &str, policy: &str| {
        ended(&nats, own, &component, &digest(policy.as_bytes()), u64::MAX)
    };
    assert!(matches!(called("low", low), Ended::Returned { .. }));
    assert_eq!(kind(&called("high", high)), "not-deployed");
    // A version that served before still may be called.
    nats.deploy("counter", high);
    nats.deploy("counter", "");
    assert!(matches!(called("before", high), Ended::Returned { .. }));
}

/// A writer of results may write anything, and what is no result keeps no call from its own.
#[test]
fn junk_in_the_place_of_a_result_is_thrown_away() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy("counter", "");
    let fleet = nats.fleet();
    let junk = |own: &str, text: &str| {
        let subject = format!("$KV.tollgate_default_results.{}", key("counter", own));
        nats.publish(&subject, text.as_bytes());
    };
    let of_another = json!({
        "key": key("counter", "other"), "outcome": "returned", "result": "7", "worker": "w",
        "attempts": 1,
    });
    let submit = |own: &str| {
        let patience = Duration::from_secs(60);
        wait(fleet.submit("counter", "next()", Some(own), patience)).unwrap()
    };
    let result = |own: &str| wait(fleet.wait(&key("counter", own), Duration::from_secs(20)));
    // Before the call is submitted, and while it waits.
    for text in ["junk", &of_another.to_string()] {
        junk("before", text);
        assert!(matches!(result("before"), Err(FleetError::NoResult)));
    }
    assert!(!submit("before").duplicate);
    submit("while");
    junk("while", "junk");
    let _worker = Worker::start(&nats, "w", &[]);
    until("both", || {
        ["before", "while"].iter().all(|own| {
            let made = result(own).ok().flatten().map(|answer| answer.ended);
            matches!(made, Some(Ended::Returned { .. }))
        })
    });
}

/// Nobody else does.
#[test]
fn a_worker_makes_again_what_is_gone() {
    let Some(mut nats) = Nats::start() else {
        return;
    };
    nats.deploy("counter", "");
    let worker = Worker::start(&nats, "w", &[]);
    nats.lose_all();
    worker.line("the fleet: reached again");
    let all = ["tollgate_default_work", "KV_tollgate_default_providers"];
    until("made again", || all.iter().all(|stream| nats.has(stream)));
    nats.deploy("counter", "");
    assert_eq!(nats.submit(&["counter", "next()"]).0, Some(0));
}
