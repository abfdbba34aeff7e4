//! Waiting for a thread that writes behind the calls.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// The time between two attempts to reach a thread whose queue is full.
const AGAIN: Duration = Duration::from_millis(5);

/// Puts a message that the thread answers into its queue, and waits for the answer, for at most this time. Whether it came. `send` gives the
/// message back if the queue is full.
pub(crate) fn flush<M>(
    most: Duration,
    message: impl FnOnce(SyncSender<()>) -> M,
    send: impl Fn(M) -> Result<(), M>,
) -> bool {
    let (tell, told) = sync_channel(1);
    let start = Instant::now();
    let mut message = message(tell);
    while let Err(again) = send(message) {
        if start.elapsed() > most {
            return false;
        }
        std::thread::sleep(AGAIN);
        message = again;
    }
    told.recv_timeout(most.saturating_sub(start.elapsed()))
        .is_ok()
}
