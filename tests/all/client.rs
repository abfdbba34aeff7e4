//! A guest that sends requests, and what became of them.

use tollgate::blocking::Runtime as Blocking;
use tollgate::{Builder, Report, Runtime};

use crate::harness::{all_but, policy, returned, source};
use crate::server::{Names, Server};

/// The hostile guest on a runtime of its own.
pub(crate) struct Client {
    pub(crate) runtime: Blocking,
    /// What the runtime's resolver knows, unless a test gave it another one.
    pub(crate) names: Names,
}

impl Client {
    pub(crate) fn new() -> Client {
        let names = Names::default();
        let builder = Runtime::builder().resolver(names.clone());
        Client {
            names,
            ..Client::of(builder)
        }
    }

    pub(crate) fn of(builder: Builder) -> Client {
        Client {
            runtime: builder.concurrency(4).build().into(),
            names: Names::default(),
        }
    }

    pub(crate) fn run(&self, grants: &str, input: &str) -> Report<Vec<u8>> {
        let policy = policy(&with_http(grants));
        let provider = self.runtime.load(&source("hostile"), &policy).unwrap();
        provider.session().run(input.as_bytes()).unwrap()
    }

    pub(crate) fn answer(&self, grants: &str, url: &str) -> String {
        returned(&self.run(grants, &format!("http-get {url}")))
    }

    /// The reason with which a request is denied.
    pub(crate) fn denied(&self, grants: &str, input: &str) -> &'static str {
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
pub(crate) fn with_http(grants: &str) -> String {
    format!("{}grants.http = [{grants}]", all_but("http"))
}

/// A grant of everything on a server, which is on loopback.
pub(crate) fn all_of(server: &Server) -> String {
    format!(
        "{{ url = \"http://127.0.0.1:{}/**\", private = true }}",
        server.port()
    )
}

pub(crate) fn url(server: &Server, path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", server.port())
}
