//! `read-file ROOT PATH`: reads any file of any root. ATTACKS.md rows 39 to 41.

use crate::{Answer, argument, tollgate::provider::files};

pub(super) fn run(argument: &str) -> Answer {
    let (root, path) = argument::first_word(argument);
    argument::shown_text(files::read(root, path))
}
