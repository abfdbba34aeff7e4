//! Base64 as in minisign's files: the standard alphabet, padded, and one spelling for each value.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Decodes exactly `N` bytes. `None` for any other text, also for a second spelling of the same bytes: one signature
/// could otherwise be in two different files.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let digits = text.trim_end_matches('=').as_bytes();
    let (mut held, mut bits, mut at) = (0u32, 0, 0);
    for digit in digits {
        let value = ALPHABET.iter().position(|known| known == digit)?;
        held = (held << 6 | u32::try_from(value).ok()?) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            *bytes.get_mut(at)? = u8::try_from(held >> bits & 0xff).ok()?;
            at += 1;
        }
    }
    // A text with other left-over bits, or another number of `=`, is a second spelling.
    (at == N && encode(&bytes) == text).then_some(bytes)
}

/// Encodes bytes as text.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut padded = [0; 4];
        for (to, from) in padded.iter_mut().skip(1).zip(group) {
            *to = *from;
        }
        let held = u32::from_be_bytes(padded);
        for digit in 0..4 {
            let value = (held >> (18 - 6 * digit) & 63) as usize;
            let known = ALPHABET.get(value).filter(|_| digit <= group.len());
            text.push(known.map_or('=', |known| char::from(*known)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
        }
        assert_eq!(decode("Zm9vYg=="), Some(*b"foob"));
        assert_eq!(decode("+/+/"), Some([0xfb, 0xff, 0xbf]));
    }

    #[test]
    fn nothing_else_is_read() {
        for text in [
            "Zm9vYg",
            "Zm9vYg=",
            "Zm9vYg===",
            "Zm9vYh==",
            "Zm9vYg==\n",
            " Zm9vYg==",
            "Zm9v-g==",
            "Zm9v",
            "Zm9vYmE=",
            "Zm9vYmFy",
            "Z=9vYg==",
            "Zm9vYé==",
            "",
        ] {
            assert_eq!(decode::<4>(text), None, "{text:?}");
        }
    }
}
