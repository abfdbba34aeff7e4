//! Exchanges with a server that answers with the bytes of the input, over loopback, by each way that a guest has.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tollgate::blocking::Provider;
use tollgate::embed::CommandInput;
use tollgate::{Policy, Source};

use crate::call::ended;
use crate::component::runtime;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The credential, of which no guest sees anything.
const CANARY: &str = "canary-8f14e45fceea167a";

/// Spellings of it that are searched for: as it is, and the digits of its base64 that it alone makes.
const SPELLINGS: [&str; 4] = [
    CANARY,
    "y2fuyxj5ltlmmtrlndvmy2vlyte2n2",
    "nhbmfyes04zje0ztq1zmnlzwexnjdh",
    "jyw5hcnktogyxngu0nwzjzwvhmty3y",
];

/// Headers that the host sets or that frame a message.
const HOSTS: [&str; 6] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "accept-encoding",
    "authorization",
];

/// A server on loopback: its answer, and the requests that it received.
struct Server {
    port: u16,
    answer: Mutex<Vec<u8>>,
    asked: Mutex<Vec<Vec<u8>>>,
}

/// The guests that send requests, each with the credential.
struct Guests {
    courier: Provider,
    hostile: Provider,
    wasi: Provider,
}

/// The input is a request as `courier` reads it, without the server, a line `---`, and the bytes of the answer.
pub(crate) fn exchange(data: &[u8]) -> &'static str {
    let mark = b"\n---\n";
    let end = data.windows(mark.len()).position(|bytes| bytes == mark);
    let (request, answer) = match end.and_then(|end| data.split_at_checked(end)) {
        Some((request, rest)) => (request, rest.get(mark.len()..).unwrap_or_default()),
        None => (&b"GET /"[..], data),
    };
    let (server, guests) = (server(), guests());
    *lock(&server.answer) = answer.to_vec();
    lock(&server.asked).clear();
    let request = String::from_utf8_lossy(request);
    let (first, rest) = request.split_once('\n').unwrap_or((&request, ""));
    let (method, path) = first.split_once(' ').unwrap_or(("GET", "/"));
    let url = format!("http://127.0.0.1:{}{path}", server.port);
    let (label, told) = match data.len() % 3 {
        0 => {
            let input = format!("{method} {url}\n{rest}");
            run(&guests.courier, &input)
        }
        1 => run(&guests.hostile, &format!("http-get {url}")),
        _ => {
            let report = guests.wasi.session().command(CommandInput {
                args: ["http-client", "get", &url].map(str::to_owned).to_vec(),
                ..CommandInput::default()
            });
            let stdio = report.as_ref().ok().and_then(|report| report.stdio.clone());
            let told = String::from_utf8_lossy(&stdio.unwrap_or_default().stdout).into_owned();
            (ended(&report), format!("{report:?}{told}"))
        }
    };
    let told = told.to_ascii_lowercase();
    if !request.to_ascii_lowercase().contains("canary") {
        for spelling in SPELLINGS {
            assert!(!told.contains(spelling), "the credential: {told}");
        }
    }
    for asked in lock(&server.asked).iter() {
        one_request(asked, &request);
    }
    label
}

/// The label of the end of the guest's `run`, and the text of its result and its report.
fn run(provider: &Provider, input: &str) -> (&'static str, String) {
    let report = provider.session().run(input.as_bytes());
    let returned = report
        .as_ref()
        .ok()
        .and_then(|report| report.outcome.clone().returned());
    let told = String::from_utf8_lossy(&returned.unwrap_or_default()).into_owned();
    (ended(&report), format!("{report:?}{told}"))
}

/// The server receives one request, with the credential once, and with no header besides the host's and the guest's.
fn one_request(bytes: &[u8], request: &str) {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no head: {text}"));
    let mut lines = head.split("\r\n");
    let first: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    assert!(
        matches!(first[..], [_, path, "HTTP/1.1"] if path.starts_with('/')),
        "{first:?}"
    );
    let headers: Vec<(&str, &str)> = lines
        .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("{line:?}")))
        .collect();
    let values = |wanted: &str| -> Vec<&str> {
        let named = headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        named.map(|(_, value)| *value).collect()
    };
    assert_eq!(values("host").len(), 1, "{head}");
    assert_eq!(values("connection"), ["close"], "{head}");
    assert_eq!(values("accept-encoding"), ["identity"], "{head}");
    assert_eq!(
        values("authorization"),
        [format!("Bearer {CANARY}")],
        "{head}"
    );
    assert!(values("transfer-encoding").is_empty(), "{head}");
    let length = values("content-length")
        .first()
        .map_or(Ok(0), |length| length.parse());
    assert_eq!(length, Ok(body.len()), "{text}");
    let asked = request.to_ascii_lowercase();
    for (name, _) in &headers {
        let name = name.to_ascii_lowercase();
        let known = HOSTS.contains(&name.as_str()) || name == "user-agent" || name == "accept";
        assert!(known || asked.contains(&name), "{name} in {head}");
    }
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    static STARTED: OnceLock<()> = OnceLock::new();
    let bind = || TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}"));
    let mut listener = None;
    let server = SERVER.get_or_init(|| {
        let bound = bind();
        let port = bound.local_addr().map_or(0, |address| address.port());
        listener = Some(bound);
        Server {
            port,
            answer: Mutex::default(),
            asked: Mutex::default(),
        }
    });
    if let Some(listener) = listener {
        STARTED.get_or_init(|| {
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    // A client that gives up early is no error of the server.
                    let _ = serve(stream, server);
                }
            });
        });
    }
    server
}

fn serve(mut stream: TcpStream, server: &Server) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.set_write_timeout(Some(Duration::from_secs(1)))?;
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        bytes.extend(byte);
    }
    let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = Vec::new();
    (&stream).take(length).read_to_end(&mut body)?;
    bytes.extend(body);
    lock(&server.asked).push(bytes);
    stream.write_all(&lock(&server.answer).clone())
}

fn guests() -> &'static Guests {
    static GUESTS: OnceLock<Guests> = OnceLock::new();
    GUESTS.get_or_init(|| {
        let root = Path::new(ROOT).canonicalize().unwrap_or_default();
        let folder = root.join("target/fuzz");
        let token = folder.join("token");
        let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&token, CANARY));
        written.unwrap_or_else(|error| panic!("{token:?}: {error}"));
        let load = |name: &str, grants: &str| {
            let text = format!(
                "limits.deadline = \"5s\"\nlimits.fuel = 100_000_000\n{grants}\n\
                 grants.http = [{{ url = \"http://127.0.0.1:{}/**\", networks = [\"loopback\"], max-body = \"64KiB\", \
                 methods = [\"GET\", \"HEAD\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\", \"OPTIONS\"], \
                 credential = {{ header = \"authorization\", from-file = \"{}\", prefix = \"Bearer \" }} }}]\n",
                server().port,
                token.display()
            );
            let policy = Policy::parse(&text, &root).unwrap_or_else(|error| panic!("{error}"));
            let path = root.join(format!("target/guests/{name}.wasm"));
            let source = Source::file(&path, &policy.limits);
            let source = source.unwrap_or_else(|error| panic!("{error}"));
            let loaded = runtime().1.load(&source, &policy);
            loaded.unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        let all = "grants.log = true\ngrants.hash = true\ngrants.store = true\ngrants.config = {}\n\
                   grants.files = [{ root = \"data\", path = \"samples/files\", access = \"read\" }]";
        Guests {
            courier: load("courier", ""),
            hostile: load("hostile", all),
            wasi: load("http-client", "grants.wasi = \"inert\""),
        }
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
