//! Takes apart the text after an attack's name, and shows the results.

use std::{fmt::Debug, str::FromStr};

use crate::{Answer, Error};

/// The number that `text` is; `default` when it is empty.
pub(crate) fn number<N: FromStr>(text: &str, default: N) -> Result<N, Error> {
    if text.is_empty() {
        return Ok(default);
    }
    text.parse()
        .map_err(|_| Error::InvalidInput(format!("`{text}` is not a number that fits")))
}

/// The first word of `text`, and the rest, which may have spaces in it.
pub(crate) fn first_word(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

/// The answer of the host, in Rust's notation: `Ok(())`, `Err(Error::AccessDenied("…"))`.
pub(crate) fn shown(answer: impl Debug) -> Answer {
    Ok(format!("{answer:?}").into_bytes())
}

/// As [`shown`], for an answer of bytes, which are shown as the text they mostly are.
pub(crate) fn shown_text(answer: Result<Vec<u8>, Error>) -> Answer {
    shown(answer.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}
