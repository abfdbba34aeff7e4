//! `tollgate document`: doc comments of WIT in a component, for those who are told of its functions.

use support::workdir::Workdir;

const WIT: &str = "package acme:counter;
    /// Counts for one call.
    world counter {
        /// The next number, from 1.
        export next: func() -> u32;
        export work: func(turns: u32);
    }
    world other { export unknown: func(); }
    world none {
        /// Nothing that the component has.
        export unknown: func();
    }";

fn workdir() -> Workdir {
    let workdir = Workdir::new();
    workdir.bring("counter", "counter.wasm");
    std::fs::create_dir(workdir.at("wit")).unwrap();
    workdir.write("wit/counter.wit", WIT);
    workdir
}

#[test]
fn a_component_gets_the_comments_of_its_world() {
    let workdir = workdir();
    let before = std::fs::read(workdir.at("counter.wasm")).unwrap();
    let said = workdir.ends(
        "document counter.wasm --wit wit --world counter -o new.wasm",
        0,
    );
    assert_eq!(
        said,
        "note: wrote new.wasm, with documentation of 1 function\n"
    );
    assert_eq!(std::fs::read(workdir.at("counter.wasm")).unwrap(), before);
    let wit = workdir.ok("inspect new.wasm --wit");
    assert!(
        wit.contains("  /// The next number, from 1.\n  export next: func() -> u32;"),
        "{wit}"
    );
    assert!(wit.contains("/// Counts for one call."), "{wit}");
    assert_eq!(workdir.ok("call new.wasm next()"), "1\n");
    // In its own place, where a signature is of other bytes then.
    workdir.write("counter.wasm.minisig", "old");
    let said = workdir.ends(
        "document counter.wasm --wit wit --world acme:counter/counter",
        0,
    );
    assert!(
        said.ends_with("counter.wasm.minisig is of other bytes now; sign the component again\n"),
        "{said}"
    );
    assert_eq!(
        std::fs::read(workdir.at("counter.wasm")).unwrap(),
        std::fs::read(workdir.at("new.wasm")).unwrap()
    );
}

#[test]
fn a_mistake_is_told_and_nothing_is_written() {
    let workdir = workdir();
    let before = std::fs::read(workdir.at("counter.wasm")).unwrap();
    workdir.write("text.wasm", "no component");
    for (line, says) in [
        (
            "document counter.wasm --wit wit",
            "it has acme:counter/counter, acme:counter/other, acme:counter/none; name one with --world",
        ),
        (
            "document counter.wasm --wit wit --world other",
            "wit: the world `other` has no doc comments about its exports; write `///` above them",
        ),
        (
            "document counter.wasm --wit wit --world none",
            "counter.wasm: the component exports none of the functions that `acme:counter/none` documents",
        ),
        ("document counter.wasm --wit gone", "gone: "),
        ("document gone.wasm --wit wit", "gone.wasm: "),
        ("document text.wasm --wit wit --world counter", "text.wasm"),
    ] {
        let said = workdir.ends(line, if line.contains("text.wasm") { 3 } else { 2 });
        assert!(said.contains(says), "{line}: {said}");
    }
    assert_eq!(std::fs::read(workdir.at("counter.wasm")).unwrap(), before);
    assert!(!workdir.at("gone").exists());
}
