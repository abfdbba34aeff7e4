//! The output of a guest for a terminal of the host's, as text that controls nothing there: lines and tabs stay,
//! control characters, characters that turn the reading direction and bytes that are no text are spelt out.

use std::fmt::Write as _;

use tollgate_component::escape;

/// One stream of a guest, whose pieces may end within a character or a line break.
#[derive(Default)]
pub(super) struct Escaper {
    /// The beginning of a character, or a carriage return that may be a part of a line break.
    held: Vec<u8>,
}

impl Escaper {
    /// The text to show for the next piece.
    pub(super) fn pass(&mut self, piece: &[u8]) -> String {
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(piece);
        let kept = bytes.len().saturating_sub(unfinished(&bytes));
        let (whole, rest) = bytes.split_at_checked(kept).unwrap_or_default();
        self.held = rest.to_vec();
        shown(whole)
    }

    /// The text to show for the rest, once nothing more comes.
    pub(super) fn finish(&mut self) -> String {
        shown(&std::mem::take(&mut self.held))
    }
}

/// The number of bytes at the end whose meaning depends on the next ones.
fn unfinished(bytes: &[u8]) -> usize {
    if bytes.last() == Some(&b'\r') {
        return 1;
    }
    let last = bytes.utf8_chunks().last();
    let last = last.map_or([].as_slice(), |chunk| chunk.invalid());
    match std::str::from_utf8(last) {
        Err(error) if error.error_len().is_none() => last.len(),
        _ => 0,
    }
}

fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for piece in chunk.valid().split_inclusive(['\n', '\t']) {
            let (line, end) = match piece.strip_suffix(['\n', '\t']) {
                Some(line) => (line, piece.chars().next_back()),
                None => (piece, None),
            };
            let line = match end {
                // The line break of other systems.
                Some('\n') => line.strip_suffix('\r').unwrap_or(line),
                _ => line,
            };
            text.push_str(&escape::whole(line));
            text.extend(end);
        }
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In pieces of this size.
    fn passed(bytes: &[u8], size: usize) -> String {
        let mut escaper = Escaper::default();
        let mut text: String = bytes
            .chunks(size)
            .map(|piece| escaper.pass(piece))
            .collect();
        text.push_str(&escaper.finish());
        text
    }

    #[test]
    fn nothing_moves_a_terminal_however_it_is_cut() {
        for (bytes, expected) in [
            (
                "plain\ttext\nof two lines".as_bytes(),
                "plain\ttext\nof two lines",
            ),
            (
                "Überweisung 12,50 € 🙂".as_bytes(),
                "Überweisung 12,50 € 🙂",
            ),
            (
                b"\x1b[2J\x1b]0;title\x07",
                "\\u{1b}[2J\\u{1b}]0;title\\u{7}",
            ),
            (b"a\r\nb\r\n", "a\nb\n"),
            (b"harmless\rhidden\r", "harmless\\rhidden\\r"),
            (b"\r\r\n\n\r", "\\r\n\n\\r"),
            (b"\x08\x7f\0", "\\u{8}\\u{7f}\\u{0}"),
            // C1 controls: as a character, and as a byte, which some terminals take for one.
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            (b"\x9b31m", "\\x9b31m"),
            ("\u{202e}abc".as_bytes(), "\\u{202e}abc"),
            (b"\xe2\x82", "\\xe2\\x82"),
            (b"\xe2\x82x\xff\xf0\x9f", "\\xe2\\x82x\\xff\\xf0\\x9f"),
        ] {
            for size in 1..=bytes.len() {
                assert_eq!(passed(bytes, size), expected, "in pieces of {size}");
            }
        }
    }

    #[test]
    fn every_control_character_is_spelt_out() {
        for byte in 0..=u8::MAX {
            let text = passed(&[byte], 1);
            let plain = |c: char| c == '\n' || c == '\t' || !c.is_control();
            assert!(text.chars().all(plain), "{byte:02x}: {text:?}");
        }
    }
}
