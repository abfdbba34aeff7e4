//! The releases of one crate, from a cargo registry over HTTP: all four release hooks.
//!
//! The config key `registry` is the URL of a sparse index, without cargo's `sparse+`, and `package` names
//! the crate. A checksum is not passed on unseen: the archive is fetched, and it must have it.

mod registry;

use std::cmp;

use exports::tollgate::releases::{
    checksum, compare_versions,
    list_versions::{self, Release},
    resolve,
};
use registry::Registry;
use tollgate::provider::types::Error;
use tollgate::releases::types::{Digest, Ordering, Resolution};

tollgate_guest::arena!();

wit_bindgen::generate!({
    path: ["../../../wit/provider", "../../../wit/releases"],
    world: "tollgate:releases/releases",
    generate_all,
});

struct RegistryRemote;

impl list_versions::Guest for RegistryRemote {
    fn list_versions() -> Result<Vec<Release>, Error> {
        let entries = Registry::configured()?.entries()?;
        let release = |entry: crates_index::Entry| Release {
            version: entry.version.to_string(),
            yanked: entry.yanked,
        };
        Ok(crates_index::sorted(entries)
            .into_iter()
            .map(release)
            .collect())
    }
}

impl compare_versions::Guest for RegistryRemote {
    fn compare_versions(a: String, b: String) -> Result<Ordering, Error> {
        match crates_index::compare(&a, &b) {
            Ok(cmp::Ordering::Less) => Ok(Ordering::Less),
            Ok(cmp::Ordering::Equal) => Ok(Ordering::Equal),
            Ok(cmp::Ordering::Greater) => Ok(Ordering::Greater),
            Err(why) => Err(Error::InvalidInput(why)),
        }
    }
}

impl resolve::Guest for RegistryRemote {
    fn resolve(requirement: String, _platform: String) -> Result<Resolution, Error> {
        let registry = Registry::configured()?;
        let newest = crates_index::newest(registry.entries()?, &requirement)
            .map_err(Error::InvalidInput)?
            .ok_or_else(|| Error::NotFound(format!("no release satisfies `{requirement}`")))?;
        Ok(Resolution {
            url: registry.archive_url(&newest)?,
            version: newest.version.to_string(),
        })
    }
}

impl checksum::Guest for RegistryRemote {
    fn checksum(version: String, _platform: String) -> Result<Digest, Error> {
        let registry = Registry::configured()?;
        let entry = crates_index::exactly(registry.entries()?, &version)
            .map_err(Error::InvalidInput)?
            .ok_or_else(|| Error::NotFound(format!("there is no version {version}")))?;
        let found = registry.sha256_of_archive(&entry)?;
        if found == entry.cksum {
            Ok(Digest {
                algorithm: "sha256".into(),
                hex: found,
            })
        } else {
            // No other failure here is `other`, so that a caller can tell tampering from bad luck.
            Err(Error::Other(format!(
                "the archive of {version} has the SHA-256 {found}, and the index says {}",
                entry.cksum
            )))
        }
    }
}

export!(RegistryRemote);
