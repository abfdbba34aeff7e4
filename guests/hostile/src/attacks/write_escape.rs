//! `write-escape PATH`: writes to PATH below the root `data`. A39-path-escape to A41-special-files.

use crate::{Answer, argument, tollgate::provider::files};

pub(super) fn run(path: &str) -> Answer {
    argument::shown(files::write("data", path, b"written by the guest\n"))
}
