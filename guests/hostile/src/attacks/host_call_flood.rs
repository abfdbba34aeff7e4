//! `host-call-flood COUNT`: the cheapest host call there is, so many times; without end unless told.
//! A22-lift-amplification.

use crate::{Answer, argument, tollgate::provider::config};

pub(super) fn run(count: &str) -> Answer {
    for _ in 0..argument::number(count, u64::MAX)? {
        config::get("key");
    }
    Ok(Vec::new())
}
