//! A world of an embedder's, compared with a component when it is loaded.

use std::path::Path;

use tollgate::component::World;
use tollgate::load::RefusalKind;

use support::harness::{load, root};

/// The worlds of the tree, by the same files that the sample guests are built with, and a component of each.
#[test]
fn sample_guests_are_of_their_worlds() {
    let all = |guest: &str, folder: &Path, world: &str| {
        let world = World::folder(folder, world).unwrap();
        let policy = support::harness::ALL;
        load(guest, policy).expects(&world)
    };
    let provider = root().join("wit/provider");
    assert!(all("checksums", &provider, "tollgate:provider/provider").is_ok());
    assert!(all("echo", &provider, "tollgate:provider/provider").is_ok());
    let refusal = all("counter", &provider, "tollgate:provider/provider").unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::MissingExport);
    let says = "run is missing: `run: func(input: list<u8>) -> result<list<u8>, variant {";
    assert!(refusal.message.contains(says), "{refusal}");
    assert!(refusal.message.contains("it exports next, "), "{refusal}");
}

/// The export is there, with another type; bindings of an interface would find it at the first call.
#[test]
fn another_type_is_told_beside_the_wanted_one() {
    let wit = "package acme:counting; world counter { export next: func() -> string; }";
    let world = World::parse(&[wit], "counter").unwrap();
    let refusal = load("counter", "").expects(&world).unwrap_err();
    let says = "next is `next: func() -> u32`, not `next: func() -> string`";
    assert!(refusal.message.contains(says), "{refusal}");
    let same = wit.replace("string", "u32");
    let world = World::parse(&[&same], "acme:counting/counter").unwrap();
    assert!(load("counter", "").expects(&world).is_ok());
}
