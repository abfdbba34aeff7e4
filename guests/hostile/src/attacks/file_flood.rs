//! `file-flood ROOT SIZE`: writes files of SIZE bytes until it is refused. A42-file-quotas.
//!
//! Answers with how many were written and why no more. 1024 bytes each unless told.

use crate::{Answer, argument, tollgate::provider::files};

pub(super) fn run(argument: &str) -> Answer {
    let (root, size) = argument::first_word(argument);
    let data = vec![b'x'; argument::number(size, 1024)?];
    let mut written = 0_u64;
    loop {
        if let Err(why) = files::write(root, &format!("flood-{written}"), &data) {
            return argument::shown((written, why));
        }
        written += 1;
    }
}
