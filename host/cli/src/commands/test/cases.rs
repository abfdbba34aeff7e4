//! A file of cases, read from TOML.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tollgate::escape;
use tollgate::policy::nearest;

use crate::files::arguments::names_stdin;
use crate::files::input::{is_stream, read_small};
use crate::output::status::ExitReason;
use crate::output::text;

/// The most bytes of a file of cases.
const MAX_CASES: u64 = 4 << 20;

/// The keys of a case, in the order of the documentation.
pub(super) const KEYS: [&str; 15] = [
    "name",
    "call",
    "input",
    "input-file",
    "args",
    "policy",
    "returns",
    "returns-file",
    "fails",
    "exit",
    "faults",
    "refused",
    "denied",
    "logs",
    "fuel",
];

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CasesFile {
    /// The policy of the cases that name none, relative to the file.
    pub(super) policy: Option<PathBuf>,
    #[serde(default, rename = "case")]
    pub(super) cases: Vec<Case>,
}

/// One call, and its expected end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Case {
    pub(super) name: String,
    /// An expression of WAVE, as `tollgate call` takes it. Without one, the provider's `run` or the command is called.
    pub(super) call: Option<String>,
    /// The input of `run`, or the standard input of a command.
    pub(super) input: Option<String>,
    pub(super) input_file: Option<PathBuf>,
    /// The arguments of a command, behind its name.
    pub(super) args: Option<Vec<String>>,
    pub(super) policy: Option<PathBuf>,
    /// The result: in WAVE, or the bytes of `run`, or the standard output of a command.
    pub(super) returns: Option<String>,
    pub(super) returns_file: Option<PathBuf>,
    /// The error that the provider returns: its kind, or `KIND: MESSAGE`; of a call in WAVE its value.
    pub(super) fails: Option<String>,
    /// The code with which a command exits.
    pub(super) exit: Option<i32>,
    /// The kind of the fault that ends the call.
    pub(super) faults: Option<String>,
    /// The kind of the refusal of the component under this policy.
    pub(super) refused: Option<String>,
    /// All denials, in order: `CAPABILITY TARGET: REASON`. Without the key, there is none.
    #[serde(default)]
    pub(super) denied: Vec<String>,
    /// The lines of the log, in order: `LEVEL: TEXT`. Without the key, they are not compared.
    pub(super) logs: Option<Vec<String>>,
    /// The most fuel that the call may take.
    pub(super) fuel: Option<u64>,
    /// Two runs of it may differ.
    #[serde(default)]
    pub(super) differs: bool,
}

/// Reads a file of cases. Those that say no outcome are mistakes, unless the outcomes are to be written.
pub(super) fn read(path: &Path, blessing: bool) -> Result<(String, CasesFile), ExitReason> {
    let content = read_small(path, MAX_CASES)?;
    let file = content.as_str();
    let shown = text::path(path);
    let cases: CasesFile = toml::from_str(file).map_err(|error| {
        let said = error.to_string();
        let near = misspelt(error.message());
        let near = near.map_or_else(String::new, |near| format!("\ndid you mean `{near}`?"));
        ExitReason::Usage(format!(
            "{shown}: {}{near}",
            text::shown(said.trim_end().as_bytes())
        ))
    })?;
    if cases.cases.is_empty() {
        return Err(ExitReason::Usage(format!(
            "{shown}: it has no case; add one, such as [[case]] with name, call and returns"
        )));
    }
    let (mut names, mut results) = (HashSet::new(), HashSet::new());
    for case in &cases.cases {
        let about = |message: &str| {
            ExitReason::Usage(format!(
                "{shown}: case `{}`: {message}",
                escape::line(&case.name)
            ))
        };
        if !names.insert(case.name.as_str()) {
            return Err(about("two cases have this name; give each its own"));
        }
        let result = case.returns_file.as_deref();
        if result.is_some_and(|result| !results.insert(result)) {
            return Err(about("two cases have this returns-file; give each its own"));
        }
        if let Some(mistake) = case.mistake(blessing) {
            return Err(about(mistake));
        }
    }
    Ok((file.to_owned(), cases))
}

impl Case {
    fn names_a_stream(&self) -> bool {
        let paths = [&self.input_file, &self.returns_file, &self.policy];
        let mut paths = paths.into_iter().flatten();
        paths.any(|path| is_stream(path)) || self.call.as_deref().is_some_and(names_stdin)
    }

    /// Keys that do not go together.
    fn mistake(&self, blessing: bool) -> Option<&'static str> {
        let outcomes = [
            self.returns.is_some(),
            self.returns_file.is_some(),
            self.fails.is_some(),
            self.exit.is_some(),
            self.faults.is_some(),
            self.refused.is_some(),
        ];
        let outcomes = outcomes.iter().filter(|is_there| **is_there).count();
        let has_input = self.input.is_some() || self.input_file.is_some() || self.args.is_some();
        match outcomes {
            0 if !blessing => Some(
                "it says no outcome; write returns, returns-file, fails, exit, faults or refused, or have --bless write the one that comes",
            ),
            2.. => Some(
                "it says two outcomes; write one of returns, returns-file, fails, exit, faults and refused",
            ),
            _ if self.call.is_some() && has_input => Some(
                "input, input-file and args are those of `run` and of commands; write them into the arguments of `call`, or omit `call`",
            ),
            _ if self.input.is_some() && self.input_file.is_some() => {
                Some("input and input-file are both given; write one of them")
            }
            _ if self.exit == Some(0) => {
                Some("a command that exits with 0 returns; write returns in place of exit")
            }
            _ if self.names_a_stream() => {
                Some("`-` is no stream in a file of cases, whose runs are repeated; name a file")
            }
            _ => None,
        }
    }
}

/// The key that an unknown one may stand for, from the message of the parser.
fn misspelt(message: &str) -> Option<&'static str> {
    let key = message.strip_prefix("unknown field `")?.split('`').next()?;
    nearest(key, &KEYS).or_else(|| nearest(key, &["differs", "policy", "case"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, blessing: bool) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cases.toml");
        std::fs::write(&path, text).unwrap();
        match read(&path, blessing) {
            Ok((_, file)) => format!("{} cases", file.cases.len()),
            Err(ExitReason::Usage(message)) => message,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn mistakes_are_told_with_the_place_and_the_cure() {
        for (text, says) in [
            ("", "it has no case"),
            ("[[case]]\nname = \"a\"\nretruns = \"1\"", "line 3"),
            (
                "[[case]]\nname = \"a\"\nretruns = \"1\"",
                "did you mean `returns`?",
            ),
            ("[[case]]\nreturns = \"1\"", "missing field `name`"),
            ("[[case]]\nname = \"a\"", "case `a`: it says no outcome"),
            (
                "[[case]]\nname = \"a\"\nexit = 1\nfails = \"x\"",
                "two outcomes",
            ),
            (
                "[[case]]\nname = \"a\"\nexit = 1\ncall = \"f()\"\ninput = \"x\"",
                "omit `call`",
            ),
            (
                "[[case]]\nname = \"a\"\nexit = 1\ninput-file = \"y\"\ninput = \"x\"",
                "both given",
            ),
            (
                "[[case]]\nname = \"a\"\nexit = 1\n[[case]]\nname = \"a\"\nexit = 1",
                "two cases have this name",
            ),
            ("[[case]]\nname = \"a\"\nexit = \"one\"", "line 3"),
            (
                "[[case]]\nname = \"a\"\nexit = 0",
                "returns in place of exit",
            ),
            (
                "[[case]]\nname = \"a\"\nexit = 1\ninput-file = \"-\"",
                "no stream",
            ),
            (
                "[[case]]\nname = \"a\"\nreturns = \"1\"\ncall = 'f(@\"-\")'",
                "no stream",
            ),
            (
                "[[case]]\nname = \"a\"\nreturns-file = \"x\"\n[[case]]\nname = \"b\"\nreturns-file = \"x\"",
                "two cases have this returns-file",
            ),
        ] {
            let said = told(text, false);
            assert!(said.contains(says), "{text}: {said}");
        }
        assert_eq!(told("[[case]]\nname = \"a\"", true), "1 cases");
    }
}
