//! The spellings in which a server may give a secret back, and the search for them in a stream.

use secrecy::{ExposeSecret as _, SecretSlice};
use zeroize::Zeroizing;

/// A spelling that is not the secret itself is searched for from this length on: a shorter one is found by chance.
const SHORTEST: usize = 6;

/// The longest escape of one character that is kept together, such as `&#x0041;`, and with an escape inside another.
const ESCAPE: usize = 12;

/// A secret as it is, in base64 at each of three alignments, and in hexadecimal. Letters are folded in the secret and in
/// what is searched, `-` and a space are `+`, and `_` is `/`: so each spelling stands for both alphabets of base64, for
/// both cases, and for the space of a form.
pub(super) struct Spellings {
    needles: Vec<Needle>,
    /// Whether a byte, not folded, begins a spelling.
    begins: [bool; 256],
}

struct Needle {
    text: SecretSlice<u8>,
    /// For each prefix of the text, the length of the longest shorter prefix that ends it (Knuth, Morris and Pratt).
    borders: Vec<usize>,
}

impl Spellings {
    pub(super) fn of(secret: &str) -> Spellings {
        let bytes = secret.as_bytes();
        let others = (0..3).map(|skip| base64(bytes, skip)).chain([hex(bytes)]);
        let others = others.filter(|text| text.len() >= SHORTEST);
        let own = Zeroizing::new(bytes.to_vec());
        let needles: Vec<_> = [own].into_iter().chain(others).map(Needle::new).collect();
        let mut begins = [false; 256];
        for (byte, begins) in (0..=u8::MAX).zip(&mut begins) {
            *begins = needles
                .iter()
                .any(|needle| needle.at(0) == Some(fold(byte)));
        }
        Spellings { needles, begins }
    }
}

impl Needle {
    fn new(text: Zeroizing<Vec<u8>>) -> Needle {
        // Made once, at its length: what grows leaves copies behind.
        let folded: Vec<u8> = text.iter().map(|byte| fold(*byte)).collect();
        let mut needle = Needle {
            borders: Vec::new(),
            text: folded.into(),
        };
        let mut border = 0;
        for at in 0..needle.len() {
            if at > 0 {
                border = needle.advance(border, needle.at(at).unwrap_or_default());
            }
            needle.borders.push(border);
        }
        needle
    }

    fn len(&self) -> usize {
        self.text.expose_secret().len()
    }

    fn at(&self, index: usize) -> Option<u8> {
        self.text.expose_secret().get(index).copied()
    }

    /// The length of the longest prefix of the text that ends with `byte`, if one of length `matched` came before it.
    fn advance(&self, mut matched: usize, byte: u8) -> usize {
        loop {
            if self.at(matched) == Some(byte) {
                return matched + 1;
            }
            match matched.checked_sub(1) {
                Some(last) => matched = self.borders.get(last).copied().unwrap_or_default(),
                None => return 0,
            }
        }
    }
}

fn fold(byte: u8) -> u8 {
    match byte {
        b'-' | b' ' => b'+',
        b'_' => b'/',
        _ => byte.to_ascii_lowercase(),
    }
}

/// The base64 of `bytes` behind `skip` others, without the digits that depend on what is before and after.
fn base64(bytes: &[u8], skip: usize) -> Zeroizing<Vec<u8>> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    #[expect(
        clippy::disallowed_methods,
        reason = "a credential has at most 8 KiB, and what grows leaves copies of it behind"
    )]
    let mut digits = Zeroizing::new(Vec::with_capacity(bytes.len() * 4 / 3 + 1));
    // The bits that are still to be written, and whether the first digit is a whole one.
    let (mut bits, mut count) = (0_u32, skip * 8 % 6);
    let mut partial = count > 0;
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        count += 8;
        while count >= 6 {
            count -= 6;
            let digit = DIGITS.get((bits >> count & 63) as usize);
            if !std::mem::take(&mut partial) {
                digits.extend(digit);
            }
        }
    }
    digits
}

fn hex(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digit = |value: u8| char::from_digit(value.into(), 16).map(|digit| digit as u8);
    Zeroizing::new(digits.filter_map(digit).collect())
}

/// The search in one stream: in the stream as it is, with its escapes decoded, and with those decoded that come forth.
#[derive(Default)]
pub(super) struct Search {
    position: usize,
    plain: Matches,
    once: (Escapes, Matches),
    twice: (Escapes, Matches),
}

impl Search {
    /// Whether a spelling ends in the next `bytes` of the stream.
    pub(super) fn finds(&mut self, spellings: &Spellings, bytes: &[u8]) -> bool {
        let at = self.position;
        let mut found = self.plain.find(spellings, Run { at, step: 1, bytes });
        let (once, in_once) = &mut self.once;
        let (twice, in_twice) = &mut self.twice;
        once.decode(Run { at, step: 1, bytes }, &mut |run| {
            found |= in_once.find(spellings, run);
            twice.decode(run, &mut |run| found |= in_twice.find(spellings, run));
        });
        self.position += bytes.len();
        found
    }

    /// The number of bytes at the end of the stream that may begin a spelling.
    pub(super) fn undecided(&self) -> usize {
        let begun = [
            self.plain.since(self.position, 1),
            self.once.1.since(self.position, ESCAPE),
            self.twice.1.since(self.position, ESCAPE * 3),
            self.once.0.since,
            self.twice.0.since,
        ];
        let begun = begun.into_iter().flatten().min();
        begun.map_or(0, |at| self.position.saturating_sub(at))
    }
}

/// Bytes that follow each other, the first of them at this position of the stream; the others are as many steps behind.
#[derive(Clone, Copy)]
struct Run<'a> {
    at: usize,
    step: usize,
    bytes: &'a [u8],
}

/// The prefixes of spellings that end a stream.
#[derive(Default)]
struct Matches {
    /// The length of each.
    lengths: Vec<usize>,
    /// The position where all of them were empty for the last time, if one is not now.
    since: Option<usize>,
}

impl Matches {
    fn find(&mut self, spellings: &Spellings, run: Run<'_>) -> bool {
        while self.lengths.len() < spellings.needles.len() {
            self.lengths.push(0);
        }
        let begins = |byte: &u8| spellings.begins.get(usize::from(*byte)) == Some(&true);
        let (mut at, mut found) = (0, false);
        while let Some(rest) = run.bytes.get(at..) {
            // Most bytes begin nothing, and are passed over quickly.
            let idle = match self.since {
                None => rest.iter().position(begins).unwrap_or(rest.len()),
                Some(_) => 0,
            };
            let Some(byte) = rest.get(idle) else { break };
            at += idle;
            let byte = fold(*byte);
            let mut longest = 0;
            for (needle, length) in spellings.needles.iter().zip(&mut self.lengths) {
                *length = needle.advance(*length, byte);
                found |= *length == needle.len();
                longest = longest.max(*length);
            }
            self.since = match self.since {
                _ if longest == 0 => None,
                None => Some(run.at + at * run.step),
                since => since,
            };
            at += 1;
        }
        found
    }

    /// The position where the longest prefix begins, or an earlier one. A character takes up to `unit` bytes.
    fn since(&self, position: usize, unit: usize) -> Option<usize> {
        let longest = self.lengths.iter().max()?;
        let bound = position.saturating_sub(longest.saturating_mul(unit));
        self.since.map(|since| since.max(bound))
    }
}

/// Decodes the escapes of URLs (`%41`, `%u0041`), of JSON and JavaScript (`\u0041`, `\u{41}`, `\x41`, `\/`) and of HTML
/// (`&#65;`, `&#x41;`, `&amp;`). Line breaks are dropped, since base64 is broken into lines, and so is NUL, so that UTF-16
/// is read, too.
#[derive(Default)]
struct Escapes {
    /// The escape that is not yet whole.
    pending: Vec<u8>,
    /// The position where it begins.
    since: Option<usize>,
}

/// The meaning of text that may be an escape.
enum Escape {
    Unfinished,
    Char(char),
    Byte(u8),
    Nothing,
    None,
}

impl Escapes {
    fn decode(&mut self, run: Run<'_>, emit: &mut impl FnMut(Run<'_>)) {
        let special = |byte: &u8| matches!(byte, b'%' | b'\\' | b'&' | b'\r' | b'\n' | 0);
        let mut at = 0;
        while let Some(rest) = run.bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let here = run.at + at * run.step;
            if self.pending.is_empty() {
                let plain = rest.iter().position(special).unwrap_or(rest.len());
                if let Some(bytes) = rest.get(..plain).filter(|bytes| !bytes.is_empty()) {
                    emit(Run {
                        at: here,
                        bytes,
                        ..run
                    });
                    at += plain;
                    continue;
                }
            }
            if let Some(byte) = rest.first() {
                self.push(*byte, here, emit);
            }
            at += 1;
        }
    }

    fn push(&mut self, byte: u8, at: usize, emit: &mut impl FnMut(Run<'_>)) {
        self.pending.push(byte);
        let since = *self.since.get_or_insert(at);
        while let Some(first) = self.pending.first().copied() {
            let mut buffer = [first; 4];
            let (taken, bytes) = match escape(&self.pending) {
                Escape::Unfinished => return,
                Escape::Char('\r' | '\n' | '\0') | Escape::Nothing => (self.pending.len(), None),
                Escape::Char(c) => {
                    let bytes = c.encode_utf8(&mut buffer).as_bytes();
                    (self.pending.len(), Some(bytes))
                }
                Escape::Byte(byte) => {
                    buffer = [byte; 4];
                    (self.pending.len(), buffer.get(..1))
                }
                // The first character stands for itself, and what follows may begin another escape.
                Escape::None => (1, buffer.get(..1)),
            };
            if let Some(bytes) = bytes {
                let (at, step) = (since, 0);
                emit(Run { at, step, bytes });
            }
            let rest = self.pending.get(taken..).unwrap_or_default();
            self.pending = rest.to_vec();
        }
        self.since = None;
    }
}

fn escape(text: &[u8]) -> Escape {
    match text {
        [b'%' | b'\\' | b'&'] => Escape::Unfinished,
        [b'\r' | b'\n' | 0] => Escape::Nothing,
        [b'%', b'u' | b'U', digits @ ..] => fixed(digits, 4),
        [b'%', digits @ ..] => byte(digits),
        [b'\\', b'u', b'{', digits @ .., b'}'] => number(digits, 16),
        [b'\\', b'u', b'{', digits @ ..] => unfinished(digits, 16),
        [b'\\', b'u', digits @ ..] => fixed(digits, 4),
        [b'\\', b'x', digits @ ..] => byte(digits),
        [b'\\', b'n' | b'r'] => Escape::Nothing,
        [b'\\', byte] if byte.is_ascii_graphic() => Escape::Char(char::from(*byte)),
        [b'&', b'#', b'x' | b'X', digits @ .., b';'] => number(digits, 16),
        [b'&', b'#', b'x' | b'X', digits @ ..] => unfinished(digits, 16),
        [b'&', b'#', digits @ .., b';'] => number(digits, 10),
        [b'&', b'#', digits @ ..] => unfinished(digits, 10),
        [b'&', name @ ..] => entity(name),
        _ => Escape::None,
    }
}

/// An escape of so many hexadecimal digits.
fn fixed(digits: &[u8], length: usize) -> Escape {
    match digits.len() < length {
        true => unfinished(digits, 16),
        false => number(digits, 16),
    }
}

/// A byte, in two hexadecimal digits.
fn byte(digits: &[u8]) -> Escape {
    match fixed(digits, 2) {
        Escape::Char(c) => u8::try_from(c).map_or(Escape::None, Escape::Byte),
        other => other,
    }
}

fn unfinished(digits: &[u8], radix: u32) -> Escape {
    let all = digits
        .iter()
        .all(|digit| char::from(*digit).is_digit(radix));
    match all && digits.len() <= 7 {
        true => Escape::Unfinished,
        false => Escape::None,
    }
}

fn number(digits: &[u8], radix: u32) -> Escape {
    let text = str::from_utf8(digits).unwrap_or_default();
    // It would take a sign, too.
    let plain = text.chars().all(|c| c.is_digit(radix));
    let value = u32::from_str_radix(text, radix).ok().filter(|_| plain);
    match value.and_then(char::from_u32) {
        Some(c) => Escape::Char(c),
        None => Escape::None,
    }
}

/// Names of characters that secrets have, as HTML knows them.
fn entity(text: &[u8]) -> Escape {
    const NAMES: &[(&[u8], char)] = &[
        (b"amp;", '&'),
        (b"apos;", '\''),
        (b"colon;", ':'),
        (b"equals;", '='),
        (b"gt;", '>'),
        (b"hyphen;", '-'),
        (b"lowbar;", '_'),
        (b"lt;", '<'),
        (b"period;", '.'),
        (b"plus;", '+'),
        (b"quot;", '"'),
        (b"sol;", '/'),
    ];
    let mut names = NAMES.iter().filter(|(name, _)| name.starts_with(text));
    match names.next() {
        Some((name, c)) if *name == text => Escape::Char(*c),
        Some(_) => Escape::Unfinished,
        None => Escape::None,
    }
}

#[cfg(test)]
#[path = "spellings_tests.rs"]
mod tests;
