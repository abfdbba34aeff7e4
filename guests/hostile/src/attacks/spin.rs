//! `spin`: an endless loop that calls nothing. ATTACKS.md row 19.

use crate::Answer;

#[expect(clippy::empty_loop, reason = "it is the attack")]
pub(super) fn run(_: &str) -> Answer {
    loop {}
}
