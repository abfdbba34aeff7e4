//! Workers and servers that die, hang and are ended: no call is lost, and each has one result.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use support::harness::{builder, wait};
use support::processes::until;
use tokio::sync::oneshot;
use tollgate_fleet::{Answer, Ended};

use super::{Nats, SPIN, Worker, ceiling};

/// A policy under which a call takes 300 ms.
const SHORT: &str = "limits.deadline = \"300ms\"\nlimits.fuel = 9_000_000_000_000";

fn submitted(nats: &Nats, calls: u32) -> Vec<String> {
    let fleet = nats.fleet();
    let submit = async {
        let mut keys = Vec::new();
        for number in 0..calls {
            let key = format!("call-{number}");
            let patience = Duration::from_secs(120);
            let call = fleet.submit("start-loop", SPIN, Some(&key), patience);
            keys.push(call.await.unwrap().key);
        }
        keys
    };
    wait(submit)
}

/// The results of all, each of which is a deadline that was reached.
fn results(nats: &Nats, keys: &[String], most: Duration) -> BTreeMap<String, Answer> {
    let fleet = nats.fleet();
    let end = Instant::now() + most;
    let mut found = BTreeMap::new();
    for key in keys {
        let left = end.saturating_duration_since(Instant::now());
        let answer = wait(fleet.wait(key, left)).unwrap();
        let answer = answer.unwrap_or_else(|| panic!("{} of {}", found.len(), keys.len()));
        assert!(
            matches!(&answer.ended, Ended::Faulted { kind, .. } if kind == "deadline"),
            "{answer:?}"
        );
        found.insert(key.clone(), answer);
    }
    found
}

#[test]
fn a_worker_that_is_killed_loses_no_call() {
    let Some(nats) = Nats::start() else { return };
    let second = "limits.deadline = \"1s\"\nlimits.fuel = 9_000_000_000_000";
    nats.deploy("start-loop", second);
    let few = ["--concurrency", "4"];
    let stays = Worker::start(&nats, "stays", &few);
    let dies = Worker::start(&nats, "dies", &few);
    let keys = submitted(&nats, 15);
    // In the middle of its first calls.
    std::thread::sleep(Duration::from_millis(500));
    dies.signal("KILL");
    drop(dies);
    let found = results(&nats, &keys, Duration::from_secs(60));
    let again = found.values().filter(|answer| answer.attempts > 1).count();
    assert!((1..=3).contains(&again), "{again}");
    until("acknowledged", || {
        wait(nats.fleet().state()).unwrap().queued == 0
    });
    assert_eq!(wait(nats.fleet().state()).unwrap().dead, 0);
    assert_eq!(stays.end(), Some(0));
}

#[test]
fn a_worker_that_hangs_loses_its_calls_to_others() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy("start-loop", SHORT);
    let hangs = Worker::start(&nats, "hangs", &["--concurrency", "2"]);
    let keys = submitted(&nats, 2);
    std::thread::sleep(Duration::from_millis(100));
    hangs.signal("STOP");
    let _other = Worker::start(&nats, "other", &[]);
    let found = results(&nats, &keys, Duration::from_secs(40));
    let others = found.values().filter(|it| it.worker == "other").count();
    hangs.signal("CONT");
    // It may have ended one of them before, and ends the others too late.
    assert!(others > 0, "{found:?}");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(results(&nats, &keys, Duration::from_secs(1)), found);
}

/// The server, too: what it has acknowledged is in its files.
#[test]
fn calls_outlive_the_server() {
    let Some(mut nats) = Nats::start() else {
        return;
    };
    nats.deploy("start-loop", SHORT);
    let keys = submitted(&nats, 20);
    nats.kill();
    nats.restart();
    let worker = Worker::start(&nats, "w", &["--concurrency", "8"]);
    std::thread::sleep(Duration::from_millis(500));
    // While it has some, and has results of others.
    nats.kill();
    nats.restart();
    let found = results(&nats, &keys, Duration::from_secs(60));
    assert_eq!(found.len(), 20);
    assert_eq!(worker.end(), Some(0));
}

/// What a worker cannot end in the time for it goes to another one at once.
#[test]
fn a_worker_that_is_to_stop_gives_its_calls_back() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy(
        "start-loop",
        "limits.deadline = \"3s\"\nlimits.fuel = 9_000_000_000_000",
    );
    let (stop, stopped) = oneshot::channel::<()>();
    let fleet = nats.fleet();
    let keys = submitted(&nats, 1);
    let worker = tollgate_fleet::Worker::new(fleet, builder().build())
        .ceiling(ceiling())
        .drain(Duration::from_millis(200));
    let run = async {
        let stopping = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stop.send(()).unwrap();
        };
        let stopped = async {
            let _ = stopped.await;
        };
        tokio::join!(worker.run(stopped), stopping).0
    };
    assert_eq!(wait(run).unwrap().given_back, 1);
    let _other = Worker::start(&nats, "other", &[]);
    let start = Instant::now();
    let found = results(&nats, &keys, Duration::from_secs(30));
    assert_eq!(found[&keys[0]].worker, "other");
    // Without that, it would come after 8 s more, and take 3.
    assert!(start.elapsed() < Duration::from_secs(9));
}

/// A call at which every worker dies is no call for ever.
#[test]
fn a_call_that_no_worker_ends_is_dead() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy(
        "start-loop",
        "limits.deadline = \"60s\"\nlimits.fuel = 9_000_000_000_000",
    );
    let keys = submitted(&nats, 1);
    let fleet = nats.fleet();
    // Some more than there may be: one may end before it has begun.
    let mut workers = 0..20;
    let answer = loop {
        assert!(workers.next().is_some());
        if let Some(answer) = wait(fleet.result(&keys[0])).unwrap() {
            break answer;
        }
        let worker = tollgate_fleet::Worker::new(nats.fleet(), builder().build())
            .ceiling(ceiling())
            .drain(Duration::from_millis(10));
        let run = async {
            let stop = tokio::time::sleep(Duration::from_millis(800));
            worker.run(stop).await
        };
        wait(run).unwrap();
    };
    assert!(
        matches!(&answer.ended, Ended::Refused { kind, .. } if kind == "dead"),
        "{answer:?}"
    );
    // It stays dead: workers have died of it.
    let again = fleet.submit("start-loop", SPIN, Some("call-0"), Duration::from_secs(60));
    assert!(wait(again).unwrap().duplicate);
    until("buried", || wait(fleet.state()).unwrap().dead == 1);
    until("gone", || wait(fleet.state()).unwrap().queued == 0);
}

/// The server is told that it is under way.
#[test]
fn a_long_call_is_made_once() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy(
        "start-loop",
        "limits.deadline = \"12s\"\nlimits.fuel = 9_000_000_000_000",
    );
    let keys = submitted(&nats, 1);
    let _workers = ["one", "two"].map(|name| Worker::start(&nats, name, &[]));
    let found = results(&nats, &keys, Duration::from_secs(40));
    assert_eq!(found[&keys[0]].attempts, 1);
    // Where the count of a second time would be.
    let again = wait(nats.fleet().result(&format!("begun.{}", keys[0])));
    assert!(matches!(again, Ok(None)), "{again:?}");
    until("acknowledged", || {
        wait(nats.fleet().state()).unwrap().queued == 0
    });
}

/// A provider with many long calls leaves a quarter of a worker to others.
#[test]
fn a_provider_has_its_share_of_a_worker() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy(
        "start-loop",
        "limits.deadline = \"5s\"\nlimits.fuel = 9_000_000_000_000",
    );
    nats.deploy("counter", "");
    let _worker = Worker::start(&nats, "w", &["--concurrency", "4"]);
    submitted(&nats, 8);
    std::thread::sleep(Duration::from_millis(500));
    let start = Instant::now();
    assert_eq!(nats.submit(&["counter", "next()"]).0, Some(0));
    assert!(start.elapsed() < Duration::from_millis(3_500));
    // One that was given back each time was begun by nobody.
    let fleet = nats.fleet();
    let late = fleet.submit("start-loop", SPIN, Some("late"), Duration::from_secs(1));
    let key = wait(late).unwrap().key;
    let answer = wait(fleet.wait(&key, Duration::from_secs(60)))
        .unwrap()
        .unwrap();
    assert!(
        matches!(&answer.ended, Ended::Refused { kind, .. } if kind == "expired"),
        "{answer:?}"
    );
}

/// An operator deletes the consumer to make it anew.
#[test]
fn a_consumer_that_is_deleted_is_made_again() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy("counter", "");
    let _worker = Worker::start(&nats, "w", &[]);
    assert_eq!(nats.submit(&["counter", "next()"]).0, Some(0));
    // A server of 2.9 fails to while it writes the state of the consumer.
    until("deleted", || {
        let subject = "$JS.API.CONSUMER.DELETE.tollgate_default_work.workers";
        let answer = nats.asked(subject, "");
        answer["success"] == true || answer["error"]["code"] == 404
    });
    assert_eq!(nats.submit(&["counter", "next()", "--key", "k"]).0, Some(0));
}
