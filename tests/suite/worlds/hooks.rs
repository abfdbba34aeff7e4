//! Interfaces that a component may export or not: the `tollgate:releases` hooks, as a tool manager meets them.

use tollgate::load::RefusalKind;
use tollgate::{Guest, Outcome};

use support::harness::{load, runtime, wait};
pub(crate) use world::exports::tollgate::releases::list_versions;
use world::exports::tollgate::releases::{checksum, compare_versions, resolve};

/// In a module of its own: the generated code has a module `tollgate`, like the library.
mod world {
    #![allow(dead_code, unreachable_pub, clippy::all, reason = "generated")]
    wasmtime::component::bindgen!({
        path: ["../wit/provider", "../wit/releases"],
        world: "tollgate:releases/releases",
        with: { "tollgate:provider": ::tollgate::bindings::v0_1::provider },
        imports: { default: async | trappable },
        exports: { default: async },
    });
}

pub(crate) const LIST: &str = "tollgate:releases/list-versions@0.1.0";
const COMPARE: &str = "tollgate:releases/compare-versions@0.1.0";
const RESOLVE: &str = "tollgate:releases/resolve@0.1.0";
const CHECKSUM: &str = "tollgate:releases/checksum@0.1.0";

/// The hooks that a provider has, of the four.
fn hooks(guest: &str, grants: &str) -> [bool; 4] {
    let provider = load(guest, grants);
    let provider = provider.as_async();
    let names: Vec<&str> = provider
        .exports()
        .iter()
        .map(|export| export.name.as_str())
        .collect();
    let found = [
        provider
            .optional_interface(LIST, list_versions::GuestIndices::new)
            .unwrap()
            .is_some(),
        provider
            .optional_interface(COMPARE, compare_versions::GuestIndices::new)
            .unwrap()
            .is_some(),
        provider
            .optional_interface(RESOLVE, resolve::GuestIndices::new)
            .unwrap()
            .is_some(),
        provider
            .optional_interface(CHECKSUM, checksum::GuestIndices::new)
            .unwrap()
            .is_some(),
    ];
    let listed = [LIST, COMPARE, RESOLVE, CHECKSUM].map(|name| names.contains(&name));
    assert_eq!(found, listed, "{guest}");
    found
}

#[test]
fn the_hooks_of_a_component_are_discovered() {
    let config = "grants.config = {}";
    let world = load("versions-only", config)
        .as_async()
        .info()
        .world
        .clone();
    assert_eq!(world.as_deref(), Some("tollgate:releases/releases@0.1.0"));
    assert_eq!(hooks("versions-only", config), [true, false, false, false]);
    let index = r#"
        grants.config = {}
        grants.log = true
        grants.files = [{ root = "index", path = "samples/index", access = "read" }]"#;
    assert_eq!(hooks("registry-releases", index), [true; 4]);
    assert_eq!(hooks("echo", ""), [false; 4]);
}

#[test]
fn a_hook_that_is_there_is_called() {
    let provider = load(
        "versions-only",
        "grants.config = { versions = \"1.0.0,1.1.0\" }",
    );
    let list = provider
        .as_async()
        .optional_interface(LIST, list_versions::GuestIndices::new)
        .unwrap()
        .unwrap();
    let report = wait(
        provider
            .as_async()
            .session()
            .call(async |guest: &mut Guest<'_>| {
                let list = list.load(&mut *guest.store, guest.instance)?;
                list.call_list_versions(&mut *guest.store).await
            }),
    );
    match report.unwrap().outcome {
        Outcome::Returned(releases) => assert_eq!(releases.len(), 2),
        other => panic!("{other:?}"),
    }
}

/// Neither counts as a missing hook, since the caller would continue without it.
#[test]
fn another_version_and_half_a_hook_are_not_a_missing_one() {
    for (version, function, kind) in [
        ("0.2.0", "resolve", RefusalKind::WorldVersion),
        ("0.1.0", "dissolve", RefusalKind::MissingExport),
    ] {
        let name = format!("tollgate:releases/resolve@{version}");
        let text = format!(
            r#"(component
                (core module $m (func (export "f") (result i32) i32.const 0))
                (core instance $i (instantiate $m))
                (func $f (result u32) (canon lift (core func $i "f")))
                (instance $hook (export "{function}" (func $f)))
                (export "{name}" (instance $hook)))"#
        );
        let source = tollgate::Source::bytes("odd", wat::parse_str(text).unwrap());
        let provider = wait(runtime().load(&source, &tollgate::Policy::default())).unwrap();
        let hook = provider.optional_interface(RESOLVE, resolve::GuestIndices::new);
        let refusal = hook.err().expect("it is refused");
        assert_eq!(refusal.kind, kind, "{refusal}");
        let text = refusal.to_string();
        assert!(text.contains(&name) && text.contains(RESOLVE), "{text}");
    }
}
