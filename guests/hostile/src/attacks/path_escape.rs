//! `path-escape PATH`: reads PATH below the root `data`. A39-path-escape to A41-special-files.

use crate::{Answer, argument, tollgate::provider::files};

pub(super) fn run(path: &str) -> Answer {
    argument::shown_text(files::read("data", path))
}
