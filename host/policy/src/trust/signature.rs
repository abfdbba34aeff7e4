//! A detached signature in minisign's format: its parts, and the check of its comment against the file beside it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::ValueError;

use super::base64;
use super::key::KeyId;

/// The longest signature file that is read, in bytes. A usual one has about 300; a trusted comment is one line.
pub const MAX_SIGNATURE: usize = 4 << 10;

/// The reason why a signature is not accepted. The set may grow; a label never changes, since reports and metrics
/// contain it.
///
/// A reason is serialized as its label.
///
/// ```
/// use tollgate_policy::SignatureError;
///
/// assert_eq!(SignatureError::UnknownKey.label(), "unknown-key");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SignatureError {
    /// There is no signature.
    Missing,
    /// The signature file is not a regular file.
    NotAFile,
    /// The signature file is longer than [`MAX_SIGNATURE`].
    TooLarge,
    /// The operating system does not allow reading the signature file.
    Unreadable,
    /// The file is not a signature in minisign's format, or it is truncated or continued.
    Malformed,
    /// The signature is by a key that the policy does not trust.
    UnknownKey,
    /// The signature has minisign's legacy format, of the bytes themselves instead of their hash.
    Legacy,
    /// The signature does not match the bytes of the component.
    Altered,
    /// The signature matches, but its trusted comment is not the one that was signed.
    Comment,
    /// The trusted comment names another file, or none.
    Renamed,
    /// The trusted comment has another SHA-256 digest.
    Digest,
}

impl SignatureError {
    /// All errors, for documentation and for tests that provoke each.
    pub const ALL: &'static [SignatureError] = &[
        SignatureError::Missing,
        SignatureError::NotAFile,
        SignatureError::TooLarge,
        SignatureError::Unreadable,
        SignatureError::Malformed,
        SignatureError::UnknownKey,
        SignatureError::Legacy,
        SignatureError::Altered,
        SignatureError::Comment,
        SignatureError::Renamed,
        SignatureError::Digest,
    ];

    /// The stable label, in kebab-case.
    pub const fn label(self) -> &'static str {
        match self {
            SignatureError::Missing => "missing",
            SignatureError::NotAFile => "not-a-file",
            SignatureError::TooLarge => "too-large",
            SignatureError::Unreadable => "unreadable",
            SignatureError::Malformed => "malformed",
            SignatureError::UnknownKey => "unknown-key",
            SignatureError::Legacy => "legacy",
            SignatureError::Altered => "altered",
            SignatureError::Comment => "comment",
            SignatureError::Renamed => "renamed",
            SignatureError::Digest => "digest",
        }
    }
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// The parts of a signature file. None of them is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The id of the key that the signature claims.
    pub key_id: KeyId,
    /// Whether the signature has the legacy format, of the bytes themselves.
    pub legacy: bool,
    /// The Ed25519 signature of the BLAKE2b hash of the file; of the file itself in the legacy format.
    pub bytes: [u8; 64],
    /// The trusted comment.
    pub comment: String,
    /// The Ed25519 signature of `bytes` and `comment` together.
    pub seal: [u8; 64],
}

impl Signature {
    /// Parses the text of a signature file.
    ///
    /// # Errors
    ///
    /// If the text is not the four lines of minisign's format. A byte order mark, spaces at the end of the signatures and
    /// empty lines at the end are no part of them.
    ///
    /// ```
    /// use tollgate_policy::Signature;
    ///
    /// let text = "untrusted comment: signature from minisign secret key\n\
    ///     RUS0StFEorqoo2Ul194SVJVxL3ogCLVdvXh7vpwvf/Dp7ZRNaKSlztJPaC5P9jW2mR5t/cXSDXaEl85eoUM4x3r27MaZ7nSIhg0=\n\
    ///     trusted comment: timestamp:1795264563\tfile:echo.wasm\thashed\n\
    ///     y/Y+lOpzbkIGyfZhKXBE63NKO9SxzWy+3bl5OC21GcexsRNHY2YDIbREnoVUQt/py4g/ZhStZjavS92ICpWMBw==\n";
    /// let signature = Signature::parse(text)?;
    /// assert_eq!(signature.file(), Some("echo.wasm"));
    /// # Ok::<(), tollgate_policy::ValueError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Signature, ValueError> {
        let wrong = |what: &str| ValueError::new(what.to_owned());
        let lines = super::lines(text);
        let [untrusted, bytes, comment, seal] = lines[..] else {
            return Err(wrong("a signature has exactly four lines"));
        };
        if !untrusted.starts_with("untrusted comment:") {
            return Err(wrong(
                "its first line does not begin with `untrusted comment:`",
            ));
        }
        let decoded = base64::decode::<74>(bytes.trim_end_matches(super::BLANK));
        let Some([b'E', kind @ (b'd' | b'D'), rest @ ..]) =
            decoded.as_ref().map(|bytes| bytes.as_slice())
        else {
            return Err(wrong("its second line is not a minisign signature"));
        };
        let Some(comment) = comment.strip_prefix("trusted comment: ") else {
            return Err(wrong(
                "its third line does not begin with `trusted comment: `",
            ));
        };
        let seal = base64::decode::<64>(seal.trim_end_matches(super::BLANK));
        let Some(seal) = seal.and_then(|seal| seal.as_slice().try_into().ok()) else {
            return Err(wrong("its fourth line is not a minisign signature"));
        };
        let (mut key_id, mut bytes) = ([0; 8], [0; 64]);
        for (to, from) in key_id.iter_mut().chain(&mut bytes).zip(rest) {
            *to = *from;
        }
        Ok(Signature {
            key_id: KeyId(key_id),
            legacy: *kind == b'd',
            bytes,
            comment: comment.to_owned(),
            seal,
        })
    }

    /// The bytes that `seal` signs.
    pub fn sealed(&self) -> Vec<u8> {
        [&self.bytes[..], self.comment.as_bytes()].concat()
    }

    /// The file that the comment names; `None` unless it names exactly one.
    pub fn file(&self) -> Option<&str> {
        let mut files = self.values("file:");
        files.next().filter(|_| files.next().is_none())
    }

    /// Checks the comment against the file: its name, by `is_name`, and its digest if the comment has one, as `sha256:`
    /// and 64 digits. The caller must have verified the signature before.
    ///
    /// # Errors
    ///
    /// [`SignatureError::Renamed`] for another name or none, [`SignatureError::Digest`] for another digest.
    pub fn is_for(
        &self,
        is_name: impl FnOnce(&str) -> bool,
        digest: &str,
    ) -> Result<(), SignatureError> {
        if !self.file().is_some_and(is_name) {
            return Err(SignatureError::Renamed);
        }
        let digest = digest.strip_prefix("sha256:").unwrap_or(digest);
        match self.values("sha256:").all(|said| said == digest) {
            true => Ok(()),
            false => Err(SignatureError::Digest),
        }
    }

    fn values<'s>(&'s self, field: &'static str) -> impl Iterator<Item = &'s str> {
        let fields = self.comment.split('\t');
        fields.filter_map(move |part| part.strip_prefix(field))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Made by minisign 0.11.
    const TEXT: &str = "untrusted comment: signature from minisign secret key\n\
        RUS0StFEorqoo2Ul194SVJVxL3ogCLVdvXh7vpwvf/Dp7ZRNaKSlztJPaC5P9jW2mR5t/cXSDXaEl85eoUM4x3r27MaZ7nSIhg0=\n\
        trusted comment: timestamp:1795264563\tfile:echo.wasm\thashed\n\
        y/Y+lOpzbkIGyfZhKXBE63NKO9SxzWy+3bl5OC21GcexsRNHY2YDIbREnoVUQt/py4g/ZhStZjavS92ICpWMBw==\n";

    fn commented(comment: &str) -> Signature {
        let signature = Signature::parse(TEXT).unwrap();
        Signature {
            comment: comment.to_owned(),
            ..signature
        }
    }

    #[test]
    fn a_signature_is_four_lines() {
        let signature = Signature::parse(TEXT).unwrap();
        assert_eq!(signature.key_id.to_string(), "A3A8BAA244D14AB4");
        assert!(!signature.legacy);
        assert_eq!(signature.file(), Some("echo.wasm"));
        assert_eq!(signature.sealed().len(), 64 + signature.comment.len());
        assert_eq!(
            Signature::parse(&TEXT.replace('\n', "\r\n")),
            Ok(signature.clone())
        );
        for text in [
            TEXT.trim_end().to_owned(),
            format!("\u{feff}{TEXT}"),
            format!("{TEXT}\n \n"),
            format!("{TEXT}\r\n"),
            TEXT.replace("=\n", "= \n"),
        ] {
            assert_eq!(Signature::parse(&text), Ok(signature.clone()), "{text:?}");
        }
        // The comment is signed as it is.
        let spaced = Signature::parse(&TEXT.replace("hashed\n", "hashed \n")).unwrap();
        assert_ne!(spaced.comment, signature.comment);
        assert!(
            Signature::parse(&TEXT.replace("\nRU", "\nRW"))
                .unwrap()
                .legacy
        );
    }

    #[test]
    fn nothing_else_is_one() {
        for end in 0..TEXT.len() - 1 {
            assert!(Signature::parse(&TEXT[..end]).is_err(), "cut at {end}");
        }
        for text in [
            format!("{TEXT}more"),
            format!("{TEXT}\nmore"),
            format!("\n\u{feff}{TEXT}"),
            format!("\n{TEXT}"),
            TEXT.replace("untrusted", "entrusted"),
            TEXT.replace("\ntrusted comment: ", "\ntrusted comment:"),
            TEXT.replace("\nRU", "\nSU"),
            TEXT.replace("\nRUS", "\nRXS"),
            TEXT.replace("g0=", "g1="),
            TEXT.replace("==", ""),
        ] {
            assert!(Signature::parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_comment_binds_a_name_and_a_digest() {
        let (is, digest) = (|name: &str| name == "a.wasm", "sha256:00ff");
        for (comment, expected) in [
            ("timestamp:1\tfile:a.wasm\thashed", Ok(())),
            ("file:a.wasm", Ok(())),
            ("file:a.wasm\tsha256:00ff", Ok(())),
            ("file:a.wasm\tsha256:00ff\tsha256:00ff", Ok(())),
            ("file:b.wasm", Err(SignatureError::Renamed)),
            ("file:A.wasm", Err(SignatureError::Renamed)),
            ("file:", Err(SignatureError::Renamed)),
            ("a.wasm", Err(SignatureError::Renamed)),
            ("", Err(SignatureError::Renamed)),
            (" file:a.wasm", Err(SignatureError::Renamed)),
            ("file:a.wasm\tfile:b.wasm", Err(SignatureError::Renamed)),
            ("file:a.wasm\tfile:a.wasm", Err(SignatureError::Renamed)),
            ("file:a.wasm\tsha256:00fe", Err(SignatureError::Digest)),
            ("file:a.wasm\tsha256:00FF", Err(SignatureError::Digest)),
            ("file:a.wasm\tsha256:", Err(SignatureError::Digest)),
            (
                "sha256:00ff\tfile:a.wasm\tsha256:00",
                Err(SignatureError::Digest),
            ),
        ] {
            assert_eq!(commented(comment).is_for(is, digest), expected, "{comment}");
        }
    }

    #[test]
    fn labels_are_distinct() {
        let labels: std::collections::BTreeSet<_> = SignatureError::ALL
            .iter()
            .map(|error| error.label())
            .collect();
        assert_eq!(labels.len(), SignatureError::ALL.len());
        // An error is serialized as its label.
        let labels = SignatureError::ALL.iter().map(|error| error.label());
        let errors: BTreeMap<&str, SignatureError> =
            BTreeMap::from_iter(labels.zip(SignatureError::ALL.iter().copied()));
        let text = toml::to_string(&errors).unwrap();
        for label in errors.keys() {
            assert!(text.contains(&format!("{label} = \"{label}\"\n")), "{text}");
        }
        let read: BTreeMap<String, SignatureError> = toml::from_str(&text).unwrap();
        assert!(read.iter().all(|(label, error)| label == error.label()));
    }
}
