//! `file-rewrite ROOT SIZE PATH`: writes a file of SIZE bytes without end, all of one letter each time.
//! A52-kill: a host that is killed meanwhile leaves one whole file.

use crate::{Answer, argument, tollgate::provider::files};

pub(super) fn run(argument: &str) -> Answer {
    let (root, rest) = argument::first_word(argument);
    let (size, path) = argument::first_word(rest);
    let size = argument::number(size, 1024)?;
    for letter in (b'a'..=b'z').cycle() {
        files::write(root, path, &vec![letter; size])?;
    }
    argument::shown(())
}
