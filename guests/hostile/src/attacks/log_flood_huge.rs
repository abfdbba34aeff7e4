//! `log-flood-huge N`: N lines of 1 MiB each, eight unless told. A31-log-flood.

use crate::{Answer, argument, tollgate::provider::log};

pub(super) fn run(argument: &str) -> Answer {
    let line = "x".repeat(1 << 20);
    for _ in 0..argument::number(argument, 8_u32)? {
        log::write(log::Level::Info, &line);
    }
    Ok(Vec::new())
}
