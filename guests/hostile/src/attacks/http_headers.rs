//! `http-headers URL COUNT BYTES`: fetches with COUNT headers, each with a value of BYTES bytes. A34-false-length.

use super::http_get;
use crate::{Answer, argument};

pub(super) fn run(argument: &str) -> Answer {
    let (url, numbers) = argument::first_word(argument);
    let (count, bytes) = argument::first_word(numbers);
    let number = |text: &str| text.trim().parse().unwrap_or(0);
    let value = "v".repeat(number(bytes));
    let named = |at| (format!("x-{at}"), value.clone());
    http_get::fetch(url, (0..number(count)).map(named).collect())
}
