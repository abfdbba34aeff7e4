//! The list of mutants of cargo-mutants.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// A position in a file: both counted from 1, columns in characters.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// The text that a mutant replaces; `end` is excluded.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq)]
pub(crate) struct Span {
    pub(crate) start: Position,
    pub(crate) end: Position,
}

/// The kinds of mutants that cargo-mutants 27 makes. An unknown one fails the run, so that none is left out unnoticed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq)]
pub(crate) enum Genre {
    FnValue,
    BinaryOperator,
    UnaryOperator,
    MatchArm,
    MatchArmGuard,
    StructField,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Mutant {
    /// File, line, column and change in words. Results are kept under this name.
    pub(crate) name: String,
    /// The file, relative to the workspace.
    pub(crate) file: String,
    pub(crate) span: Span,
    pub(crate) replacement: String,
    pub(crate) genre: Genre,
}

#[derive(Deserialize)]
struct Listed {
    path: String,
}

/// The arguments that choose mutants.
pub(crate) struct Choice<'a> {
    pub(crate) repo: &'a Path,
    pub(crate) packages: &'a [&'a str],
    /// Globs; those of `.cargo/mutants.toml` when empty.
    pub(crate) files: &'a [String],
    /// A unified diff; selects only mutants of changed lines.
    pub(crate) in_diff: Option<&'a Path>,
}

impl Choice<'_> {
    /// All selected mutants.
    pub(crate) fn mutants(&self) -> Result<Vec<Mutant>> {
        let output = self.ask("--list")?;
        // For a diff that touches no mutant, cargo-mutants prints a sentence instead of an empty list.
        if self.in_diff.is_some() && !output.trim_start().starts_with('[') {
            return Ok(Vec::new());
        }
        serde_json::from_str(&output)
            .context("cargo-mutants: its list is not of the form that version 27 has")
    }

    /// The files with code that could be mutated, relative to the workspace. They contain no tests, except in modules
    /// that are marked as tests.
    pub(crate) fn sources(&self) -> Result<Vec<String>> {
        let listed: Vec<Listed> = serde_json::from_str(&self.ask("--list-files")?)
            .context("cargo-mutants: its list of files is not of the form that version 27 has")?;
        Ok(listed.into_iter().map(|file| file.path).collect())
    }

    fn ask(&self, question: &str) -> Result<String> {
        let program = self.repo.join(".tools/bin/cargo-mutants");
        let mut command = Command::new(&program);
        command.args([
            "mutants",
            question,
            "--json",
            "--colors",
            "never",
            "--no-shuffle",
            "--dir",
        ]);
        command.arg(self.repo);
        for package in self.packages {
            command.args(["--package", package]);
        }
        for file in self.files {
            command.args(["--file", file]);
        }
        if let Some(diff) = self.in_diff {
            command.arg("--in-diff").arg(diff);
        }
        let output = command.output().with_context(|| {
            format!(
                "cannot start {}; `just mutants` installs it",
                program.display()
            )
        })?;
        ensure!(
            output.status.success(),
            "cargo-mutants: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }
}
