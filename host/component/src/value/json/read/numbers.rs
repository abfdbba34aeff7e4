//! Numbers in JSON: integers of each size, and floats with the three values that JSON has no number for.

use std::str::FromStr;

use jiter::Peek;

use super::{Reader, here};
use crate::value::json::JsonError;

/// The most bytes of a number that a message shows.
const SHOWN: usize = 40;

impl<'j> Reader<'j> {
    /// An integer of at most 32 bits.
    pub(super) fn number<T: FromStr>(&mut self, peek: Peek, ty: &str) -> Result<T, JsonError> {
        let text = self.digits(peek, ty)?;
        let parsed = text.parse();
        parsed.map_err(|_| here(ty, &format!("the number {}", cut(text))))
    }

    /// An integer of 64 bits: a number, or a string of digits from a client whose numbers are floats.
    pub(super) fn wide<T: FromStr>(&mut self, peek: Peek, ty: &str) -> Result<T, JsonError> {
        if peek != Peek::String {
            return self.number(peek, ty);
        }
        let text = self.string()?;
        let parsed = text.parse();
        parsed.map_err(|_| here(ty, "a string that is none"))
    }

    pub(super) fn float<T: FromStr + Copy>(
        &mut self,
        peek: Peek,
        ty: &str,
        is_finite: fn(T) -> bool,
    ) -> Result<T, JsonError> {
        if peek == Peek::String {
            let text = self.string()?;
            let named = matches!(&*text, "NaN" | "inf" | "-inf").then(|| text.parse().ok());
            let expected = format!("{ty}, or \"NaN\", \"inf\" or \"-inf\"");
            return named
                .flatten()
                .ok_or_else(|| here(&expected, "another string"));
        }
        let text = self.digits(peek, ty)?;
        let parsed = text.parse().ok().filter(|it| is_finite(*it));
        parsed.ok_or_else(|| here(ty, &format!("the number {}", cut(text))))
    }

    /// The text of a number.
    fn digits(&mut self, peek: Peek, expected: &str) -> Result<&'j str, JsonError> {
        if !peek.is_num() {
            return Err(self.misfit(peek, expected));
        }
        let start = self.json.current_index();
        if let Err(error) = self.json.known_number_bytes(peek) {
            return Err(self.failed(&error, expected));
        }
        let text = std::str::from_utf8(self.json.slice_to_current(start));
        text.map_err(|_| here(expected, "another text"))
    }
}

/// The beginning of a long number.
fn cut(text: &str) -> &str {
    text.get(..SHOWN).unwrap_or(text)
}
