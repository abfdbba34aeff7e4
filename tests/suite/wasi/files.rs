//! `wasi:filesystem` by the same decisions and quotas as our own files: A39-path-escape to A42-file-quotas.

use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;
use tollgate::report::ExitCode;
use tollgate::{Outcome, Report};

use support::file_roots::{add_device, add_fifo, add_links, folders};
use support::harness::blocking;
use support::wasi_command::{run, stderr, stdout};

struct Roots {
    folder: TempDir,
}

impl Roots {
    fn new() -> Roots {
        Roots { folder: folders() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn with(&self, quotas: &str, args: &[&str]) -> Report<(), ExitCode> {
        let at = self.path().display();
        run(
            &blocking(),
            &format!(
                r#"
                limits.deadline = "5s"
                grants.wasi = {{ preopens = ["data", "out", "other"] }}
                grants.files = [
                    {{ root = "data", path = "{at}/data", access = "read" }},
                    {{ root = "out", path = "{at}/out", access = "read-write", {quotas} }},
                    {{ root = "other", path = "{at}/other", access = "read-write" }},
                    {{ root = "hidden", path = "{at}", access = "read-write" }},
                ]"#
            ),
            args,
            "",
        )
    }

    fn ok(&self, args: &[&str]) -> String {
        let report = self.with("max-files = 9", args);
        assert_eq!(
            report.outcome,
            Outcome::Returned(()),
            "{args:?}: {}",
            stderr(&report)
        );
        assert!(report.denials.is_empty(), "{:?}", report.denials);
        stdout(&report)
    }

    /// The reasons for which `args` were denied; the guest fails of it.
    fn denied(&self, quotas: &str, args: &[&str]) -> Vec<&'static str> {
        let report = self.with(quotas, args);
        assert_eq!(report.outcome, Outcome::Failed(ExitCode(1)), "{args:?}");
        let seen = stdout(&report) + &stderr(&report);
        assert!(!seen.contains("canary"), "{args:?}: {seen}");
        let host = self.path().to_str().unwrap();
        assert!(!seen.contains(host), "{args:?}: {seen}");
        assert!(
            report
                .denials
                .iter()
                .all(|denial| denial.capability == "files")
        );
        report
            .denials
            .iter()
            .map(|denial| denial.reason.label())
            .collect()
    }
}

#[test]
fn preopens_are_the_roots_that_are_named() {
    let roots = Roots::new();
    assert_eq!(roots.ok(&["read", "data/a.txt"]), "alpha");
    assert_eq!(roots.ok(&["read", "/data/./a.txt"]), "alpha");
    assert_eq!(roots.ok(&["list", "data"]), "a.txt\nsub\n");
    assert_eq!(
        roots.ok(&["files", "stat", "data/a.txt"]).split(' ').next(),
        Some("file")
    );
    roots.ok(&["write", "out/new.txt", "new"]);
    roots.ok(&["files", "append", "out/new.txt", "er"]);
    roots.ok(&["files", "poke", "out/new.txt", "1", "-"]);
    assert_eq!(roots.ok(&["read", "out/new.txt"]), "n-wer");
    roots.ok(&["files", "size", "out/new.txt", "2"]);
    roots.ok(&["files", "rename", "out/new.txt", "out/sub/old.txt"]);
    roots.ok(&["files", "folder", "out/made"]);
    roots.ok(&["files", "remove", "out/b.txt"]);
    assert_eq!(roots.ok(&["list", "out"]), "made\nsub\n");
    assert_eq!(
        std::fs::read(roots.path().join("out/sub/old.txt")).unwrap(),
        b"n-"
    );
    // A root that is granted to others and not named here is not there.
    assert!(roots.denied("", &["read", "hidden/secret"]).is_empty());
    assert!(roots.denied("", &["list", "/"]).is_empty());
    assert!(roots.denied("", &["read", "/etc/passwd"]).is_empty());
}

#[test]
fn inert_has_no_preopens() {
    let roots = Roots::new();
    let policy = format!(
        "grants.wasi = 'inert'\ngrants.files = [{{ root = 'data', path = '{}/data', access = 'read' }}]",
        roots.path().display()
    );
    for path in ["data/a.txt", "a.txt", "/data/a.txt", "."] {
        let report = run(&blocking(), &policy, &["read", path], "");
        assert_eq!(report.outcome, Outcome::Failed(ExitCode(1)));
        assert!(!stdout(&report).contains("alpha"));
    }
}

/// A39-path-escape.
#[test]
fn paths_and_links_never_leave_a_preopen() {
    let roots = Roots::new();
    add_links(roots.path());
    assert_eq!(roots.ok(&["read", "data/inside"]), "alpha");
    for path in [
        "data/../secret",
        "data/sub/../../secret",
        "data/link",
        "data/up/secret",
        "data/absolute",
    ] {
        assert_eq!(
            roots.denied("", &["read", path]),
            ["outside-root"],
            "{path}"
        );
    }
    assert_eq!(roots.denied("", &["list", "data/up"]), ["outside-root"]);
    assert_eq!(
        roots.denied("", &["write", "out/../x", ""]),
        ["outside-root"]
    );
    // Links are made that stay below their folder, for others may follow them.
    for target in ["../secret", "/etc/passwd", "sub/../b.txt"] {
        let denied = roots.denied("", &["files", "symlink", target, "out/made"]);
        assert!(
            denied.iter().all(|reason| *reason == "link"),
            "{target}: {denied:?}"
        );
        assert!(roots.path().join("out/made").symlink_metadata().is_err());
    }
    roots.ok(&["files", "symlink", "b.txt", "out/made"]);
    roots.ok(&["files", "rename", "out/made", "out/sub/made"]);
    // Existing links may be moved only where their target stays the same.
    symlink("../b.txt", roots.path().join("out/sub/link")).unwrap();
    let denied = roots.denied("", &["files", "rename", "out/sub/link", "out/link"]);
    assert_eq!(denied, ["link"]);
}

/// A link in a folder that is renamed may lead out of the root from its new place. Each use is decided anew, so it leads
/// no guest there; a program outside that follows it is led out, which docs/guide/policy.md says.
#[test]
fn a_link_in_a_folder_that_is_renamed_leads_no_guest_out() {
    let roots = Roots::new();
    std::fs::create_dir_all(roots.path().join("out/deep/moved")).unwrap();
    let link = roots.path().join("out/deep/moved/link");
    symlink("../../secret", &link).unwrap();
    symlink("../..", roots.path().join("out/deep/moved/up")).unwrap();
    assert!(std::fs::read(&link).is_err(), "it leads to nothing yet");
    roots.ok(&["files", "rename", "out/deep/moved", "out/moved"]);
    let outside = std::fs::read(roots.path().join("out/moved/link"));
    assert_eq!(
        outside.unwrap(),
        std::fs::read(roots.path().join("secret")).unwrap()
    );
    for args in [
        &["read", "out/moved/link"][..],
        &["read", "out/moved/up/secret"],
        &["list", "out/moved/up"],
        &["write", "out/moved/link", "x"],
        &["write", "out/moved/up/new", "x"],
        &["files", "append", "out/moved/link", "x"],
        &["files", "rename", "out/b.txt", "out/moved/up/b.txt"],
        &["files", "folder", "out/moved/up/made"],
        &["files", "remove", "out/moved/up/secret"],
    ] {
        assert_eq!(roots.denied("", args), ["outside-root"], "{args:?}");
    }
}

/// A40-read-only-root.
#[test]
fn a_read_only_preopen_stays_as_it_is() {
    let roots = Roots::new();
    for args in [
        &["write", "data/a.txt", "x"][..],
        &["write", "data/new", "x"],
        &["files", "append", "data/a.txt", "x"],
        &["files", "poke", "data/a.txt", "0", "x"],
        &["files", "size", "data/a.txt", "0"],
        &["files", "remove", "data/a.txt"],
        &["files", "folder", "data/new"],
        &["files", "rename", "data/a.txt", "data/new"],
        &["files", "rename", "data/a.txt", "out/new"],
        &["files", "rename", "out/b.txt", "data/a.txt"],
        &["files", "symlink", "x", "data/new"],
    ] {
        assert_eq!(roots.denied("", args), ["read-only"], "{args:?}");
    }
    // A hard link is a second name to write by: no link leads to a file of a read-only root, or to another root.
    for (from, to) in [("data/a.txt", "out/new"), ("out/b.txt", "data/new")] {
        let denied = roots.denied("", &["files", "link", from, to]);
        assert_eq!(denied, ["read-only"], "{from} {to}");
    }
    for act in ["rename", "link"] {
        let args = ["files", act, "out/b.txt", "other/b.txt"];
        assert!(roots.denied("", &args).is_empty(), "{act}");
    }
    let names = |root: &str| roots.path().join(root).read_dir().unwrap().count();
    assert_eq!((names("data"), names("out"), names("other")), (2, 2, 0));
    assert_eq!(
        std::fs::read(roots.path().join("data/a.txt")).unwrap(),
        b"alpha"
    );
}

/// A41-special-files: no end of a pipe, no device and no socket is opened, and the host does not wait for any of them.
#[test]
fn only_regular_files_are_opened_through_a_preopen() {
    let roots = Roots::new();
    for pipe in ["data/pipe", "out/pipe"] {
        add_fifo(&roots.path().join(pipe));
    }
    let socket = roots.path().join("data/socket");
    let _listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
    // An open that waits for the other end of a pipe meets the deadline, and is no denial.
    for args in [
        &["read", "data/pipe"][..],
        &["read", "out/pipe"],
        &["write", "out/pipe", "x"],
        &["files", "append", "out/pipe", "x"],
        &["read", "data/socket"],
    ] {
        assert_eq!(roots.denied("", args), ["not-a-file"], "{args:?}");
    }
    assert!(roots.ok(&["list", "data"]).contains("pipe"));
    add_device(&roots.path().join("data/zero"));
    assert_eq!(roots.denied("", &["read", "data/zero"]), ["not-a-file"]);
}

/// A62-protected: in its next run in that folder, the program would take the file for the operator's policy.
#[test]
fn no_guest_writes_a_policy() {
    let roots = Roots::new();
    std::fs::write(
        roots.path().join("out/sub/tollgate.toml"),
        "grants.log = true",
    )
    .unwrap();
    for name in [
        "out/tollgate.toml",
        "out/Tollgate.TOML",
        "out/sub/tollgate.toml",
        "out/sub/../tollgate.lock",
        "out/./tollgate.toml",
    ] {
        for args in [
            &["write", name, "grants.log = true"][..],
            &["files", "append", name, "x"],
            &["files", "rename", "out/b.txt", name],
            &["files", "link", "out/b.txt", name],
            &["files", "symlink", "b.txt", name],
        ] {
            assert_eq!(roots.denied("", args), ["protected"], "{args:?}");
        }
    }
    for args in [
        &["files", "remove", "out/sub/tollgate.toml"][..],
        &["files", "rename", "out/sub/tollgate.toml", "out/mine"],
        &["files", "link", "out/sub/tollgate.toml", "out/mine"],
        // A link that leads to one, through which it would be written.
        &["files", "symlink", "tollgate.toml", "out/sub/mine"],
        &["files", "symlink", "sub/TOLLGATE.LOCK", "out/mine"],
    ] {
        assert_eq!(roots.denied("", args), ["protected"], "{args:?}");
    }
    assert!(!roots.path().join("out/tollgate.toml").exists());
    // It may be read like any file.
    assert_eq!(
        roots.ok(&["read", "out/sub/tollgate.toml"]),
        "grants.log = true"
    );
}

/// A42-file-quotas.
#[test]
fn quotas_hold_for_preopens() {
    let roots = Roots::new();
    // Many files.
    assert_eq!(
        roots.denied("max-files = 5", &["files", "many", "out/sub"]),
        ["quota"]
    );
    assert_eq!(roots.path().join("out/sub").read_dir().unwrap().count(), 5);
    // A huge one, through a stream.
    assert_eq!(
        roots.denied("max-write = '300KiB'", &["files", "flood", "out/huge"]),
        ["quota"]
    );
    let length = |name: &str| {
        roots
            .path()
            .join("out")
            .join(name)
            .metadata()
            .unwrap()
            .len()
    };
    assert!(
        (236 << 10..=300 << 10).contains(&length("huge")),
        "{}",
        length("huge")
    );
    // Sparse ones: by writing far behind the end, and by setting the length.
    let far = (1u64 << 40).to_string();
    assert_eq!(
        roots.denied(
            "max-write = '1MiB'",
            &["files", "poke", "out/sparse", &far, "x"]
        ),
        ["quota"]
    );
    assert_eq!(length("sparse"), 0);
    assert_eq!(
        roots.denied("max-write = '1MiB'", &["files", "size", "out/b.txt", &far]),
        ["quota"]
    );
    assert_eq!(length("b.txt"), 4);
    // To cut a file off is to truncate it, the last byte or all of them.
    for size in ["3", "0"] {
        let args = ["files", "size", "out/b.txt", size];
        assert_eq!(roots.denied("max-files = 0", &args), ["quota"], "{size}");
        assert_eq!(length("b.txt"), 4);
    }
    // The length that it has cuts nothing off.
    let report = roots.with("max-files = 0", &["files", "size", "out/b.txt", "4"]);
    assert!(report.denials.is_empty(), "{:?}", report.denials);
    std::fs::write(roots.path().join("out/cut"), "1234").unwrap();
    assert_eq!(roots.ok(&["files", "size", "out/cut", "0"]), "");
    assert_eq!(length("cut"), 0);
    // A write that changes no file's length is a write all the same.
    assert_eq!(
        roots.denied(
            "max-write = 3",
            &["files", "poke", "out/b.txt", "0", "BETA"]
        ),
        ["quota"]
    );
    // Removing and renaming are counted, too.
    for args in [
        &["files", "remove", "out/b.txt"][..],
        &["files", "rename", "out/b.txt", "out/c"],
    ] {
        assert_eq!(roots.denied("max-files = 0", args), ["quota"], "{args:?}");
    }
    assert_eq!(
        std::fs::read(roots.path().join("out/b.txt")).unwrap(),
        b"beta"
    );
    // A single read of WASI is cut.
    std::fs::write(roots.path().join("out/long"), "0123456789").unwrap();
    let report = roots.with("max-read = 3", &["read", "out/long"]);
    assert_eq!(stdout(&report), "0123456789");
    let calls = |report: &Report<(), ExitCode>| report.usage.host_calls;
    let whole = roots.with("", &["read", "out/long"]);
    assert!(
        calls(&report) > calls(&whole) + 2,
        "{} {}",
        calls(&report),
        calls(&whole)
    );
}
