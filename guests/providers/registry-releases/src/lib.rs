//! The releases of one crate, from a copy of the crates.io sparse index: all four release hooks.
//!
//! The config key `package` names the crate; the index is below the root `index`, laid out as
//! crates.io lays it out (`se/rd/serde`). A crate is source code, so every platform gets the same.

use std::cmp;

use crates_index::Entry;
use exports::tollgate::releases::{
    checksum, compare_versions,
    list_versions::{self, Release},
    resolve,
};
use tollgate::provider::{config, files, types::Error};
use tollgate::releases::types::{Digest, Ordering, Resolution};

tollgate_guest::arena!();

wit_bindgen::generate!({
    path: ["../../../wit/provider", "../../../wit/releases"],
    world: "tollgate:releases/releases",
    generate_all,
});

/// The root that holds the index.
const ROOT: &str = "index";

struct RegistryReleases;

impl list_versions::Guest for RegistryReleases {
    fn list_versions() -> Result<Vec<Release>, Error> {
        Ok(crates_index::sorted(load()?)
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
        let order = crates_index::compare(&a, &b).map_err(Error::InvalidInput)?;
        Ok(match order {
            cmp::Ordering::Less => Ordering::Less,
            cmp::Ordering::Equal => Ordering::Equal,
            cmp::Ordering::Greater => Ordering::Greater,
        })
    }
}

impl resolve::Guest for RegistryReleases {
    fn resolve(requirement: String, _platform: String) -> Result<Resolution, Error> {
        let newest = crates_index::newest(load()?, &requirement)
            .map_err(Error::InvalidInput)?
            .ok_or_else(|| Error::NotFound(format!("no release satisfies `{requirement}`")))?;
        let (name, version) = (&newest.name, newest.version_in_url());
        Ok(Resolution {
            url: format!("https://static.crates.io/crates/{name}/{name}-{version}.crate"),
            version: newest.version.to_string(),
        })
    }
}

impl checksum::Guest for RegistryReleases {
    fn checksum(version: String, _platform: String) -> Result<Digest, Error> {
        let entry = crates_index::exactly(load()?, &version)
            .map_err(Error::InvalidInput)?
            .ok_or_else(|| Error::NotFound(format!("there is no version {version}")))?;
        Ok(Digest {
            algorithm: "sha256".into(),
            hex: entry.cksum,
        })
    }
}

/// Every version of the configured crate, in the file's order.
fn load() -> Result<Vec<Entry>, Error> {
    let package = config::get("package")
        .ok_or_else(|| Error::NotFound("the config key `package` is not set".into()))?;
    let path = crates_index::path_of(&package).map_err(Error::InvalidInput)?;
    let text = files::read(ROOT, &path)?;
    crates_index::parse(&text, &package, &path).map_err(Error::InvalidInput)
}

export!(RegistryReleases);
