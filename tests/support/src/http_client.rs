//! A guest that sends requests, and their results.

use std::path::Path;

use tollgate::blocking::Runtime as Blocking;
use tollgate::{Builder, Report, Runtime};

use crate::harness::{all_but, policy, returned, source};
use crate::http_server::{Names, Server};

/// The hostile guest on a runtime of its own.
pub struct Client {
    /// The runtime that loads it.
    pub runtime: Blocking,
    /// The names that the runtime's resolver knows, unless a test set another resolver.
    pub names: Names,
}

impl Client {
    /// A client whose resolver knows the names in `names`.
    pub fn new() -> Client {
        let names = Names::default();
        let builder = Runtime::builder().resolver(names.clone());
        Client {
            names,
            ..Client::of(builder)
        }
    }

    /// A client on a runtime of this configuration.
    pub fn of(builder: Builder) -> Client {
        Client {
            runtime: builder.concurrency(4).build().into(),
            names: Names::default(),
        }
    }

    /// Runs the guest once under these HTTP grants.
    pub fn run(&self, grants: &str, input: &str) -> Report<Vec<u8>> {
        let policy = policy(&with_http(grants));
        let provider = self.runtime.load(&source("hostile"), &policy).unwrap();
        provider.session().run(input.as_bytes()).unwrap()
    }

    /// The result of a GET of this URL.
    pub fn answer(&self, grants: &str, url: &str) -> String {
        returned(&self.run(grants, &format!("http-get {url}")))
    }

    /// The reason of a request's denial.
    pub fn denied(&self, grants: &str, input: &str) -> &'static str {
        let report = self.run(grants, input);
        assert!(
            !returned(&report).starts_with("Ok"),
            "{input}: {}",
            returned(&report)
        );
        assert_eq!(report.denials.len(), 1, "{input}: {}", returned(&report));
        assert_eq!(report.denials[0].capability, "http");
        report.denials[0].reason.label()
    }
}

/// A policy for the hostile guest with these HTTP grants.
pub fn with_http(grants: &str) -> String {
    format!("{}grants.http = [{grants}]", all_but("http"))
}

/// A grant of everything on a server, which is on loopback.
pub fn all_of(server: &Server) -> String {
    format!(
        "{{ url = \"http://127.0.0.1:{}/**\", networks = [\"loopback\"] }}",
        server.port()
    )
}

/// The URL of a path on a server.
pub fn url(server: &Server, path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", server.port())
}

/// A secret that no guest and no log may show.
pub const CANARY: &str = "canary-8f14e45fceea167a5a36dedd4bea2543";

/// A grant of everything on a server, with a credential.
pub fn with_credential(server: &Server, folder: &Path) -> String {
    let file = folder.join("token");
    std::fs::write(&file, format!("{CANARY}\n")).unwrap();
    format!(
        "{{ url = \"http://127.0.0.1:{}/**\", networks = [\"loopback\"], credential = {{ header = \"authorization\", \
         from-file = \"{}\", prefix = \"Bearer \" }} }}",
        server.port(),
        file.display()
    )
}
