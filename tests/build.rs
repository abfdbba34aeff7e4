//! Fails the build when a guest is named by no test: an attack that nobody runs proves nothing.

use std::error::Error;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = String::new();
    for file in names(&here.join("all"), "rs")? {
        tests.push_str(&fs::read_to_string(here.join("all").join(file + ".rs"))?);
    }
    let guests = here.join("../guests");
    let mut all = names(&guests.join("wat"), "wat")?;
    all.extend(names(&guests.join("hostile/src/attacks"), "rs")?);
    for folder in ["providers", "wasip2"] {
        for entry in fs::read_dir(guests.join(folder))? {
            all.push(entry?.file_name().to_string_lossy().into_owned());
        }
    }
    for entry in fs::read_dir(guests.join("polyglot"))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            all.push(format!("polyglot-{}", entry.file_name().to_string_lossy()));
        }
    }
    let missing: Vec<String> = all
        .iter()
        .map(|name| name.replace('_', "-"))
        .filter(|name| !tests.contains(&format!("\"{name}")) && name != "mod")
        .collect();
    if !missing.is_empty() {
        return Err(format!(
            "no test in tests/all names these guests: {}",
            missing.join(", ")
        )
        .into());
    }
    println!("cargo::rerun-if-changed=all");
    println!("cargo::rerun-if-changed=../guests/wat");
    println!("cargo::rerun-if-changed=../guests/hostile/src/attacks");
    println!("cargo::rerun-if-changed=../guests/providers");
    println!("cargo::rerun-if-changed=../guests/wasip2");
    println!("cargo::rerun-if-changed=../guests/polyglot");
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
