//! `write-escape PATH`: writes to PATH below the root `data`. ATTACKS.md rows 39 to 41.

use crate::{Answer, argument, tollgate::provider::files};

pub(super) fn run(path: &str) -> Answer {
    argument::shown(files::write("data", path, b"written by the guest\n"))
}
