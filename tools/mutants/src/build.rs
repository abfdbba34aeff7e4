//! Builds the copy, and removes mutants until it compiles.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::{plan::Plan, scope::Scope, suite::Program, switch::Control, tree::Tree};

/// The compiler reports errors of names, of types and of borrows one after another, and some only once others are
/// fixed.
const ROUNDS: usize = 16;

/// Builds the copy in its own folder of artifacts.
pub(crate) struct Builder<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) target: PathBuf,
    pub(crate) scope: &'a Scope,
}

/// A line of cargo's messages.
#[derive(Deserialize)]
struct Message {
    reason: String,
    message: Option<Diagnostic>,
    executable: Option<PathBuf>,
    target: Option<Target>,
    manifest_path: Option<PathBuf>,
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

#[derive(Deserialize)]
struct Diagnostic {
    message: String,
    level: String,
    spans: Vec<Text>,
    rendered: Option<String>,
}

#[derive(Clone, Deserialize)]
struct Text {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
    is_primary: bool,
    expansion: Option<Box<Expansion>>,
}

#[derive(Clone, Deserialize)]
struct Expansion {
    span: Text,
}

impl Text {
    /// The place in the source at which a macro was called, however deep the text is within it.
    fn outermost(&self) -> &Self {
        self.expansion
            .as_ref()
            .map_or(self, |expansion| expansion.span.outermost())
    }
}

/// The result of one build.
enum Built {
    Programs(Vec<Program>),
    Errors(Vec<Diagnostic>),
}

impl Builder<'_> {
    /// Writes and builds until the copy compiles. The plan then says which mutants were removed for it.
    pub(crate) fn build(&self, plan: &mut Plan, control: &Control) -> Result<Vec<Program>> {
        for round in 1..=ROUNDS {
            plan.write(self.tree, control)?;
            println!(
                "{}: round {round}, {} mutants behind switches",
                self.scope.name,
                plan.switched()
            );
            let errors = match self.run()? {
                Built::Programs(programs) => return Ok(programs),
                Built::Errors(errors) => errors,
            };
            let mut mapped = 0;
            for error in &errors {
                if blame(plan, error) {
                    mapped += 1;
                }
            }
            println!(
                "{}: {mapped} of {} errors are due to mutants",
                self.scope.name,
                errors.len()
            );
            if mapped == 0 {
                let rendered: Vec<&str> = errors
                    .iter()
                    .filter_map(|error| error.rendered.as_deref())
                    .collect();
                bail!(
                    "the copy does not compile, and no mutant is in these lines:\n{}",
                    rendered.concat()
                );
            }
        }
        bail!("the copy does not compile after {ROUNDS} rounds");
    }

    /// Builds the copy unchanged; `None` when it does not compile.
    pub(crate) fn build_as_it_is(&self) -> Result<Option<Vec<Program>>> {
        Ok(match self.run()? {
            Built::Programs(programs) => Some(programs),
            Built::Errors(_) => None,
        })
    }

    fn run(&self) -> Result<Built> {
        let mut command = self.cargo(&[
            "test",
            "--no-run",
            "--tests",
            "--quiet",
            "--message-format",
            "json",
        ]);
        for package in self.scope.tests {
            command.args(["--package", package]);
        }
        let output = command
            .stderr(Stdio::piped())
            .output()
            .context("cannot start cargo")?;
        let mut programs = Vec::new();
        let mut errors = Vec::new();
        for line in String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter(|line| line.starts_with('{'))
        {
            let message: Message = serde_json::from_str(line)?;
            if let Some(diagnostic) = message
                .message
                .filter(|diagnostic| diagnostic.level == "error")
            {
                // "aborting due to 3 previous errors" has no place.
                if !diagnostic.spans.is_empty() {
                    errors.push(diagnostic);
                }
            }
            let (Some(path), Some(target), Some(manifest)) =
                (message.executable, message.target, message.manifest_path)
            else {
                continue;
            };
            if message.reason == "compiler-artifact"
                && message.profile.is_some_and(|profile| profile.test)
            {
                let folder = manifest.parent().unwrap_or(&manifest).to_owned();
                programs.push(Program {
                    path,
                    name: target.name,
                    folder,
                });
            }
        }
        if output.status.success() {
            return Ok(Built::Programs(programs));
        }
        ensure!(
            !errors.is_empty(),
            "cargo: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(Built::Errors(errors))
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command
            .args(arguments)
            .current_dir(&self.tree.folder)
            .env("CARGO_TARGET_DIR", &self.target)
            .stdin(Stdio::null());
        command
    }
}

/// The first files of the package's library and programs, relative to the workspace.
pub(crate) fn roots(repo: &Path, package: &str) -> Result<Vec<String>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(repo)
        .output()
        .context("cannot start cargo")?;
    ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let list = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let text = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let mut roots = Vec::new();
    for found in list(&metadata, "packages")
        .iter()
        .filter(|found| text(found, "name") == package)
    {
        for target in list(found, "targets") {
            let kinds = list(&target, "kind");
            if kinds.iter().any(|kind| kind == "lib" || kind == "bin") {
                let path = PathBuf::from(text(&target, "src_path"));
                let file = path
                    .strip_prefix(repo)
                    .context("a source outside of the tree")?;
                roots.push(file.to_string_lossy().into_owned());
            }
        }
    }
    ensure!(!roots.is_empty(), "no package `{package}` in the workspace");
    Ok(roots)
}

/// Leaves out the mutants that cause an error: those at its own place, else those at a place that it points to.
fn blame(plan: &mut Plan, error: &Diagnostic) -> bool {
    let complaint = error.message.lines().next().unwrap_or_default();
    let (primary, others): (Vec<&Text>, Vec<&Text>) =
        error.spans.iter().partition(|text| text.is_primary);
    let mut leave_out = |texts: Vec<&Text>| {
        let mut found = false;
        for text in texts {
            let text = text.outermost();
            found |= plan.leave_out(
                &text.file_name,
                &(text.byte_start..text.byte_end),
                complaint,
            );
        }
        found
    };
    leave_out(primary) || leave_out(others)
}
