//! Base64 as in minisign's files: the standard alphabet, padded, and one spelling for each value. Secret keys are written
//! in it, so it is read and written in a time that depends on the length only, and decoded bytes are wiped after use.

use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

/// Decodes exactly `N` bytes. `None` for any other text, also for a second spelling of the same bytes: one signature
/// could otherwise be in two different files. An array would be copied wherever it is moved, so these are on the heap.
pub fn decode<const N: usize>(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; N]);
    let read = Base64::decode(text, &mut bytes).ok()?.len();
    (read == N).then_some(bytes)
}

/// Encodes bytes as text, which is made at its length and not moved: a caller that encodes a secret can wipe all of it.
pub fn encode(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
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
        assert_eq!(**decode::<4>("Zm9vYg==").unwrap(), *b"foob");
        assert_eq!(**decode::<3>("+/+/").unwrap(), [0xfb, 0xff, 0xbf]);
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
            "Zm9v\nYg==",
            "Zm9vYg==Zm9vYg==",
            "Zm9v-g==",
            "Zm9v",
            "Zm9vYmE=",
            "Zm9vYmFy",
            "Z=9vYg==",
            "Zm9vYé==",
            "====",
            "",
        ] {
            assert_eq!(decode::<4>(text), None, "{text:?}");
        }
        assert_eq!(decode::<5>("Zm9vYmF="), None, "a second spelling");
    }

    /// Each text of the alphabet that is read is the one that would be written.
    #[test]
    fn each_value_has_one_spelling() {
        let alphabet = ('A'..='Z')
            .chain('a'..='z')
            .chain('0'..='9')
            .chain("+/=".chars());
        let alphabet: Vec<char> = alphabet.collect();
        let mut read = 0;
        for a in &alphabet {
            for b in &alphabet {
                let text: String = ['A', *a, *b, '='].iter().collect();
                for bytes in [decode::<2>(&text), decode::<1>(&text)].iter().flatten() {
                    assert_eq!(encode(bytes), text);
                    read += 1;
                }
            }
        }
        // 12 bits before `=`, of which 2 are zero, less the 6 of the `A`; and 4 of those before `==`.
        assert_eq!(read, (1 << 10) + (1 << 2));
    }
}
