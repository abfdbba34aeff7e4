//! Fails the build when a guest is named by no test: an attack that no test runs proves nothing. A test names a guest
//! by a string that is its name and nothing else; an attack of the guest `hostile`, by a string that begins with its
//! name and a space as well, since the arguments follow.

use std::error::Error;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    // `cargo package` builds this crate apart from the tree, and so without tests.
    if !here.join("../guests").is_dir() {
        return Ok(());
    }
    let mut tests = String::new();
    for folder in ["suite", "support/src"] {
        read(&here.join(folder), &mut tests)?;
        println!("cargo::rerun-if-changed={folder}");
    }
    // The kind of a fault, as in `.faults("handles")`, names no guest.
    let tests = tests.replace(".faults(\"", "");
    let guests = here.join("../guests");
    let mut whole = names(&guests.join("wat"), "wat")?;
    for folder in ["providers", "wasip2"] {
        for entry in fs::read_dir(guests.join(folder))? {
            whole.push(entry?.file_name().to_string_lossy().into_owned());
        }
    }
    for entry in fs::read_dir(guests.join("polyglot"))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            whole.push(format!("polyglot-{}", entry.file_name().to_string_lossy()));
        }
    }
    let mut attacks = names(&guests.join("hostile/src/attacks"), "rs")?;
    attacks.retain(|name| name != "mod");

    let is_named = |name: &str| tests.contains(&format!("\"{name}\""));
    let has_arguments = |name: &str| tests.contains(&format!("\"{name} "));
    let mut missing: Vec<String> = whole
        .into_iter()
        .map(|name| name.replace('_', "-"))
        .collect();
    missing.retain(|name| !is_named(name));
    let mut unplayed: Vec<String> = attacks
        .into_iter()
        .map(|name| name.replace('_', "-"))
        .collect();
    unplayed.retain(|name| !is_named(name) && !has_arguments(name));
    missing.append(&mut unplayed);
    if !missing.is_empty() {
        missing.sort();
        return Err(format!(
            "no test in tests/suite names these guests: {}",
            missing.join(", ")
        )
        .into());
    }
    for folder in [
        "wat",
        "hostile/src/attacks",
        "providers",
        "wasip2",
        "polyglot",
    ] {
        println!("cargo::rerun-if-changed=../guests/{folder}");
    }
    Ok(())
}

/// Appends the Rust files of a folder and of those in it.
fn read(folder: &Path, text: &mut String) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read(&path, text)?;
        } else if path.extension().is_some_and(|found| found == "rs") {
            text.push_str(&fs::read_to_string(path)?);
        }
    }
    Ok(())
}

fn names(folder: &Path, extension: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension)
            && let Some(stem) = path.file_stem()
        {
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    Ok(names)
}
