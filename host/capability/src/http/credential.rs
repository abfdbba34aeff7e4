//! The secrets that a policy names: read when a provider is loaded, added to requests by the host, and searched for in
//! responses.

use std::io;
use std::path::Path;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use tollgate_policy::grants::http::is_same_header;
use tollgate_policy::{Credential, Grants, HttpGrant, Reason, SecretSource};

use super::framing;
use super::spellings::{Search, Spellings};
use crate::error::GrantError;

/// The secrets of a policy, one place for each of its HTTP grants. They are never shown, and wiped when dropped.
pub struct Credentials(Vec<Option<Secret>>);

/// A header that the host adds.
pub struct Secret {
    header: HeaderName,
    value: SecretString,
    /// The spellings of the part of it that is secret, without the prefix.
    spellings: Spellings,
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
            spellings: Spellings::of(bare),
        })
    }

    /// Adds the secret to the headers of a request, marked so that nothing prints it, and asks for a response that can be
    /// searched: whole, and neither compressed nor in a character set of the guest's choice.
    ///
    /// # Errors
    ///
    /// [`Reason::HeadTooLarge`] if there is no room for the secret.
    pub fn add_to(&self, headers: &mut HeaderMap) -> Result<(), Reason> {
        let names: Vec<HeaderName> = headers
            .keys()
            .filter(|name| is_encoding(name))
            .cloned()
            .collect();
        for name in names {
            headers.remove(name);
        }
        let identity = HeaderValue::from_static("identity");
        framing::set(headers, header::ACCEPT_ENCODING, identity)?;
        let value = HeaderValue::try_from(self.value.expose_secret());
        let mut value = value.map_err(|_| Reason::BadHeader)?;
        value.set_sensitive(true);
        framing::set(headers, self.header.clone(), value)
    }

    /// Whether `bytes` hold the secret, in any of its spellings: a server that echoes it would hand it to the guest.
    fn is_in(&self, bytes: &[u8]) -> bool {
        Search::default().finds(&self.spellings, bytes)
    }

    /// Whether a response with these headers, or trailers, is withheld: one of them holds the secret, or they say that
    /// the body is a part of the whole or encoded, so that it cannot be searched.
    pub fn withholds(&self, headers: &HeaderMap) -> bool {
        let holds = |text: &[u8]| self.is_in(text);
        is_unsearchable(headers)
            || headers.keys().any(|name| holds(name.as_str().as_bytes()))
            || headers.values().any(|value| holds(value.as_bytes()))
    }
}

/// Whether a request header asks for a part of the response, or for a form of it in which a secret is not found.
fn is_encoding(name: &HeaderName) -> bool {
    [
        "accept-encoding",
        "accept-charset",
        "range",
        "if-range",
        "a-im",
    ]
    .iter()
    .any(|encoding| is_same_header(encoding, name.as_str()))
}

/// Whether the body of a response is a part, or encoded in another way than in chunks.
fn is_unsearchable(headers: &HeaderMap) -> bool {
    let has_other = |name: HeaderName, plain: &str| {
        let mut values = headers.get_all(name).iter();
        values.any(|value| {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let mut codings = text
                .split(',')
                .map(str::trim)
                .filter(|coding| !coding.is_empty());
            codings.any(|coding| !coding.eq_ignore_ascii_case(plain))
        })
    };
    let is_in_parts = headers.get(header::CONTENT_TYPE).is_some_and(|value| {
        let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        text.trim_start().starts_with("multipart/byteranges")
    });
    has_other(header::CONTENT_ENCODING, "identity")
        || has_other(header::TRANSFER_ENCODING, "chunked")
        || headers.contains_key(header::CONTENT_RANGE)
        || is_in_parts
}

/// Searches a stream for a secret, across its pieces. Bytes that may begin a spelling of the secret are held back until
/// the next piece decides it.
#[derive(Default)]
pub struct SecretScanner {
    search: Search,
    held: Vec<u8>,
}

impl SecretScanner {
    /// Whether the secret ends in the next piece of the stream. For a reader that hands over all or nothing.
    pub(super) fn finds(&mut self, secret: &Secret, piece: &[u8]) -> bool {
        self.search.finds(&secret.spellings, piece)
    }

    /// The part of the stream that may be handed over now; `None` when the secret is in it.
    pub fn scan(&mut self, secret: &Secret, piece: Bytes) -> Option<Bytes> {
        if self.search.finds(&secret.spellings, &piece) {
            return None;
        }
        let mut bytes = piece;
        if !self.held.is_empty() {
            self.held.extend_from_slice(&bytes);
            bytes = std::mem::take(&mut self.held).into();
        }
        let given = bytes.len().saturating_sub(self.search.undecided());
        self.held = bytes.get(given..).unwrap_or_default().to_vec();
        bytes.truncate(given);
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
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret {
            header: HeaderName::from_static("authorization"),
            value: format!("Bearer {text}").into(),
            spellings: Spellings::of(text),
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
        let text = HeaderValue::from_static;
        headers.try_append("x-a", text("is ab c")).unwrap();
        assert!(!secret.withholds(&headers));
        headers.try_append("x-a", text("is abc")).unwrap();
        assert!(secret.withholds(&headers));
    }

    #[test]
    fn a_request_with_a_secret_asks_for_a_response_that_can_be_searched() {
        let mut headers = HeaderMap::new();
        for name in [
            "accept-encoding",
            "accept_encoding",
            "accept-charset",
            "range",
            "if-range",
            "if_range",
            "a-im",
            "accept",
        ] {
            let value = HeaderValue::from_static("gzip");
            headers.try_append(name, value).unwrap();
        }
        let value = HeaderValue::from_static("br");
        headers.try_append("accept-encoding", value).unwrap();
        secret("abc").add_to(&mut headers).unwrap();
        let mut sent: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        sent.sort_unstable();
        let expected: [(&str, &[u8]); 3] = [
            ("accept", b"gzip"),
            ("accept-encoding", b"identity"),
            ("authorization", b"Bearer abc"),
        ];
        assert_eq!(sent, expected);
    }

    #[test]
    fn a_response_that_cannot_be_searched_is_withheld() {
        let secret = secret("aabaabaac");
        for (name, value, withheld) in [
            ("content-encoding", "gzip", true),
            ("content-encoding", "br", true),
            ("content-encoding", "identity, gzip", true),
            ("content-encoding", "x-own", true),
            ("content-encoding", "Identity", false),
            ("content-encoding", "", false),
            ("transfer-encoding", "gzip, chunked", true),
            ("transfer-encoding", "chunked", false),
            ("content-range", "bytes 0-3/9", true),
            ("content-type", "Multipart/ByteRanges; boundary=x", true),
            ("content-type", "text/plain", false),
            ("x-echo", "%61abaabaac", true),
            ("x-echo", "YWFiYWFiYWFj", true),
            ("x-aabaabaac", "1", true),
            ("x-echo", "aabaabaa", false),
        ] {
            let mut headers = HeaderMap::new();
            let text = HeaderValue::from_static;
            headers.try_append("x-first", text("identity")).unwrap();
            headers.try_append(name, text(value)).unwrap();
            assert_eq!(secret.withholds(&headers), withheld, "{name}: {value}");
        }
        let mut headers = HeaderMap::new();
        for value in ["identity", "gzip"] {
            let value = HeaderValue::from_static(value);
            headers.try_append("content-encoding", value).unwrap();
        }
        assert!(secret.withholds(&headers));
    }

    #[test]
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
