//! The secrets that a policy names: read when a provider is loaded, added to requests by the host, and searched for in
//! responses.

use std::io;
use std::path::Path;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use tollgate_policy::{Credential, Grants, HttpGrant, SecretSource};

use crate::error::GrantError;

/// The secrets of a policy, one place for each of its HTTP grants. They are never shown, and wiped when dropped.
pub struct Credentials(Vec<Option<Secret>>);

/// A header that the host adds.
pub struct Secret {
    header: HeaderName,
    value: SecretString,
    /// The part of it that is secret, without the prefix.
    bare: SecretString,
}

impl Credentials {
    /// Reads every secret that `grants` names, when a provider is loaded.
    pub fn read(grants: &Grants) -> Result<Credentials, GrantError> {
        let read = |grant: &HttpGrant| match &grant.credential {
            Some(credential) => {
                Secret::read(credential)
                    .map(Some)
                    .map_err(|(place, why)| GrantError::Secret {
                        url: grant.url.clone(),
                        place,
                        why,
                    })
            }
            None => Ok(None),
        };
        grants
            .http
            .iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Credentials)
    }

    /// The secret of the grant with this index.
    pub fn of(&self, index: usize) -> Option<&Secret> {
        self.0.get(index)?.as_ref()
    }
}

impl Secret {
    fn read(credential: &Credential) -> Result<Secret, (String, String)> {
        let (place, text) = match &credential.source {
            SecretSource::Env(name) => {
                let place = format!("the environment variable `{name}`");
                match std::env::var(name) {
                    Ok(text) => (place, text),
                    Err(std::env::VarError::NotPresent) => {
                        return Err((place, "not set".to_owned()));
                    }
                    Err(_) => return Err((place, "is not UTF-8".to_owned())),
                }
            }
            SecretSource::File(path) => {
                let place = format!("the file {}", path.display());
                match read_file(path) {
                    Ok(text) => (place, text),
                    Err(error) => return Err((place, error.to_string())),
                }
            }
        };
        let bare = text.trim_end_matches(['\r', '\n']);
        if bare.is_empty() {
            return Err((place, "is empty".to_owned()));
        }
        let whole = format!("{}{bare}", credential.prefix);
        let header = HeaderName::try_from(&credential.header)
            .map_err(|_| (place.clone(), "has a bad header".to_owned()))?;
        if HeaderValue::try_from(&whole).is_err() {
            return Err((
                place,
                "holds what no header can, such as a line break".to_owned(),
            ));
        }
        Ok(Secret {
            header,
            value: whole.into(),
            bare: bare.to_owned().into(),
        })
    }

    /// Adds the secret to the headers of a request, marked so that nothing prints it.
    pub fn add_to(&self, headers: &mut HeaderMap) {
        if let Ok(mut value) = HeaderValue::try_from(self.value.expose_secret()) {
            value.set_sensitive(true);
            headers.insert(self.header.clone(), value);
        }
    }

    /// Whether `bytes` hold the secret: a server that echoes it would hand it to the guest.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        memchr::memmem::find(bytes, self.bytes()).is_some()
    }

    /// Whether a header holds the secret.
    pub fn is_among(&self, headers: &HeaderMap) -> bool {
        headers.values().any(|value| self.is_in(value.as_bytes()))
    }

    fn bytes(&self) -> &[u8] {
        self.bare.expose_secret().as_bytes()
    }

    /// The number of bytes at the end of `bytes` that may begin the secret, whose rest may follow.
    fn begins_at_end_of(&self, bytes: &[u8]) -> usize {
        let secret = self.bytes();
        let longest = bytes.len().min(secret.len().saturating_sub(1));
        let begins = |length: &usize| secret.get(..*length).is_some_and(|s| bytes.ends_with(s));
        (1..=longest).rev().find(begins).unwrap_or(0)
    }
}

/// Searches a stream for a secret, across its pieces. Bytes that may begin the secret are held back until the next
/// piece decides it.
#[derive(Default)]
pub struct SecretScanner {
    held: Vec<u8>,
}

impl SecretScanner {
    /// The part of the stream that may be handed over now; `None` when the secret is in it.
    pub fn scan(&mut self, secret: &Secret, piece: Bytes) -> Option<Bytes> {
        let mut bytes = piece;
        if !self.held.is_empty() {
            self.held.extend_from_slice(&bytes);
            bytes = std::mem::take(&mut self.held).into();
        }
        if secret.is_in(&bytes) {
            return None;
        }
        let kept = secret.begins_at_end_of(&bytes);
        self.held = bytes.split_off(bytes.len() - kept).into();
        Some(bytes)
    }

    /// The bytes held back, once the stream has ended.
    pub fn finish(&mut self) -> Bytes {
        std::mem::take(&mut self.held).into()
    }
}

fn read_file(path: &Path) -> io::Result<String> {
    /// The longest header that servers commonly accept.
    const LONGEST: u64 = 8 << 10;
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > LONGEST {
        return Err(io::Error::other("is not a regular file of at most 8 KiB"));
    }
    std::fs::read_to_string(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret {
            header: HeaderName::from_static("authorization"),
            value: format!("Bearer {text}").into(),
            bare: text.to_owned().into(),
        }
    }

    /// The stream as the guest receives it, in pieces of `size` bytes, and whether it was stopped.
    fn watched(secret: &Secret, stream: &[u8], size: usize) -> (Vec<u8>, bool) {
        let mut scanner = SecretScanner::default();
        let mut got = Vec::new();
        for piece in stream.chunks(size) {
            match scanner.scan(secret, Bytes::copy_from_slice(piece)) {
                Some(bytes) => got.extend_from_slice(&bytes),
                None => return (got, true),
            }
        }
        got.extend_from_slice(&scanner.finish());
        (got, false)
    }

    #[test]
    fn a_secret_is_found_however_the_stream_is_cut() {
        let secret = secret("aabaabaac");
        let stream = b"so aabaab aabaabaabaac and on";
        for size in 1..=stream.len() {
            let (got, found) = watched(&secret, stream, size);
            assert!(found, "in pieces of {size}");
            assert!(stream.starts_with(&got) && got.len() <= 13, "{got:?}");
        }
    }

    #[test]
    fn a_stream_without_it_comes_through_whole() {
        let secret = secret("aabaabaac");
        for stream in [
            &b"aabaabaabaab"[..],
            b"aabaabaa",
            b"",
            b"c",
            b"aaaaaaaaaaaaaaaaaaaa",
        ] {
            for size in 1..=stream.len().max(1) {
                assert_eq!(watched(&secret, stream, size), (stream.to_vec(), false));
            }
        }
    }

    #[test]
    fn it_is_found_in_headers() {
        let secret = secret("abc");
        let mut headers = HeaderMap::new();
        headers.insert("x-a", HeaderValue::from_static("is ab c"));
        assert!(!secret.is_among(&headers));
        headers.append("x-a", HeaderValue::from_static("is abc"));
        assert!(secret.is_among(&headers));
    }

    #[test]
    #[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    fn a_secret_is_in_a_regular_file_of_at_most_8_kib() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (length, fits) in [(1, true), (8 << 10, true), ((8 << 10) + 1, false)] {
            std::fs::write(&path, vec![b'x'; length]).unwrap();
            assert_eq!(read_file(&path).is_ok(), fits, "{length}");
        }
        // Reading a pipe would wait for a writer.
        std::fs::remove_file(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success() && read_file(&path).is_err());
    }
}
