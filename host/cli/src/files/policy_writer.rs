//! Writes the answer "always" into the policy file: `ask = true` of one rule becomes `ask = false`.
//!
//! Behind the wall another process does it, which was started before. It can make this change and no other, also for a component
//! that has broken out of the engine.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio, exit};

use tollgate::policy::toml::{StoppedAsking, stop_asking};
use tollgate::policy::{GrantName, Rule};

use crate::files::interrupt;
use crate::files::output::write_whole;
use crate::files::writer::this_program;

/// The first argument that makes this program such a process; the policy file is the second.
const FLAG: &str = "--tollgate-policy-writer";

/// The lists of rules, by their number in a message.
const LISTS: [GrantName; 2] = [GrantName::Http, GrantName::Files];

/// The policy file, as it was read.
struct PolicyFile {
    path: PathBuf,
    text: String,
}

impl PolicyFile {
    /// Writes that a rule asks no more.
    fn stop_asking(&mut self, rule: Rule) -> io::Result<()> {
        let stopped = stop_asking(&self.text, rule);
        let stopped = stopped.ok_or_else(|| io::Error::other("the rule is not in it"))?;
        if std::fs::read_to_string(&self.path)? != self.text {
            return Err(io::Error::other("it has changed since it was read"));
        }
        write_whole(&self.path, stopped.text.as_bytes())?;
        self.text = stopped.text;
        Ok(())
    }
}

/// Writes to the policy file, from before the wall or from behind it.
pub(crate) struct PolicyWriter {
    file: PolicyFile,
    /// The process that writes behind the wall.
    process: Option<(ChildStdin, ChildStdout)>,
}

impl PolicyWriter {
    /// Reads the policy file; with `is_walled`, starts the process that writes it.
    pub(crate) fn open(path: &Path, is_walled: bool) -> io::Result<PolicyWriter> {
        let file = PolicyFile {
            path: path.to_owned(),
            text: std::fs::read_to_string(path)?,
        };
        let process = is_walled.then(|| start(&file)).transpose()?;
        Ok(PolicyWriter { file, process })
    }

    /// The policy file.
    pub(crate) fn path(&self) -> &Path {
        &self.file.path
    }

    /// The change that [`write`](Self::write) makes; none if the file does not have the rule.
    pub(crate) fn change(&self, rule: Rule) -> Option<StoppedAsking> {
        stop_asking(&self.file.text, rule)
    }

    /// Writes that a rule asks no more.
    pub(crate) fn write(&mut self, rule: Rule) -> io::Result<()> {
        let Some((to, from)) = &mut self.process else {
            return self.file.stop_asking(rule);
        };
        let list = LISTS.iter().position(|name| *name == rule.grant);
        let list = list.ok_or(io::ErrorKind::InvalidInput)?;
        send(to, format!("{list} {}", rule.index).as_bytes())?;
        let answer = receive(from)?;
        match answer.as_slice() {
            b"" => {}
            text => return Err(io::Error::other(String::from_utf8_lossy(text).into_owned())),
        }
        if let Some(stopped) = stop_asking(&self.file.text, rule) {
            self.file.text = stopped.text;
        }
        Ok(())
    }
}

fn start(file: &PolicyFile) -> io::Result<(ChildStdin, ChildStdout)> {
    let child = Command::new(this_program()?)
        .arg(FLAG)
        .arg(&file.path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (Some(mut to), Some(from)) = (child.stdin, child.stdout) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    // The text that is compared with the file is the one that people are shown.
    send(&mut to, file.text.as_bytes())?;
    Ok((to, from))
}

/// Writes the policy file for another process and ends, if it was started for that; otherwise returns.
pub(crate) fn run_if_policy_writer() {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_none_or(|first| first != FLAG) {
        return;
    }
    interrupt::ignore();
    let served = args
        .next()
        .ok_or_else(|| io::ErrorKind::InvalidInput.into())
        .and_then(|path| serve(path.into()));
    exit(i32::from(served.is_err()));
}

/// Ends when the other process does.
fn serve(path: PathBuf) -> io::Result<()> {
    let (mut input, mut out) = (io::stdin().lock(), io::stdout().lock());
    let text = String::from_utf8(receive(&mut input)?).map_err(io::Error::other)?;
    let mut file = PolicyFile { path, text };
    loop {
        let request = receive(&mut input)?;
        let done = match rule(&request) {
            Some(rule) => file.stop_asking(rule),
            None => Err(io::ErrorKind::InvalidInput.into()),
        };
        let told = done.err().map(|error| error.to_string());
        send(&mut out, told.unwrap_or_default().as_bytes())?;
    }
}

fn rule(request: &[u8]) -> Option<Rule> {
    let (list, index) = std::str::from_utf8(request).ok()?.split_once(' ')?;
    let grant = *LISTS.get(list.parse::<usize>().ok()?)?;
    let index = index.parse().ok()?;
    Some(Rule { grant, index })
}

fn send(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(&(bytes.len() as u64).to_le_bytes())?;
    to.write_all(bytes)?;
    to.flush()
}

/// The longest message: a policy.
const LONGEST: u64 = 1 << 20;

fn receive(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    let mut bytes = Vec::new();
    from.take(length.min(LONGEST)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 == length {
        true => Ok(bytes),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# keep\n[[grants.http]]\nurl = 'http://a.example/'\nask = true # for now\n";

    #[test]
    fn one_line_of_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, TEXT).unwrap();
        let mut writer = PolicyWriter::open(&path, false).unwrap();
        assert_eq!(writer.change(Rule::http(0)).unwrap().line, 4);
        assert!(writer.change(Rule::http(1)).is_none());
        writer.write(Rule::http(0)).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        assert_eq!(written, TEXT.replace("true", "false"));
        assert!(writer.write(Rule::http(0)).is_err(), "it asks no more");
    }

    #[test]
    fn a_file_that_has_changed_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, TEXT).unwrap();
        let mut writer = PolicyWriter::open(&path, false).unwrap();
        let changed = format!("{TEXT}# by another\n");
        std::fs::write(&path, &changed).unwrap();
        let error = writer.write(Rule::http(0)).unwrap_err();
        assert!(error.to_string().contains("has changed"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), changed);
    }

    #[test]
    fn no_other_change_can_be_asked_for() {
        assert_eq!(rule(b"0 3"), Some(Rule::http(3)));
        assert_eq!(rule(b"1 0"), Some(Rule::files(0)));
        for request in ["", "0", "2 0", "0 -1", "0 x", "http 0"] {
            assert_eq!(rule(request.as_bytes()), None, "{request}");
        }
    }
}
