//! `host-call-flood`: the cheapest host call there is, without end. ATTACKS.md row 22.

use crate::{Answer, tollgate::provider::config};

pub(super) fn run(_: &str) -> Answer {
    loop {
        config::get("key");
    }
}
