//! Tests of changes that are committed together.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use super::*;
use crate::store::database::Database;
use crate::store::place::{Found, StoreKey};

fn change(key: &str, value: &[u8]) -> Change {
    Change {
        namespace: "n".into(),
        bucket: "b".into(),
        key: key.to_owned(),
        value: Some(value.to_vec()),
        decide: Box::new(|_, after| match after.keys > 3 {
            true => Err(Reason::Quota),
            false => Ok(()),
        }),
    }
}

fn value(database: &Database, key: &str) -> Option<Vec<u8>> {
    let (namespace, bucket) = ("n", "b");
    let place = StoreKey {
        namespace,
        bucket,
        key,
    };
    database
        .get(&place.key(), 1 << 20)
        .unwrap()
        .map(|found| match found {
            Found::Value(value) => value,
            Found::Larger(_) => panic!("larger than it was written"),
        })
}

fn group(turn: Turn) -> Group {
    match turn {
        Turn::Commits(group) => group,
        Turn::Committed(answer) => panic!("{answer:?}"),
    }
}

/// Those that came meanwhile are in the next commit, each with its own answer, and those that are gone are not.
#[tokio::test]
async fn changes_that_wait_are_committed_together() {
    let (queue, database) = (Queue::default(), Database::in_memory().unwrap());
    let mut first = queue.enter(change("a", b"1"));
    let writes = group(first.turn().await);
    let mut others: Vec<_> = ["b", "c", "d", "e"]
        .map(|key| queue.enter(change(key, b"2")))
        .into();
    // Its call has ended while it waited.
    others.remove(1);
    let mut waits = others.remove(0);
    assert_eq!(queue.lock().len(), 3);
    database.change(writes).unwrap();
    assert_eq!(first.answer(), Some(Ok(())));
    let writes = group(waits.turn().await);
    assert_eq!(writes.changes.len(), 3);
    // Gone after the commit has begun to be gathered.
    let gone = others.remove(0);
    drop(gone);
    database.change(writes).unwrap();
    assert_eq!(waits.answer(), Some(Ok(())));
    let Turn::Committed(answer) = others.remove(0).turn().await else {
        panic!("it was committed with the others");
    };
    assert_eq!(answer, Some(Ok(())));
    let found = ["a", "b", "c", "d", "e"].map(|key| value(&database, key).is_some());
    assert_eq!(found, [true, true, false, false, true]);
}

/// A change that is refused fails alone, and takes nothing of the quota.
#[tokio::test]
async fn each_change_is_decided_on_what_those_before_it_left() {
    let (queue, database) = (Queue::default(), Database::in_memory().unwrap());
    let mut all: Vec<_> = ["a", "b", "c", "d", "a"]
        .map(|key| queue.enter(change(key, b"1")))
        .into();
    database.change(group(all[0].turn().await)).unwrap();
    let mut answers = Vec::new();
    for place in &mut all {
        answers.push(place.answer().unwrap());
    }
    let refused = Err(Reason::Quota);
    assert_eq!(answers, [Ok(()), Ok(()), Ok(()), refused, Ok(())]);
    assert_eq!(value(&database, "d"), None);
}

/// A call that is to commit does not commit without end for others.
#[tokio::test]
async fn a_commit_is_bounded() {
    let queue = Queue::default();
    let mut all: Vec<_> = (0..CHANGES + 9)
        .map(|number| queue.enter(change(&number.to_string(), b"1")))
        .collect();
    // The last one commits, and is in its own group.
    let last = all.last_mut().unwrap();
    let number = last.number;
    let first = group(last.turn().await);
    assert_eq!(first.changes.len(), CHANGES);
    assert!(first.changes.iter().any(|waiting| waiting.number == number));
    assert_eq!(queue.lock().len(), 9);
    drop(first);
    all.clear();
    assert_eq!(queue.lock().len(), 0);
    let large = vec![0; BYTES];
    let mut all: Vec<_> = (0..3).map(|_| queue.enter(change("a", &large))).collect();
    assert_eq!(group(all[0].turn().await).changes.len(), 2);
}

/// A call that is to commit for others and ends before takes nothing from them.
#[tokio::test]
async fn changes_whose_commit_has_not_begun_wait_on() {
    let queue = Queue::default();
    let mut all: Vec<_> = ["a", "b", "c"]
        .map(|key| queue.enter(change(key, b"1")))
        .into();
    let ended = group(all[0].turn().await);
    drop(all.remove(0));
    drop(ended);
    let keys: Vec<_> = queue
        .lock()
        .iter()
        .map(|it| it.change.key.clone())
        .collect();
    assert_eq!(keys, ["b", "c"]);
    assert_eq!(group(all[1].turn().await).changes.len(), 2);
}

/// The next one does not wait for an answer that will not come.
#[tokio::test]
async fn changes_without_a_commit_have_failed() {
    let queue = Queue::default();
    let mut all: Vec<_> = (0..2).map(|_| queue.enter(change("a", b"1"))).collect();
    drop(group(all[0].turn().await).begin());
    assert_eq!(all[0].answer(), None);
    assert!(matches!(all[1].turn().await, Turn::Committed(None)));
}

/// A commit that does not happen meanwhile does not put the change of a call that is gone back into the queue.
#[tokio::test]
async fn a_change_is_given_up_before_it_is_looked_for() {
    let queue = Queue::default();
    let mut all: Vec<_> = ["a", "b"].map(|key| queue.enter(change(key, b"1"))).into();
    let group = group(all[0].turn().await);
    let gone = all.remove(1);
    // The drop waits for the queue.
    let held = queue.lock();
    std::thread::scope(|scope| {
        scope.spawn(move || drop(gone));
        let end = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while !group.changes[1].answer.is_closed() {
            assert!(std::time::Instant::now() < end, "it is not given up");
            std::thread::yield_now();
        }
        drop(held);
    });
}
