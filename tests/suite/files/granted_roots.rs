//! Files below granted roots, and nothing else: A39-path-escape to A41-special-files.

use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;
use tollgate::{Outcome, Report};

use support::file_roots::{add_fifo, add_links, folders};
use support::harness::{all_but, blocking, policy, returned, source};
use support::skip::fuel_is_counted;

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

    fn run(&self, input: &str) -> Report<Vec<u8>> {
        self.run_with("limits.fuel = 1_000_000", input)
    }

    fn run_with(&self, limits: &str, input: &str) -> Report<Vec<u8>> {
        let at = self.path().display();
        let policy = policy(&format!(
            r#"{}
            limits.host-data = "64KiB"
            {limits}
            grants.files = [
                {{ root = "data", path = "{at}/data", access = "read" }},
                {{ root = "out", path = "{at}/out", access = "read-write" }},
            ]"#,
            all_but("files")
        ));
        let provider = blocking().load(&source("hostile"), &policy).unwrap();
        provider.session().run(input.as_bytes()).unwrap()
    }

    fn answer(&self, input: &str) -> String {
        returned(&self.run(input))
    }

    /// The reason with which `input` was denied.
    fn denied(&self, input: &str) -> String {
        let report = self.run(input);
        let answer = format!("{:?}", report.outcome);
        let Outcome::Returned(bytes) = &report.outcome else {
            panic!("{answer}");
        };
        let text = String::from_utf8_lossy(bytes);
        assert!(text.contains("AccessDenied"), "{input}: {text}");
        assert!(!text.contains("canary"), "{input}: {text}");
        assert_eq!(report.denials.len(), 1, "{input}");
        report.denials[0].reason.label().to_owned()
    }
}

#[test]
fn granted_files_are_read_listed_and_described() {
    let roots = Roots::new();
    assert!(roots.answer("read-file data a.txt").contains("alpha"));
    assert!(roots.answer("read-file data sub/b.txt").contains("beta"));
    let list = roots.answer("list-dir data .");
    assert!(list.contains("a.txt") && list.contains("sub"), "{list}");
    assert!(roots.answer("stat-file data a.txt").contains('5'));
    assert!(roots.answer("read-range data 1 3 a.txt").contains('3'));
    assert!(roots.answer("read-range data 99 3 a.txt").contains('0'));
    assert!(roots.answer("read-file data none").contains("NotFound"));
}

#[test]
fn what_a_call_moves_is_counted_to_the_byte() {
    let roots = Roots::new();
    for (input, bytes) in [
        ("read-file data a.txt", 4 + 5 + 5),
        ("read-range data 1 3 a.txt", 4 + 5 + 3),
        // As much as one call may move, asked of a file that has less.
        ("read-range data 0 65536 a.txt", 4 + 5 + 5),
        ("stat-file data a.txt", 4 + 5),
        ("write-file out 7 new", 3 + 3 + 7),
    ] {
        let report = roots.run(input);
        assert!(returned(&report).contains("Ok"), "{input}: {report:?}");
        assert_eq!(report.usage.host_bytes, bytes, "{input}");
    }
}

/// A39-path-escape.
#[test]
fn paths_that_lead_elsewhere_are_denied() {
    let roots = Roots::new();
    for (reason, paths) in [
        (
            "outside-root",
            &[
                "../secret",
                "sub/../../secret",
                "/etc/passwd",
                "//etc/passwd",
                "..",
            ][..],
        ),
        (
            "bad-path",
            &[
                "a.txt/",
                "sub//b.txt",
                "./a.txt",
                "sub/.",
                "a\0b",
                "a\\b",
                "",
            ],
        ),
    ] {
        for path in paths {
            assert_eq!(
                roots.denied(&format!("path-escape {path}")),
                reason,
                "{path:?}"
            );
            assert_eq!(
                roots.denied(&format!("write-escape {path}")),
                reason,
                "{path:?}"
            );
        }
    }
    assert_eq!(roots.denied("read-file other a.txt"), "unknown-root");
    assert_eq!(roots.denied("read-file Data a.txt"), "unknown-root");
}

/// A39-path-escape: links that lead out of the root, whole or in the middle.
#[test]
fn symbolic_links_never_leave_the_root() {
    let roots = Roots::new();
    add_links(roots.path());
    for path in ["link", "up/secret", "absolute"] {
        assert_eq!(
            roots.denied(&format!("read-file data {path}")),
            "outside-root",
            "{path}"
        );
    }
    assert!(roots.answer("read-file data inside").contains("alpha"));
    assert_eq!(roots.denied("list-dir data up"), "outside-root");
    assert!(roots.answer("stat-file data link").contains("Symlink"));
}

/// A39-path-escape: a link that comes and goes while it is read.
#[test]
fn a_symlink_race_never_reads_outside() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let roots = Roots::new();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (a, b) = (
                roots.path().join("data/flip"),
                roots.path().join("data/.next"),
            );
            while !stop.load(Ordering::Relaxed) {
                let _ = std::fs::remove_file(&b);
                symlink("../secret", &b).unwrap();
                std::fs::rename(&b, &a).unwrap();
                std::fs::write(&b, "alpha").unwrap();
                std::fs::rename(&b, &a).unwrap();
            }
        });
        for _ in 0..30 {
            let answer = format!("{:?}", roots.run("read-file data flip").outcome);
            assert!(!answer.contains("canary"), "{answer}");
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// A40-read-only-root.
#[test]
fn a_read_only_root_stays_as_it_is() {
    let roots = Roots::new();
    assert_eq!(roots.denied("write-file data 3 a.txt"), "read-only");
    assert_eq!(roots.denied("write-escape a.txt"), "read-only");
    // A hard link in the writable root to a file of the read-only one: written, it is replaced.
    std::fs::hard_link(
        roots.path().join("data/a.txt"),
        roots.path().join("out/a.txt"),
    )
    .unwrap();
    assert!(roots.answer("write-file out 7 a.txt").contains("Ok"));
    assert_eq!(
        std::fs::read_to_string(roots.path().join("data/a.txt")).unwrap(),
        "alpha"
    );
    assert_eq!(
        std::fs::read(roots.path().join("out/a.txt")).unwrap().len(),
        7
    );
    // A symbolic link there is replaced as well, not followed.
    symlink("../data/a.txt", roots.path().join("out/link")).unwrap();
    assert!(roots.answer("write-file out 7 link").contains("Ok"));
    assert_eq!(
        std::fs::read_to_string(roots.path().join("data/a.txt")).unwrap(),
        "alpha"
    );
}

/// A41-special-files: none of these blocks, and none is read.
#[test]
fn only_regular_files_are_read_or_replaced() {
    let roots = Roots::new();
    add_fifo(&roots.path().join("out/fifo"));
    let _socket = std::os::unix::net::UnixListener::bind(roots.path().join("out/socket")).unwrap();
    for path in ["fifo", "socket", "."] {
        assert_eq!(
            roots.denied(&format!("read-file out {path}")),
            "not-a-file",
            "{path}"
        );
    }
    for path in ["fifo", "socket"] {
        assert_eq!(
            roots.denied(&format!("write-file out 1 {path}")),
            "not-a-file",
            "{path}"
        );
    }
    assert!(roots.answer("stat-file out fifo").contains("Other"));
}

#[test]
fn writes_are_whole_and_leave_no_litter() {
    if !fuel_is_counted() {
        return;
    }
    let roots = Roots::new();
    assert!(roots.answer("write-file out 5 new.txt").contains("Ok"));
    assert_eq!(
        std::fs::read(roots.path().join("out/new.txt"))
            .unwrap()
            .len(),
        5
    );
    let answer = roots.answer("write-file out 5 none/new.txt");
    assert!(answer.contains("NotFound"), "{answer}");
    // A write that the fuel does not cover is not begun.
    let policy_fuel = "limits.fuel = 30_000";
    let report = roots.run_with(policy_fuel, "write-file out 25000 unpaid.txt");
    assert_eq!(report.outcome.fault().unwrap().label(), "fuel");
    assert!(!roots.path().join("out/unpaid.txt").exists());
    // Files of 64 KiB without end: each byte is paid for, so the fuel runs out.
    let report = roots.run("file-flood out 60000");
    assert_eq!(report.outcome.fault().unwrap().label(), "fuel");
    assert!(report.usage.host_calls < 20, "{}", report.usage.host_calls);
    let litter = std::fs::read_dir(roots.path().join("out"))
        .unwrap()
        .filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with(".tollgate")
        })
        .count();
    assert_eq!(litter, 0);
}

/// A file is replaced and not written over: a reader that has the old one open keeps all of it.
#[test]
fn a_reader_of_the_old_file_keeps_it() {
    use std::io::Read as _;

    let roots = Roots::new();
    let path = roots.path().join("out/old.txt");
    std::fs::write(&path, "the old contents").unwrap();
    let mut reader = std::fs::File::open(&path).unwrap();
    assert!(roots.answer("write-file out 5 old.txt").contains("Ok"));
    assert_eq!(std::fs::read(&path).unwrap().len(), 5);
    let mut read = String::new();
    reader.read_to_string(&mut read).unwrap();
    assert_eq!(read, "the old contents");
}

#[test]
fn a_read_is_no_larger_than_host_data_allows() {
    let roots = Roots::new();
    std::fs::write(roots.path().join("data/big"), vec![b'x'; 100_000]).unwrap();
    let answer = roots.answer("read-file data big");
    assert!(answer.contains("QuotaExceeded"), "{answer}");
    let report = roots.run("read-range data 0 70000 big");
    assert_eq!(report.outcome.fault().unwrap().label(), "host-data");
    assert!(
        roots
            .answer("read-range data 0 60000 big")
            .contains("60000")
    );
}

#[test]
fn a_root_that_is_not_there_is_the_operators_mistake() {
    let policy =
        policy("grants.files = [{ root = \"data\", path = \"/no/such\", access = \"read\" }]");
    match blocking().load(&source("echo"), &policy) {
        Err(tollgate::LoadError::Grant(tollgate::load::GrantError::Root {
            root, path, ..
        })) => {
            assert_eq!(
                (root.as_str(), path.as_path()),
                ("data", Path::new("/no/such"))
            );
        }
        other => panic!("{:?}", other.err()),
    }
}
