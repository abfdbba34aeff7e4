//! `read-range ROOT OFFSET LENGTH PATH`: reads LENGTH bytes at OFFSET. A42-file-quotas.
//!
//! Answers with the number of bytes.

use crate::{Answer, argument, tollgate::provider::files};

pub(super) fn run(argument: &str) -> Answer {
    let (root, rest) = argument::first_word(argument);
    let (offset, rest) = argument::first_word(rest);
    let (length, path) = argument::first_word(rest);
    let offset = argument::number(offset, 0)?;
    let length = argument::number(length, u32::MAX)?;
    argument::shown(files::read_range(root, path, offset, length).map(|bytes| bytes.len()))
}
