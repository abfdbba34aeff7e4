//! The secrets that a policy names: read when a provider is loaded, added to requests by the host, and searched for in
//! responses.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, InvalidHeaderValue};
use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_policy::grants::http::is_same_header;
use tollgate_policy::{Credential, Grants, HttpGrant, Reason, SecretSource};
use zeroize::Zeroizing;

use super::framing;
use super::spellings::{Search, Spellings};
use crate::background::Background;
use crate::error::{GrantError, LimitReached};
use crate::prices::{SEARCH_LEAST, SEARCH_PRICE};

/// The secrets of a policy, one place for each of its HTTP grants. They are never shown, and wiped when dropped.
pub struct Credentials(Vec<Option<Secret>>);

/// A header that the host adds. Its value is one text, shared by all requests.
pub struct Secret {
    header: HeaderName,
    value: HeaderValue,
    /// The spellings of the part of it that is secret, without the prefix. Grants with the same secret share them.
    spellings: Arc<Spellings>,
}

impl Credentials {
    /// Reads every secret that `grants` names, when a provider is loaded.
    pub fn read(grants: &Grants) -> Result<Credentials, GrantError> {
        let secrets = grants.http.iter().map(Secret::of_grant);
        secrets.collect::<Result<_, _>>().map(Credentials::sharing)
    }

    /// The errors of all secrets that cannot be read.
    pub(crate) fn unreadable(grants: &Grants) -> impl Iterator<Item = GrantError> {
        let secrets = grants.http.iter().map(Secret::of_grant);
        secrets.filter_map(Result::err)
    }

    fn sharing(mut secrets: Vec<Option<Secret>>) -> Credentials {
        let mut distinct: Vec<Arc<Spellings>> = Vec::new();
        for secret in secrets.iter_mut().flatten() {
            match distinct.iter().find(|known| known.are(&secret.spellings)) {
                Some(known) => secret.spellings = Arc::clone(known),
                None => distinct.push(Arc::clone(&secret.spellings)),
            }
        }
        Credentials(secrets)
    }

    /// The texts of the secrets, for the process that is to send the requests of `grants`.
    pub(crate) fn texts(&self, grants: &Grants) -> Vec<Option<Zeroizing<String>>> {
        let places = self.0.iter().zip(&grants.http);
        let text = |(secret, grant): (&Option<Secret>, &HttpGrant)| {
            let whole = secret.as_ref()?.value.as_bytes();
            let prefix = grant.credential.as_ref()?.prefix.as_bytes();
            let bare = std::str::from_utf8(whole.strip_prefix(prefix)?).ok()?;
            Some(Zeroizing::new(bare.to_owned()))
        };
        places.map(text).collect()
    }

    /// The secrets of `grants` with these texts; `None` if they are not of these grants.
    pub(crate) fn of_texts(
        grants: &Grants,
        texts: &[Option<Zeroizing<String>>],
    ) -> Option<Credentials> {
        if texts.len() != grants.http.len() {
            return None;
        }
        let secret = |(grant, text): (&HttpGrant, &Option<Zeroizing<String>>)| match (
            &grant.credential,
            text,
        ) {
            (Some(credential), Some(text)) => Secret::of(credential, text).ok().map(Some),
            (None, None) => Some(None),
            _ => None,
        };
        let secrets = grants.http.iter().zip(texts).map(secret);
        secrets.collect::<Option<_>>().map(Credentials::sharing)
    }

    /// The secret of the grant with this index.
    pub fn of(&self, index: usize) -> Option<&Secret> {
        self.0.get(index)?.as_ref()
    }

    /// The secrets of the grants with these indices, each once.
    pub(super) fn known(&self, indices: &[usize], background: &Background) -> Known {
        let mut known = Known {
            spellings: Vec::new(),
            background: background.clone(),
        };
        for secret in indices.iter().filter_map(|index| self.of(*index)) {
            let is_it = |other: &Arc<Spellings>| Arc::ptr_eq(other, &secret.spellings);
            if !known.spellings.iter().any(is_it) {
                known.spellings.push(Arc::clone(&secret.spellings));
            }
        }
        known
    }
}

impl Secret {
    fn of_grant(grant: &HttpGrant) -> Result<Option<Secret>, GrantError> {
        let Some(credential) = &grant.credential else {
            return Ok(None);
        };
        let failed = |(place, why)| GrantError::Secret {
            url: grant.url.clone(),
            place,
            why,
        };
        Secret::read(credential).map(Some).map_err(failed)
    }

    fn read(credential: &Credential) -> Result<Secret, (String, String)> {
        let (place, text) = match &credential.source {
            SecretSource::Env(name) => {
                let place = format!("the environment variable `{name}`");
                match std::env::var(name) {
                    Ok(text) => (place, Zeroizing::new(text)),
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
        Secret::of(credential, &text).map_err(|why| (place, why.to_owned()))
    }

    /// The secret with this text, or why it can be none.
    fn of(credential: &Credential, text: &str) -> Result<Secret, &'static str> {
        let bare = text.trim_end_matches(['\r', '\n']);
        if bare.is_empty() {
            return Err("is empty");
        }
        let header = HeaderName::try_from(&credential.header).map_err(|_| "has a bad header")?;
        let Ok(value) = value(&credential.prefix, bare) else {
            return Err("holds what no header can, such as a line break");
        };
        Ok(Secret {
            header,
            value,
            spellings: Arc::new(Spellings::of(&credential.prefix, bare)),
        })
    }

    /// Adds the secret to the headers of a request, marked so that nothing prints it.
    ///
    /// # Errors
    ///
    /// [`Reason::HeadTooLarge`] if there is no room for the secret.
    pub(super) fn add_to(&self, headers: &mut HeaderMap) -> Result<(), Reason> {
        framing::set(headers, self.header.clone(), self.value.clone())
    }
}

/// The secrets that the server of a request may know, and give back: those of all grants for its host.
pub(super) struct Known {
    spellings: Vec<Arc<Spellings>>,
    background: Background,
}

impl Known {
    /// Asks for a response that can be searched: whole, and neither compressed nor in a character set of the guest's choice.
    pub(super) fn prepare(&self, headers: &mut HeaderMap) -> Result<(), Reason> {
        if self.spellings.is_empty() {
            return Ok(());
        }
        let names: Vec<HeaderName> = headers
            .keys()
            .filter(|name| is_encoding(name))
            .cloned()
            .collect();
        for name in names {
            headers.remove(name);
        }
        let identity = HeaderValue::from_static("identity");
        framing::set(headers, header::ACCEPT_ENCODING, identity)
    }

    /// Whether a response with these headers is withheld; see [`AdmittedRequest::withholds`](super::AdmittedRequest::withholds).
    pub(super) fn withholds(&self, headers: &HeaderMap) -> Result<bool, LimitReached> {
        if self.spellings.is_empty() {
            return Ok(false);
        }
        let texts = headers
            .iter()
            .flat_map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()]);
        let mut found = is_unsearchable(headers);
        for text in texts {
            found |= self.is_in(text)?;
        }
        Ok(found)
    }

    /// Whether `bytes` hold a secret, in any of its spellings: a server that echoes it would hand it to the guest.
    fn is_in(&self, bytes: &[u8]) -> Result<bool, LimitReached> {
        let Some(mut scanner) = self.scanner() else {
            return Ok(false);
        };
        Ok(scanner.finds(bytes)? || scanner.finds_at_end())
    }

    pub(super) fn scanner(&self) -> Option<SecretScanner> {
        let begin = |spellings: &Arc<Spellings>| (Arc::clone(spellings), Search::default());
        (!self.spellings.is_empty()).then(|| SecretScanner {
            searches: self.spellings.iter().map(begin).collect(),
            background: self.background.clone(),
        })
    }
}

/// The value of a header, marked so that nothing prints it, and wiped with the last request that has it.
fn value(prefix: &str, bare: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    // At its length from the beginning: a text that grows leaves copies behind.
    let whole = Zeroizing::new([prefix, bare].concat().into_bytes());
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(whole))?;
    value.set_sensitive(true);
    Ok(value)
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

/// Searches a stream for secrets, across its pieces. The reader of the stream gives the guest all of it or nothing: a guest
/// that sees how much of the stream has come learns whether the bytes that it sent begin a secret.
pub struct SecretScanner {
    searches: Vec<(Arc<Spellings>, Search)>,
    background: Background,
}

impl SecretScanner {
    /// Whether a secret ends in the next piece of the stream.
    ///
    /// # Errors
    ///
    /// The limit `fuel`: the search is paid for before it is done.
    pub fn finds(&mut self, piece: &[u8]) -> Result<bool, LimitReached> {
        let bytes = (piece.len() as u64).max(SEARCH_LEAST);
        let work = bytes.saturating_mul(self.searches.len() as u64);
        self.background.charge(work.saturating_mul(SEARCH_PRICE))?;
        let mut found = false;
        for (spellings, search) in &mut self.searches {
            found |= search.finds(spellings, piece);
        }
        Ok(found)
    }

    /// Whether a secret ends with the stream.
    pub fn finds_at_end(mut self) -> bool {
        let mut searches = self.searches.iter_mut();
        searches.any(|(spellings, search)| search.finds_at_end(spellings))
    }
}

fn read_file(path: &Path) -> io::Result<Zeroizing<String>> {
    /// The longest header that servers commonly accept.
    const LONGEST: u64 = 8 << 10;
    let unfit = || io::Error::other("is not a regular file of at most 8 KiB");
    // Opening a pipe blocks until it has a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(unfit());
    }
    let most = LONGEST + 1;
    #[expect(clippy::disallowed_methods, reason = "8 KiB")]
    let mut text = Zeroizing::new(String::with_capacity(most as usize));
    File::open(path)?.take(most).read_to_string(&mut text)?;
    match text.len() as u64 > LONGEST {
        true => Err(unfit()),
        false => Ok(text),
    }
}

#[cfg(test)]
#[path = "../../../../tests/support/src/memory.rs"]
#[allow(unreachable_pub, reason = "it is public where it is the support's")]
mod memory;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#[path = "credential_tests.rs"]
mod tests;
