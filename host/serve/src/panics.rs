//! Panics of the server's own code: one ends its request, and nothing else.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use tollgate::escape;

/// The output of `work`, or `None` if it panicked.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Some),
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().copied();
                let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                tracing::error!(
                    panic = %escape::line(text.unwrap_or("no text")),
                    "answering a request panicked"
                );
                Poll::Ready(None)
            }
        },
    )
    .await
}
