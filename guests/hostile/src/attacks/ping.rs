//! `ping`: no attack; shows that the guest is there and that the call after an attack succeeds.

use crate::Answer;

pub(super) fn run(_: &str) -> Answer {
    Ok(b"pong".to_vec())
}
