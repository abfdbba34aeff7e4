//! The tests of the specification of WebAssembly, each module in a component: a valid one is read or refused by its
//! proposal, and an invalid one is refused. `./justw suites` fetches them.

#![allow(clippy::print_stdout, reason = "a test says what it has counted")]

use std::collections::BTreeMap;
use std::path::Path;

use wasmparser::{Validator, WasmFeatures};
use wast::parser::{ParseBuffer, parse};
use wast::{QuoteWat, Wast, WastDirective};

use crate::Source;
use crate::refusal::{Refusal, RefusalKind};

/// The folder of the tests: without it, none is run.
const FOLDER: &str = "TOLLGATE_SPEC";

/// A component of one core module.
fn component(module: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0\x01".to_vec();
    let mut length = module.len();
    while length > 0x7f {
        bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap());
    bytes.extend_from_slice(module);
    bytes
}

fn judged(module: &[u8]) -> Result<(), Refusal> {
    let source = Source::bytes("spec", component(module));
    source.inspect().map(drop)
}

/// Whether this alone keeps a module out of any component, with all proposals on.
fn has_one_name_twice(module: &[u8]) -> bool {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let valid = validator.validate_all(&component(module));
    valid.is_err_and(|error| error.message().contains("duplicate import name"))
}

/// Judges the modules of one file, and counts each verdict. A wrong one is added to `wrong` with its place.
fn file(path: &Path, counts: &mut BTreeMap<&str, u64>, wrong: &mut Vec<String>) {
    let text = std::fs::read_to_string(path).unwrap();
    let Ok(buffer) = ParseBuffer::new(&text) else {
        return *counts.entry("files that are no text").or_default() += 1;
    };
    let Ok(wast) = parse::<Wast<'_>>(&buffer) else {
        return *counts
            .entry("files of a syntax that is not known")
            .or_default() += 1;
    };
    for directive in wast.directives {
        let (mut module, is_valid): (QuoteWat<'_>, bool) = match directive {
            WastDirective::Module(module) | WastDirective::ModuleDefinition(module) => {
                (module, true)
            }
            WastDirective::AssertInvalid { module, .. }
            | WastDirective::AssertMalformed { module, .. } => (module, false),
            _ => continue,
        };
        let (line, _) = module.span().linecol_in(&text);
        // A module whose text does not parse has no bytes to judge.
        let Ok(bytes) = module.encode() else { continue };
        let word = match (is_valid, judged(&bytes)) {
            (true, Ok(())) => "valid, and read",
            (true, Err(refusal)) if refusal.kind == RefusalKind::Proposal => {
                "valid, of a proposal that is off"
            }
            (true, Err(_)) if has_one_name_twice(&bytes) => {
                "valid, of two imports with one name, which no component has"
            }
            (false, Err(_)) => "not valid, and refused",
            (_, judged) => {
                wrong.push(format!("{}:{}: {judged:?}", path.display(), line + 1));
                continue;
            }
        };
        *counts.entry(word).or_default() += 1;
    }
}

#[test]
#[ignore = "`./justw suites spec` runs it"]
fn modules_of_the_specification_are_what_it_says() {
    let folder = std::env::var_os(FOLDER).unwrap();
    let (mut counts, mut wrong) = (BTreeMap::new(), Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        file(&entry.unwrap().path(), &mut counts, &mut wrong);
    }
    for (word, count) in &counts {
        println!("spec: {count} {word}");
    }
    assert!(
        counts
            .get("valid, and read")
            .is_some_and(|count| *count > 500),
        "{counts:?}"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
