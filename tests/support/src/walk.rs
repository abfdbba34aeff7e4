//! Pages that are walked word for word: their commands run, in an empty folder outside of this repository, as a reader would
//! run them.
//!
//! - A block `console` holds commands, after `$ `, and below each its output, on either stream. Of the lines of output
//!   a page shows those that matter, in order: each is a part of a line of the real output, and `…` in it stands for
//!   anything. In a block `console exact` the lines are the whole output.
//! - `(exit status 3)` as the last line is the command's status, which is 0 otherwise.
//! - A block in another language whose first line is a comment with nothing in it but a path, such as `// src/lib.rs`, is that file.
//! - Other blocks are for the eye.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::root;

/// One step of a reader.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Writes a file.
    File {
        /// Its path.
        path: String,
        /// All of it.
        text: String,
    },
    /// Runs a command.
    Command {
        /// The line of the page.
        line: usize,
        /// For `sh`.
        command: String,
        /// The lines below it.
        expected: Vec<String>,
        /// They are all that is printed.
        exact: bool,
        /// The exit status.
        status: i32,
    },
}

/// The steps of a page in Markdown.
pub fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let block: Vec<_> = lines
            .by_ref()
            .take_while(|(_, line)| *line != "```")
            .map(|(at, line)| (at + 1, line))
            .collect();
        match language {
            "console" | "console exact" => {
                steps.extend(commands(&block, language == "console exact"));
            }
            "" | "text" => {}
            _ => steps.extend(file(&block)),
        }
    }
    steps
}

fn commands(block: &[(usize, &str)], exact: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    for (line, text) in block {
        if let Some(command) = text.strip_prefix("$ ") {
            steps.push(Step::Command {
                line: *line,
                command: command.to_owned(),
                expected: Vec::new(),
                exact,
                status: 0,
            });
            continue;
        }
        let Some(Step::Command {
            expected, status, ..
        }) = steps.last_mut()
        else {
            panic!("line {line}: output without a command: {text}");
        };
        let number = text.strip_prefix("(exit status ");
        match number.and_then(|rest| rest.strip_suffix(')')) {
            Some(number) => *status = number.parse().unwrap(),
            None => expected.push((*text).to_owned()),
        }
    }
    steps
}

fn file(block: &[(usize, &str)]) -> Option<Step> {
    let (_, first) = block.first()?;
    let (mark, path) = first.split_once(' ')?;
    let is_path = path.contains('.')
        && path
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    if !["//", "#"].contains(&mark) || !is_path {
        return None;
    }
    let lines: Vec<_> = block.iter().map(|(_, line)| *line).collect();
    Some(Step::File {
        path: path.to_owned(),
        text: lines.join("\n") + "\n",
    })
}

/// Takes the steps of a page, and gives an account of the first that goes another way than the page says.
///
/// # Errors
///
/// The step, with its output.
pub fn walk(page: &str, walker: &Walker<'_>) -> Result<usize, String> {
    let steps = steps(page);
    let mut at = walker.folder.to_owned();
    // A project may be there already, and its first command build it.
    walker.share_targets();
    for step in &steps {
        match step {
            Step::File { path, text } => {
                let path = at.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Step::Command { line, command, .. } if command.starts_with("cd ") => {
                at = at.join(&command[3..]);
                if !at.is_dir() {
                    return Err(format!("line {line}: $ {command}\nthere is no such folder"));
                }
            }
            Step::Command {
                line,
                command,
                expected,
                exact,
                status,
            } => {
                let (printed, real) = walker.run(&at, command);
                let lacks = match exact {
                    true => (printed.lines().ne(expected.iter())).then(|| expected.join("\n")),
                    false => first_missing(&printed, expected).map(str::to_owned),
                };
                if real != *status || lacks.is_some() {
                    return Err(format!(
                        "line {line}: $ {command}\nexpected exit status {status}, and it is {real}\nmissing: {}\n--- printed\n{printed}",
                        lacks.as_deref().unwrap_or("nothing")
                    ));
                }
                walker.share_targets();
            }
        }
    }
    Ok(steps.len())
}

/// The first expected line that is not there, behind those before it.
fn first_missing<'e>(printed: &str, expected: &'e [String]) -> Option<&'e str> {
    let mut lines = printed.lines();
    let mut expected = expected.iter().filter(|line| line.trim() != "…");
    expected
        .find(|wanted| !lines.any(|line| fits(line, wanted)))
        .map(String::as_str)
}

fn fits(line: &str, wanted: &str) -> bool {
    let mut rest = line;
    wanted
        .trim()
        .split('…')
        .all(|part| match rest.find(part.trim()) {
            Some(at) => {
                rest = &rest[at + part.trim().len()..];
                true
            }
            None => false,
        })
}

/// The reader.
pub struct Walker<'a> {
    /// An empty folder.
    pub folder: &'a Path,
    /// The program that `tollgate` is.
    pub tollgate: &'a Path,
    /// A folder of programs that are found before all others.
    pub before: Option<&'a Path>,
    /// The folder that keeps builds and compiled code from one walk to the next.
    pub kept: PathBuf,
}

impl Walker<'_> {
    /// The output of a command on both streams, and its exit status.
    fn run(&self, at: &Path, command: &str) -> (String, i32) {
        let programs = self.tollgate.parent().unwrap();
        let system = std::env::var_os("PATH").unwrap_or_default();
        // The `just` of `justw`, where none is installed.
        let just = root().canonicalize().unwrap().join(".tools/bin");
        let folders = self.before.into_iter().chain([programs]);
        let folders = folders
            .map(Path::to_owned)
            .chain(std::env::split_paths(&system))
            .chain([just]);
        let path = std::env::join_paths(folders).unwrap();
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1\n{command}")])
            .current_dir(at)
            .stdin(Stdio::null())
            .env("PATH", path)
            .env("TOLLGATE_CACHE_DIR", self.kept.join("cache"))
            .envs([("NO_COLOR", "1"), ("CARGO_TERM_COLOR", "never")])
            .env_remove("TOLLGATE_POLICY")
            .env_remove("TOLLGATE_COLOR")
            .env_remove("CARGO_TARGET_DIR")
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        (printed, output.status.code().unwrap_or(-1))
    }

    /// Has each new Rust project build where the one of the last walk did, which takes seconds in place of a minute.
    fn share_targets(&self) {
        for entry in fs::read_dir(self.folder).unwrap() {
            let project = entry.unwrap().path();
            let target = project.join("target");
            if project.join("Cargo.toml").is_file() && fs::symlink_metadata(&target).is_err() {
                let kept = self.kept.join("target");
                fs::create_dir_all(&kept).unwrap();
                symlink(fs::canonicalize(kept).unwrap(), target).unwrap();
            }
        }
    }
}
