//! The releases of one crate, from a copy of the crates.io sparse index: all four release hooks.
//!
//! The config key `package` names the crate; the index is below the root `index`, laid out as
//! crates.io lays it out (`se/rd/serde`). A crate is source code, so every platform gets the same.

mod index;
mod requirement;

use std::cmp;

use exports::tollgate::releases::{
    checksum, compare_versions,
    list_versions::{self, Release},
    resolve,
};
use requirement::Requirement;
use semver::Version;
use tollgate::provider::types::Error;
use tollgate::releases::types::{Digest, Ordering, Resolution};

wit_bindgen::generate!({
    path: ["../../../wit/provider", "../../../wit/releases"],
    world: "tollgate:releases/releases",
    generate_all,
});

struct RegistryReleases;

impl list_versions::Guest for RegistryReleases {
    fn list_versions() -> Result<Vec<Release>, Error> {
        let mut entries = index::load()?;
        entries.sort_unstable_by(|a, b| a.version.cmp(&b.version));
        Ok(entries
            .into_iter()
            .map(|entry| Release {
                version: entry.version.to_string(),
                yanked: entry.yanked,
            })
            .collect())
    }
}

impl compare_versions::Guest for RegistryReleases {
    fn compare_versions(a: String, b: String) -> Result<Ordering, Error> {
        // By precedence: what follows a `+` makes no version newer than another.
        Ok(
            match parse_version(&a)?.cmp_precedence(&parse_version(&b)?) {
                cmp::Ordering::Less => Ordering::Less,
                cmp::Ordering::Equal => Ordering::Equal,
                cmp::Ordering::Greater => Ordering::Greater,
            },
        )
    }
}

impl resolve::Guest for RegistryReleases {
    fn resolve(requirement: String, _platform: String) -> Result<Resolution, Error> {
        let wanted = Requirement::parse(&requirement)?;
        let newest = index::load()?
            .into_iter()
            .filter(|entry| wanted.allows(entry))
            .max_by(|a, b| a.version.cmp(&b.version))
            .ok_or_else(|| Error::NotFound(format!("no release satisfies `{requirement}`")))?;
        Ok(Resolution {
            url: newest.url(),
            version: newest.version.to_string(),
        })
    }
}

impl checksum::Guest for RegistryReleases {
    fn checksum(version: String, _platform: String) -> Result<Digest, Error> {
        let wanted = parse_version(&version)?;
        index::load()?
            .into_iter()
            .find(|entry| entry.version == wanted)
            .map(|entry| Digest {
                algorithm: "sha256".into(),
                hex: entry.cksum,
            })
            .ok_or_else(|| Error::NotFound(format!("there is no version {wanted}")))
    }
}

fn parse_version(text: &str) -> Result<Version, Error> {
    Version::parse(text)
        .map_err(|why| Error::InvalidInput(format!("`{text}` is not a version: {why}")))
}

export!(RegistryReleases);
