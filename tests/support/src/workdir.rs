//! A folder with components, in which the command line is run.

use std::path::PathBuf;
use std::process::{Output, Stdio};

use tempfile::TempDir;

use crate::cli::{code, command, stderr, stdout};
use crate::harness::guest_file;

/// A working folder.
pub struct Workdir(pub TempDir);

impl Workdir {
    /// A working folder with the guest `echo`, unsigned.
    pub fn new() -> Workdir {
        let workdir = Workdir(TempDir::new().unwrap());
        workdir.bring("echo", "echo.wasm");
        workdir
    }

    /// The path of a file in it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Copies a guest into it.
    pub fn bring(&self, guest: &str, name: &str) {
        std::fs::copy(guest_file(guest), self.at(name)).unwrap();
    }

    /// Writes a file.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.at(name), bytes).unwrap();
    }

    /// Reads a text file.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }

    /// The id of the key `acme`.
    pub fn id(&self) -> String {
        let text = self.read("acme.pub");
        let comment = text.lines().next().unwrap();
        comment.rsplit(' ').next().unwrap().to_owned()
    }

    /// Runs a command line whose words contain no spaces.
    pub fn run(&self, line: &str) -> Output {
        let args: Vec<&str> = line.split(' ').collect();
        let mut command = command(&args);
        command.current_dir(self.0.path()).stdin(Stdio::null());
        command.output().unwrap()
    }

    /// Runs a command line that must succeed, and returns its standard output.
    pub fn ok(&self, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(code(&output), 0, "{line}: {}", stderr(&output));
        stdout(&output)
    }

    /// Runs a command line that must end with this exit status, and returns its standard error.
    pub fn ends(&self, line: &str, status: i32) -> String {
        let output = self.run(line);
        assert_eq!(code(&output), status, "{line}: {}", stderr(&output));
        stderr(&output)
    }
}
