//! Messages of other processes, read: no more is made of one than a message of its kind has.
//!
//! An element of a vector takes a byte of the message at least, and many times as much of memory. So those bytes are
//! counted: all but the text and the bytes that a message holds, which take as much as they are long.

use postcard::de_flavors::Flavor;
use postcard::{Deserializer, Error, Result};
use serde::de::DeserializeOwned;

/// The message that all of `body` is, if it has at most `numbers` bytes of numbers: each length, each case and each number
/// takes one or more.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8], numbers: usize) -> Option<T> {
    let mut from = Deserializer::from_flavor(Counted {
        rest: body,
        numbers,
    });
    let message = T::deserialize(&mut from).ok()?;
    match from.finalize() {
        Ok([]) => Some(message),
        _ => None,
    }
}

/// The first bytes of `text`: at most `most`, and no part of a character.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most))
        .unwrap_or_default()
}

/// The rest of a message.
struct Counted<'de> {
    rest: &'de [u8],
    numbers: usize,
}

impl<'de> Flavor<'de> for Counted<'de> {
    type Remainder = &'de [u8];
    type Source = &'de [u8];

    fn pop(&mut self) -> Result<u8> {
        let too_many = Error::DeserializeBadEncoding;
        self.numbers = self.numbers.checked_sub(1).ok_or(too_many)?;
        let end = Error::DeserializeUnexpectedEnd;
        let (first, rest) = self.rest.split_first().ok_or(end)?;
        self.rest = rest;
        Ok(*first)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len().min(self.numbers))
    }

    fn try_take_n(&mut self, count: usize) -> Result<&'de [u8]> {
        let end = Error::DeserializeUnexpectedEnd;
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(end)?;
        self.rest = rest;
        Ok(taken)
    }

    fn finalize(self) -> Result<&'de [u8]> {
        Ok(self.rest)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_vector_has_as_many_elements_as_its_message_may() {
        let body = postcard::to_allocvec(&vec![String::new(); 100]).unwrap();
        assert_eq!(read::<Vec<String>>(&body, 101).unwrap().len(), 100);
        assert_eq!(read::<Vec<String>>(&body, 100), None);
        let body = postcard::to_allocvec(&BTreeMap::from([(1_u8, true), (2, false)])).unwrap();
        assert!(read::<BTreeMap<u8, bool>>(&body, 5).is_some());
        assert_eq!(read::<BTreeMap<u8, bool>>(&body, 4), None);
        // Text is not counted: it takes as much as it is long.
        let body = postcard::to_allocvec(&"x".repeat(100)).unwrap();
        assert_eq!(read::<String>(&body, 1), Some("x".repeat(100)));
    }

    #[test]
    fn a_cut_is_between_characters() {
        for (most, cut_to) in [(0, ""), (1, ""), (2, "é"), (3, "é"), (4, "éé"), (9, "éé")] {
            assert_eq!(cut("éé", most), cut_to);
        }
    }

    #[test]
    fn all_of_a_body_is_the_message() {
        assert_eq!(read::<bool>(&[1], 9), Some(true));
        assert_eq!(read::<bool>(&[1, 0], 9), None);
        assert_eq!(read::<bool>(&[], 9), None);
        assert_eq!(read::<String>(&[9, b'x'], 9), None);
        assert_eq!(
            read::<Vec<String>>(&[0xff, 0xff, 0xff, 0xff, 0x0f], 9),
            None
        );
    }
}
