//! `grow-then-host`: takes all memory there is, then calls the host. A25-memory-growth.

use std::hint::black_box;

use super::grow;
use crate::{Answer, tollgate::provider::log};

pub(super) fn run(_: &str) -> Answer {
    black_box(grow::until_refused());
    log::write(log::Level::Info, "all memory is mine");
    Ok(Vec::new())
}
