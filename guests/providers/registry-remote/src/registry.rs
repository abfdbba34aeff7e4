//! A registry as cargo speaks to it: `config.json`, one file of the index, and archives.

use std::fmt::Write;

use crates_index::Entry;
use serde::Deserialize;

use crate::tollgate::provider::{
    config,
    hash::{Algorithm, Hasher},
    http::{self, Request},
    types::Error,
};

/// The bytes of an archive that are hashed in one host call: less than any limit of such a call.
const PIECE: usize = 64 * 1024;

/// The registry and the crate that the policy names.
pub(crate) struct Registry {
    /// Without a `/` at its end.
    index: String,
    package: String,
}

/// The contents of `config.json`. `auth-required` asks nothing of a guest: the host adds the credential.
#[derive(Deserialize)]
struct Config {
    /// The place of archives: a template, or a prefix for the name and the version.
    dl: String,
}

impl Registry {
    pub(crate) fn configured() -> Result<Self, Error> {
        let setting = |key: &str| {
            config::get(key)
                .ok_or_else(|| Error::NotFound(format!("the config key `{key}` is not set")))
        };
        Ok(Self {
            index: setting("registry")?.trim_end_matches('/').to_owned(),
            package: setting("package")?,
        })
    }

    /// Every version of the crate, in the index's order.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, Error> {
        let path = crates_index::path_of(&self.package).map_err(Error::InvalidInput)?;
        let text = fetch(&format!("{}/{path}", self.index), &path)?;
        crates_index::parse(&text, &self.package, &path).map_err(Error::InvalidInput)
    }

    /// The URL of the archive, according to `config.json`.
    pub(crate) fn archive_url(&self, entry: &Entry) -> Result<String, Error> {
        let text = fetch(&format!("{}/config.json", self.index), "config.json")?;
        let Config { dl } = serde_json::from_slice(&text)
            .map_err(|why| Error::InvalidInput(format!("config.json: {why}")))?;
        let (name, version) = (&entry.name, entry.version_in_url());
        let prefix = crates_index::prefix_of(name).map_err(Error::InvalidInput)?;
        let url = dl
            .replace("{crate}", name)
            .replace("{version}", &version)
            .replace("{prefix}", &prefix)
            .replace("{lowerprefix}", &prefix.to_ascii_lowercase())
            .replace("{sha256-checksum}", &entry.cksum);
        Ok(if url == dl {
            format!("{dl}/{name}/{version}/download")
        } else {
            url
        })
    }

    /// The digest of the archive, in hexadecimal.
    pub(crate) fn sha256_of_archive(&self, entry: &Entry) -> Result<String, Error> {
        let archive = fetch(&self.archive_url(entry)?, "the archive")?;
        let hasher = Hasher::new(Algorithm::Sha256);
        for piece in archive.chunks(PIECE) {
            hasher.update(piece);
        }
        let mut hex = String::new();
        for byte in Hasher::finish(hasher) {
            // Writing into a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        Ok(hex)
    }
}

/// The body of a good response. Other statuses have the same meaning as for cargo.
fn fetch(url: &str, what: &str) -> Result<Vec<u8>, Error> {
    let response = http::get(&Request {
        url: url.to_owned(),
        headers: Vec::new(),
    })?;
    let text = format!("{what}: status {}", response.status);
    match response.status {
        200 => Ok(response.body),
        401 | 403 => Err(Error::AccessDenied(text)),
        404 | 410 | 451 => Err(Error::NotFound(text)),
        _ => Err(Error::Unavailable(text)),
    }
}
