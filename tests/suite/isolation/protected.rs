//! Protected files, which the process of a provider knows by device and number: it has no path to them.

use std::fs::{create_dir, hard_link, read_to_string, write};

use support::cli::tollgate;
use support::harness::{policy, source};
use support::wasi_command::stdout;
use tempfile::TempDir;
use tollgate::blocking::Runtime;
use tollgate::embed::CommandInput;

use super::isolating;

#[test]
fn a_second_name_of_a_protected_file_is_denied() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    create_dir(at("out")).unwrap();
    write(at("key"), "canary").unwrap();
    write(at("data"), "text").unwrap();
    hard_link(at("key"), at("out/key")).unwrap();
    hard_link(at("data"), at("out/data")).unwrap();
    let builder = isolating(tollgate()).protect(at("key"));
    let runtime = Runtime::from(builder.protect(at("made-later")).build());
    let policy = policy(&format!(
        "grants.wasi = {{ preopens = ['out'] }}\n\
         grants.files = [{{ root = 'out', path = '{}', access = 'read-write' }}]",
        at("out").display()
    ));
    let provider = runtime.load(&source("hello-command"), &policy).unwrap();
    // The process starts with the first session, and is told of the files that are there by then.
    write(at("made-later"), "canary").unwrap();
    hard_link(at("made-later"), at("out/made")).unwrap();
    let run = |args: &[&str]| {
        let args = std::iter::once(&"hello-command").chain(args);
        let input = CommandInput {
            args: args.map(|arg| (*arg).to_owned()).collect(),
            ..CommandInput::default()
        };
        let report = provider.session().command(input).unwrap();
        let denials = report.denials.iter().map(|denial| denial.reason.label());
        (stdout(&report), denials.collect::<Vec<_>>())
    };
    for name in ["out/key", "out/made"] {
        for args in [
            &["read", name][..],
            &["write", name, "x"],
            &["files", "append", name, "x"],
            &["files", "size", name, "0"],
        ] {
            let (said, denials) = run(args);
            assert!(!said.contains("canary"), "{args:?}");
            assert_eq!(denials, ["protected"], "{args:?}: {said}");
        }
    }
    for name in ["key", "made-later"] {
        assert_eq!(read_to_string(at(name)).unwrap(), "canary", "{name}");
    }
    // A file with two names that is not protected is a file like others.
    let (said, denials) = run(&["read", "out/data"]);
    assert!(
        said.contains("text") && denials.is_empty(),
        "{said} {denials:?}"
    );
}
