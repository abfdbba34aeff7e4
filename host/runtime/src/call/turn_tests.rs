//! Turns of calls that wake themselves, wait, and never end.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tollgate_capability::PollClock;

use crate::call::deadline::{Ended, run_until_deadline};

/// The end of `work`, and how many times its task was polled.
fn polled<T>(deadline: Duration, work: impl Future<Output = T>) -> (Ended<T>, u32) {
    let tokio = Builder::new_current_thread().enable_time().build().unwrap();
    let polls = Cell::new(0);
    let ended = tokio.block_on(async {
        let mut work = pin!(work);
        let deadline = Instant::now() + deadline;
        let clock = Arc::new(PollClock::new());
        let mut call = pin!(run_until_deadline(deadline, clock, None, work.as_mut()));
        poll_fn(|cx| {
            polls.set(polls.get() + 1);
            call.as_mut().poll(cx)
        })
        .await
        .0
    });
    (ended, polls.get())
}

/// Yields so many times, as a guest does.
async fn yields(times: u32) {
    for _ in 0..times {
        let mut again = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut again, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

#[test]
fn a_call_that_goes_on_is_polled_again_in_its_turn() {
    let (ended, polls) = polled(Duration::from_secs(60), yields(100_000));
    assert!(matches!(ended, Ended::Done(())));
    assert!(polls < 50_000, "{polls}");
}

/// Others get the thread after each turn, also beside a guest that never waits.
#[test]
fn a_call_without_end_gives_its_thread_back() {
    let (ended, polls) = polled(Duration::from_millis(200), yields(u32::MAX));
    assert!(matches!(ended, Ended::TimedOut));
    assert!(polls >= 10, "{polls}");
}

/// Whether it comes while the call is polled, after it, or between two turns.
#[test]
fn no_wake_of_another_thread_is_lost() {
    let (tell, told) = mpsc::channel::<Waker>();
    let thread = std::thread::spawn(move || {
        let mut pause = 0;
        while let Ok(waker) = told.recv() {
            (0..pause).for_each(|_| std::hint::spin_loop());
            pause = (pause + 7) % 500;
            waker.wake();
        }
    });
    let work = async move {
        for times in 0..20_000 {
            let mut again = false;
            poll_fn(|cx| {
                if std::mem::replace(&mut again, true) {
                    return Poll::Ready(());
                }
                tell.send(cx.waker().clone()).unwrap();
                Poll::Pending
            })
            .await;
            yields(times % 3).await;
        }
    };
    let (ended, _) = polled(Duration::from_secs(20), work);
    assert!(matches!(ended, Ended::Done(())));
    thread.join().unwrap();
}
