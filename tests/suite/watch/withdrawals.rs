//! Withdrawals: a policy that no longer lets a provider through holds at once, also while components are loaded.

use std::time::Duration;

use tollgate::Compiler;

use support::cli::tollgate;
use support::harness::{builder, made_of, policy, slow_to_validate};
use support::processes::{children, until};
use support::watched_folder::{Watched, bytes};

/// A component of another supplier that takes seconds to load does not delay a withdrawal by the operator.
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

/// The provider that serves has the real interface, so it does not wait for one that has the stub.
#[test]
fn a_stub_in_place_of_a_grant_is_a_withdrawal() {
    let files = "files = [{ root = \"data\", path = \".\", access = \"read\" }]";
    let watched = Watched::with(&[]);
    watched.write(
        "hashes.toml",
        format!("grants = {{ log = true, hash = true, {files} }}"),
    );
    watched.install("hashes", &bytes("checksums"));
    watched.next("loaded");
    watched.write("a.toml", "");
    // Another one than above, which is in the cache of the tests by now.
    watched.install("a", made_of(602, 98).as_bytes());
    std::thread::sleep(Duration::from_millis(500));
    let stub = "stub = [\"tollgate:provider/hash\"]";
    watched.write(
        "hashes.toml",
        format!("grants = {{ log = true, {stub}, {files} }}"),
    );
    assert_eq!(watched.wrong("revoked", "hashes"), "imports");
    assert!(watched.get("hashes").is_none() && watched.get("a").is_none());
    watched.next("loaded");
    watched.next("loaded");
    assert!(watched.get("hashes").is_some());
}

/// Files that are large and load nothing take their time to be read, and put off nothing: the withdrawal is told before the
/// last of them, which come first in the order in which components are looked at.
#[test]
fn a_grant_is_withdrawn_while_large_files_are_read() {
    const FILES: usize = 40;
    let mut watched = Watched::new();
    let grants = "grants = { log = true, hash = true, files = [{ root = \"data\", path = \".\", access = \"read\" }] }";
    watched.write("hashes.toml", grants);
    watched.install("hashes", &bytes("checksums"));
    let large = policy("limits.component-size = \"64MiB\"");
    watched.serve(|watch| watch.default_policy(large));
    watched.next("loaded");
    // Zeros without an end of their own: no component, which is found when all of them are read and hashed.
    let zeros = watched.workdir.path().join("zeros");
    let file = std::fs::File::create(&zeros).unwrap();
    file.set_len(32 << 20).unwrap();
    for number in 10..10 + FILES {
        std::fs::hard_link(&zeros, watched.path().join(format!("a{number}.wasm"))).unwrap();
    }
    watched.next("failed");
    watched.write("hashes.toml", "grants.log = true");
    let mut failed = 1;
    while watched.any().label() != "revoked" {
        failed += 1;
    }
    assert!(failed < FILES, "told after all {failed} files");
    assert!(watched.get("hashes").is_none());
}

/// Withdrawn while its own new version is loaded: that load is under the policy before, and does not serve.
#[test]
fn a_grant_is_withdrawn_while_its_own_component_is_loaded() {
    let watched = Watched::with(&[]);
    watched.write("a.toml", "limits.component-size = \"10MiB\"");
    watched.install("a", &bytes("echo"));
    watched.next("loaded");
    // No other test has compiled it.
    watched.install("a", made_of(601, 99).as_bytes());
    std::thread::sleep(Duration::from_millis(500));
    watched.write("a.toml", "limits.component-size = 100");
    assert_eq!(watched.wrong("revoked", "a"), "too-large");
    watched.nothing_else();
    assert!(watched.get("a").is_none());
}

/// A55-validation, in a folder that is served: a component whose validation would take gigabytes is refused by the limits of
/// its policy, and puts off nothing.
#[test]
fn a_component_that_is_slow_to_validate_is_refused() {
    let mut watched = Watched::new();
    watched.write("a.toml", "limits.compile-time = \"1s\"");
    watched.install("a", slow_to_validate().as_bytes());
    watched.write("hashes.toml", "grants = { log = true, hash = true, files = [{ root = \"data\", path = \".\", access = \"read\" }] }");
    watched.install("hashes", &bytes("checksums"));
    let program = tollgate().to_owned();
    let compiler = Compiler::Worker { program };
    let runtime = builder().concurrency(4).compiler(compiler).build();
    watched.serve_by(&runtime, |watch| watch).unwrap();
    assert_eq!(watched.wrong("failed", "a"), "compile-limit");
    watched.next("loaded");
    // Serving ends while one is vetted: so does its worker.
    watched.write("a.toml", "");
    let this = std::process::id();
    until("vetted", || !children(this).is_empty());
    watched.stop();
    until("ended", || children(this).is_empty());
}
