//! `host-call-flood`: the cheapest host call there is, without end. A22-lift-amplification.

use crate::{Answer, tollgate::provider::config};

pub(super) fn run(_: &str) -> Answer {
    loop {
        config::get("key");
    }
}
