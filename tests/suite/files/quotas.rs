//! The quotas of a call on a granted root: A42-file-quotas, and the half of A52-kill about files.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tollgate::Report;
use tollgate::blocking::Provider;

use support::cli::words;
use support::harness::{all_but, blocking, guest_file, policy, returned, source};

/// The hostile guest with one read-write root, `out`, and quotas of it.
fn provider(folder: &Path, quotas: &str) -> Provider {
    let policy = policy(&format!(
        "{}[[grants.files]]\nroot = 'out'\npath = '{}'\naccess = 'read-write'\n{quotas}",
        all_but("files"),
        folder.display()
    ));
    blocking().load(&source("hostile"), &policy).unwrap()
}

fn run(folder: &Path, quotas: &str, input: &str) -> Report<Vec<u8>> {
    let mut session = provider(folder, quotas).session();
    session.run(input.as_bytes()).unwrap()
}

fn denied_for_quota(report: &Report<Vec<u8>>) {
    assert!(returned(report).contains("QuotaExceeded"), "{report:?}");
    let [denial] = report.denials.as_slice() else {
        panic!("{:?}", report.denials);
    };
    assert_eq!(
        (denial.capability, denial.reason.label()),
        ("files", "quota")
    );
}

#[test]
fn bytes_written_are_bounded_by_max_write() {
    let folder = TempDir::new().unwrap();
    let report = run(folder.path(), "max-write = 5_000", "file-flood out 1000");
    denied_for_quota(&report);
    assert!(returned(&report).starts_with("(5, "), "{report:?}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 5);
    // A write that does not fit is not begun.
    let report = run(
        folder.path(),
        "max-write = 999",
        "write-file out 1000 whole",
    );
    denied_for_quota(&report);
    assert!(!folder.path().join("whole").exists());
    let report = run(
        folder.path(),
        "max-write = 1000",
        "write-file out 1000 whole",
    );
    assert!(returned(&report).contains("Ok"), "{report:?}");
}

#[test]
fn files_written_are_bounded_by_max_files() {
    let folder = TempDir::new().unwrap();
    let report = run(folder.path(), "max-files = 7", "file-flood out 1");
    denied_for_quota(&report);
    assert_eq!(folder.path().read_dir().unwrap().count(), 7);
    // A replaced file is one, too: the same names again.
    let report = run(folder.path(), "max-files = 3", "file-flood out 2");
    assert!(returned(&report).starts_with("(3, "), "{report:?}");
    denied_for_quota(&report);
    let report = run(folder.path(), "max-files = 0", "write-file out 0 none");
    denied_for_quota(&report);
}

/// The defaults are finite: a guest with fuel for a gigabyte does not fill the disk.
#[test]
fn a_grant_that_says_nothing_has_quotas() {
    let folder = TempDir::new().unwrap();
    let report = run(folder.path(), "", "file-flood out 4000000");
    denied_for_quota(&report);
    assert!(returned(&report).starts_with("(16, "), "{report:?}");
}

#[test]
fn a_single_read_is_bounded_by_max_read() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("big"), vec![b'x'; 1001]).unwrap();
    for attack in ["read-file out big", "read-range out 0 1001 big"] {
        denied_for_quota(&run(folder.path(), "max-read = 1000", attack));
    }
    std::fs::write(folder.path().join("exact"), vec![b'x'; 1000]).unwrap();
    for attack in ["read-file out exact", "read-range out 1 1000 big"] {
        let report = run(folder.path(), "max-read = 1000", attack);
        assert!(report.denials.is_empty() && report.usage.host_bytes >= 1000);
    }
}

/// A listing counts as its names and 32 bytes for each.
#[test]
fn a_listing_is_bounded_by_max_read() {
    let folder = TempDir::new().unwrap();
    for name in ["a", "bc"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    denied_for_quota(&run(folder.path(), "max-read = 66", "list-dir out ."));
    let report = run(folder.path(), "max-read = 67", "list-dir out .");
    assert!(returned(&report).contains("bc"), "{report:?}");
    assert_eq!(report.usage.host_bytes, 3 + 1 + 67);
}

/// A quota is one call's: the next call of the same session has it whole.
#[test]
fn quotas_start_anew_with_each_call() {
    let folder = TempDir::new().unwrap();
    let mut session = provider(folder.path(), "max-files = 2").session();
    for _ in 0..2 {
        let report = session.run(b"file-flood out 1").unwrap();
        assert!(returned(&report).starts_with("(2, "), "{report:?}");
    }
}

/// A52-kill: `kill -9` while a file of 4 MiB is written again and again leaves one of the old or the new.
#[test]
fn a_killed_host_leaves_the_old_file_or_the_new_one() {
    const SIZE: usize = 4 << 20;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    let grant = format!("files=out:{}:rw", folder.path().display());
    let mut seen = 0;
    for round in 0..12u64 {
        let mut host = support::cli::program()
            .args(["call", guest_file("hostile").to_str().unwrap()])
            .arg(format!(
                "run([{}])",
                format!("file-rewrite out {SIZE} file")
                    .bytes()
                    .map(|byte| byte.to_string())
                    .collect::<Vec<_>>()
                    .join(", ")
            ))
            .args(["--grant", &grant, "--grant", "log", "--grant", "hash"])
            .args(["--grant", "store", "--grant", "config=a:b"])
            .args(["--grant", "http=https://example.com/**"])
            .args(["--deadline", "20s", "--quiet"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Until it writes, and then at another moment of it each time.
        let start = Instant::now();
        let busy = || folder.path().read_dir().unwrap().count() > 0;
        while !busy() && start.elapsed() < Duration::from_secs(15) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(3 + 5 * round));
        host.kill().unwrap();
        let words = words(&mut host);
        host.wait().unwrap();
        assert!(busy(), "it wrote nothing: {words}");
        if let Ok(bytes) = std::fs::read(&file) {
            seen += 1;
            assert_eq!(bytes.len(), SIZE);
            assert!(bytes.iter().all(|byte| byte == &bytes[0]), "torn");
        }
        for entry in folder.path().read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path != file {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
    assert!(
        seen > 3,
        "killed before the first file in all but {seen} rounds"
    );
}
