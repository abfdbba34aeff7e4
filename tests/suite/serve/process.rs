//! The program `tollgate serve`, started for a test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::Receiver;

use tempfile::TempDir;

use support::cli::command;
use support::harness::{guest_file, in_time};

use super::{PATIENCE, Reply, post, reply};

/// The program, which serves a folder until the end of the test.
pub(crate) struct Program {
    pub(super) process: Child,
    pub(crate) address: String,
    /// Its other lines.
    pub(super) lines: Receiver<String>,
}

impl Program {
    /// Serves guests under these policies.
    pub(super) fn of(guests: &[(&str, &str)], options: &[&str]) -> (TempDir, Program) {
        Program::with(guests, options, &[])
    }

    /// The same with variables of the environment.
    pub(super) fn with(
        guests: &[(&str, &str)],
        options: &[&str],
        variables: &[(&str, &str)],
    ) -> (TempDir, Program) {
        let folder = tempfile::tempdir().unwrap();
        for (guest, policy) in guests {
            let of = |ending: &str| folder.path().join(format!("{guest}.{ending}"));
            std::fs::copy(guest_file(guest), of("wasm")).unwrap();
            std::fs::write(of("toml"), policy).unwrap();
        }
        let program = Program::start(folder.path(), "127.0.0.1:0", options, variables);
        (folder, program)
    }

    /// Serves what is in a folder.
    pub(super) fn at(folder: &Path, address: &str, options: &[&str]) -> Program {
        Program::start(folder, address, options, &[])
    }

    fn start(
        folder: &Path,
        address: &str,
        options: &[&str],
        variables: &[(&str, &str)],
    ) -> Program {
        let mut arguments = vec![folder.to_str().unwrap(), "--listen", address];
        arguments.extend(options);
        Program::serving(&arguments, variables)
    }

    /// With these arguments.
    pub(crate) fn serving(arguments: &[&str], variables: &[(&str, &str)]) -> Program {
        let arguments = [&["serve"], arguments].concat();
        let mut process = command(&arguments)
            .envs(variables.iter().copied())
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, lines) = std::sync::mpsc::channel();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        std::thread::spawn(move || {
            stderr.lines().for_each(|line| {
                let _ = tell.send(line.unwrap());
            });
        });
        let mut program = Program {
            process,
            address: String::new(),
            lines,
        };
        let listening = program.line("listening on http://");
        program.address = listening.split_once("http://").unwrap().1.to_owned();
        program
    }

    /// The next line with this text.
    pub(crate) fn line(&self, text: &str) -> String {
        let line = || self.lines.recv_timeout(PATIENCE).expect(text);
        std::iter::repeat_with(line)
            .find(|line| line.contains(text))
            .unwrap()
    }

    pub(crate) fn sent(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Reply {
        reply(&mut self.sent(&post(path, "", body))).unwrap()
    }

    pub(crate) fn end(mut self) -> ExitStatus {
        let id = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        in_time(move || {
            let status = self.process.wait().unwrap();
            let mut result = Vec::new();
            let mut stdout = self.process.stdout.take().unwrap();
            stdout.read_to_end(&mut result).unwrap();
            assert!(result.is_empty(), "stdout is for results");
            status
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
