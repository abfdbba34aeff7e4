//! `read-file ROOT PATH`: reads any file of any root. A39-path-escape to A41-special-files.

use crate::{Answer, argument, tollgate::provider::files};

pub(super) fn run(argument: &str) -> Answer {
    let (root, path) = argument::first_word(argument);
    argument::shown_text(files::read(root, path))
}
