//! The parts of the program whose mutants are run, and the tests against which they are run.

use std::path::Path;

use anyhow::{Result, bail};

/// A part that is built and run at once.
pub(crate) struct Scope {
    pub(crate) name: &'static str,
    /// The package whose mutants are made.
    pub(crate) package: &'static str,
    /// The packages whose tests are run.
    pub(crate) tests: &'static [&'static str],
    /// The folders that a result depends on, beside this tool: changes elsewhere keep it valid.
    pub(crate) folders: &'static [&'static str],
    /// Whether its tests run guests: guests have to be built, and a process may reserve unlimited address space.
    pub(crate) engine: bool,
}

const SCOPES: &[Scope] = &[
    Scope {
        name: "policy",
        package: "tollgate-policy",
        tests: &["tollgate-policy"],
        folders: &["host/policy"],
        engine: false,
    },
    Scope {
        name: "component",
        package: "tollgate-component",
        tests: &["tollgate-component"],
        folders: &["host/policy", "host/component"],
        engine: false,
    },
    Scope {
        name: "capability",
        package: "tollgate-capability",
        tests: &["tollgate-capability"],
        folders: &["host/policy", "host/capability"],
        engine: false,
    },
    Scope {
        name: "runtime",
        package: "tollgate",
        tests: &["tollgate", "tollgate-tests"],
        folders: &["host", "guests", "tests", "wit"],
        engine: true,
    },
];

/// Test programs without a collection of tests.
pub(crate) const NO_TESTS: &[&str] = &["attack"];

/// The parts with these names; without names, all parts in the tree.
pub(crate) fn chosen(repo: &Path, names: &[String]) -> Result<Vec<&'static Scope>> {
    let there = |scope: &&Scope| {
        repo.join("host")
            .join(scope.name)
            .join("Cargo.toml")
            .is_file()
    };
    let all: Vec<&Scope> = SCOPES.iter().filter(there).collect();
    for name in names {
        if !all.iter().any(|scope| scope.name == name) {
            let known: Vec<&str> = all.iter().map(|scope| scope.name).collect();
            bail!("unknown part `{name}`; known: {}", known.join(", "));
        }
    }
    Ok(all
        .into_iter()
        .filter(|scope| names.is_empty() || names.iter().any(|name| name == scope.name))
        .collect())
}
