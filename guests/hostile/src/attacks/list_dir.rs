//! `list-dir ROOT PATH`: lists any folder of any root. ATTACKS.md rows 39 and 41.

use crate::{Answer, argument, tollgate::provider::files};

pub(super) fn run(argument: &str) -> Answer {
    let (root, path) = argument::first_word(argument);
    argument::shown(files::list(root, path))
}
