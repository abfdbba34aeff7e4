//! The decoding of escapes in a stream.
//!
//! [`ESCAPES`] are those of URLs (`%41`, `%u0041`), of JSON, JavaScript, Python and C (`\u0041`, `\u{41}`, `\U00000041`,
//! `\x41`, `\101`, `\/`) and of HTML (`&#65;`, `&#65`, `&#x41;`, `&amp;`). Line breaks are dropped, since base64 is broken into
//! lines, and so is NUL, so that UTF-16 is read, too. [`QUOTED`] are those of quoted-printable text (`=41`).

use zeroize::Zeroizing;

/// The most zeros that a number may begin with.
const ZEROS: usize = 64;

/// The most digits of a number behind them: those of the last character.
const DIGITS: usize = 7;

/// A way to escape.
pub(super) struct Language {
    /// Whether a byte begins an escape, or stands for nothing.
    special: &'static [u8],
    parse: fn(&[u8]) -> Escape,
}

pub(super) const ESCAPES: Language = Language {
    special: b"%\\&\r\n\0",
    parse: escape,
};

pub(super) const QUOTED: Language = Language {
    special: b"=\r\n",
    parse: quoted,
};

/// The meaning of a text that may begin with an escape, and the number of bytes that it takes.
enum Escape {
    Unfinished,
    Char(char, usize),
    Byte(u8, usize),
    Nothing(usize),
    None,
}

/// Decodes one stream, piece by piece.
#[derive(Default)]
pub(super) struct Decoder {
    /// The escape that is not yet whole.
    pending: Zeroizing<Vec<u8>>,
    decoded: Zeroizing<Vec<u8>>,
}

impl Decoder {
    /// The next piece, decoded as far as its escapes are whole.
    pub(super) fn decode(&mut self, language: &Language, piece: &[u8]) -> &[u8] {
        self.decoded.clear();
        let whole;
        let mut rest = piece;
        if !self.pending.is_empty() {
            self.pending.extend_from_slice(piece);
            whole = std::mem::take(&mut self.pending);
            rest = &whole;
        }
        let special = |byte: &u8| language.special.contains(byte);
        while let Some(at) = rest.iter().position(special) {
            let (plain, escaped) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            self.decoded.extend_from_slice(plain);
            let taken = match (language.parse)(escaped) {
                Escape::Unfinished => {
                    self.pending = Zeroizing::new(escaped.to_vec());
                    return &self.decoded;
                }
                Escape::Char('\r' | '\n' | '\0', taken) | Escape::Nothing(taken) => taken,
                Escape::Char(c, taken) => {
                    let mut buffer = [0; 4];
                    self.decoded
                        .extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
                    taken
                }
                Escape::Byte(byte, taken) => {
                    self.decoded.push(byte);
                    taken
                }
                // The first character stands for itself, and the text after it may begin another escape.
                Escape::None => {
                    self.decoded.extend(escaped.first());
                    1
                }
            };
            rest = escaped.get(taken..).unwrap_or_default();
        }
        self.decoded.extend_from_slice(rest);
        &self.decoded
    }
}

fn escape(text: &[u8]) -> Escape {
    match text {
        [b'\r' | b'\n' | 0, ..] => Escape::Nothing(1),
        [b'%', b'u' | b'U', ..] => fixed(text, 2, 4),
        [b'%', ..] => byte(text, 1),
        [b'\\', b'u', b'{', ..] => number(text, 3, 16, Some(b'}')),
        [b'\\', b'u', ..] => fixed(text, 2, 4),
        [b'\\', b'U', ..] => fixed(text, 2, 8),
        [b'\\', b'x', ..] => byte(text, 2),
        [b'\\', b'0'..=b'3', ..] => octal(text),
        [b'\\', b'n' | b'r', ..] => Escape::Nothing(2),
        [b'\\', byte, ..] if byte.is_ascii_graphic() => Escape::Char(char::from(*byte), 2),
        [b'&', b'#', b'x' | b'X', ..] => number(text, 3, 16, None),
        [b'&', b'#', ..] => number(text, 2, 10, None),
        [b'&', b'a'..=b'z', ..] => entity(text),
        [b'\\' | b'&'] => Escape::Unfinished,
        _ => Escape::None,
    }
}

fn quoted(text: &[u8]) -> Escape {
    match text {
        [b'\r' | b'\n', ..] => Escape::Nothing(1),
        // A continued line.
        [b'=', b'\r' | b'\n', ..] => Escape::Nothing(1),
        [b'=', ..] => byte(text, 1),
        _ => Escape::None,
    }
}

/// An escape of `length` hexadecimal digits, which begin at `at`.
fn fixed(text: &[u8], at: usize, length: usize) -> Escape {
    let mut value = 0;
    for index in at..at + length {
        let Some(byte) = text.get(index) else {
            return Escape::Unfinished;
        };
        match char::from(*byte).to_digit(16) {
            Some(digit) => value = value << 4 | digit,
            None => return Escape::None,
        }
    }
    match char::from_u32(value) {
        Some(c) => Escape::Char(c, at + length),
        None => Escape::None,
    }
}

/// A byte, in two hexadecimal digits.
fn byte(text: &[u8], at: usize) -> Escape {
    match fixed(text, at, 2) {
        Escape::Char(c, taken) => {
            u8::try_from(c).map_or(Escape::None, |byte| Escape::Byte(byte, taken))
        }
        other => other,
    }
}

/// A byte, in three octal digits.
fn octal(text: &[u8]) -> Escape {
    let digit = |at: usize| text.get(at).map(|byte| char::from(*byte).to_digit(8));
    let itself = |digit: u8| Escape::Char(char::from(digit), 2);
    match (digit(1), digit(2), digit(3)) {
        (Some(Some(high)), Some(Some(middle)), Some(Some(low))) => {
            let value = high << 6 | middle << 3 | low;
            u8::try_from(value).map_or(Escape::None, |byte| Escape::Byte(byte, 4))
        }
        (_, None, _) | (_, Some(Some(_)), None) => Escape::Unfinished,
        _ => text.get(1).copied().map_or(Escape::None, itself),
    }
}

/// A number of any length, which begins here, with the byte that ends it. Where none has to, `;` may end it.
fn number(text: &[u8], at: usize, radix: u32, end: Option<u8>) -> Escape {
    let digits = text.get(at..).unwrap_or_default();
    let zeros = digits
        .iter()
        .take(ZEROS)
        .take_while(|digit| **digit == b'0')
        .count();
    let (mut value, mut length) = (0, zeros);
    let next = loop {
        let Some(byte) = digits.get(length) else {
            return Escape::Unfinished;
        };
        match char::from(*byte).to_digit(radix) {
            Some(_) if length == zeros + DIGITS => return Escape::None,
            Some(digit) => value = value * radix + digit,
            None => break *byte,
        }
        length += 1;
    };
    let taken = match end {
        _ if length == 0 => return Escape::None,
        Some(end) if next != end => return Escape::None,
        None if next != b';' => at + length,
        _ => at + length + 1,
    };
    match char::from_u32(value) {
        Some(c) => Escape::Char(c, taken),
        None => Escape::None,
    }
}

/// Names of characters that secrets have, as HTML knows them.
fn entity(text: &[u8]) -> Escape {
    const NAMES: &[(&[u8], char)] = &[
        (b"&amp;", '&'),
        (b"&apos;", '\''),
        (b"&colon;", ':'),
        (b"&equals;", '='),
        (b"&gt;", '>'),
        (b"&hyphen;", '-'),
        (b"&lowbar;", '_'),
        (b"&lt;", '<'),
        (b"&period;", '.'),
        (b"&plus;", '+'),
        (b"&quot;", '"'),
        (b"&sol;", '/'),
    ];
    // Two letters tell most names apart, and most text from all of them.
    let begin = text.get(1..3);
    for (name, c) in NAMES
        .iter()
        .filter(|(name, _)| begin.is_none() || name.get(1..3) == begin)
    {
        if text.starts_with(name) {
            return Escape::Char(*c, name.len());
        }
        if name.starts_with(text) {
            return Escape::Unfinished;
        }
    }
    Escape::None
}
