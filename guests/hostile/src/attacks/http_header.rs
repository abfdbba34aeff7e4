//! `http-header URL NAME VALUE`: fetches with a header of its choice. A38-odd-urls.
//!
//! `\r` and `\n` in name and value become control characters.

use super::http_get;
use crate::{Answer, argument};

pub(super) fn run(argument: &str) -> Answer {
    let (url, header) = argument::first_word(argument);
    let (name, value) = argument::first_word(header);
    let real = |text: &str| text.replace("\\r", "\r").replace("\\n", "\n");
    http_get::fetch(url, vec![(real(name), real(value))])
}
