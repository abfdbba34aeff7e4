//! Walks: pages whose commands and files are tried word for word, in an empty folder.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use support::cli::{build, built, tollgate};
use support::harness::{guest_file, root};
use support::processes::{is_gone, send};
use support::skip::{is_installed, skip};
use support::walk::{Step, Walker, steps, walk};
use tempfile::TempDir;

/// Walks a page in a folder outside of this repository. `prepare` puts the files that the page reads into it.
pub(crate) fn walk_page(name: &str, page: &str, prepare: impl FnOnce(&Path)) {
    walk_with(None, name, page, prepare);
}

/// The same with programs that are found before all others.
fn walk_with(before: Option<&Path>, name: &str, page: &str, prepare: impl FnOnce(&Path)) {
    let folder = TempDir::new().unwrap();
    prepare(folder.path());
    let walker = Walker {
        folder: folder.path(),
        tollgate: tollgate(),
        before,
        kept: root().join("target/walks"),
    };
    match walk(page, &walker) {
        Ok(steps) => assert!(steps > 4, "{name} has {steps} steps"),
        Err(account) => panic!("{name}: {account}"),
    }
}

/// Walks a page of the guide.
fn guide(page: &str, prepare: impl FnOnce(&Path)) {
    let text = fs::read_to_string(root().join(page)).unwrap();
    walk_page(page, &text, prepare);
}

#[test]
fn a_page_is_read_as_commands_output_and_files() {
    let page = "# T\n\n```console\n$ a b\none\n(exit status 3)\n$ c\n```\n\n```rust\n// src/lib.rs\nfn f() {}\n```\n\n\
        ```rust\nfn shown() {}\n```\n\n```text\n$ no\n```\n\n```console exact\n$ d\n```\n";
    let command = |line, command: &str, expected: &[&str], exact, status| Step::Command {
        line,
        command: command.to_owned(),
        expected: expected.iter().map(|line| (*line).to_owned()).collect(),
        exact,
        status,
    };
    let file = Step::File {
        path: "src/lib.rs".to_owned(),
        text: "// src/lib.rs\nfn f() {}\n".to_owned(),
    };
    let wanted = [
        command(4, "a b", &["one"], false, 3),
        command(7, "c", &[], false, 0),
        file,
        command(24, "d", &[], true, 0),
    ];
    assert_eq!(steps(page), wanted);
}

#[test]
fn a_walk_ends_at_the_step_that_goes_another_way() {
    let folder = TempDir::new().unwrap();
    let walker = Walker {
        folder: folder.path(),
        tollgate: tollgate(),
        before: None,
        kept: folder.path().join("kept"),
    };
    let tried = |block: &str| walk(block, &walker);
    assert_eq!(
        tried("```console\n$ echo one; echo 2 three\none\n2 … ee\n```\n"),
        Ok(1)
    );
    assert_eq!(
        tried(
            "```console\n$ mkdir d\n$ cd d\n```\n```sh\n# a/b.sh\nexit 3\n```\n```console\n$ sh a/b.sh\n(exit status 3)\n```\n"
        ),
        Ok(4)
    );
    for (block, account) in [
        ("```console\n$ echo one\ntwo\n```\n", "missing: two"),
        ("```console\n$ printf 'b\\na\\n'\na\nb\n```\n", "missing: b"),
        (
            "```console\n$ exit 1\n```\n",
            "expected exit status 0, and it is 1",
        ),
        (
            "```console\n$ true\n(exit status 1)\n```\n",
            "expected exit status 1, and it is 0",
        ),
        (
            "```console exact\n$ printf 'a\\nb\\n'\na\n```\n",
            "missing: a",
        ),
        ("```console\n$ cd nowhere\n```\n", "no such folder"),
    ] {
        let said = tried(block).unwrap_err();
        assert!(said.contains(account), "{block}: {said}");
    }
}

/// It needs rustup, and the registry of Cargo.
#[test]
fn ten_minutes_in_rust() {
    guide("docs/guide/start-rust.md", |_| {});
}

/// It needs the guests alone.
#[test]
fn two_minutes_as_an_operator() {
    guide("docs/guide/start-operator.md", |at| {
        fs::copy(guest_file("checksums"), at.join("checksums.wasm")).unwrap();
    });
}

/// It needs the server of NATS, at its own port.
#[test]
fn five_commands_and_a_fleet() {
    if !is_installed("nats-server") {
        return;
    }
    if std::net::TcpListener::bind(("127.0.0.1", 4222)).is_err() {
        skip("another program is at the port of NATS, 4222");
        return;
    }
    let folder = TempDir::new().unwrap();
    let at = folder.path().to_owned();
    fs::copy(guest_file("versions-only"), at.join("versions-only.wasm")).unwrap();
    let policy = root().join("samples/versions-only.toml");
    fs::copy(policy, at.join("versions-only.toml")).unwrap();
    let page = fs::read_to_string(root().join("docs/guide/fleet.md")).unwrap();
    let walker = Walker {
        folder: &at,
        tollgate: tollgate(),
        before: None,
        kept: root().join("target/walks"),
    };
    let walked = walk(&page, &walker);
    // A walk that ends in its middle leaves the programs that it has started.
    for name in ["w1", "w2", "w3", "nats"] {
        let file = fs::read_to_string(at.join(format!("{name}.pid")));
        if let Some(id) = file.ok().and_then(|text| text.trim().parse().ok())
            && !is_gone(id)
        {
            send("KILL", id);
        }
    }
    assert_eq!(walked, Ok(7));
}

const EMBEDDER: &str = "docs/guide/start-embedder.md";

/// The embedder's reader has a clone of this repository.
fn as_an_embedder(before: Option<&Path>) {
    let page = fs::read_to_string(root().join(EMBEDDER)).unwrap();
    walk_with(before, EMBEDDER, &page, |at| {
        symlink(fs::canonicalize(root()).unwrap(), at.join("tollgate")).unwrap();
    });
}

/// The page's program is the example `start`, which is built already: building the engine in a project of its own takes minutes, and
/// `just walks` does. Whatever else the page has Cargo do, Cargo does.
#[test]
fn ten_minutes_as_an_embedder() {
    let examples = root().join("host/runtime/examples");
    let read = |path: &str| fs::read_to_string(examples.join(path)).unwrap();
    let example = read("start.rs").replace("examples/start/wit", "wit");
    let (_, program) = example.split_once("\n\n").unwrap();
    let page = fs::read_to_string(root().join(EMBEDDER)).unwrap();
    for (path, text) in [
        ("src/main.rs", program),
        ("wit/shop.wit", &read("start/wit/shop.wit")),
    ] {
        let wanted = Step::File {
            path: path.to_owned(),
            text: format!("// {path}\n{text}"),
        };
        assert!(
            steps(&page).contains(&wanted),
            "{path} differs from its example"
        );
    }
    build(&["--example", "start"]);
    let programs = TempDir::new().unwrap();
    let shim = programs.path().join("cargo");
    let script = format!(
        "#!/bin/sh\ncase \"$1 $2\" in\n'build ') exit ;;\n'run --') shift 2; exec '{}' \"$@\" ;;\nesac\nPATH=${{PATH#*:}} exec cargo \"$@\"\n",
        built("examples/start").display(),
    );
    fs::write(&shim, script).unwrap();
    fs::set_permissions(&shim, fs::Permissions::from_mode(0o755)).unwrap();
    as_an_embedder(Some(programs.path()));
}

/// The pages and projects whose compilers come from PyPI and npm: `just walks`.
#[cfg(feature = "polyglot")]
mod registries {
    use std::fs;
    use std::path::Path;

    use support::cli::{code, program, stderr};
    use support::harness::root;
    use tempfile::TempDir;

    use super::{guide, walk_page};
    use crate::cli::new_host::{new_host, own_world};

    /// Walks the page of a new project in this language.
    fn project(lang: &str) {
        let new = |at: &Path| {
            let mut command = program();
            command.args(["new", "provider", "words", "--lang", lang]);
            assert_eq!(code(&command.current_dir(at).output().unwrap()), 0);
        };
        let folder = TempDir::new().unwrap();
        new(folder.path());
        let page = fs::read_to_string(folder.path().join("words").join("README.md")).unwrap();
        walk_page(lang, &page, new);
    }

    #[test]
    fn ten_minutes_as_an_embedder_with_an_engine_of_its_own() {
        super::as_an_embedder(None);
    }

    #[test]
    fn ten_minutes_in_python() {
        guide("docs/guide/start-python.md", |_| {});
    }

    #[test]
    fn ten_minutes_in_javascript() {
        guide("docs/guide/start-javascript.md", |_| {});
    }

    #[test]
    fn a_project_in_typescript() {
        project("ts");
    }

    /// The engine is built as part of it, once.
    fn host(args: &[&str]) {
        let checkout = root().canonicalize().unwrap();
        let new = |at: &Path| {
            own_world(at);
            let from = ["report", "--tollgate-path", checkout.to_str().unwrap()];
            let said = new_host(at, &[&from[..], args].concat());
            assert_eq!(code(&said), 0, "{}", stderr(&said));
        };
        let folder = TempDir::new().unwrap();
        new(folder.path());
        let page = fs::read_to_string(folder.path().join("report").join("README.md")).unwrap();
        walk_page("the README of a host", &page, new);
    }

    #[test]
    fn a_host_of_an_example() {
        host(&["--world", "acme:report/plugin"]);
    }

    #[test]
    fn a_host_of_a_world_that_is_there() {
        host(&["--wit", "wit", "--world", "plugin"]);
    }

    /// Its packages are those of Debian, and root installs them.
    #[test]
    fn a_project_in_c() {
        project("c");
    }

    /// As in C.
    #[test]
    fn a_project_in_cpp() {
        project("cpp");
    }
}
