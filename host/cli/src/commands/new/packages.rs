//! The packages that build a project in JavaScript: those of our own provider, and TypeScript.

use serde_json::Value;

use crate::commands::new::folder::Files;
use crate::output::status::ExitReason;

/// The files of our own provider, which name each package with its version and digest.
const MANIFEST: &str = include_str!("templates/javascript/package.json");
const LOCK: &str = include_str!("templates/javascript/package-lock.json");
const OURS: &str = "polyglot-javascript";

/// The package `typescript`, as a lock file has it. It depends on no other one.
const TYPESCRIPT: &str = include_str!("templates/typescript/typescript.json");

/// Adds `package.json` and its lock file.
pub(super) fn add(files: &mut Files, name: &str, typed: bool) -> Result<(), ExitReason> {
    let (mut manifest, mut lock) = (MANIFEST.replace(OURS, name), LOCK.replace(OURS, name));
    if typed {
        let written = with_typescript(&manifest, &lock);
        (manifest, lock) = written
            .map_err(|error| ExitReason::Host(format!("cannot write package.json: {error}")))?;
    }
    files.add("package.json", manifest);
    files.add("package-lock.json", lock);
    Ok(())
}

fn with_typescript(manifest: &str, lock: &str) -> serde_json::Result<(String, String)> {
    let package: Value = serde_json::from_str(TYPESCRIPT)?;
    let version = package.get("version").cloned().unwrap_or_default();
    let mut manifest: Value = serde_json::from_str(manifest)?;
    let mut lock: Value = serde_json::from_str(lock)?;
    for (file, place) in [
        (&mut manifest, "/devDependencies"),
        (&mut lock, "/packages//devDependencies"),
    ] {
        if let Some(Value::Object(needed)) = file.pointer_mut(place) {
            needed.insert("typescript".to_owned(), version.clone());
        }
    }
    if let Some(Value::Object(packages)) = lock.pointer_mut("/packages") {
        packages.insert("node_modules/typescript".to_owned(), package);
    }
    let text = |file: &Value| serde_json::to_string_pretty(file).map(|text| text + "\n");
    Ok((text(&manifest)?, text(&lock)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typescript_is_in_both_files_and_nothing_else_changes() {
        let (manifest, lock) = with_typescript(MANIFEST, LOCK).unwrap();
        let version = "\"typescript\": \"5.9.3\"";
        assert!(manifest.contains(version) && lock.contains(version));
        let missing = |new: &str, old: &str| {
            let lost = old
                .lines()
                .filter(|line| !new.contains(line.trim_end_matches(',')));
            lost.map(str::to_owned).collect::<Vec<_>>()
        };
        assert!(missing(&manifest, MANIFEST).is_empty());
        assert!(missing(&lock, LOCK).is_empty());
    }
}
