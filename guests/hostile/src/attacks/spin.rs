//! `spin`: an endless loop that calls nothing. A19-endless-loop.

use crate::Answer;

#[expect(clippy::empty_loop, reason = "it is the attack")]
pub(super) fn run(_: &str) -> Answer {
    loop {}
}
