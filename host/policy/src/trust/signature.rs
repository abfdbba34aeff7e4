//! A detached signature in minisign's format, taken apart, and what it must say of the file it stands beside.

use std::fmt;

use crate::error::ValueError;

use super::base64;
use super::key::KeyId;

/// The longest signature file that is read, in bytes. One is about 300; a trusted comment is a line.
pub const MAX_SIGNATURE: usize = 4 << 10;

/// Why a signature is not accepted. The set may grow, and a label never changes: reports and metrics hold them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SignatureError {
    /// There is none.
    Missing,
    /// There is something in its place that is not a regular file.
    NotAFile,
    /// It is longer than [`MAX_SIGNATURE`].
    TooLarge,
    /// The system does not let it be read.
    Unreadable,
    /// It is no signature: cut short, continued, or not in minisign's format.
    Malformed,
    /// It is by a key that the policy does not trust.
    UnknownKey,
    /// It is of minisign's old kind, over the bytes themselves and not over their hash.
    Legacy,
    /// It is not a signature of these bytes.
    Altered,
    /// It is one, and its trusted comment is not the one that was signed.
    Comment,
    /// It was made for a file of another name, or for none.
    Renamed,
    /// Its trusted comment has another SHA-256 digest.
    Digest,
}

impl SignatureError {
    /// All of them, for documentation and for tests that want each to be provoked.
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

    /// The stable name, as in the report.
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

/// The four lines of a signature file. Nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Whose it says it is.
    pub key_id: KeyId,
    /// Whether it is of the old kind, over the bytes themselves.
    pub legacy: bool,
    /// The Ed25519 signature of the BLAKE2b hash of the file (of the file itself in the old kind).
    pub bytes: [u8; 64],
    /// What the signer adds.
    pub comment: String,
    /// The Ed25519 signature of `bytes` and `comment` together.
    pub seal: [u8; 64],
}

impl Signature {
    /// Takes the text of a signature file apart.
    ///
    /// # Errors
    ///
    /// When it is not four lines of minisign's format, and nothing after them.
    pub fn parse(text: &str) -> Result<Signature, ValueError> {
        let wrong = |what: &str| ValueError::new(what.to_owned());
        let lines: Vec<&str> = text.lines().collect();
        let [untrusted, bytes, comment, seal] = lines[..] else {
            return Err(wrong("a signature has four lines, and this has not"));
        };
        if !untrusted.starts_with("untrusted comment:") {
            return Err(wrong("its first line is no `untrusted comment:`"));
        }
        let Some([b'E', kind @ (b'd' | b'D'), rest @ ..]) = base64::decode::<74>(bytes) else {
            return Err(wrong("its second line is no minisign signature"));
        };
        let Some(comment) = comment.strip_prefix("trusted comment: ") else {
            return Err(wrong("its third line is no `trusted comment: `"));
        };
        let Some(seal) = base64::decode(seal) else {
            return Err(wrong("its fourth line is no minisign signature"));
        };
        let (mut key_id, mut bytes) = ([0; 8], [0; 64]);
        for (to, from) in key_id.iter_mut().chain(&mut bytes).zip(rest) {
            *to = from;
        }
        Ok(Signature {
            key_id: KeyId(key_id),
            legacy: kind == b'd',
            bytes,
            comment: comment.to_owned(),
            seal,
        })
    }

    /// What the seal is of.
    pub fn sealed(&self) -> Vec<u8> {
        [&self.bytes[..], self.comment.as_bytes()].concat()
    }

    /// The file it is for, when it says one, once.
    pub fn file(&self) -> Option<&str> {
        let mut files = self.values("file:");
        files.next().filter(|_| files.next().is_none())
    }

    /// Whether what the comment says of the file is so: its name by `is_name`, and, when it is there, its
    /// digest, `sha256:` and 64 digits. The signature itself must have been verified before.
    ///
    /// # Errors
    ///
    /// With the first that is not.
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
        assert_eq!(Signature::parse(TEXT.trim_end()), Ok(signature));
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
            format!("{TEXT}\n"),
            format!("{TEXT}more"),
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
            .map(|fault| fault.label())
            .collect();
        assert_eq!(labels.len(), SignatureError::ALL.len());
    }
}
