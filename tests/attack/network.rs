//! Hostile servers, names and addresses: A33-endless-body to A38-odd-urls and A43-secrets.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use tempfile::TempDir;
use tollgate::blocking::{Provider, Runtime};
use tollgate::embed::CommandInput;
use tollgate::load::Resolver;

use crate::attack_case::{Case, Row, kind};
use crate::server::port;
use support::harness::{all_but, load, policy, source};

const CANARY: &str = "canary-1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed";

/// A name and its addresses.
const NAMES: [(&str, &[&str]); 5] = [
    ("inside.example", &["127.0.0.1"]),
    ("mixed.example", &["93.184.216.34", "127.0.0.1"]),
    ("six.example", &["::ffff:127.0.0.1"]),
    ("nat.example", &["64:ff9b::7f00:1"]),
    ("metadata.example", &["169.254.169.254"]),
];

pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "A33-endless-body",
        attack: "endless, dripping body",
        cases: || {
            let slow = "limits.deadline = \"50ms\"";
            vec![
                get("deadline", "/drip", slow),
                get("deadline", "/silent", slow),
                get("quota", "/endless", ""),
                get("quota", "/bytes", ""),
                wasi("deadline", "/drip", slow),
            ]
        },
    },
    Row {
        id: "A34-false-length",
        attack: "huge head, false length",
        cases: || {
            let headers = format!("http-headers http://127.0.0.1:{}/ 40000 1", port());
            vec![
                Case::run("head-too-large", reaching(&everywhere(), ""), &headers),
                get("unavailable", "/inform", ""),
                get("quota", "/large", ""),
                get("unavailable", "/short", ""),
                get("unavailable", "/endless-head", ""),
                get("unavailable", "/nonsense", ""),
            ]
        },
    },
    Row {
        id: "A35-decompression",
        attack: "decompression bomb",
        cases: || {
            let provider = reaching(&everywhere(), "");
            let input = format!("http-get http://127.0.0.1:{}/gzip", port());
            vec![Case::new("left-as-it-is", move |_| {
                let report = provider.session().run(input.as_bytes()).unwrap();
                let text = support::harness::returned(&report);
                let kept = text.contains("(200, 12, \"not unpacked\"");
                if kept {
                    "left-as-it-is".to_owned()
                } else {
                    text
                }
            })]
        },
    },
    Row {
        id: "A36-redirects",
        attack: "redirect to another host",
        cases: || vec![get("not-granted", "/away", "")],
    },
    Row {
        id: "A37-addresses",
        attack: "private, odd addresses",
        cases: || {
            let hosts = NAMES.iter().map(|(name, _)| *name);
            let mut cases: Vec<Case> = hosts
                .chain(["127.0.0.1", "169.254.169.254"])
                .map(|host| {
                    let at = format!("http://{host}:{}/", port());
                    let provider = reaching(&format!("{{ url = \"{at}**\" }}"), "");
                    Case::run("private-address", provider, &format!("http-get {at}"))
                })
                .collect();
            cases.extend(
                ["0x7f.1", "2130706433", "127.1"].map(|host| odd(&format!("http://{host}/"))),
            );
            cases
        },
    },
    Row {
        id: "A38-odd-urls",
        attack: "CR LF, user info, Host",
        cases: || {
            let urls = [
                "http://user@127.0.0.1/",
                "http://127.0.0.1/\r\nx: y",
                "http://127.0.0.1\\@example.com/",
            ];
            let mut cases: Vec<Case> = urls.map(odd).into();
            for header in ["host evil.example", "x-injected a\\r\\nb: c", "te trailers"] {
                let input = format!("http-header http://127.0.0.1:{}/ {header}", port());
                cases.push(Case::run("bad-header", reaching(&everywhere(), ""), &input));
            }
            cases
        },
    },
    Row {
        id: "A43-secrets",
        attack: "environment, secrets",
        cases: secrets,
    },
];

struct Names;

impl Resolver for Names {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send + 'a>> {
        let found = NAMES.iter().find(|(name, _)| *name == host);
        let addresses = found.map(|(_, all)| all.iter().map(|ip| ip.parse().unwrap()).collect());
        Box::pin(async move { addresses.ok_or_else(|| std::io::ErrorKind::NotFound.into()) })
    }
}

pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let builder = support::harness::builder().concurrency(4);
        builder.resolver(Names).build().into()
    })
}

/// A grant of the whole hostile server.
pub(crate) fn everywhere() -> String {
    format!(
        "{{ url = \"http://127.0.0.1:{}/**\", networks = [\"loopback\"], max-body = 1000 }}",
        port()
    )
}

/// The guest `hostile` with a grant of the network.
fn reaching(grant: &str, limits: &str) -> Provider {
    let rest = all_but("http");
    let policy = policy(&format!("{rest}\n{limits}\ngrants.http = [{grant}]"));
    runtime().load(&source("hostile"), &policy).unwrap()
}

/// A guest that fetches a body that never ends, and the URLs of two such bodies: one that comes slowly, and one in
/// chunks of a byte that comes as fast as it is read.
pub(crate) fn endless(limits: &str) -> (Provider, [String; 2]) {
    let most = everywhere().replace("1000", "1_000_000_000");
    let paths = ["/drip", "/bytes"];
    let inputs = paths.map(|path| format!("http-get http://127.0.0.1:{}{path}", port()));
    (reaching(&most, limits), inputs)
}

fn get(expect: &'static str, path: &str, limits: &str) -> Case {
    let provider = reaching(&everywhere(), limits);
    let input = format!("http-get http://127.0.0.1:{}{path}", port());
    Case::run(expect, provider, &input)
}

/// The same through `wasi:http`.
fn wasi(expect: &'static str, path: &str, limits: &str) -> Case {
    let grants = format!(
        "{limits}\ngrants.wasi = \"inert\"\ngrants.http = [{}]",
        everywhere()
    );
    let provider = runtime()
        .load(&source("http-client"), &policy(&grants))
        .unwrap();
    let url = format!("http://127.0.0.1:{}{path}", port());
    Case::command(expect, provider, &["http-client", "get", &url])
}

fn odd(url: &str) -> Case {
    let provider = reaching(&everywhere(), "");
    Case::run("bad-url", provider, &format!("http-get {url}"))
}

/// The secrets of the host that no guest may know: its environment, and the credentials that it adds to requests.
fn secrets() -> Vec<Case> {
    let folder = Arc::new(TempDir::new().unwrap());
    let file = folder.path().join("token");
    std::fs::write(&file, CANARY).unwrap();
    let grant = format!(
        "{{ url = \"http://127.0.0.1:{}/**\", networks = [\"loopback\"], credential = {{ header = \"authorization\", \
         from-file = \"{}\" }} }}",
        port(),
        file.display()
    );
    let provider = reaching(&grant, "");
    let input = format!("http-get http://127.0.0.1:{}/echo", port());
    let command = load("hello-command", "grants.wasi = \"inert\"");
    vec![
        Case::new("secret-in-response", move |_| {
            let _until_the_end = &folder;
            let report = provider.session().run(input.as_bytes());
            let seen = format!("{report:?}{}", report.as_ref().unwrap().to_json());
            if seen.contains(CANARY) {
                return "leaked".to_owned();
            }
            kind(&report)
        }),
        Case::new("nothing", move |_| {
            let input = CommandInput {
                args: vec!["hello-command".to_owned()],
                ..CommandInput::default()
            };
            let report = command.session().command(input).unwrap();
            let said = String::from_utf8_lossy(&report.stdio.unwrap().stderr).into_owned();
            if said.contains("env ") {
                said
            } else {
                "nothing".to_owned()
            }
        }),
    ]
}
