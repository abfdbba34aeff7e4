//! Lists versions, and exports no other hook: a component may leave out hooks that it cannot answer.
//!
//! The world in `wit/world.wit` names the one hook. The versions are those of the config key
//! `versions`, separated by commas, oldest first: `config = { versions = "1.0.0, 1.1.0" }`.

use exports::tollgate::releases::list_versions::{Error, Guest, Release};
use tollgate::provider::config;

tollgate_guest::arena!();

wit_bindgen::generate!({
    path: ["../../../wit/provider", "../../../wit/releases", "wit"],
    world: "tollgate-samples:versions-only/versions-only",
    generate_all,
});

struct VersionsOnly;

impl Guest for VersionsOnly {
    fn list_versions() -> Result<Vec<Release>, Error> {
        let versions = config::get("versions")
            .ok_or_else(|| Error::NotFound("the config key `versions` is not set".into()))?;
        Ok(versions
            .split(',')
            .map(str::trim)
            .filter(|version| !version.is_empty())
            .map(|version| Release {
                version: version.to_owned(),
                yanked: false,
            })
            .collect())
    }
}

export!(VersionsOnly);
