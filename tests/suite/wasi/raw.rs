//! `wasi:filesystem` called as no libc calls it: A39-path-escape to A42-file-quotas.

use tempfile::TempDir;
use tollgate::embed::CommandInput;
use tollgate::report::ExitCode;
use tollgate::{Policy, Report};

use support::file_roots::{add_fifo, add_links, folders};
use support::harness::{blocking, policy, source};
use support::wasi_command::stdout;

/// The report of the guest in `folders`, with `quotas` of `out`.
fn raw(folder: &TempDir, quotas: &str, args: &[&str]) -> Report<(), ExitCode> {
    let at = folder.path().display();
    let policy = policy(&format!(
        r#"
        grants.wasi = {{ preopens = ["data", "out"] }}
        grants.files = [
            {{ root = "other", path = "{at}/other", access = "read" }},
            {{ root = "data", path = "{at}/data", access = "read", max-read = 4 }},
            {{ root = "out", path = "{at}/out", access = "read-write", {quotas} }},
        ]"#
    ));
    under(&policy, args)
}

fn under(policy: &Policy, args: &[&str]) -> Report<(), ExitCode> {
    let args = [&["raw-files"], args].concat();
    let input = CommandInput {
        args: args.into_iter().map(str::to_owned).collect(),
        ..CommandInput::default()
    };
    let provider = blocking().load(&source("raw-files"), policy).unwrap();
    provider.session().command(input).unwrap()
}

fn said(folder: &TempDir, args: &[&str]) -> String {
    let report = raw(folder, "max-files = 9", args);
    assert!(report.denials.is_empty(), "{:?}", report.denials);
    stdout(&report).trim_end().to_owned()
}

/// Making or emptying a file is writing, whether or not anything is to be written into it.
#[test]
fn whatever_changes_a_read_only_root_is_denied() {
    let folder = folders();
    for (path, how, flags) in [
        ("data/new", "create", "read"),
        ("data/a.txt", "truncate", "read"),
        ("data/a.txt", "-", "write"),
        ("data/sub", "directory", "mutate"),
    ] {
        let report = raw(&folder, "", &["open", path, how, flags]);
        assert_eq!(stdout(&report), "read-only\n", "{path} {how} {flags}");
        let [denial] = report.denials.as_slice() else {
            panic!("{:?}", report.denials);
        };
        assert_eq!(denial.reason.label(), "read-only");
    }
    assert!(!folder.path().join("data/new").exists());
    assert_eq!(
        std::fs::read(folder.path().join("data/a.txt")).unwrap(),
        b"alpha"
    );
}

#[test]
fn what_is_open_says_what_it_is_for() {
    let folder = folders();
    for (args, what) in [
        (["flags", "data"], "DescriptorFlags(READ)"),
        (["flags", "out"], "DescriptorFlags(READ | MUTATE_DIRECTORY)"),
        (["flags", "out/b.txt"], "DescriptorFlags(READ)"),
        (["kind", "data"], "DescriptorType::Directory"),
        (["kind", "data/sub"], "DescriptorType::Directory"),
        (["kind", "data/a.txt"], "DescriptorType::RegularFile"),
    ] {
        assert_eq!(said(&folder, &args), what, "{args:?}");
    }
    let write = ["open", "out/b.txt", "-", "write"];
    assert_eq!(said(&folder, &write), "DescriptorFlags(WRITE)");
}

/// The end of a file is told where something was asked for and there is nothing.
#[test]
fn reads_end_at_the_end_and_are_no_larger_than_max_read() {
    let folder = folders();
    for (length, offset, what) in [
        ("3", "1", "3 false"),
        ("3", "4", "1 false"),
        ("3", "5", "0 true"),
        ("0", "5", "0 false"),
        ("0", "0", "0 false"),
        ("99", "0", "4 false"),
    ] {
        let args = ["read", "data/a.txt", length, offset];
        assert_eq!(said(&folder, &args), what, "{args:?}");
    }
    assert_eq!(said(&folder, &["stream", "data/a.txt", "99"]), "[4, 1]");
    assert_eq!(said(&folder, &["stream", "data/a.txt", "2"]), "[2, 2, 1]");
}

/// A guest gets numbers of its own for objects: the host's own numbers are hidden from it.
#[test]
fn the_same_object_has_the_same_name() {
    let folder = folders();
    std::fs::write(folder.path().join("out/a.txt"), "alpha").unwrap();
    for (a, b, same) in [
        ("data/a.txt", "data/a.txt", "true"),
        ("data/sub", "data/sub", "true"),
        ("data/a.txt", "data/sub/b.txt", "false"),
        ("data/a.txt", "out/a.txt", "false"),
    ] {
        assert_eq!(said(&folder, &["same", a, b]), same, "{a} {b}");
    }
    let hash = |path: &str| said(&folder, &["hash", path]);
    let first = hash("data/a.txt");
    assert!(
        first.starts_with("true ") && first == hash("data/a.txt"),
        "{first}"
    );
    // The number of the first file that is asked for, not that of the host's file system.
    assert_eq!(first, "true 10");
    assert_eq!(hash("out/a.txt"), first);
}

#[test]
fn files_are_no_folders() {
    let folder = folders();
    let said_so = r#"Some("not-directory") Some("not-directory")"#;
    assert_eq!(said(&folder, &["below", "out/b.txt"]), said_so);
}

/// A stream says no more than that it failed; the guest can ask why.
#[test]
fn a_quota_is_told_as_one_by_a_stream_that_is_closed_then() {
    let folder = folders();
    let report = raw(&folder, "max-write = 100", &["append", "out/new", "40"]);
    let said = stdout(&report);
    assert_eq!(said, "80 Some(\"quota\") Err(StreamError::Closed)\n");
    assert_eq!(report.denials.len(), 1);
    assert_eq!(
        std::fs::read(folder.path().join("out/new")).unwrap().len(),
        80
    );
}

/// A path that exists and cannot be opened as asked gives its own error code, and stays unchanged.
#[test]
fn files_are_opened_as_what_they_are() {
    let folder = folders();
    add_links(folder.path());
    for (path, how, flags, code) in [
        ("out/b.txt", "create,exclusive", "write", "exist"),
        ("out/sub", "create,exclusive", "write", "exist"),
        ("out/b.txt", "directory", "read", "not-directory"),
        ("out/sub", "-", "write", "is-directory"),
        ("out/sub", "create", "read", "is-directory"),
        ("out/sub", "truncate", "read", "is-directory"),
        ("out/none", "-", "read", "no-entry"),
        ("out/none", "truncate", "write", "no-entry"),
        ("data/inside", "-", "read", "loop"),
        // An open without either flag succeeds, and its descriptor has no flag.
        ("out/b.txt", "-", "-", "DescriptorFlags(0x0)"),
    ] {
        let args = ["open", path, how, flags];
        assert_eq!(said(&folder, &args), code, "{args:?}");
    }
    assert_eq!(
        std::fs::read(folder.path().join("out/b.txt")).unwrap(),
        b"beta"
    );
    assert!(!folder.path().join("out/none").exists());
    // Nothing is written to a descriptor that is open for reading, even where the root allows writing.
    let said_so = r#"Some("bad-descriptor") Some("bad-descriptor")"#;
    assert_eq!(said(&folder, &["write", "out/b.txt"]), said_so);
    assert_eq!(
        said(&folder, &["stat", "data/a.txt"]),
        "DescriptorType::RegularFile 5"
    );
    assert_eq!(
        said(&folder, &["stat", "data/sub"]),
        "DescriptorType::Directory 0"
    );
    assert_eq!(
        said(&folder, &["stat", "data/inside"]),
        "DescriptorType::SymbolicLink 5"
    );
    add_fifo(&folder.path().join("data/fifo"));
    assert_eq!(
        said(&folder, &["stat", "data/fifo"]),
        "DescriptorType::Unknown 0"
    );
}

/// To look for a file is not to make one, and to make one that is to be read makes it.
#[test]
fn what_is_not_there_counts_when_it_is_made() {
    let folder = folders();
    let look = ["open", "out/none", "-", "read"];
    let make = ["open", "out/none", "create", "read"];
    let report = raw(&folder, "max-files = 0", &look);
    assert_eq!(stdout(&report), "no-entry\n");
    assert!(report.denials.is_empty(), "{:?}", report.denials);
    let report = raw(&folder, "max-files = 0", &make);
    assert_eq!(stdout(&report), "quota\n");
    assert_eq!(report.denials.len(), 1);
    let report = raw(&folder, "max-files = 1", &make);
    assert_eq!(stdout(&report), "DescriptorFlags(READ)\n");
    assert!(folder.path().join("out/none").exists());
}

/// A clock that stands goes by steps, and a guest that has looked at it sleeps from where it stands; a look is a step.
#[test]
fn a_standing_clock_has_steps_and_alarms() {
    let said = |args: &[&str]| stdout(&under(&policy("grants.wasi = {}"), args));
    assert_eq!(said(&["clocks"]), "1000000 1.0\n");
    assert_eq!(said(&["nap", "50"]), "51\n");
}

/// Output that is kept is no terminal, also if the host's own output is one.
#[test]
fn no_output_is_a_terminal() {
    assert_eq!(said(&folders(), &["terminal"]), "false");
}

/// Bytes and numbers, secure and not: each is of the seed, and of its own.
#[test]
fn random_bytes_and_numbers_are_of_the_seed() {
    let random = |seed: u32| {
        let policy = policy(&format!("grants.wasi = {{ random = {{ seed = {seed} }} }}"));
        stdout(&under(&policy, &["random"]))
    };
    assert_eq!(random(42), random(42));
    let mut all: Vec<String> = [42, 43]
        .iter()
        .flat_map(|seed| random(*seed).lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    all.sort();
    all.dedup();
    // None twice, and none that is but a few bits.
    assert_eq!(all.len(), 8, "{all:?}");
    assert!(all.iter().all(|number| number.len() > 13), "{all:?}");
}
