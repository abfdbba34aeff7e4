//! One call under its deadline: polled, timed, and stopped.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tollgate_capability::{Asking, PollClock};

use crate::call::turn::Turns;

/// The end of a `run_until_deadline` future.
pub(crate) enum Ended<T> {
    /// In time.
    Done(T),
    /// The deadline passed first. The caller drops the future, and with it the work that it waits for.
    TimedOut,
    /// A host function panicked.
    Panicked(Box<dyn Any + Send>),
}

/// Drives `work` until it is done or `deadline` has passed.
///
/// Guest code yields every [`YIELD_INTERVAL`](crate::engine::YIELD_INTERVAL) of fuel, so the clock is
/// looked at here after each piece of it; a timer covers the time in which it waits for the host. A
/// result that comes late is no result. The executor gets the thread after some pieces (`turn.rs`).
///
/// The work is pinned where it was made: it is a kilobyte or more, and moving it would be most of the bytes that a
/// small call copies.
///
/// While a question of the work is open, `asking` is polled in its place, and the deadline stands still.
///
/// The caller has told `clock` of the first poll. The time of the end is returned beside the result, so that the
/// clock is not read again: a read takes 25 ns, a thirtieth of a small call in a session.
pub(crate) async fn run_until_deadline<T>(
    deadline: Instant,
    clock: Arc<PollClock>,
    mut asking: Option<Asking>,
    mut work: Pin<&mut impl Future<Output = T>>,
) -> (Ended<T>, Instant) {
    // Made when the work first waits: a call that never does needs neither.
    let mut timer: Option<Pin<Box<tokio::time::Sleep>>> = None;
    let mut turns: Option<Turns> = None;
    // The time since which a question is open.
    let mut open: Option<Instant> = None;
    poll_fn(move |cx| {
        let mut is_asking = |cx: &mut Context<'_>| {
            let asking = asking.as_mut();
            asking.is_some_and(|asking| asking.poll(cx).is_pending())
        };
        if let Some(since) = open {
            if is_asking(cx) {
                return Poll::Pending;
            }
            clock.stand(since.elapsed());
            (open, timer) = (None, None);
        }
        if let Some(turns) = &mut turns {
            let now = Instant::now();
            clock.begin(now);
            turns.begin(cx.waker(), now);
        }
        loop {
            // After a panic the future is dropped unpolled, and the caller drops the store with it.
            let polled = catch_unwind(AssertUnwindSafe(|| match &turns {
                Some(turns) => turns.poll(|cx| work.as_mut().poll(cx)),
                None => work.as_mut().poll(cx),
            }));
            let now = Instant::now();
            let ended = match polled {
                Err(panic) => Ended::Panicked(panic),
                Ok(_) if now >= clock.later(deadline) => Ended::TimedOut,
                Ok(Poll::Ready(value)) => Ended::Done(value),
                Ok(Poll::Pending) if is_asking(cx) => {
                    open = Some(now);
                    return Poll::Pending;
                }
                Ok(Poll::Pending) => {
                    if let Some(turns) = &turns {
                        if turns.goes_on(now) {
                            clock.begin(now);
                            continue;
                        }
                    } else {
                        turns = Some(Turns::new(cx.waker(), now));
                    }
                    let deadline = clock.later(deadline);
                    let timer = timer
                        .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
                    ready!(timer.as_mut().poll(cx));
                    Ended::TimedOut
                }
            };
            return Poll::Ready((ended, now));
        }
    })
    .await
}
