//! Every function of WASI that this host links is called by the guest `prices`, and each of the other interfaces by
//! `own-prices`, so that it is measured and its price tested, or is named here with the reason for which it is not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::harness::{blocking, root, source};
use support::host_work::OWN;
use tollgate::Policy;
use tollgate::component::SERVED;

/// Interfaces, or beginnings of functions, that no measured guest can call, and the reason.
const NOT_CALLED: &[(&str, &str)] = &[
    ("wasi:cli/exit#", "ends the call"),
    (
        "wasi:http/types#incoming-request.",
        "no command has a request to answer",
    ),
    (
        "wasi:http/types#response-outparam.",
        "no command has a request to answer",
    ),
    ("wasi:sockets/tcp#", "no guest gets a socket"),
    ("wasi:sockets/udp#", "no guest gets a socket"),
    (
        "wasi:sockets/ip-name-lookup#resolve-address-stream.",
        "no guest looks a name up",
    ),
];

/// The functions that a text in WIT declares, as `wasi:io/streams#input-stream.read`; those of unstable features are left
/// out, since they are not linked.
fn functions(wit: &str) -> BTreeSet<String> {
    let (mut package, mut interface, mut resource) = ("", "", "");
    let mut unstable = false;
    let mut found = BTreeSet::new();
    for line in wit.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        let word = |keyword: &str| {
            let rest = line.strip_prefix(keyword)?;
            rest.split([' ', '@', ';']).next()
        };
        package = word("package ").unwrap_or(package);
        interface = word("interface ").unwrap_or(interface);
        if line.starts_with("resource ") && line.ends_with('{') {
            resource = word("resource ").unwrap_or(resource);
        }
        if line == "}" {
            resource = "";
        }
        if line.starts_with("@unstable") {
            unstable = true;
            continue;
        }
        let name = match line.split_once(": ") {
            Some((name, rest)) if rest.trim_start_matches("static ").starts_with("func(") => name,
            _ if line.starts_with("constructor(") => "constructor",
            _ => {
                unstable &= line.is_empty();
                continue;
            }
        };
        let dot = if resource.is_empty() { "" } else { "." };
        if !std::mem::take(&mut unstable) {
            let name = name.trim_start_matches('%');
            found.insert(format!("{package}/{interface}#{resource}{dot}{name}"));
        }
    }
    found
}

/// The folder of a crate that this workspace depends on.
fn folder_of(name: &str) -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == name);
    let manifest = package.unwrap()["manifest_path"].as_str().unwrap();
    Path::new(manifest).parent().unwrap().to_owned()
}

/// The functions of WASI that this host links.
fn linked() -> BTreeSet<String> {
    let mut linked = BTreeSet::new();
    for (name, wit) in [
        ("wasmtime-wasi", "src/p2/wit/deps"),
        ("wasmtime-wasi-http", "wit/deps"),
    ] {
        for entry in std::fs::read_dir(folder_of(name).join(wit)).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            linked.append(&mut functions(&text));
        }
    }
    let served: Vec<_> = SERVED.iter().map(|row| row.interface).collect();
    linked.retain(|function| {
        let interface = function.split_once('#').unwrap().0;
        served.contains(&interface)
    });
    for known in [
        "wasi:io/streams#input-stream.read",
        "wasi:http/types#fields.constructor",
    ] {
        assert!(linked.contains(known), "{linked:#?}");
    }
    linked
}

/// The beginnings of the descriptions of functions in docs/guide/wasi.md.
const BEHAVIOURS: [&str; 3] = ["as elsewhere", "decided by the grant", "refused, because"];

/// docs/guide/wasi.md has a row for each function, and none for others.
#[test]
fn every_function_that_is_linked_is_described() {
    let page = std::fs::read_to_string(root().join("docs/guide/wasi.md")).unwrap();
    let mut linked = linked();
    for row in page.lines().filter(|line| line.starts_with("| `wasi:")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, interface, functions, behaviour, _] = cells[..] else {
            panic!("{row}");
        };
        let is_said = BEHAVIOURS
            .iter()
            .any(|begins| behaviour.starts_with(begins));
        assert!(is_said, "{row}");
        let interface = interface.trim_matches('`');
        let before = linked.len();
        match functions {
            "all" => linked.retain(|function| !function.starts_with(&format!("{interface}#"))),
            functions => {
                for name in functions.split(", ") {
                    let name = format!("{interface}#{}", name.trim_matches('`'));
                    assert!(
                        linked.remove(&name),
                        "{name} is not linked, or has two rows"
                    );
                }
            }
        }
        assert!(linked.len() < before, "{interface} has no functions");
    }
    assert!(linked.is_empty(), "no row has {linked:#?}");
}

#[test]
fn every_function_that_is_linked_is_measured() {
    let linked = linked();
    let wit = blocking()
        .wit(&source("prices"), &Policy::default())
        .unwrap();
    let called = functions(&wit);
    let unmeasured: Vec<_> = linked
        .difference(&called)
        .filter(|function| {
            !NOT_CALLED
                .iter()
                .any(|(start, _)| function.starts_with(start))
        })
        .collect();
    assert!(unmeasured.is_empty(), "{unmeasured:#?}");
    for (start, why) in NOT_CALLED {
        let stale = !linked.iter().any(|function| function.starts_with(start));
        assert!(!stale, "{start} ({why}) is not linked");
    }
}

/// The functions of the interfaces that are not WASI 0.2, of every version that is served, as the WIT of this repository
/// has them.
fn own() -> BTreeSet<String> {
    let mut own = BTreeSet::new();
    for (folder, package) in [
        ("provider", ""),
        ("provider-0.2", ""),
        ("deps/keyvalue", "package wasi:keyvalue;\n"),
        ("deps/config", "package wasi:config;\n"),
    ] {
        for entry in std::fs::read_dir(root().join("wit").join(folder)).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            own.append(&mut functions(&format!("{package}{text}")));
        }
    }
    let served: Vec<_> = SERVED.iter().map(|row| row.interface).collect();
    own.retain(|function| served.contains(&function.split_once('#').unwrap().0));
    own
}

#[test]
fn every_function_of_our_own_is_measured() {
    let own = own();
    let measured: BTreeSet<_> = OWN
        .iter()
        .flat_map(|row| row.of)
        .map(|function| (*function).to_owned())
        .collect();
    let differ: Vec<_> = own.symmetric_difference(&measured).collect();
    assert!(differ.is_empty(), "{differ:#?}");
    // A package that is served, and whose WIT is elsewhere, would be missed.
    let package = |name: &str| name.split('/').next().map(str::to_owned);
    let walked: BTreeSet<_> = own.iter().chain(&linked()).map(|it| package(it)).collect();
    for row in SERVED {
        assert!(
            walked.contains(&package(row.interface)),
            "{}",
            row.interface
        );
    }
}
