//! `path-escape PATH`: reads PATH below the root `data`. ATTACKS.md rows 39 to 41.

use crate::{Answer, argument, tollgate::provider::files};

pub(super) fn run(path: &str) -> Answer {
    argument::shown_text(files::read("data", path))
}
