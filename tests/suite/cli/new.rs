//! `tollgate new provider`: projects that build and run outside of this repository, and command lines that leave nothing behind.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use support::cli::{code, program, stderr, stdout};
use support::harness::root;
use tempfile::TempDir;

use crate::docs::walks::walk_page;

/// `tollgate new provider ARGS…` in a folder.
pub(super) fn new(folder: &Path, args: &[&str]) -> Output {
    let mut command = program();
    command.args(["new", "provider"]).args(args);
    command.current_dir(folder).output().unwrap()
}

/// The names of all that is in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Holds that a command line is refused as usage, says this, and writes nothing.
pub(super) fn refused(folder: &Path, args: &[&str], parts: &[&str]) {
    let before = names(folder);
    let said = new(folder, args);
    let text = stderr(&said);
    assert_eq!(code(&said), 2, "{args:?}: {text}");
    for part in parts {
        assert!(text.contains(part), "{args:?}: no {part:?} in {text}");
    }
    let hostile = |c: char| c.is_control() && c != '\n';
    assert!(!text.contains(hostile), "{args:?}: {text:?}");
    assert_eq!(names(folder), before, "{args:?} left something behind");
}

/// A folder of WIT with one file, below another folder.
pub(super) fn wit(folder: &Path, text: &str) {
    fs::create_dir_all(folder.join("wit")).unwrap();
    fs::write(folder.join("wit/world.wit"), text).unwrap();
}

#[test]
fn a_name_that_is_none_is_refused_and_one_that_is_near_is_shown() {
    let folder = TempDir::new().unwrap();
    let absolute = folder.path().join("out");
    for (name, near) in [
        ("../out", "; `out` is a name"),
        (
            absolute.to_str().unwrap(),
            "cannot be the name of a project",
        ),
        ("My_Words", "; `my-words` is a name"),
        ("words\u{1b}[31m", "words\\u{1b}[31m"),
        ("..", "such as `my-provider`"),
        ("", "such as `my-provider`"),
        ("fn", "a word of Rust"),
        ("con", "of the system"),
    ] {
        refused(folder.path(), &[name, "--lang", "rust"], &[near]);
    }
    let long = "a".repeat(65);
    refused(
        folder.path(),
        &[&long, "--lang", "rust"],
        &["longer than 64"],
    );
    assert!(!folder.path().parent().unwrap().join("out").exists());
}

#[test]
fn a_name_that_is_taken_is_refused_and_what_is_there_stays() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("folder")).unwrap();
    fs::write(at.join("file"), "mine").unwrap();
    std::os::unix::fs::symlink("nowhere", at.join("link")).unwrap();
    for name in ["folder", "file", "link"] {
        refused(
            at,
            &[name, "--lang", "js"],
            &["already exists", "choose another name"],
        );
    }
    assert_eq!(fs::read_to_string(at.join("file")).unwrap(), "mine");
    assert!(names(&at.join("folder")).is_empty());
}

#[test]
fn a_language_that_is_not_there_and_a_world_without_wit_are_usage_errors() {
    let folder = TempDir::new().unwrap();
    refused(
        folder.path(),
        &["words", "--lang", "cobol"],
        &["rust, js, ts, python, c, cpp"],
    );
    refused(folder.path(), &["words"], &["--lang"]);
    refused(
        folder.path(),
        &["words", "--lang", "c", "--world", "a:b/c"],
        &["--wit"],
    );
}

#[test]
fn wit_that_cannot_be_read_is_refused_with_the_place() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let args = ["words", "--lang", "rust", "--wit", "wit"];
    refused(at, &args, &["wit: cannot be read", "name a folder"]);
    fs::create_dir(at.join("wit")).unwrap();
    refused(at, &args, &["no *.wit file is in it"]);
    wit(
        at,
        "package a:b;\nworld w {\n  export f: func(\u{1b}[31m);\n}\n",
    );
    refused(at, &args, &["the WIT does not parse"]);
    wit(at, "package a:b;\nworld w {\n  export f: fnc();\n}\n");
    refused(
        at,
        &args,
        &["the WIT does not parse", "world.wit:3", "correct it"],
    );
    wit(
        at,
        "package a:b;\nworld w { export other:package/interface; }\n",
    );
    refused(at, &args, &["other:package", "in the folder `deps`"]);
    fs::remove_file(at.join("wit/world.wit")).unwrap();
    let pipe = std::process::Command::new("mkfifo")
        .arg(at.join("wit/world.wit"))
        .status();
    assert!(pipe.unwrap().success());
    refused(at, &args, &["it is not a regular file; put a file of WIT"]);
}

#[test]
fn a_world_that_is_not_there_is_refused_with_those_that_are() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    wit(
        at,
        "package a:b@1.0.0;\nworld plugin { export f: func(); }\nworld other { import g: func(); }\n",
    );
    let args = |world| ["words", "--lang", "rust", "--wit", "wit", "--world", world];
    let there = "it has a:b/plugin@1.0.0, a:b/other@1.0.0";
    refused(
        at,
        &args("plugn"),
        &["no world `plugn`", there, "did you mean `plugin`?"],
    );
    refused(
        at,
        &args("a:b/plugn@1.0.0"),
        &["did you mean `a:b/plugin@1.0.0`?"],
    );
    refused(at, &args("nothing"), &["name one of these"]);
    refused(at, &args("c\u{202e}d"), &["c\\u{202e}d"]);
    refused(
        at,
        &args("a:b/other"),
        &["exports nothing that can be called"],
    );
    refused(
        at,
        &args("plugin")[..5],
        &["which world is meant is not clear", "--world"],
    );
}

#[test]
fn a_policy_of_a_new_project_is_found_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let made = std::process::Command::new("sh")
        .args(["-c", "umask 0; exec \"$0\" new provider words --lang rust"])
        .arg(support::cli::tollgate())
        .current_dir(at)
        .output()
        .unwrap();
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    let mode = |path: &str| fs::metadata(at.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("words"), mode("words/tollgate.toml")), (0o755, 0o644));
    assert_eq!(names(at), ["words"]);
}

#[test]
fn every_language_has_its_files_and_a_policy_that_is_sound() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    for (lang, files) in [
        (
            "rust",
            ["Cargo.toml", "src/lib.rs", "wit/world.wit"].as_slice(),
        ),
        (
            "js",
            &[
                "package-lock.json",
                "provider.js",
                "build.js",
                "wit/deps/tollgate-provider/log.wit",
            ],
        ),
        (
            "ts",
            &["tsconfig.json", "provider.ts", "build.js", "wit/world.wit"],
        ),
        (
            "python",
            &[
                "requirements.txt",
                "app.py",
                "wit/deps/tollgate-provider/log.wit",
            ],
        ),
        ("c", &["provider.c", "build.sh", "wit/world.wit"]),
        ("cpp", &["provider.cpp", "build.sh", "wit/world.wit"]),
    ] {
        let said = new(at, &[lang, "--lang", lang]);
        assert_eq!(code(&said), 0, "{lang}: {}", stderr(&said));
        let made = at.join(lang);
        for file in files
            .iter()
            .chain(&["README.md", "cases.toml", "tollgate.toml", ".gitignore"])
        {
            assert!(made.join(file).is_file(), "{lang}: {file}");
        }
        let readme = fs::read_to_string(made.join("README.md")).unwrap();
        for command in stdout(&said).lines() {
            assert!(
                readme.contains(&format!("$ {command}\n")),
                "{lang}: {command}"
            );
        }
        let policy = made.join("tollgate.toml");
        let checked = support::cli::run(&["policy", "check", policy.to_str().unwrap()]);
        assert_eq!(code(&checked), 0, "{lang}: {}", stderr(&checked));
    }
    // No path into this repository, and no placeholder.
    let mut left = vec![at.to_owned()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for foreign in [
            "{{",
            "../",
            root().canonicalize().unwrap().to_str().unwrap(),
            "polyglot",
        ] {
            assert!(!text.contains(foreign), "{}: {foreign}", path.display());
        }
    }
}

/// What is read is what the parser reads, and is copied: also a package of `deps` in a file `*.wat`.
#[test]
fn a_package_in_any_file_of_deps_is_copied() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    for name in ["base.wit", "base.wat"] {
        wit(
            at,
            "package a:b;\nworld w { use c:d/types.{t}; export f: func(a: t); }\n",
        );
        fs::create_dir_all(at.join("wit/deps")).unwrap();
        let base = "package c:d;\ninterface types { type t = u8; }\n";
        fs::write(at.join("wit/deps").join(name), base).unwrap();
        let said = new(at, &["words", "--lang", "rust", "--wit", "wit"]);
        assert_eq!(code(&said), 0, "{name}: {}", stderr(&said));
        let copy = at.join("words/wit/deps").join(name);
        assert_eq!(fs::read_to_string(copy).unwrap(), base);
        fs::remove_dir_all(at.join("words")).unwrap();
        fs::remove_dir_all(at.join("wit")).unwrap();
    }
}

/// Of two interfaces with one name, and of names that Python has taken, a project would lack a file or a class.
#[test]
fn a_world_whose_names_become_one_in_python_is_refused() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    let resource = "resource thing { constructor(); }";
    for (interface, why) in [
        ("app", "in the module `app`, which is another one"),
        ("types", "in the module `types`, which is another one"),
        ("wit-world", "another class of app.py is `WitWorld`"),
    ] {
        let function = "f: func();";
        wit(
            at,
            &format!(
                "package a:b;\ninterface {interface} {{ {function} {} }}\nworld w {{ export {interface}; }}\n",
                if interface == "wit-world" {
                    ""
                } else {
                    resource
                }
            ),
        );
        refused(
            at,
            &["words", "--lang", "python", "--wit", "wit"],
            &[why, "give it another name in the WIT, or use"],
        );
    }
    fs::create_dir_all(at.join("wit/deps")).unwrap();
    let other = "package c:d;\ninterface counters { f: func(); }\n";
    fs::write(at.join("wit/deps/other.wit"), other).unwrap();
    wit(
        at,
        "package a:b;\ninterface counters { f: func(); }\nworld w { export counters; export c:d/counters; }\n",
    );
    let args = ["words", "--lang", "python", "--wit", "wit"];
    refused(at, &args, &["another class of app.py is `Counters`"]);
}

/// Words of a language, and names that are parts of others, in each language.
#[test]
fn names_of_a_world_are_no_words_of_a_language() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    wit(
        at,
        "package a:b;
/// This line is no item: world provider {
world w { export none; export %undefined: func(%class: u8, self: u8); }
interface none {
  variant r-error { bad }
  resource r { constructor(n: u32) -> result<r, r-error>; }
  type my-r = u8;
  resource error { constructor(); copy: func() -> error; }
  check: func(self: u8);
}
",
    );
    let made = |lang: &str, file: &str| {
        let said = new(at, &[lang, "--lang", lang, "--wit", "wit"]);
        assert_eq!(code(&said), 0, "{lang}: {}", stderr(&said));
        fs::read_to_string(at.join(lang).join(file)).unwrap()
    };
    let rust = made("rust", "src/lib.rs");
    let constructor = "fn new(_n: u32) -> Result<Self, RError> {\n            Ok(MyR_)";
    assert!(rust.contains(constructor), "{rust}");
    let js = made("js", "provider.js");
    assert!(js.contains("  Error: class {\n"), "{js}");
    assert!(js.contains("export { undefined_ as undefined };"), "{js}");
    let python = made("python", "app.py");
    assert!(python.contains("class None_(exports.None_):"), "{python}");
    assert!(python.contains("def check(self, self_):"), "{python}");
    let world = fs::read_to_string(at.join("python/wit/world.wit")).unwrap();
    let item = world.find("\nworld provider {\n  // The exports of a:b/w.");
    assert!(item.is_some(), "{world}");
    let resources = fs::read_to_string(at.join("python/none.py")).unwrap();
    assert!(
        resources.contains("class Error(exports.none.Error):"),
        "{resources}"
    );
}

/// A project is there whole or not at all, whenever its writing is interrupted.
#[test]
fn an_interrupt_leaves_no_half_a_project() {
    let folder = TempDir::new().unwrap();
    let at = folder.path();
    for wait in 0..40 {
        let mut command = program();
        command.args(["new", "provider", "words", "--lang", "js"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.current_dir(at).spawn().unwrap();
        let began = Instant::now();
        while began.elapsed() < Duration::from_micros(500 * wait) {}
        support::processes::send("INT", child.id());
        child.wait().unwrap();
        match names(at).as_slice() {
            [] => {}
            [one] if one == "words" => {
                let made = names(&at.join("words"));
                assert!(made.contains(&"README.md".to_owned()), "{wait}: {made:?}");
                assert_eq!(made.len(), 9, "{wait}: {made:?}");
                fs::remove_dir_all(at.join("words")).unwrap();
            }
            // What is removed by the test would otherwise be seen as the project's.
            left => panic!("{wait}: {left:?}"),
        }
    }
}

/// It needs rustup, and the registry of Cargo.
#[test]
fn the_readme_of_a_project_in_rust_is_right_word_for_word() {
    let folder = TempDir::new().unwrap();
    assert_eq!(code(&new(folder.path(), &["words", "--lang", "rust"])), 0);
    let readme = fs::read_to_string(folder.path().join("words").join("README.md")).unwrap();
    walk_page("the README of words", &readme, |at| {
        assert_eq!(code(&new(at, &["words", "--lang", "rust"])), 0);
    });
}
