//! `panic-said`: a panic whose message is logged before the trap, with characters for a terminal in it. A29-traps and
//! A32-hostile-text.

use crate::{Answer, tollgate::provider::log};

pub(super) fn run(_: &str) -> Answer {
    tollgate_guest::log_panics(|message| log::write(log::Level::Error, message));
    panic!("on purpose\n\x1b[2Jforged")
}
