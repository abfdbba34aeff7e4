//! `--edits`: checks that each edit finds its text and each test exists, without a build.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};

use crate::{
    edit, names,
    proofs::{Proof, Proofs},
    workspace::Workspace,
};

/// The errors of the selected proofs; none for a proof that is in order.
pub(crate) fn check<'a>(
    root: &Path,
    proofs: &Proofs,
    selected: &[&'a Proof],
) -> Result<Vec<(&'a Proof, String)>> {
    let workspace = Workspace::read(root)?;
    let mut tests: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for &proof in selected {
        if let Err(why) = edit::edited(proof, |file| read(root, file)) {
            wrong.push((proof, format!("{why:#}")));
        }
        let package = proof.package.as_str();
        if !tests.contains_key(package) {
            let file = workspace.test_root(package, &proofs.package(package))?;
            tests.insert(package, names::tests(file)?);
        }
        let mut all = tests.get(package).into_iter().flatten();
        if !all.any(|name| name.contains(&proof.test)) {
            let test = &proof.test;
            wrong.push((
                proof,
                format!("`{test}`: {package} has no such test; name another"),
            ));
        }
    }
    Ok(wrong)
}

pub(crate) fn read(root: &Path, file: &str) -> Result<String> {
    fs::read_to_string(root.join(file))
        .with_context(|| format!("{file}: it cannot be read; mend `file`"))
}
