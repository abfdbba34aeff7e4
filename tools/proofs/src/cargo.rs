//! Builds and runs the tests of the copy.

use std::{
    env, fs,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{
    judge::Outcome,
    libtest::Output,
    process::{self, Ended},
    proofs::Package,
    tree::Tree,
    workspace::cargo,
};

/// The longest time of a build.
const BUILD: Duration = Duration::from_secs(3600);

/// Cargo in the copy of the tree.
pub(crate) struct Cargo<'a> {
    tree: &'a Tree,
    guests: PathBuf,
    /// The folder for the output of the last build and the last test.
    logs: PathBuf,
}

/// A test binary, and the folder in which its tests run.
pub(crate) struct Binary {
    file: PathBuf,
    folder: PathBuf,
}

/// An error of the compiler: the texts that it is about by their files, its own place first.
pub(crate) struct CompileError {
    pub(crate) texts: Vec<(String, Range<usize>)>,
    pub(crate) rendered: String,
}

/// A line of `cargo --message-format json`.
#[derive(Deserialize)]
struct Message {
    message: Option<Diagnostic>,
    executable: Option<PathBuf>,
    manifest_path: Option<PathBuf>,
    profile: Option<Profile>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    src_path: PathBuf,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    spans: Vec<Span>,
    rendered: Option<String>,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
    is_primary: bool,
    expansion: Option<Box<Expansion>>,
}

#[derive(Deserialize)]
struct Expansion {
    span: Span,
}

impl Span {
    /// The place in the source at which a macro was called, however deep the text is within it.
    fn outermost(self) -> Self {
        match self.expansion {
            Some(expansion) => Self {
                is_primary: self.is_primary,
                ..expansion.span.outermost()
            },
            None => self,
        }
    }
}

impl Diagnostic {
    fn error(self) -> CompileError {
        let mut spans: Vec<_> = self.spans.into_iter().map(Span::outermost).collect();
        spans.sort_by_key(|span| !span.is_primary);
        let text = |span: Span| (span.file_name, span.byte_start..span.byte_end);
        CompileError {
            texts: spans.into_iter().map(text).collect(),
            rendered: self.rendered.unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

impl<'a> Cargo<'a> {
    pub(crate) fn new(root: &Path, work: &Path, tree: &'a Tree) -> Self {
        let guests = env::var_os("TOLLGATE_GUESTS").map(PathBuf::from);
        Self {
            tree,
            guests: guests.unwrap_or_else(|| root.join("target/guests")),
            logs: work.to_owned(),
        }
    }

    /// Builds the tests of `package`, whose root file in the copy is `source`. Returns the binary, or the error of the
    /// build.
    pub(crate) fn build_tests(
        &self,
        package: &str,
        settings: &Package,
        source: &Path,
    ) -> Result<Result<Binary, String>> {
        let mut command = self.command("test");
        command.args(["--no-run", "--message-format", "json-render-diagnostics"]);
        if !settings.is_of_workspace() {
            command.args(["--package", package]);
        }
        command.args(&settings.select);
        let messages = match self.build(&mut command)? {
            Ok(messages) => messages,
            Err(why) => return Ok(Err(why)),
        };
        for message in messages {
            let test = message.profile.is_some_and(|profile| profile.test)
                && message
                    .target
                    .is_some_and(|target| target.src_path == source);
            if let (true, Some(file), Some(manifest)) =
                (test, message.executable, message.manifest_path)
            {
                let folder = manifest
                    .parent()
                    .context("cargo: a manifest has no folder")?;
                return Ok(Ok(Binary {
                    file,
                    folder: folder.to_owned(),
                }));
            }
        }
        bail!("package `{package}`: cargo built no tests; mend `select`")
    }

    /// The errors of all crates as far as they are checked: those that depend on a crate with errors are not.
    pub(crate) fn errors(&self) -> Result<Vec<CompileError>> {
        let mut command = self.command("check");
        command.args(["--workspace", "--all-targets", "--keep-going"]);
        command.args(["--message-format", "json"]);
        let log = self.logs.join("build.log");
        let ended = process::run(&mut command, &log, BUILD)?;
        let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        let messages = text.lines().filter(|line| line.starts_with('{'));
        let diagnostics = messages
            .filter_map(|line| serde_json::from_str::<Message>(line).ok()?.message)
            // "aborting due to 3 previous errors" has no place.
            .filter(|message| message.level == "error" && !message.spans.is_empty());
        let errors: Vec<_> = diagnostics.map(Diagnostic::error).collect();
        if errors.is_empty() && ended != Ended::Exit(0) {
            bail!("the build does not succeed; see {}", log.display());
        }
        Ok(errors)
    }

    /// Builds the program `name`, or returns the error of the build.
    ///
    /// A package alone may have other features than the workspace, and the engine would be built once more.
    pub(crate) fn build_program(&self, name: &str) -> Result<Result<(), String>> {
        let mut command = self.command("build");
        command.args([
            "--message-format",
            "json-render-diagnostics",
            "--workspace",
            "--bin",
            name,
        ]);
        Ok(self.build(&mut command)?.map(|_| ()))
    }

    /// The path of a built program. Cargo restores the file on every build.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.tree.target.join("debug").join(name)
    }

    /// Runs the tests of `binary` that `filter` selects, one at a time.
    ///
    /// If one fails and another then ends the process, the first is run alone: it may prove the line where the other
    /// cannot.
    pub(crate) fn run(&self, binary: &Binary, filter: &str, limit: Duration) -> Result<Outcome> {
        let (output, ended) = self.run_once(binary, &[filter], limit)?;
        let outcome = Outcome::of(&output, ended, &self.tree.copy);
        if output.finished {
            return Ok(outcome);
        }
        for failure in &output.failed {
            let (alone, ended) = self.run_once(binary, &["--exact", &failure.test], limit)?;
            let alone = Outcome::of(&alone, ended, &self.tree.copy);
            if matches!(alone, Outcome::Assertion(_)) {
                return Ok(alone);
            }
        }
        Ok(outcome)
    }

    fn run_once(
        &self,
        binary: &Binary,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<(Output, Ended)> {
        let mut command = Command::new(&binary.file);
        command.args(arguments).current_dir(&binary.folder);
        command.env("CARGO_MANIFEST_DIR", &binary.folder);
        self.environment(&mut command);
        let log = self.logs.join("test.log");
        let ended = process::run(&mut command, &log, limit)?;
        let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        Ok((Output::parse(&text), ended))
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(cargo());
        command
            .args([verb, "--locked", "--quiet"])
            .current_dir(&self.tree.copy);
        self.environment(&mut command);
        command
    }

    fn environment(&self, command: &mut Command) {
        command
            .env("CARGO_TARGET_DIR", &self.tree.target)
            .env("TOLLGATE_GUESTS", &self.guests)
            .env("RUST_TEST_THREADS", "1")
            .env("RUST_BACKTRACE", "0");
    }

    /// Runs a build. Returns its messages, or the first error of the compiler.
    fn build(&self, command: &mut Command) -> Result<Result<Vec<Message>, String>> {
        let log = self.logs.join("build.log");
        let ended = process::run(command, &log, BUILD)?;
        let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        if ended == Ended::Exit(0) {
            let messages = text.lines().filter(|line| line.starts_with('{'));
            return Ok(Ok(messages
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect()));
        }
        let error = text.lines().find(|line| line.starts_with("error"));
        let why = error.unwrap_or("the build does not succeed");
        Ok(Err(format!("{why}; see {}", log.display())))
    }
}
