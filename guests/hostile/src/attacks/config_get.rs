//! `config-get KEY`: asks for any setting. ATTACKS.md row 43.

use crate::{Answer, argument, tollgate::provider::config};

pub(super) fn run(key: &str) -> Answer {
    argument::shown(config::get(key))
}
