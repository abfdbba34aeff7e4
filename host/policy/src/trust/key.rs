//! Minisign public keys and their ids.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::ValueError;
use crate::toml::messages::shown;

use super::base64;

/// The number by which minisign identifies a key. The author of a key chooses it freely, so it proves nothing.
///
/// It is serialized as its 16 digits, and read back from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct KeyId(pub [u8; 8]);

/// 16 hexadecimal digits, as minisign shows it.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> String {
        id.to_string()
    }
}

/// Parses 16 hexadecimal digits.
impl TryFrom<String> for KeyId {
    type Error = ValueError;

    fn try_from(text: String) -> Result<KeyId, ValueError> {
        let is_hex = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        match u64::from_str_radix(&text, 16) {
            Ok(number) if is_hex => Ok(KeyId(number.to_le_bytes())),
            _ => Err(ValueError::new(format!(
                "`{}` is not the id of a key; write its 16 hexadecimal digits",
                shown(&text)
            ))),
        }
    }
}

/// A minisign public key: an Ed25519 key with its id.
///
/// ```
/// use tollgate_policy::PublicKey;
///
/// let key = PublicKey::parse("RWS0StFEorqoo2VczbvFAzfRoJAWOV5b5VIeiSYClnhlSP1buQo6GsEQ")?;
/// assert_eq!(key.id().to_string(), "A3A8BAA244D14AB4");
/// # Ok::<(), tollgate_policy::ValueError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    id: KeyId,
    bytes: [u8; 32],
}

/// Points of small order (RFC 8032, section 5.1; the same that libsodium refuses), without their sign bit. Anybody can
/// make signatures that such a key verifies.
const WEAK: [[u8; 32]; 7] = [
    filled(0x00, 0x00, 0x00),
    filled(0x01, 0x00, 0x00),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    filled(0xec, 0xff, 0x7f),
    filled(0xed, 0xff, 0x7f),
    filled(0xee, 0xff, 0x7f),
];

const fn filled(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

impl PublicKey {
    /// Parses a key from its 56 characters, as in a `.pub` file and after `minisign -P`.
    ///
    /// # Errors
    ///
    /// If the text is not such a key, or the key is weak: signatures that it verifies can be made without the secret
    /// key.
    pub fn parse(text: &str) -> Result<PublicKey, ValueError> {
        let decoded = base64::decode::<42>(text);
        let Some([b'E', b'd', rest @ ..]) = decoded.as_ref().map(|bytes| bytes.as_slice()) else {
            return Err(ValueError::new(format!(
                "`{}` is not a minisign public key; write the 56 characters of the second line of the \
                 `.pub` file, such as \"RWQ…\"",
                shown(text)
            )));
        };
        let (mut id, mut bytes) = ([0; 8], [0; 32]);
        for (to, from) in id.iter_mut().chain(&mut bytes).zip(rest) {
            *to = *from;
        }
        let key = PublicKey {
            id: KeyId(id),
            bytes,
        };
        if key.is_weak() {
            return Err(ValueError::new(format!(
                "the key {} is weak: anybody can sign under it; ask its owner for another one",
                key.id
            )));
        }
        Ok(key)
    }

    /// Parses the text of a `.pub` file: a comment, and the key on the second line.
    ///
    /// # Errors
    ///
    /// If the text is not these two lines, or for the reasons of [`PublicKey::parse`].
    pub fn parse_file(text: &str) -> Result<PublicKey, ValueError> {
        match super::lines(text)[..] {
            [comment, key] if comment.starts_with("untrusted comment:") => {
                PublicKey::parse(key.trim_end_matches(super::BLANK))
            }
            _ => Err(ValueError::new(
                "not a minisign public key file; it has two lines, `untrusted comment: …` and the key",
            )),
        }
    }

    /// Makes a key of its parts.
    ///
    /// # Errors
    ///
    /// If the key is weak.
    pub fn from_parts(id: KeyId, bytes: [u8; 32]) -> Result<PublicKey, ValueError> {
        PublicKey::parse(&PublicKey { id, bytes }.to_string())
    }

    /// The id of the key.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The bytes of the Ed25519 key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    fn is_weak(&self) -> bool {
        let mut unsigned = self.bytes;
        unsigned[31] &= 0x7f;
        WEAK.contains(&unsigned)
    }
}

/// The text that [`PublicKey::parse`] reads.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&b"Ed"[..], &self.id.0, &self.bytes].concat();
        f.write_str(&base64::encode(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by minisign 0.11, which calls it A3A8BAA244D14AB4.
    const KEY: &str = "RWS0StFEorqoo2VczbvFAzfRoJAWOV5b5VIeiSYClnhlSP1buQo6GsEQ";

    #[test]
    fn a_key_is_what_minisign_writes() {
        let key = PublicKey::parse(KEY).unwrap();
        assert_eq!(key.to_string(), KEY);
        assert_eq!(key.id().to_string(), "A3A8BAA244D14AB4");
        assert_eq!(
            PublicKey::from_parts(key.id(), *key.as_bytes()),
            Ok(key.clone())
        );
        let file = format!("untrusted comment: minisign public key A3A8BAA244D14AB4\n{KEY}\n");
        assert_eq!(PublicKey::parse_file(&file), Ok(key.clone()));
        assert_eq!(PublicKey::parse_file(&file.replace('\n', "\r\n")), Ok(key));
    }

    #[test]
    fn nothing_else_is_a_key() {
        let longer = format!("{KEY}AAAA");
        let other_algorithm = KEY.replacen("RW", "RU", 1);
        let texts = [
            "",
            "RWQ…",
            KEY.trim_end_matches('Q'),
            &longer,
            &other_algorithm,
        ];
        let spaced = [format!(" {KEY}"), format!("{KEY}\n"), KEY.to_lowercase()];
        for text in texts.into_iter().chain(spaced.iter().map(String::as_str)) {
            let error = PublicKey::parse(text).unwrap_err();
            assert!(
                error.message.contains("is not a minisign public key"),
                "{text:?}: {error}"
            );
        }
        let more = format!("untrusted comment: x\n{KEY}\n{KEY}\n");
        for text in [KEY, "", "untrusted comment: x\n", &more] {
            assert!(PublicKey::parse_file(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn keys_under_which_anybody_can_sign_are_refused() {
        for bytes in WEAK {
            for sign in [0, 0x80] {
                let mut bytes = bytes;
                bytes[31] |= sign;
                let error = PublicKey::from_parts(KeyId([1; 8]), bytes).unwrap_err();
                assert!(error.message.contains("anybody can sign"), "{error}");
            }
        }
    }
}
