//! `write-file ROOT SIZE PATH`: writes a file of SIZE bytes. A42-file-quotas.

use crate::{Answer, argument, tollgate::provider::files};

pub(super) fn run(argument: &str) -> Answer {
    let (root, rest) = argument::first_word(argument);
    let (size, path) = argument::first_word(rest);
    let data = vec![b'x'; argument::number(size, 0)?];
    argument::shown(files::write(root, path, &data))
}
