//! `host-call-flood COUNT`: the cheapest host call there is, COUNT times; without COUNT, endlessly.
//! A22-lift-amplification.

use crate::{Answer, argument, tollgate::provider::config};

pub(super) fn run(count: &str) -> Answer {
    for _ in 0..argument::number(count, u64::MAX)? {
        config::get("key");
    }
    Ok(Vec::new())
}
