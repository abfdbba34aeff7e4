//! Workers and the server killed again and again under load: each call has one result, and none is lost.
//!
//! `just fleet-kills` makes 100,000 calls with 20 kills. The suite makes fewer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use support::harness::wait;
use tollgate_fleet::{Answer, Ended, Fleet};

use super::{Nats, Worker};

/// Calls at once.
const AT_ONCE: usize = 64;

/// The guest has two pages of memory, and is asked for fewer than this more.
const PAGES: usize = 97;

const PATIENCE: Duration = Duration::from_secs(300);

fn number(variable: &str, default: usize) -> usize {
    let text = std::env::var(variable).ok();
    text.map_or(default, |text| text.parse().unwrap())
}

/// The result of one call, submitted again while the server is away.
async fn called(fleet: &Fleet, number: usize) -> Answer {
    let key = format!("call-{number}");
    let call = format!("grow({})", number % PAGES);
    let key = loop {
        match fleet.submit("counter", &call, Some(&key), PATIENCE).await {
            Ok(submitted) => break submitted.key,
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    };
    let answer = fleet.wait(&key, PATIENCE).await.unwrap();
    answer.unwrap_or_else(|| panic!("call {number} is lost"))
}

#[test]
fn no_call_is_lost_however_often_workers_are_killed() {
    let Some(mut nats) = Nats::start() else {
        return;
    };
    nats.deploy("counter", "");
    let calls = number("TOLLGATE_CALLS", 3_000);
    let kills = number("TOLLGATE_KILLS", 4);
    let options = ["--concurrency", "16"];
    let names = ["one", "two", "three"];
    let mut workers = names.map(|name| Some(Worker::start(&nats, name, &options)));
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let start = Instant::now();
    let mut answers = BTreeMap::new();
    let (fleet, connect) = (nats.fleet(), nats.connect());
    std::thread::scope(|scope| {
        let submitting = scope.spawn(|| {
            let submit = async {
                let fleet = Fleet::connect(&connect).await.unwrap();
                let one = async || {
                    let mut answers = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        if number >= calls {
                            return answers;
                        }
                        answers.push((number, called(&fleet, number).await));
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                };
                join_all((0..AT_ONCE).map(|_| one())).await
            };
            wait(submit)
        });
        for kill in 1..=kills {
            let from = calls * kill / (kills + 1);
            while done.load(Ordering::SeqCst) < from && !submitting.is_finished() {
                std::thread::sleep(Duration::from_millis(10));
            }
            // Each fourth time the server.
            if kill % 4 == 0 {
                nats.kill();
                nats.restart();
                continue;
            }
            let place = kill % workers.len();
            let worker = workers[place].take().unwrap();
            worker.signal("KILL");
            drop(worker);
            workers[place] = Some(Worker::start(&nats, names[place], &options));
        }
        answers.extend(submitting.join().unwrap().into_iter().flatten());
    });
    let took = start.elapsed();
    assert_eq!(answers.len(), calls);
    for (number, answer) in &answers {
        let right = (2 + number % PAGES).to_string();
        let is_right = matches!(&answer.ended, Ended::Returned { result } if *result == right);
        assert!(is_right, "call {number}: {answer:?}");
    }
    // Those of a worker that was killed come again after ten seconds, and are known to have a result. A server that was killed
    // counts calls that were under way then, and are no more in its stream.
    let most = (kills / 4 * AT_ONCE) as u64;
    let end = Instant::now() + Duration::from_secs(30);
    let state = loop {
        let state = wait(fleet.state()).unwrap();
        if state.queued <= most || Instant::now() > end {
            break state;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(state.queued <= most && state.dead == 0, "{state:?}");
    // The bucket has the result that the submitter got.
    for (number, answer) in answers.iter().step_by(calls / 100 + 1) {
        let kept = wait(fleet.result(&answer.key)).unwrap();
        assert_eq!(kept.as_ref(), Some(answer), "call {number}");
    }
    let again = answers
        .values()
        .filter(|answer| answer.attempts > 1)
        .count();
    println!(
        "{calls} calls, {kills} kills, {again} begun more than once, 0 lost, in {:.1} s",
        took.as_secs_f64()
    );
}
