//! The escaped guest: `escape.c` inside the released program, and the results of its attempts.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use support::cli::{built, command};
use support::harness::root;
use support::skip::skip;
use tempfile::TempDir;

/// The errors by which an attempt may end: that of a denied path or port, that of a call that does not exist, and that of
/// a descriptor that was closed.
pub(crate) const DENIED: i32 = 13;
pub(crate) const NO_SUCH_CALL: i32 = 38;
pub(crate) const CLOSED: i32 = 9;

/// The results of the attempts: the number of the error, 0 for an attempt that succeeded.
pub(crate) type Attempts = BTreeMap<String, i32>;

/// The library, built once.
pub(super) fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let library = built("wall-escape.so");
        let done = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(&library)
            .arg(root().join("tests/suite/wall/escape.c"))
            .arg("-ldl")
            .status();
        assert!(done.unwrap().success(), "escape.c does not compile");
        library
    })
}

/// Whether this kernel has Landlock in this version and seccomp, as the tests of the wall need; reports a skip if not. It
/// asks the kernel itself, since the program's own answer is under test.
pub(crate) fn kernel_has_all_parts() -> bool {
    let asked = Command::new("true")
        .env("LD_PRELOAD", library())
        .env("ESCAPE_AT", "start")
        .output()
        .unwrap();
    let said = String::from_utf8(asked.stdout).unwrap();
    let number = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().parse::<i32>().unwrap()
    };
    if number("landlock") < 4 {
        skip("this kernel, or its container, has no Landlock with rules on ports (Linux 6.7)");
        return false;
    }
    if number("seccomp") != 0 {
        skip("this kernel, or its container, has no seccomp");
        return false;
    }
    true
}

/// The files and servers that the escaped guest tries to reach.
pub(crate) struct Scene {
    folder: TempDir,
    /// Another process of the same user.
    other: Child,
    /// A port that no grant names, and one that a grant may name.
    ports: [TcpListener; 2],
    /// A file and a folder that the program inherits.
    inherited: [OwnedFd; 2],
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.other.kill().unwrap();
        self.other.wait().unwrap();
    }
}

impl Scene {
    pub(crate) fn new() -> Scene {
        let folder = TempDir::new().unwrap();
        for name in ["granted", "outside", "home"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        for name in ["granted/file", "outside/file"] {
            std::fs::write(folder.path().join(name), "text").unwrap();
        }
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let inherited = |path: &str| {
            // A number that the program gives to nothing of its own.
            let open = fcntl_dupfd_cloexec(File::open(path).unwrap(), 300).unwrap();
            fcntl_setfd(&open, FdFlags::empty()).unwrap();
            open
        };
        Scene {
            folder,
            other: Command::new("sleep").arg("600").spawn().unwrap(),
            ports: [listen(), listen()],
            inherited: [inherited("/etc/passwd"), inherited("/etc")],
        }
    }

    pub(crate) fn at(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn granted_port(&self) -> u16 {
        self.ports[1].local_addr().unwrap().port()
    }

    /// The variables that tell the escaped guest its attempts.
    pub(crate) fn environment(&self, at: &str, to: i32) -> Vec<(String, String)> {
        let [file, folder] = &self.inherited;
        let not_granted = self.ports[0].local_addr().unwrap().port();
        let told = [
            ("PROCESS", self.other.id().to_string()),
            ("OUTSIDE", self.at("outside/file")),
            ("INSIDE", self.at("granted/file")),
            ("HOME", self.at("home/written")),
            ("FILE_FD", file.as_raw_fd().to_string()),
            ("FOLDER_FD", folder.as_raw_fd().to_string()),
            ("PORT", not_granted.to_string()),
            ("GRANTED_PORT", self.granted_port().to_string()),
            ("AT", at.to_owned()),
            ("TO", to.to_string()),
        ];
        let told = told.map(|(name, value)| (format!("ESCAPE_{name}"), value));
        let preloaded = library().to_str().unwrap().to_owned();
        let mut all = Vec::from(told);
        all.push(("LD_PRELOAD".to_owned(), preloaded));
        all
    }

    /// The program with the escaped guest in it, which writes its results to `to`.
    pub(super) fn program(&self, args: &[&str], at: &str, to: i32) -> Command {
        let mut program = command(args);
        program.envs(self.environment(at, to)).stdin(Stdio::null());
        program
    }

    /// Calls a component with these options, and returns the results of the attempts after the call.
    pub(super) fn call(&self, options: &[&str], without: &str) -> Attempts {
        let counter = support::cli::guest("counter");
        let mut program = self.program(&["call", &counter, "next()"], "write", 2);
        program.args(options).env("ESCAPE_WITHOUT", without);
        let output = program.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        attempts(&said)
    }

    /// Starts a compile worker, and returns the results of the attempts before it reads the component.
    pub(super) fn worker(&self, without: &str) -> Attempts {
        let mut program = self.program(&super::WORKER, "write", 1);
        let output = program.env("ESCAPE_WITHOUT", without).output().unwrap();
        attempts(&String::from_utf8_lossy(&output.stdout))
    }
}

/// The lines of the escaped guest, found among other text.
pub(crate) fn attempts(said: &str) -> Attempts {
    let pairs = said.lines().filter_map(|line| {
        let (name, error) = line.split_once(' ')?;
        Some((name.to_owned(), error.parse().ok()?))
    });
    let mut attempts: Attempts = pairs.collect();
    assert!(
        attempts.remove("end").is_some(),
        "it did not come to its end: {said}"
    );
    assert!(attempts.len() > 40, "{said}");
    attempts
}
