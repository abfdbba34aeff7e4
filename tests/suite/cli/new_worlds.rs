//! `tollgate new provider --wit`: projects of a world with each kind of type.

use std::fs;
use std::path::Path;

use support::cli::{code, stderr};
use tempfile::TempDir;

use super::new::{new, refused, wit};
use crate::docs::walks::walk_page;

/// A world with each kind of type, a package in `deps`, an interface without a package and a resource.
const EVERY_TYPE: &str = "package demo:all@1.2.0;
interface shapes {
  use demo:base/types@0.3.0.{error, point as spot};
  enum color { red, dark-blue }
  flags perms { can-read, can-write }
  type bytes = list<u8>;
  variant shape { circle(spot), unit, named(string) }
  record thing { name: string, %type: color, perms: perms, shape: shape, tags: list<string>, maybe: option<u32>,
    big: s64, c: char, ok: bool }
  area: func(s: shape) -> result<f64, error>;
  make-thing: func(name: string, %type: color) -> thing;
  all: func(data: bytes, t: thing, p: tuple<u8, s64, char>) -> tuple<list<u32>, option<option<string>>, perms>;
  nested: func(r: result<_, string>) -> result<result<u32, color>, string>;
  empty: func() -> result;
}
interface counters {
  variant r-error { r(string) }
  resource r { constructor(n: u32) -> result<r, r-error>; }
  type my-r = u8;
  resource counter {
    constructor(start: u32);
    next: func(by: u32) -> u32;
    merge: static func(a: counter, b: borrow<counter>) -> counter;
  }
}
interface lookup { find: func(key: string) -> option<string>; }
world plugin {
  use demo:base/types@0.3.0.{error};
  import lookup;
  record local-thing { id: u64 }
  export shapes;
  export counters;
  export greet: func(name: string, t: local-thing) -> result<string, error>;
  export %inline: interface { ping: func(n: u32) -> u32; }
}
world other { export greet: func(); }
";

const BASE: &str = "package demo:base@0.3.0;
interface types {
  variant error { bad-input(string), not-found, other(tuple<u32, string>) }
  record point { x: f64, y: f32 }
}
";

fn every_type(folder: &Path) {
    wit(folder, EVERY_TYPE);
    fs::create_dir_all(folder.join("wit/deps/base")).unwrap();
    fs::write(folder.join("wit/deps/base/types.wit"), BASE).unwrap();
}

#[test]
fn a_project_of_another_world_has_its_wit_and_a_world_that_imports_nothing() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    every_type(at);
    let args = [
        "words",
        "--lang",
        "js",
        "--wit",
        "wit",
        "--world",
        "demo:all/plugin",
    ];
    let said = new(at, &args);
    assert_eq!(code(&said), 0, "{}", stderr(&said));
    assert!(
        stderr(&said).contains("imports all that a world names"),
        "{}",
        stderr(&said)
    );
    let read = |path: &str| fs::read_to_string(at.join("words").join(path)).unwrap();
    assert_eq!(read("wit/deps/demo-all/world.wit"), EVERY_TYPE);
    assert_eq!(read("wit/deps/base/types.wit"), BASE);
    let world = read("wit/world.wit");
    assert!(world.contains("export demo:all/shapes@1.2.0;"), "{world}");
    assert!(!world.contains("\n  import "), "{world}");
    assert!(
        world.contains("// import demo:all/lookup@1.2.0;"),
        "{world}"
    );
    assert!(read("provider.js").contains("export const shapes = {"));
    // The first function that a command line can call, and its empty result as it is printed.
    let cases = read("cases.toml");
    assert!(
        cases.contains("call = '''greet(\"\", {id: 0})'''\nreturns = '''ok(\"\")'''\n"),
        "{cases}"
    );
    let readme = read("README.md");
    let tested = "$ tollgate test words.wasm --cases cases.toml\n1 passed, 0 failed\n";
    assert!(readme.contains(tested), "{readme}");
}

#[test]
fn a_world_that_a_language_or_this_host_cannot_have_is_refused() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let args = |lang| ["words", "--lang", lang, "--wit", "wit"];
    for (export, why) in [
        ("export f: func() -> stream<u8>;", "has a stream"),
        ("export f: func(a: list<future<u8>>);", "has a future"),
        (
            "export f: func() -> list<u8, 4>;",
            "has a list of fixed length",
        ),
        ("export f: func() -> map<string, u8>;", "has a map"),
        ("export f: func(a: error-context);", "has an error-context"),
    ] {
        wit(at, &format!("package a:b;\nworld w {{ {export} }}\n"));
        for lang in ["rust", "js", "ts", "python"] {
            refused(at, &args(lang), &[why, "; use a type of WASI 0.2"]);
        }
        // Nor is there a host that gives it.
        let import = export.replace("export", "import");
        wit(
            at,
            &format!("package a:b;\nworld w {{ {import} export g: func(); }}\n"),
        );
        refused(at, &args("rust"), &[why]);
    }
    wit(
        at,
        "package a:b;\ninterface i { f: async func(); }\nworld w { import i; export g: func(); }\n",
    );
    refused(
        at,
        &args("rust"),
        &["asynchronous function `", "make it a plain function"],
    );
    wit(
        at,
        "package a:b;\ninterface i { enum e { a } }\nworld w { export i; }\n",
    );
    for lang in ["rust", "js", "python"] {
        refused(
            at,
            &args(lang),
            &[
                "exports nothing that can be called",
                "name a world with exported functions",
            ],
        );
    }
    wit(
        at,
        "package a:b;\nworld w { export i: interface { f: func(); } }\n",
    );
    refused(
        at,
        &args("python"),
        &[
            "componentize-py makes nothing of one without a package",
            "--lang rust",
        ],
    );
    refused(at, &args("c"), &["stubs in C", "--lang rust"]);
    refused(at, &args("cpp"), &["stubs in C++"]);
}

/// The end that a case expects is the one that the engine prints: in a record without fields that are `none`, with the words
/// of WAVE escaped, and with floats as they are.
#[test]
fn the_case_of_a_stub_expects_the_value_as_it_is_printed() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    wit(
        at,
        "package a:b;
interface i {
  record r { x: option<u8> }
  record s { x: option<u8>, none: bool }
  enum e { none, a }
  flags f { q }
  go: func(a: r, b: e) -> tuple<r, s, e, f64, f, char, list<u8>, result<_, u8>>;
}
world w { export i; }
",
    );
    let said = new(at, &["words", "--lang", "rust", "--wit", "wit"]);
    assert_eq!(code(&said), 0, "{}", stderr(&said));
    let cases = fs::read_to_string(at.join("words/cases.toml")).unwrap();
    let call = "call = '''go({x: none}, %none)'''\n";
    let returns = "returns = '''({:}, {none: false}, %none, 0, {}, ' ', [], ok)'''\n";
    assert!(cases.contains(&format!("{call}{returns}")), "{cases}");
}

/// It needs rustup, and the registry of Cargo.
#[test]
fn stubs_in_rust_of_every_type_build_and_answer() {
    let folder = TempDir::new().unwrap();
    every_type(folder.path());
    let wit = folder.path().join("wit");
    let args = [
        "plugin",
        "--lang",
        "rust",
        "--wit",
        wit.to_str().unwrap(),
        "--world",
        "plugin",
    ];
    assert_eq!(code(&new(folder.path(), &args)), 0);
    let mut page = fs::read_to_string(folder.path().join("plugin").join("README.md")).unwrap();
    let component = "target/wasm32-wasip2/release/plugin.wasm";
    page.push_str(&format!(
        "\n```console exact\n$ tollgate call {component} 'all(\"\", {{name: \"\", type: red, perms: {{}}, shape: unit, tags: [], \
         big: 0, c: \\'x\\', ok: true}}, (0, 0, \\'x\\'))' --quiet\n([], none, {{}})\n```\n"
    ).replace("\\'", "'\\''"));
    walk_page("the README of plugin", &page, |at| {
        assert_eq!(code(&new(at, &args)), 0);
    });
}
