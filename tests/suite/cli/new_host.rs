//! `tollgate new host`: a project around a world of one's own, and command lines that leave nothing behind.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use support::cli::{code, program, stderr, stdout};
use support::harness::root;
use tempfile::TempDir;
use tollgate::component::World;

/// `tollgate new host ARGS…` in a folder.
pub(crate) fn new_host(folder: &Path, args: &[&str]) -> Output {
    let mut command = program();
    command.args(["new", "host"]).args(args);
    command.current_dir(folder).output().unwrap()
}

fn made(folder: &Path, args: &[&str]) -> Output {
    let said = new_host(folder, args);
    assert_eq!(code(&said), 0, "{args:?}: {}", stderr(&said));
    said
}

/// Holds that a command line is refused as usage, says this, and writes nothing.
fn refused(folder: &Path, args: &[&str], parts: &[&str]) {
    let count = || fs::read_dir(folder).unwrap().count();
    let before = count();
    let said = new_host(folder, args);
    let text = stderr(&said);
    assert_eq!(code(&said), 2, "{args:?}: {text}");
    for part in parts {
        assert!(text.contains(part), "{args:?}: no {part:?} in {text}");
    }
    assert_eq!(count(), before, "{args:?} left something behind");
}

/// The files of a folder and of those in it.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let (mut found, mut left) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(path) = left.pop() {
        match path.is_dir() {
            true => left.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            ),
            false => found.push(path),
        }
    }
    found
}

/// Holds what each project has: no placeholder, manifests that cargo reads, a sound policy, and commands that are in the README.
fn sound(project: &Path, said: &Output) {
    for path in files(project) {
        let text = fs::read_to_string(&path).unwrap();
        // `just` has placeholders of its own.
        let is_justfile = path.ends_with("Justfile");
        assert!(
            is_justfile || !text.contains("{{"),
            "{}: {text}",
            path.display()
        );
    }
    for manifest in ["Cargo.toml", "guests/Cargo.toml"] {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "metadata",
            "--offline",
            "--no-deps",
            "--format-version",
            "1",
        ]);
        let read = cargo
            .arg("--manifest-path")
            .arg(project.join(manifest))
            .output()
            .unwrap();
        assert!(read.status.success(), "{manifest}: {}", stderr(&read));
    }
    let policy = project.join("policy.toml");
    let checked = support::cli::run(&["policy", "check", policy.to_str().unwrap()]);
    assert_eq!(code(&checked), 0, "{}", stderr(&checked));
    let readme = fs::read_to_string(project.join("README.md")).unwrap();
    assert_eq!(stdout(said).lines().count(), 3);
    for command in stdout(said).lines() {
        assert!(readme.contains(&format!("$ {command}\n")), "{command}");
    }
}

#[test]
fn a_host_of_an_example_has_its_files() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let checkout = root().canonicalize().unwrap();
    let args = ["report", "--world", "my-org:some-type/reader"];
    let said = made(
        at,
        &[&args[..], &["--tollgate-path", checkout.to_str().unwrap()]].concat(),
    );
    let project = at.join("report");
    sound(&project, &said);
    let world = World::folder(&project.join("wit"), "my-org:some-type/reader").unwrap();
    assert_eq!(world.functions().len(), 1);
    let manifest = fs::read_to_string(project.join("Cargo.toml")).unwrap();
    let patch = format!(
        "tollgate = {{ path = {:?} }}",
        checkout.join("host/runtime")
    );
    assert!(manifest.contains(&patch), "{manifest}");
    let testing = checkout.join("host/testing");
    let patch = format!("tollgate-testing = {{ path = {testing:?} }}");
    assert!(manifest.contains(&patch), "{manifest}");
    let attack = fs::read_to_string(project.join("tests/attack.rs")).unwrap();
    let line = "root.join(\"wit\"), \"my-org:some-type/reader\").assert();";
    assert!(attack.contains(line), "{attack}");
    let lock = |folder: &Path| fs::read(folder.join("Cargo.lock")).unwrap();
    assert_eq!(lock(&project), lock(&checkout));
    let source = fs::read_to_string(project.join("host/src/lib.rs")).unwrap();
    assert!(
        source.contains("use world::my_org::some_type::series"),
        "{source}"
    );
    assert!(source.contains("world::Reader::new("), "{source}");
}

/// Without a checkout there is no crate to build with yet, which is said.
#[test]
fn a_host_without_a_checkout_says_where_to_name_one() {
    let folder = TempDir::new().unwrap();
    let said = made(folder.path(), &["report"]);
    assert!(
        stderr(&said).contains("--tollgate-path DIR, or in [patch.crates-io]"),
        "{}",
        stderr(&said)
    );
    let project = folder.path().join("report");
    sound(&project, &said);
    World::folder(&project.join("wit"), "acme:report/plugin").unwrap();
    let manifest = fs::read_to_string(project.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("\n# [patch.crates-io]\n"), "{manifest}");
    assert!(!project.join("Cargo.lock").exists());
}

#[test]
fn an_example_that_cannot_be_is_refused_and_nothing_is_written() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("there")).unwrap();
    refused(
        at,
        &["there"],
        &["there already exists", "choose another name"],
    );
    refused(at, &["../out"], &["`out` is a name"]);
    for name in ["tollgate", "serde", "good"] {
        refused(
            at,
            &[name],
            &["a crate that it is built with, has it; choose another one"],
        );
    }
    for (world, why) in [
        ("plugin", "it is not NAMESPACE:PACKAGE/WORLD"),
        ("acme:report", "it is not NAMESPACE:PACKAGE/WORLD"),
        ("tollgate:report/plugin", "its namespace is taken"),
        ("std:report/plugin", "its namespace is taken"),
        ("acme:report/interface", "is a word of WIT"),
        ("acme:report/series", "is a word of WIT"),
        ("acme:re port/plugin", "is a word of WIT"),
        ("acme:report/plugin@1.0.0", "is a word of WIT"),
        ("a\u{1b}[31m:b/c", "a\\u{1b}[31m:b/c"),
    ] {
        refused(
            at,
            &["report", "--world", world],
            &[why, "such as `acme:report/plugin`"],
        );
    }
    refused(
        at,
        &["report", "--tollgate-path", "there"],
        &[
            "there: it is no checkout of Tollgate",
            "name the folder that git made",
        ],
    );
}

/// A world with types, a resource, a function that gives handles, and an interface of this host.
const WORLD: &str = "package acme:report@1.0.0;
interface rates {
  record rate { of: string, value: f64 }
  variant problem { unknown(string), busy }
  flags kinds { daily, monthly }
  resource table {
    constructor(name: string) -> result<table, problem>;
    %for: func(of: string) -> option<rate>;
    best: static func(a: borrow<table>, b: table) -> table;
  }
  find: func(of: list<string>, %type: u8, k: kinds) -> result<list<rate>, problem>;
  all: func() -> list<table>;
  touch: func();
}
interface shapes { use rates.{rate}; area: func(r: rate) -> f64; }
world plugin {
  import rates;
  import tollgate:provider/log@0.2.0;
  export shapes;
  export run: func(n: u8, who: string) -> result<string, string>;
}
world bare { import f: func(); export run: func(); }
world handles { export make: interface { resource r; make: func() -> r; } }
world silent { import rates; }
";

pub(crate) fn own_world(folder: &Path) {
    let deps = folder.join("wit/deps/tollgate-provider");
    fs::create_dir_all(&deps).unwrap();
    fs::write(folder.join("wit/world.wit"), WORLD).unwrap();
    for entry in fs::read_dir(root().join("wit/provider-0.2")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), deps.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_host_of_a_world_that_is_there_has_its_interfaces() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    own_world(at);
    let said = made(at, &["report", "--wit", "wit", "--world", "plugin"]);
    let project = at.join("report");
    sound(&project, &said);
    let read = |path: &str| fs::read_to_string(project.join(path)).unwrap();
    assert_eq!(read("wit/world.wit"), WORLD);
    let source = read("host/src/lib.rs");
    for part in [
        "impl world::acme::report::rates::Host for CallContext {",
        "\"acme:report/rates@1.0.0.table\": super::AcmeReportRates100Table,",
        "\"tollgate:provider@0.2.0\": ::tollgate::bindings::v0_2::provider,",
        "builder.interface(\"acme:report/rates@1.0.0\"",
        // A stub charges for what it is given.
        "self.charge(of.iter().map(|each| size_of_val(each) as u64 + each.len() as u64).sum::<u64>())?;",
        "self.charge(name.len() as u64)?.put(Default::default(), 0)?",
    ] {
        assert!(source.contains(part), "no {part} in {source}");
    }
    assert!(!source.contains("provider::log::Host"), "{source}");
    assert!(read("policy.toml").contains("\"acme:report/rates@1.0.0\" = {}\n"));
    assert!(read("tests/guests.rs").contains("r#\"run(0, \"\")\"#"));
    assert!(read("guests/spin/src/lib.rs").contains("crate::attack()"));
}

#[test]
fn a_world_that_a_host_cannot_be_written_for_is_refused() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    refused(
        at,
        &["report", "--wit", "wit"],
        &["wit: cannot be read", "name a folder"],
    );
    own_world(at);
    for (world, parts) in [
        (
            "plugn",
            ["there is no world `plugn`", "did you mean `plugin`?"],
        ),
        ("bare", ["imports `f` by itself", "put it in an interface"]),
        (
            "handles",
            ["takes or gives a resource", "export one with plain values"],
        ),
        (
            "silent",
            [
                "exports nothing that can be called",
                "name a world with exported functions",
            ],
        ),
    ] {
        refused(at, &["report", "--wit", "wit", "--world", world], &parts);
    }
    refused(
        at,
        &["report", "--wit", "wit"],
        &["which world is meant is not clear"],
    );
    fs::write(
        at.join("wit/world.wit"),
        "package a:b;\nworld w {\n  export f: fnc();\n}\n",
    )
    .unwrap();
    refused(
        at,
        &["report", "--wit", "wit"],
        &["the WIT does not parse", "world.wit:3"],
    );
}
