//! A guest that sends requests through `wasi:http`, and their results.

use tollgate::blocking::{Provider, Runtime as Blocking};
use tollgate::embed::CommandInput;
use tollgate::report::ExitCode;
use tollgate::{Outcome, Report};

use crate::harness::{policy, source};
use crate::http_server::{Names, Server, response};
use crate::wasi_command::stdout;

/// The guest `http-client`, on a runtime of its own.
pub struct Client {
    runtime: Blocking,
    /// The names that its resolver knows.
    pub names: Names,
}

impl Client {
    /// A client on a runtime of its own.
    pub fn new() -> Client {
        let names = Names::default();
        let builder = crate::harness::builder()
            .concurrency(4)
            .cache(crate::code_cache::of_this_process())
            .resolver(names.clone());
        Client {
            runtime: builder.build().into(),
            names,
        }
    }

    /// Loads the guest under these HTTP grants.
    pub fn load(&self, grants: &str) -> Provider {
        let policy = policy(&format!("grants.wasi = \"inert\"\n{grants}"));
        self.runtime.load(&source("http-client"), &policy).unwrap()
    }

    /// Runs the guest once under these HTTP grants.
    pub fn run(&self, grants: &str, args: &[&str]) -> Report<(), ExitCode> {
        run(&self.load(grants), args)
    }

    /// The output of a run that succeeds.
    pub fn prints(&self, grants: &str, args: &[&str]) -> String {
        let report = self.run(grants, args);
        let text = stdout(&report);
        assert_eq!(report.outcome, Outcome::Returned(()), "{args:?}: {text}");
        text
    }

    /// The output of a run that fails by itself.
    pub fn fails(&self, grants: &str, args: &[&str]) -> String {
        let report = self.run(grants, args);
        let text = stdout(&report);
        let failed = Outcome::Failed(ExitCode(1));
        assert_eq!(report.outcome, failed, "{args:?}: {text}");
        text
    }

    /// The reason of the denial of its one request.
    pub fn denied(&self, grants: &str, args: &[&str]) -> &'static str {
        let report = self.run(grants, args);
        let text = stdout(&report);
        let [denial] = &report.denials[..] else {
            panic!("{args:?}: {text} {:?}", report.denials)
        };
        assert!(text.contains("error: "), "{args:?}: {text}");
        assert_eq!(denial.capability, "http");
        denial.reason.label()
    }
}

/// Runs the command in a new session.
pub fn run(provider: &Provider, args: &[&str]) -> Report<(), ExitCode> {
    let args = std::iter::once(&"http-client").chain(args);
    let input = CommandInput {
        args: args.map(|arg| (*arg).to_owned()).collect(),
        ..CommandInput::default()
    };
    provider.session().command(input).unwrap()
}

/// A grant of everything on a server, which is on loopback, with more keys.
pub fn all_of(server: &Server, more: &str) -> String {
    let port = server.port();
    format!(
        "grants.http = [{{ url = \"http://127.0.0.1:{port}/**\", networks = [\"loopback\"]{more} }}]"
    )
}

/// A server that answers "hello".
pub fn hello() -> Server {
    Server::saying(response("200 OK", "x-answer: 42\r\n", "hello"))
}
