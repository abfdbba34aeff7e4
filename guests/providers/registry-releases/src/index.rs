//! The sparse index of crates.io: one file per crate, one JSON object per line and version.

use semver::Version;
use serde::Deserialize;

use crate::tollgate::provider::{config, files, types::Error};

/// The root that holds the index.
const ROOT: &str = "index";

/// One version of the crate.
pub(crate) struct Entry {
    /// As crates.io spells it, which may differ from the file's name in case.
    name: String,
    pub(crate) version: Version,
    /// SHA-256 of the archive, 64 lower-case hexadecimal digits.
    pub(crate) cksum: String,
    pub(crate) yanked: bool,
}

/// The part of an index line that matters here; serde passes over the rest of it.
#[derive(Deserialize)]
struct Line {
    name: String,
    vers: String,
    cksum: String,
    yanked: bool,
}

impl Entry {
    /// Where the archive is.
    pub(crate) fn url(&self) -> String {
        // The store behind this address reads a bare `+` as a space.
        let version = self.version.to_string().replace('+', "%2B");
        let name = &self.name;
        format!("https://static.crates.io/crates/{name}/{name}-{version}.crate")
    }
}

/// Every version of the configured crate, in the file's order.
pub(crate) fn load() -> Result<Vec<Entry>, Error> {
    let package = config::get("package")
        .ok_or_else(|| Error::NotFound("the config key `package` is not set".into()))?;
    let path = path_of(&package)?;
    let text = files::read(ROOT, &path)?;

    text.split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(at, line)| {
            parse_line(line, &package)
                .map_err(|why| Error::InvalidInput(format!("{path}, line {}: {why}", at + 1)))
        })
        .collect()
}

/// Where crates.io keeps the file of a crate: `1/a`, `2/ab`, `3/a/abc`, `ab/cd/abcd`.
fn path_of(package: &str) -> Result<String, Error> {
    let valid = package.len() <= 64
        && package.starts_with(|first: char| first.is_ascii_alphabetic())
        && package
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if !valid {
        return Err(Error::InvalidInput(format!(
            "`{package}` is not the name of a crate"
        )));
    }
    let name = package.to_ascii_lowercase();
    Ok(
        match (name.len(), name.get(..1), name.get(..2), name.get(2..4)) {
            (3, Some(first), ..) => format!("3/{first}/{name}"),
            (_, _, Some(start), Some(next)) => format!("{start}/{next}/{name}"),
            (length, ..) => format!("{length}/{name}"),
        },
    )
}

fn parse_line(line: &[u8], package: &str) -> Result<Entry, String> {
    let Line {
        name,
        vers,
        cksum,
        yanked,
    } = serde_json::from_slice(line).map_err(|why| {
        // serde_json saw one line only, so the line it tells is always 1.
        let text = why.to_string();
        let what = text
            .rsplit_once(" at line ")
            .map_or(text.as_str(), |(what, _)| what);
        format!("{what} at column {}", why.column())
    })?;
    if !name.eq_ignore_ascii_case(package) {
        return Err(format!("this is `{name}`, not `{package}`"));
    }
    let version =
        Version::parse(&vers).map_err(|why| format!("`{vers}` is not a version: {why}"))?;
    if cksum.len() != 64
        || !cksum
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    {
        return Err(format!("`{cksum}` is not a SHA-256 digest"));
    }
    Ok(Entry {
        name,
        version,
        cksum,
        yanked,
    })
}
