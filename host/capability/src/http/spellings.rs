//! The spellings in which a server may give a secret back, and the search for them in a stream.
//!
//! `escapes.rs` decodes the stream before the search. Each byte of any stream takes a bounded time, and has a fixed
//! price.

use base64ct::{Base64, Base64Unpadded, Encoding as _};
use zeroize::Zeroizing;

use super::escapes::{Decoder, ESCAPES, QUOTED};

/// A spelling that is not the secret itself is searched for from this length on: a shorter one is found by chance.
const SHORTEST: usize = 6;

/// Bytes of the stream that are decoded at once, so that the decoded text takes little room.
const BLOCK: usize = 4 << 10;

/// A secret as it is, in base64 at each of three alignments, and in hexadecimal. Letters are folded in the secret and in
/// the searched text, `-` and a space are `+`, and `_` is `/`: so each spelling stands for both alphabets of base64,
/// for both cases, and for the space of a form.
///
/// They are the paths of a tree, each node with the next node when the next byte is none of its children (Aho and
/// Corasick), so that the time for a byte does not grow with their number.
pub(super) struct Spellings {
    /// The byte that leads to each node. The root has none.
    bytes: Zeroizing<Vec<u8>>,
    /// The first child of each node, and the next child of the same parent; 0 is none.
    child: Vec<u32>,
    sibling: Vec<u32>,
    /// The node of the longest path that ends the path of this one.
    border: Vec<u32>,
    /// Whether a spelling ends here.
    ends: Vec<bool>,
    /// The children of the root, by the byte before it is folded; 0 is none.
    first: Vec<u32>,
}

impl Spellings {
    /// The spellings of a secret that a header has behind this prefix.
    pub(super) fn of(prefix: &str, secret: &str) -> Spellings {
        let mut texts = spellings_of(secret.as_bytes());
        for part in parts_of(prefix, secret) {
            if part.len() >= SHORTEST {
                texts.extend(spellings_of(&part));
            }
        }
        let length = texts.iter().map(|text| text.len()).sum::<usize>() + 1;
        #[expect(
            clippy::disallowed_methods,
            reason = "a credential has at most 8 KiB, and what grows leaves copies of it behind"
        )]
        let mut spellings = Spellings {
            bytes: Zeroizing::new(Vec::with_capacity(length)),
            child: Vec::new(),
            sibling: Vec::new(),
            border: Vec::new(),
            ends: Vec::new(),
            first: vec![0; 256],
        };
        spellings.add_node(0);
        for text in &texts {
            spellings.add(text);
        }
        for byte in 0..=u8::MAX {
            let node = spellings.child_by(0, fold(byte)).unwrap_or(0);
            if let Some(first) = spellings.first.get_mut(usize::from(byte)) {
                *first = node;
            }
        }
        spellings.find_borders();
        spellings
    }

    /// Whether they are of the same secret.
    pub(super) fn are(&self, other: &Spellings) -> bool {
        self.bytes == other.bytes && self.child == other.child && self.ends == other.ends
    }

    fn add_node(&mut self, byte: u8) -> u32 {
        let node = self.bytes.len() as u32;
        self.bytes.push(byte);
        self.child.push(0);
        self.sibling.push(0);
        self.border.push(0);
        self.ends.push(false);
        node
    }

    fn add(&mut self, text: &[u8]) {
        let mut node = 0;
        for byte in text.iter().copied().map(fold) {
            node = match self.child_by(node, byte) {
                Some(child) => child,
                None => {
                    let child = self.add_node(byte);
                    if let Some(sibling) = self.sibling.get_mut(child as usize) {
                        *sibling = at(&self.child, node);
                    }
                    if let Some(first) = self.child.get_mut(node as usize) {
                        *first = child;
                    }
                    child
                }
            };
        }
        if let Some(ends) = self.ends.get_mut(node as usize) {
            *ends = true;
        }
    }

    /// From the root outwards, so that the border of a parent is known before those of its children.
    fn find_borders(&mut self) {
        let mut level = vec![0_u32];
        while !level.is_empty() {
            let mut next = Vec::new();
            for parent in level {
                let mut child = at(&self.child, parent);
                while child != 0 {
                    let byte = self.byte(child);
                    let border = match parent {
                        0 => 0,
                        _ => self.step(at(&self.border, parent), byte),
                    };
                    if let Some(own) = self.border.get_mut(child as usize) {
                        *own = border;
                    }
                    let ends = self.ends.get(border as usize) == Some(&true);
                    if let Some(own) = self.ends.get_mut(child as usize) {
                        *own |= ends;
                    }
                    next.push(child);
                    child = at(&self.sibling, child);
                }
            }
            level = next;
        }
    }

    fn byte(&self, node: u32) -> u8 {
        self.bytes.get(node as usize).copied().unwrap_or_default()
    }

    fn child_by(&self, node: u32, byte: u8) -> Option<u32> {
        let mut child = at(&self.child, node);
        while child != 0 && self.byte(child) != byte {
            child = at(&self.sibling, child);
        }
        (child != 0).then_some(child)
    }

    /// The node behind `node` and a folded byte: that of the longest path that ends there.
    fn step(&self, mut node: u32, byte: u8) -> u32 {
        while node != 0 {
            match self.child_by(node, byte) {
                Some(child) => return child,
                None => node = at(&self.border, node),
            }
        }
        at(&self.first, u32::from(byte))
    }

    /// Whether a spelling ends in `bytes`, which follow the bytes that led to `node`.
    fn find(&self, node: &mut u32, bytes: &[u8]) -> bool {
        let (mut now, mut found) = (*node, false);
        for byte in bytes {
            now = self.step(now, fold(*byte));
            found |= self.ends.get(now as usize) == Some(&true);
        }
        *node = now;
        found
    }
}

fn at(nodes: &[u32], index: u32) -> u32 {
    nodes.get(index as usize).copied().unwrap_or_default()
}

/// A text as it is, and its spellings that are long enough.
fn spellings_of(bytes: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let others = (0..3).map(|skip| base64(bytes, skip)).chain([hex(bytes)]);
    let others = others.filter(|text| text.len() >= SHORTEST);
    let own = Zeroizing::new(bytes.to_vec());
    [own].into_iter().chain(others).collect()
}

/// The parts of a secret that a server may give back alone: the text after the name of a scheme, if that is no prefix;
/// and of `Basic`, the user and the password as one text, and the one of them that is secret: the password, or the user
/// if the password is empty.
fn parts_of(prefix: &str, secret: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let mut parts = Vec::new();
    let is = |text: &str, name: &str| text.eq_ignore_ascii_case(name);
    let (scheme, bare) = match secret.split_once(' ') {
        Some((scheme, bare))
            if ["basic", "bearer", "token"]
                .iter()
                .any(|name| is(scheme, name)) =>
        {
            parts.push(Zeroizing::new(bare.as_bytes().to_vec()));
            (scheme, bare)
        }
        _ => (prefix.trim_end(), secret),
    };
    let decode = || Base64::decode_vec(bare).or_else(|_| Base64Unpadded::decode_vec(bare));
    if is(scheme, "basic")
        && let Ok(whole) = decode().map(Zeroizing::new)
        && let Some(colon) = whole.iter().position(|byte| *byte == b':')
    {
        let (user, password) = whole.split_at_checked(colon).unwrap_or((&whole, &[]));
        let password = password.get(1..).unwrap_or_default();
        let own = if password.is_empty() { user } else { password };
        parts.push(Zeroizing::new(own.to_vec()));
        parts.push(whole);
    }
    parts
}

const fn fold(byte: u8) -> u8 {
    match byte {
        b'-' | b' ' => b'+',
        b'_' => b'/',
        _ => byte.to_ascii_lowercase(),
    }
}

/// The base64 of `bytes` behind `skip` others, without the digits that depend on the bytes before and after.
fn base64(bytes: &[u8], skip: usize) -> Zeroizing<Vec<u8>> {
    // Made with all of its room: a vector that grows leaves a copy behind that nothing wipes.
    let mut whole = Zeroizing::new(vec![0; skip + bytes.len()]);
    for (to, from) in whole.iter_mut().skip(skip).zip(bytes) {
        *to = *from;
    }
    let mut digits = Zeroizing::new(vec![0; Base64Unpadded::encoded_len(&whole)]);
    // The buffer has the size that the text needs, so it fits.
    let _ = Base64Unpadded::encode(&whole, &mut digits);
    let (first, end) = ((skip * 8).div_ceil(6), whole.len() * 8 / 6);
    Zeroizing::new(digits.get(first..end).unwrap_or_default().to_vec())
}

fn hex(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digit = |value: u8| char::from_digit(value.into(), 16).map(|digit| digit as u8);
    Zeroizing::new(digits.filter_map(digit).collect())
}

/// The search in one stream: in the stream as it is, with its escapes decoded, with those decoded that come forth, and as
/// quoted-printable text.
#[derive(Default)]
pub(super) struct Search {
    plain: u32,
    once: (Decoder, u32),
    twice: (Decoder, u32),
    quoted: (Decoder, u32),
}

impl Search {
    /// Whether a spelling ends in the next `bytes` of the stream.
    pub(super) fn finds(&mut self, spellings: &Spellings, bytes: &[u8]) -> bool {
        let mut found = false;
        for block in bytes.chunks(BLOCK) {
            found |= spellings.find(&mut self.plain, block);
            let once = self.once.0.decode(&ESCAPES, block);
            found |= spellings.find(&mut self.once.1, once);
            let twice = self.twice.0.decode(&ESCAPES, once);
            found |= spellings.find(&mut self.twice.1, twice);
            let quoted = self.quoted.0.decode(&QUOTED, block);
            found |= spellings.find(&mut self.quoted.1, quoted);
        }
        found
    }

    /// Whether a spelling ends with the stream: an escape that needs no end has one there. A line break stands for nothing.
    pub(super) fn finds_at_end(&mut self, spellings: &Spellings) -> bool {
        self.finds(spellings, b"\n\n")
    }
}

#[cfg(test)]
#[path = "spellings_tests.rs"]
mod tests;
