//! A57-host-memory: for each interface that the host serves, a guest with little memory of its own has the host hold as much
//! as it can, and the memory of the process is looked at.

use std::fmt::Write as _;

use tempfile::TempDir;
use tollgate::Report;
use tollgate::blocking::Provider;
use tollgate::component::SERVED;
use tollgate::embed::CommandInput;

use support::counting::peak_growth;
use support::file_roots::folders;
use support::growth::growth;
use support::harness::{all_but, alone, load};
use support::http_server::{Server, response};
use support::wasi_client::all_of;

/// The default of `host-memory`, in KiB.
const HOST_MEMORY: i64 = 16 << 10;

/// A way to have the host hold something.
#[derive(Clone, Copy)]
enum Hoard {
    /// A function that the guest `prices` calls, at this size, and whose result it keeps.
    Wasi(&'static str, u64),
    /// The same of the guest `own-prices`.
    Own(&'static str, u64),
    /// A flood of the guest `http-client`.
    Client(&'static str),
    /// Work of the guest `raw-files`.
    Files(&'static str, &'static str),
    /// An input of the guest `hostile`, which uses `tollgate:provider@0.1.0`.
    Hostile(&'static str),
    /// A call of this guest in text.
    Text(&'static str, &'static str),
}

use Hoard::{Client, Files, Hostile, Own, Text, Wasi};

/// The interfaces, and the hoards by each.
const HOARDS: &[(&str, &[Hoard])] = &[
    (
        "tollgate:provider/config",
        &[Own("config.get", 500_000), Hostile("big-arg 500000 config")],
    ),
    (
        "tollgate:provider/files",
        &[
            Own("files.read", 0),
            Own("files.read-range", 8_000_000),
            Own("files.list", 0),
            Hostile("read-file data file"),
            Hostile("list-dir data sub"),
        ],
    ),
    (
        "tollgate:provider/hash",
        &[
            Own("hash.hasher", 0),
            Own("hash.sha256", 500_000),
            Hostile("handle-flood"),
        ],
    ),
    (
        "tollgate:provider/http",
        &[
            Own("http.send", 0),
            Own("http.send", 100),
            Hostile("http-get SERVER"),
        ],
    ),
    (
        "tollgate:provider/log",
        &[
            Own("log.write", 31),
            Own("log.write", 100),
            Own("log.write", 500_000),
            Hostile("log-flood-tiny"),
        ],
    ),
    (
        "tollgate:provider/store",
        &[
            Own("store.open", 0),
            Own("store.get", 100_000),
            Own("store.list-keys", 500),
            Hostile("store-handles"),
        ],
    ),
    (
        "wasi:cli/environment",
        &[Wasi("environment", 0), Wasi("arguments", 0)],
    ),
    ("wasi:cli/stderr", &[Wasi("stderr", 0)]),
    (
        "wasi:cli/stdin",
        &[Wasi("stdin", 0), Wasi("stdin.read", 65_536)],
    ),
    (
        "wasi:cli/stdout",
        &[Wasi("stdout.write", 1), Wasi("stdout.write", 65_536)],
    ),
    (
        "wasi:clocks/monotonic-clock",
        &[
            Wasi("monotonic-clock.subscribe", 0),
            Wasi("monotonic-clock.subscribe-instant", 0),
        ],
    ),
    ("wasi:clocks/wall-clock", &[Wasi("wall-clock.now", 0)]),
    ("wasi:config/store", &[Own("wasi-config.get-all", 0)]),
    ("wasi:filesystem/preopens", &[Wasi("files.preopens", 0)]),
    (
        "wasi:filesystem/types",
        &[
            Wasi("files.open-folder", 0),
            Wasi("files.list", 0),
            Wasi("files.stream", 0),
            Files("listings", "data/sub"),
        ],
    ),
    (
        "wasi:http/outgoing-handler",
        &[Client("requests"), Wasi("request.send-denied", 0)],
    ),
    (
        "wasi:http/types",
        &[
            Client("copies"),
            Client("parked"),
            Client("texts"),
            Wasi("fields.new", 0),
            Wasi("response.new", 0),
            Wasi("options.new", 0),
            Wasi("request.body", 0),
            Wasi("incoming.headers", 0),
            Wasi("incoming.subscribe", 0),
        ],
    ),
    ("wasi:io/error", &[Wasi("error.made", 0)]),
    (
        "wasi:io/poll",
        &[Wasi("poll", 100), Wasi("pollable.ready", 0)],
    ),
    (
        "wasi:io/streams",
        &[Wasi("stdout.subscribe", 0), Wasi("stdin.subscribe", 0)],
    ),
    (
        "wasi:keyvalue/store",
        &[Own("keyvalue.open", 0), Own("keyvalue.list-keys", 500)],
    ),
    ("wasi:random/insecure", &[Wasi("insecure.bytes", 65_536)]),
    ("wasi:random/insecure-seed", &[Wasi("insecure-seed", 0)]),
    ("wasi:random/random", &[Wasi("random.bytes", 65_536)]),
    (
        "wasi:sockets/instance-network",
        &[Wasi("sockets.network", 0)],
    ),
    (
        "wasi:sockets/ip-name-lookup",
        &[Wasi("sockets.resolve", 65_536)],
    ),
    ("wasi:sockets/network", &[Wasi("sockets.network", 0)]),
    (
        "wasi:sockets/tcp-create-socket",
        &[Wasi("sockets.create", 0)],
    ),
    (
        "wasi:sockets/udp-create-socket",
        &[Wasi("sockets.create-udp", 0)],
    ),
    // No interface: the memory that the engine holds for the guest.
    (
        "engine",
        &[
            Text("table-grow", "grow-then-trap()"),
            Text("handles", "flood()"),
        ],
    ),
];

/// Interfaces whose functions leave nothing behind, and no guest calls in a loop.
const HOLD_NOTHING: &[(&str, &str)] = &[
    ("tollgate:provider/types", "has no functions"),
    ("wasi:cli/exit", "ends the call"),
    (
        "wasi:cli/terminal-input",
        "no stream of a guest is a terminal",
    ),
    (
        "wasi:cli/terminal-output",
        "no stream of a guest is a terminal",
    ),
    (
        "wasi:cli/terminal-stderr",
        "no stream of a guest is a terminal",
    ),
    (
        "wasi:cli/terminal-stdin",
        "no stream of a guest is a terminal",
    ),
    (
        "wasi:cli/terminal-stdout",
        "no stream of a guest is a terminal",
    ),
    ("wasi:sockets/tcp", "no guest gets a socket"),
    ("wasi:sockets/udp", "no guest gets a socket"),
];

/// Each interface that is served has a hoard, or a reason for which it has none.
#[test]
fn every_interface_that_is_served_has_a_hoard() {
    let named = HOARDS.iter().map(|(interface, _)| *interface);
    let named: Vec<_> = named
        .chain(HOLD_NOTHING.iter().map(|(interface, _)| *interface))
        .collect();
    let missing: Vec<_> = SERVED
        .iter()
        .map(|row| row.interface)
        .filter(|interface| !named.contains(interface))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
    let is_served = |name: &str| SERVED.iter().any(|row| row.interface == name);
    let stale: Vec<_> = named
        .iter()
        .filter(|name| **name != "engine" && !is_served(name))
        .collect();
    assert!(stale.is_empty(), "{stale:#?}");
}

/// The guests, loaded under policies with little memory for them and much of all else.
struct Guests {
    wasi: Provider,
    own: Provider,
    client: Provider,
    files: Provider,
    hostile: Provider,
    table: Provider,
    handles: Provider,
    url: String,
    _server: Server,
    _folder: TempDir,
}

impl Guests {
    fn load() -> Guests {
        let folder = folders();
        for number in 0..5_000 {
            let name = format!("data/sub/{number:0>200}");
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::write(folder.path().join("data/file"), vec![b'x'; 8_000_000]).unwrap();
        let headers = "x-answer: 42\r\n".repeat(50);
        let server = Server::saying(response("200 OK", &headers, &"x".repeat(8_000_000)));
        let little = "limits.memory = \"2MiB\"\nlimits.handles = 1_000_000\nlimits.host-calls = 1_000_000\n\
                      limits.fuel = 1_000_000_000\nlimits.log = \"64MiB\"\nlimits.stdio = \"64MiB\"\n\
                      limits.open-files = 65_536\nlimits.deadline = \"60s\"";
        let files = format!(
            "grants.files = [{{ root = \"data\", path = \"{}/data\", access = \"read-write\" }}]",
            folder.path().display()
        );
        let http = all_of(&server, "");
        let url = format!("http://127.0.0.1:{}/", server.port());
        let mut config = format!("[grants.config]\nurl = \"{url}\"\n");
        for number in 0..500 {
            let _ = writeln!(config, "setting-{number} = \"a value of some length\"");
        }
        let own = format!(
            "{little}\ngrants.log = true\ngrants.hash = true\ngrants.store = true\n{files}\n{http}\n{config}"
        );
        let store = "max-value = \"1MiB\"";
        let own = own.replace(
            "grants.store = true",
            &format!("grants.store = {{ {store} }}"),
        );
        let inert = format!("{little}\n{http}\ngrants.wasi = \"inert\"");
        let preopened = format!(
            "{little}\n{http}\n{files}\ngrants.wasi = {{ preopens = [\"data\"], env = {{ SERVER = \"127.0.0.1:{}\" }} }}",
            server.port()
        );
        let hostile = all_but("files");
        let hostile = hostile
            .lines()
            .filter(|line| !line.starts_with("grants.http"));
        let hostile: String = hostile.map(|line| format!("{line}\n")).collect();
        let tables = format!("{little}\nlimits.table-elements = 10_000_000");
        Guests {
            wasi: load("prices", &preopened),
            own: load("own-prices", &own),
            client: load("http-client", &inert),
            files: load("raw-files", &preopened),
            hostile: load("hostile", &format!("{little}\n{files}\n{http}\n{hostile}")),
            table: load("table-grow", &tables),
            handles: load("handles", little),
            url,
            _server: server,
            _folder: folder,
        }
    }

    /// Runs it `times` times, and returns the label of its end.
    fn run(&self, hoard: Hoard, times: u64) -> &'static str {
        let times = times.to_string();
        match hoard {
            Wasi(name, size) => {
                let size = size.to_string();
                command(&self.wasi, &["prices", name, &times, &size, "hold"])
            }
            Own(name, size) => {
                let input = format!("{name} {times} {size} hold");
                kind(&self.own.session().run(input.as_bytes()).unwrap())
            }
            Client(what) => command(&self.client, &["http-client", "flood", what]),
            Files(what, path) => command(&self.files, &["raw-files", what, path]),
            Hostile(input) => {
                let input = input.replace("SERVER", &self.url);
                kind(&self.hostile.session().run(input.as_bytes()).unwrap())
            }
            Text("handles", call) => kind(&self.handles.session().wave(call).unwrap()),
            Text(_, call) => kind(&self.table.session().wave(call).unwrap()),
        }
    }
}

fn command(provider: &Provider, args: &[&str]) -> &'static str {
    let input = CommandInput {
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        stdin: match args.iter().any(|arg| arg.starts_with("stdin")) {
            true => vec![b'x'; 100_000].into(),
            false => Vec::new().into(),
        },
    };
    let report = provider.session().command(input).unwrap();
    let said = report
        .stdio
        .as_ref()
        .map(|stdio| stdio.stdout.starts_with(b"unknown"));
    assert!(said != Some(true), "the guest has no {args:?}");
    kind(&report)
}

fn kind<T, E>(report: &Report<T, E>) -> &'static str {
    report
        .outcome
        .fault()
        .map_or("none", tollgate::Fault::label)
}

fn name_of(hoard: Hoard) -> String {
    match hoard {
        Wasi(name, size) | Own(name, size) => format!("{name} {size}"),
        Client(name) | Hostile(name) | Files(name, _) | Text(_, name) => name.to_owned(),
    }
}

#[test]
fn whatever_a_guest_has_the_host_hold_is_bounded() {
    let _alone = alone();
    let guests = Guests::load();
    let hoards = || {
        HOARDS
            .iter()
            .flat_map(|(of, hoards)| hoards.iter().map(move |it| (of, it)))
    };
    // Once before, since state that is made once stays.
    for (_, hoard) in hoards() {
        guests.run(*hoard, 1);
    }
    let (mut worst, mut wrong) = ((0, String::new()), Vec::new());
    // What the host takes for a call of a guest that has it hold nothing.
    let nothing = peak_growth(|| {
        guests.run(Own("hash.hasher", 0), 0);
    }) >> 10;
    println!("{nothing:>8} KiB  for a call");
    for (interface, hoard) in hoards() {
        let name = format!("{interface}: {}", name_of(*hoard));
        let mut ended = "";
        let grown = growth(|| ended = guests.run(*hoard, 100_000_000)) - nothing;
        println!("{grown:>8} KiB  {ended:<12} {name}");
        // Rounds without end end by a limit, unless the guest's function was refused, and then nothing was hoarded.
        if matches!(hoard, Wasi(..) | Own(..)) && ended == "none" {
            wrong.push(format!("{name}: it ended without a fault"));
        }
        if grown > HOST_MEMORY {
            wrong.push(format!("{name}: {grown} KiB"));
        }
        worst = worst.max((grown, name));
    }
    println!("worst: {} KiB, {}", worst.0, worst.1);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A guest that keeps things without end is ended by the limit that counts them.
#[test]
fn what_is_kept_without_end_ends_the_call() {
    let _alone = alone();
    let guests = Guests::load();
    for hoard in [
        Client("copies"),
        Client("parked"),
        Client("texts"),
        Client("requests"),
        Hostile("handle-flood"),
        Hostile("store-handles"),
        Own("log.write", 100),
        Wasi("stdin", 0),
        Wasi("error.made", 0),
        Wasi("sockets.network", 0),
        Text("table-grow", "grow-then-trap()"),
        Text("handles", "flood()"),
    ] {
        let ended = guests.run(hoard, 100_000_000);
        assert_eq!(ended, "host-memory", "{}", name_of(hoard));
    }
    // A listing that does not fit is an error of the guest's.
    assert_eq!(guests.run(Files("listings", "data/sub"), 1), "none");
}
