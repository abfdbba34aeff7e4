//! `config-get KEY`: asks for any setting. A43-secrets.

use crate::{Answer, argument, tollgate::provider::config};

pub(super) fn run(key: &str) -> Answer {
    argument::shown(config::get(key))
}
