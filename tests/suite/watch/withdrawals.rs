//! Withdrawals: a policy that no longer lets a provider through holds at once, also while components are loaded.

use std::time::Duration;

use support::harness::made_of;
use support::watched_folder::{Watched, bytes};

/// A component that takes seconds to load, delivered by somebody else, does not put off what the operator takes back.
#[test]
fn a_grant_is_withdrawn_while_another_component_is_loaded() {
    let watched = Watched::with(&[]);
    watched.write("hashes.toml", "grants = { log = true, hash = true, files = [{ root = \"data\", path = \".\", access = \"read\" }] }");
    watched.install("hashes", &bytes("checksums"));
    watched.next("loaded");
    // First in the order in which components are looked at.
    watched.write("a.toml", "");
    watched.install("a", made_of(600, 100).as_bytes());
    let before = watched.get("hashes").unwrap();
    // Until it is being loaded; a pause of half a second is five times the debounce.
    std::thread::sleep(Duration::from_millis(500));
    watched.write("hashes.toml", "grants.log = true");
    assert_eq!(watched.wrong("revoked", "hashes"), "imports");
    assert!(watched.get("hashes").is_none() && watched.get("a").is_none());
    watched.next("loaded");
    // It is reported once, and the grant lets it in again.
    watched.nothing_else();
    drop(before);
    watched.write("hashes.toml", "grants = { log = true, hash = true, files = [{ root = \"data\", path = \".\", access = \"read\" }] }");
    watched.next("loaded");
}

/// Withdrawn while its own new version is loaded: what is loaded meanwhile is of the policy before, and does not serve.
#[test]
fn a_grant_is_withdrawn_while_its_own_component_is_loaded() {
    let watched = Watched::with(&[]);
    watched.write("a.toml", "limits.component-size = \"10MiB\"");
    watched.install("a", &bytes("echo"));
    watched.next("loaded");
    watched.install("a", made_of(600, 100).as_bytes());
    std::thread::sleep(Duration::from_millis(500));
    watched.write("a.toml", "limits.component-size = 100");
    assert_eq!(watched.wrong("revoked", "a"), "too-large");
    watched.nothing_else();
    assert!(watched.get("a").is_none());
}
