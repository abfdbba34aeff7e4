//! `log-flood-tiny N`: N lines of one byte each, a million unless told. A31-log-flood.

use crate::{Answer, argument, tollgate::provider::log};

pub(super) fn run(argument: &str) -> Answer {
    for _ in 0..argument::number(argument, 1_000_000_u32)? {
        log::write(log::Level::Info, "x");
    }
    Ok(Vec::new())
}
