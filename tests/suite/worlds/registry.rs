//! A provider of the `releases` world against a package registry: credential, redirect to another origin,
//! tampering. A36-redirects and A43-secrets, end to end.

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tollgate::report::WaveError;
use tollgate::{Outcome, Report};

use support::harness::wave;
use support::http_client::all_of;
use support::http_client::{CANARY, with_credential};
use support::http_server::{Server, response};

type Answer = Report<String, WaveError>;

const ARCHIVE: &str = "the archive of waybill 1.2.0";

/// The place of the registry's archives, unless a test sets another.
const DOWNLOADS: &str = "http://HOST/api";

/// A registry that wants a credential for everything, and the server of another origin that has the archives.
struct Registry {
    index: Server,
    cdn: Server,
    folder: TempDir,
}

impl Registry {
    /// One whose `config.json` says `dl`, its own name for `HOST`, and whose archives are all `archive`.
    fn start(dl: &'static str, archive: &'static str) -> Registry {
        let cdn = Server::answering(move |_| response("200 OK", "", archive));
        let archives = format!(
            "location: http://127.0.0.1:{}/waybill.crate\r\n",
            cdn.port()
        );
        let index = Server::answering(move |head| {
            let field = |name| head.lines().find_map(|line| line.strip_prefix(name));
            if field("authorization: ") != Some(&format!("Bearer {CANARY}")) {
                return response("401 Unauthorized", "www-authenticate: Bearer\r\n", "");
            }
            match head.split(' ').nth(1).unwrap() {
                "/index/config.json" => {
                    let dl = dl.replace("HOST", field("host: ").unwrap());
                    let config = format!(r#"{{"dl":"{dl}","api":null,"auth-required":true}}"#);
                    response("200 OK", "", &config)
                }
                "/index/wa/yb/waybill" => response("200 OK", "", &lines()),
                "/index/br/ok/broken" => response("200 OK", "", "{\"name\":\"broken\"}\n"),
                "/api/waybill/1.2.0/download" => response("302 Found", &archives, ""),
                _ => response("404 Not Found", "", "no such thing"),
            }
        });
        Registry {
            index,
            cdn,
            folder: TempDir::new().unwrap(),
        }
    }

    /// Calls the provider, which has the credential and may follow to the other origin.
    fn call(&self, call: &str) -> Answer {
        self.call_with(
            &[&self.with_credential(), &all_of(&self.cdn)],
            "waybill",
            call,
        )
    }

    fn call_with(&self, grants: &[&str], package: &str, call: &str) -> Answer {
        let policy = format!(
            "grants.hash = true\n\
             grants.config = {{ registry = 'http://127.0.0.1:{}/index/', package = '{package}' }}\n\
             grants.http = [{}]",
            self.index.port(),
            grants.join(", ")
        );
        let report = wave("registry-remote", &policy, call);
        let seen = format!("{report:?}{}", report.to_json());
        assert!(!seen.contains(CANARY), "{call}: {seen}");
        report
    }

    fn with_credential(&self) -> String {
        with_credential(&self.index, self.folder.path())
    }
}

fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The file of the crate, not in the order of its versions.
fn lines() -> String {
    let line = |version: &str, cksum: &str, yanked: bool| {
        format!(
            "{{\"name\":\"waybill\",\"vers\":\"{version}\",\"deps\":[],\"cksum\":\"{cksum}\",\
             \"features\":{{}},\"yanked\":{yanked}}}\n"
        )
    };
    let other = sha256("another");
    line("1.2.0", &sha256(ARCHIVE), false)
        + &line("0.9.0", &other, false)
        + &line("1.3.0", &other, true)
        + &line("2.0.0-rc.1+build.5", &other, false)
}

fn returned(report: &Answer) -> &str {
    match &report.outcome {
        Outcome::Returned(text) => text,
        other => panic!("{other:?}"),
    }
}

/// The case of the error that the provider returned.
fn failed(report: &Answer) -> &str {
    match &report.outcome {
        Outcome::Failed(error) => &error.kind,
        other => panic!("{other:?}"),
    }
}

fn denials(report: &Answer) -> Vec<(&'static str, &str, &'static str)> {
    let each = report.denials.iter();
    each.map(|denial| {
        let reason = denial.reason.label();
        (denial.capability, denial.target.as_str(), reason)
    })
    .collect()
}

#[test]
fn a_registry_answers_all_four_hooks() {
    let registry = Registry::start(DOWNLOADS, ARCHIVE);
    let report = registry.call("list-versions()");
    assert_eq!(
        returned(&report),
        "ok([{version: \"0.9.0\", yanked: false}, {version: \"1.2.0\", yanked: false}, \
         {version: \"1.3.0\", yanked: true}, {version: \"2.0.0-rc.1+build.5\", yanked: false}])"
    );
    let report = registry.call("compare-versions(\"1.10.0\", \"1.9.0\")");
    assert_eq!(returned(&report), "ok(greater)");
    let port = registry.index.port();
    let report = registry.call("resolve(\"^1\", \"linux/x86_64\")");
    let wanted = format!(
        "ok({{version: \"1.2.0\", url: \"http://127.0.0.1:{port}/api/waybill/1.2.0/download\"}})"
    );
    assert_eq!(returned(&report), wanted);
    let report = registry.call("checksum(\"1.2.0\", \"linux/x86_64\")");
    let wanted = format!(
        "ok({{algorithm: \"sha256\", hex: \"{}\"}})",
        sha256(ARCHIVE)
    );
    assert_eq!(returned(&report), wanted);
    assert!(denials(&report).is_empty());
}

/// A43-secrets: every request to the registry carries it, and requests to the other origin do not.
#[test]
fn the_credential_stays_with_the_registry() {
    let registry = Registry::start(DOWNLOADS, ARCHIVE);
    registry.call("checksum(\"1.2.0\", \"any\")");
    let carried = |server: &Server| -> Vec<bool> {
        let heads = server.requests();
        heads.iter().map(|head| head.contains(CANARY)).collect()
    };
    assert_eq!(carried(&registry.index), [true, true, true]);
    assert_eq!(carried(&registry.cdn), [false]);
    assert!(!registry.cdn.requests()[0].contains("authorization"));
    // Without a credential in the policy, the registry answers as to any stranger.
    let report = registry.call_with(&[&all_of(&registry.index)], "waybill", "list-versions()");
    assert_eq!(failed(&report), "access-denied");
    assert!(denials(&report).is_empty(), "it is the registry's word");
}

/// A43-secrets: a registry that shows it does not show it to the provider.
#[test]
fn a_registry_that_sends_the_credential_back_is_not_heard() {
    let folder = TempDir::new().unwrap();
    let registry = Registry {
        index: Server::answering(|head| response("200 OK", "", head)),
        cdn: Server::answering(|_| response("200 OK", "", ARCHIVE)),
        folder,
    };
    let report = registry.call("list-versions()");
    assert_eq!(failed(&report), "access-denied");
    let url = format!(
        "http://127.0.0.1:{}/index/wa/yb/waybill",
        registry.index.port()
    );
    assert_eq!(
        denials(&report),
        [("http", url.as_str(), "secret-in-response")]
    );
}

#[test]
fn an_archive_of_other_bytes_has_no_checksum() {
    let registry = Registry::start(DOWNLOADS, "something else");
    let report = registry.call("checksum(\"1.2.0\", \"any\")");
    assert_eq!(failed(&report), "other");
    let text = format!("{:?}", report.outcome);
    assert!(
        text.contains(&sha256(ARCHIVE)) && text.contains(&sha256("something else")),
        "{text}"
    );
}

/// A36-redirects.
#[test]
fn a_redirect_to_a_port_that_is_not_granted_is_denied() {
    let registry = Registry::start(DOWNLOADS, ARCHIVE);
    let call = "checksum(\"1.2.0\", \"any\")";
    let report = registry.call_with(&[&registry.with_credential()], "waybill", call);
    assert_eq!(failed(&report), "access-denied");
    let url = format!("http://127.0.0.1:{}/waybill.crate", registry.cdn.port());
    assert_eq!(denials(&report), [("http", url.as_str(), "not-granted")]);
    assert!(registry.cdn.requests().is_empty());
}

#[test]
fn what_the_registry_does_not_have_is_not_found() {
    let registry = Registry::start(DOWNLOADS, ARCHIVE);
    let grants = [&*registry.with_credential()];
    for (package, call, kind) in [
        ("unknown", "list-versions()", "not-found"),
        ("waybill", "resolve(\"^9\", \"any\")", "not-found"),
        ("waybill", "checksum(\"9.0.0\", \"any\")", "not-found"),
        // In the index, and its archive is gone.
        ("waybill", "checksum(\"0.9.0\", \"any\")", "not-found"),
        ("waybill", "checksum(\"nine\", \"any\")", "invalid-input"),
        ("broken", "list-versions()", "invalid-input"),
        ("../config.json", "list-versions()", "invalid-input"),
    ] {
        let report = registry.call_with(&grants, package, call);
        assert_eq!(failed(&report), kind, "{package}: {call}");
        assert!(denials(&report).is_empty(), "{package}: {call}");
    }
}

#[test]
fn archives_are_where_the_template_says() {
    let call = "resolve(\"=2.0.0-rc.1\", \"any\")";
    let template = "http://HOST/{prefix}/{lowerprefix}/{crate}-{version}.crate?{sha256-checksum}";
    let registry = Registry::start(template, ARCHIVE);
    let report = registry.call(call);
    let wanted = format!(
        "/wa/yb/wa/yb/waybill-2.0.0-rc.1%2Bbuild.5.crate?{}",
        sha256("another")
    );
    let text = returned(&report);
    assert!(text.contains(&wanted), "{text}");
    // It is the registry's to say, and the policy's to allow.
    for (dl, reason) in [
        ("file:///etc/passwd", "bad-url"),
        ("http://0x7f.1", "bad-url"),
        ("http://elsewhere.example", "not-granted"),
        ("http://127.0.0.1", "not-granted"),
    ] {
        let report = Registry::start(dl, ARCHIVE).call("checksum(\"1.2.0\", \"any\")");
        assert_eq!(failed(&report), "access-denied", "{dl}");
        assert_eq!(denials(&report)[0].2, reason, "{dl}");
    }
}
