//! The file of a crate: one JSON object per line and version.

use semver::Version;
use serde::Deserialize;

/// One version of the crate.
pub struct Entry {
    /// As the registry spells it, which may differ from the file's name in case.
    pub name: String,
    pub version: Version,
    /// SHA-256 of the archive, 64 lower-case hexadecimal digits.
    pub cksum: String,
    pub yanked: bool,
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
    /// The version for a URL: the store behind static.crates.io reads a bare `+` as a space.
    pub fn version_in_url(&self) -> String {
        self.version.to_string().replace('+', "%2B")
    }
}

/// Every version of `package`, in the order of the file, which is at `path`.
pub fn parse(text: &[u8], package: &str, path: &str) -> Result<Vec<Entry>, String> {
    text.split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(at, line)| {
            parse_line(line, package).map_err(|why| format!("{path}, line {}: {why}", at + 1))
        })
        .collect()
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
    let version = crate::version(&vers)?;
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
