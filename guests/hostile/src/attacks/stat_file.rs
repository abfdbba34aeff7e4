//! `stat-file ROOT PATH`: asks for the kind of any path of any root. A39-path-escape and A41-special-files.

use crate::{Answer, argument, tollgate::provider::files};

pub(super) fn run(argument: &str) -> Answer {
    let (root, path) = argument::first_word(argument);
    argument::shown(files::stat(root, path))
}
