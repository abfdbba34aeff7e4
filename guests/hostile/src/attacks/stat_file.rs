//! `stat-file ROOT PATH`: asks what any path of any root is. ATTACKS.md rows 39 and 41.

use crate::{Answer, argument, tollgate::provider::files};

pub(super) fn run(argument: &str) -> Answer {
    let (root, path) = argument::first_word(argument);
    argument::shown(files::stat(root, path))
}
