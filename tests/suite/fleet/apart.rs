//! Machines that do not agree or do not reach each other: clocks that differ, networks that are cut.

use std::process::Command;
use std::time::{Duration, Instant};

use support::harness::wait;
use support::skip::{is_installed, skip};
use tollgate_fleet::Ended;

use super::{Nats, SPIN, Worker};

/// A call is as old as the server says, whatever the clock of its worker is.
#[test]
fn clocks_may_differ_by_hours() {
    if !is_installed("faketime") {
        return;
    }
    // The program itself would be the parent of the worker, and outlive it.
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let libraries = folders.map(|folder| folder.unwrap().path().join("faketime/libfaketime.so.1"));
    let Some(library) = libraries.into_iter().find(|path| path.is_file()) else {
        skip("the library of faketime is not where Debian has it");
        return;
    };
    let preload = format!("LD_PRELOAD={}", library.display());
    let Some(nats) = Nats::start() else { return };
    nats.deploy("counter", "");
    for shift in ["+3h", "-3h"] {
        let shifted = format!("FAKETIME={shift}");
        let faketime = ["env", &preload, &shifted, "DONT_FAKE_MONOTONIC=1"];
        let worker = Worker::within(&nats, &faketime, "wrong", &[]);
        let answer = nats.answer(&["counter", "next()", "--key", &format!("at{}", &shift[1..2])]);
        assert!(
            matches!(answer.ended, Ended::Returned { .. }),
            "{shift}: {answer:?}"
        );
        drop(worker);
        // One that nobody waits for any more is known by all of them.
        let fleet = nats.fleet();
        let key = format!("late{}", u8::from(shift == "+3h"));
        let submitted = fleet.submit("counter", "next()", Some(&key), Duration::from_secs(1));
        let key = wait(submitted).unwrap().key;
        std::thread::sleep(Duration::from_millis(1_200));
        let _worker = Worker::within(&nats, &faketime, "wrong", &[]);
        let answer = wait(fleet.wait(&key, Duration::from_secs(10)))
            .unwrap()
            .unwrap();
        assert!(
            matches!(&answer.ended, Ended::Refused { kind, .. } if kind == "expired"),
            "{shift}: {answer:?}"
        );
    }
}

/// A namespace of the network with a cable to this one, which can be cut.
struct Apart {
    name: String,
    here: String,
    network: String,
}

impl Apart {
    /// `None` where that is not possible.
    fn new() -> Option<Apart> {
        if !is_installed("ip") {
            return None;
        }
        let id = std::process::id() % 200 + 20;
        let apart = Apart {
            name: format!("tollgate-{id}"),
            here: format!("tg{id}a"),
            network: format!("10.213.{id}"),
        };
        let Apart {
            name,
            here,
            network,
        } = &apart;
        let there = format!("tg{id}b");
        if !ip(&format!("netns add {name}")) {
            skip("this user makes no network namespaces");
            return None;
        }
        for step in [
            format!("link add {here} type veth peer name {there} netns {name}"),
            format!("addr add {network}.1/24 dev {here}"),
            format!("link set {here} up"),
            format!("-n {name} addr add {network}.2/24 dev {there}"),
            format!("-n {name} link set {there} up"),
            format!("-n {name} link set lo up"),
        ] {
            if !ip(&step) {
                skip(&format!(
                    "this machine has no cables between namespaces: ip {step}"
                ));
                return None;
            }
        }
        Some(apart)
    }

    /// Cuts or mends the cable.
    fn set(&self, state: &str) {
        assert!(ip(&format!("link set {} {state}", self.here)));
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.name));
    }
}

fn ip(arguments: &str) -> bool {
    let ran = Command::new("ip").args(arguments.split(' ')).output();
    ran.is_ok_and(|ran| ran.status.success())
}

/// The calls of a worker behind a cut cable go to others, and it is of use again when the cable is mended.
#[test]
fn a_worker_that_is_cut_off_loses_its_calls_to_others() {
    let Some(apart) = Apart::new() else { return };
    let Some(nats) = Nats::start_at(&format!("{}.1", apart.network)) else {
        return;
    };
    let long = "limits.deadline = \"3s\"\nlimits.fuel = 9_000_000_000_000";
    nats.deploy("start-loop", long);
    nats.deploy("counter", "");
    let fleet = nats.fleet();
    let submit = |key: &str| {
        let call = fleet.submit("start-loop", SPIN, Some(key), Duration::from_secs(60));
        wait(call).unwrap().key
    };
    let inside = ["ip", "netns", "exec", &apart.name];
    let cut_off = Worker::within(&nats, &inside, "cut-off", &[]);
    let key = submit("cut");
    std::thread::sleep(Duration::from_millis(500));
    apart.set("down");
    let other = Worker::start(&nats, "other", &[]);
    let start = Instant::now();
    let answer = wait(fleet.wait(&key, Duration::from_secs(40)))
        .unwrap()
        .unwrap();
    assert_eq!((&*answer.worker, answer.attempts), ("other", 2));
    assert!(
        start.elapsed() < Duration::from_secs(25),
        "{:?}",
        start.elapsed()
    );
    apart.set("up");
    drop(other);
    // Its connection is known to be lost after some time without a sign of life.
    let next = submit("next");
    let next = wait(fleet.wait(&next, Duration::from_secs(180)))
        .unwrap()
        .unwrap();
    assert_eq!(&*next.worker, "cut-off");
    // The worker that was cut off ended the call too, and the first result stays.
    assert_eq!(wait(fleet.result(&key)).unwrap(), Some(answer));
    drop(cut_off);
}
