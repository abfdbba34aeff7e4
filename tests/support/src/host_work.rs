//! The functions that the guests `prices` and `own-prices` call: tables for the tests of their prices and for the measurement.

use std::fmt::Write as _;
use std::path::Path;

use crate::http_server::Server;
use crate::wasi_client::all_of;

/// A policy for the guest `own-prices`: all that it imports, with this server, this folder, and this store.
pub fn granting_own(server: &Server, folder: &Path, store: &str) -> String {
    let mut text = format!(
        "grants.log = true\ngrants.hash = true\ngrants.store = {store}\n\
         grants.files = [{{ root = \"data\", path = \"{}\", access = \"read-write\", max-files = 1_000_000, \
         max-write = \"1000GiB\" }}]\n{}\n[grants.config]\nurl = \"http://127.0.0.1:{}/\"\n",
        folder.display(),
        all_of(server, ""),
        server.port()
    );
    for number in 0..100 {
        let _ = writeln!(text, "setting-{number} = \"a value of some length\"");
    }
    text
}

/// One name that the guest knows.
#[derive(Debug)]
pub struct HostWork {
    /// The name, as the guest takes it.
    pub name: &'static str,
    /// The host calls of one round: the function's own, and those that make and drop its resources.
    pub calls: u64,
    /// Rounds that take long enough to be measured.
    pub rounds: u64,
    /// Sizes at which it may be worst, the largest last.
    pub sizes: &'static [u64],
}

const fn work(name: &'static str, calls: u64, rounds: u64, sizes: &'static [u64]) -> HostWork {
    HostWork {
        name,
        calls,
        rounds,
        sizes,
    }
}

/// All of them. `incoming.` needs a server in the variable `SERVER`, `files.` a folder with a file `file`.
pub const WASI: &[HostWork] = &[
    work("wall-clock.now", 1, 20_000, &[0]),
    work("wall-clock.resolution", 1, 20_000, &[0]),
    work("monotonic-clock.now", 1, 20_000, &[0]),
    work("monotonic-clock.resolution", 1, 20_000, &[0]),
    work("monotonic-clock.subscribe", 2, 20_000, &[0]),
    work("monotonic-clock.subscribe-instant", 2, 20_000, &[0]),
    work("random.bytes", 1, 500, &[0, 1_000, 65_536]),
    work("random.u64", 1, 20_000, &[0]),
    work("insecure.bytes", 1, 500, &[0, 65_536]),
    work("insecure.u64", 1, 20_000, &[0]),
    work("insecure-seed", 1, 20_000, &[0]),
    work("environment", 1, 2_000, &[0]),
    work("arguments", 1, 2_000, &[0]),
    work("initial-cwd", 1, 2_000, &[0]),
    work("stdin", 2, 20_000, &[0]),
    work("stdin.read", 1, 200, &[1, 65_536]),
    work("stdin.blocking-read", 1, 200, &[1, 65_536]),
    work("stdin.skip", 1, 200, &[1, 65_536]),
    work("stdin.blocking-skip", 1, 200, &[1, 65_536]),
    work("stdin.subscribe", 2, 20_000, &[0]),
    work("poll", 1, 300, &[1, 100]),
    work("pollable.ready", 1, 20_000, &[0]),
    work("pollable.block", 1, 20_000, &[0]),
    work("sockets.create", 1, 20_000, &[0]),
    work("sockets.create-udp", 1, 20_000, &[0]),
    work("sockets.network", 2, 20_000, &[0]),
    work("sockets.resolve", 1, 2_000, &[1, 65_536]),
    work("stdout.check-write", 1, 20_000, &[0]),
    work("stdout.write", 2, 500, &[0, 4_096, 65_536]),
    work("stdout.write-and-flush", 1, 2_000, &[0, 4_096]),
    work("stdout.write-zeroes", 2, 500, &[65_536]),
    work("stdout.write-zeroes-and-flush", 1, 2_000, &[4_096]),
    work("stdout.flush", 1, 20_000, &[0]),
    work("stdout.blocking-flush", 1, 20_000, &[0]),
    work("stdout.splice", 2, 500, &[1, 4_096]),
    work("stdout.blocking-splice", 1, 500, &[1, 4_096]),
    work("stdout.subscribe", 2, 20_000, &[0]),
    work("error.made", 2, 2_000, &[0]),
    work("error.text", 1, 20_000, &[0]),
    work("error.file-code", 1, 20_000, &[0]),
    work("error.http-code", 1, 20_000, &[0]),
    work("files.open", 2, 1_000, &[0]),
    work("files.open-folder", 2, 1_000, &[0]),
    work("files.stat-at", 1, 1_000, &[0, 10, 200]),
    work("files.stat", 1, 1_000, &[0]),
    work("files.flags", 1, 20_000, &[0]),
    work("files.type", 1, 20_000, &[0]),
    work("files.advise", 1, 1_000, &[0, 1_000_000]),
    work("files.read", 1, 1_000, &[0, 65_536]),
    work("files.write", 1, 1_000, &[1, 65_536]),
    work("files.stream-read", 1, 1_000, &[1, 65_536]),
    work("files.stream-write", 1, 1_000, &[1, 65_536]),
    work("files.stream", 2, 20_000, &[0]),
    work("files.stream-append", 2, 20_000, &[0]),
    work("files.set-size", 1, 1_000, &[1_000_000]),
    work("files.set-times", 1, 1_000, &[0]),
    work("files.set-times-at", 1, 1_000, &[0]),
    work("files.sync", 2, 50, &[0]),
    work("files.sync-data", 2, 50, &[0]),
    work("files.list", 2, 20, &[0]),
    work("files.list-entries", 5, 5, &[0]),
    work("files.make-and-remove", 2, 500, &[0]),
    work("files.create-and-unlink", 3, 500, &[0]),
    work("files.rename", 2, 500, &[0]),
    work("files.link", 2, 500, &[0]),
    work("files.symlink", 2, 500, &[0]),
    work("files.readlink", 1, 1_000, &[0]),
    work("files.hash", 1, 1_000, &[0]),
    work("files.hash-open", 1, 1_000, &[0]),
    work("files.same", 1, 1_000, &[0]),
    work("files.preopens", 2, 5_000, &[0]),
    work("fields.new", 2, 20_000, &[0]),
    work("fields.append", 3, 5_000, &[0, 8_000]),
    work("fields.from-list", 2, 500, &[1, 100]),
    work("fields.entries", 1, 500, &[1, 100]),
    work("fields.get", 1, 5_000, &[10]),
    work("fields.has", 1, 5_000, &[10]),
    work("fields.set", 1, 500, &[1, 100]),
    work("fields.delete", 1, 5_000, &[10]),
    work("fields.clone-and-append", 3, 2_000, &[1, 100]),
    work("request.new", 3, 10_000, &[0]),
    work("request.set-path", 1, 2_000, &[1, 8_192, 1_000_000]),
    work("request.set-authority", 1, 2_000, &[1, 8_192]),
    work("request.get-path", 1, 2_000, &[1, 8_192]),
    work("request.get-authority", 1, 2_000, &[1, 8_192]),
    work("request.method", 2, 2_000, &[1, 1_000]),
    work("request.scheme", 2, 2_000, &[1, 1_000]),
    work("request.headers", 2, 5_000, &[1, 100]),
    work("request.body", 7, 5_000, &[0]),
    work("request.send-denied", 7, 2_000, &[0]),
    work("response.new", 3, 10_000, &[0]),
    work("response.status", 2, 10_000, &[0]),
    work("response.headers", 2, 5_000, &[1, 100]),
    work("response.body", 2, 10_000, &[0]),
    work("options.new", 2, 10_000, &[0]),
    work("options.set", 3, 10_000, &[0]),
    work("options.get", 3, 10_000, &[0]),
    work("incoming.subscribe", 2, 10_000, &[0]),
    work("incoming.get", 1, 10_000, &[0]),
    work("incoming.status", 1, 10_000, &[0]),
    work("incoming.headers", 2, 10_000, &[0]),
    work("incoming.entries", 1, 10_000, &[0]),
    work("incoming.consume", 2, 10_000, &[0]),
    work("incoming.stream", 2, 10_000, &[0]),
    work("incoming.read", 1, 500, &[1, 4_096]),
    work("incoming.finish", 4, 1, &[0]),
];

/// A name that the guest `own-prices` knows.
#[derive(Debug)]
pub struct OwnWork {
    /// The work.
    pub work: HostWork,
    /// The functions that it measures. Those of `tollgate:provider@0.1.0` call the newer ones.
    pub of: &'static [&'static str],
}

const fn own(work: HostWork, of: &'static [&'static str]) -> OwnWork {
    OwnWork { work, of }
}

/// All of them. `http.send` needs a server in the setting `url`, `files.` a root `data` with a file `file`.
pub const OWN: &[OwnWork] = &[
    own(
        work("log.write", 1, 2_000, &[0, 10_000]),
        &["tollgate:provider/log#write"],
    ),
    own(
        work("hash.sha256", 1, 100, &[0, 1_000, 500_000]),
        &["tollgate:provider/hash#digest"],
    ),
    own(work("hash.sha512", 1, 100, &[0, 500_000]), &[]),
    own(work("hash.blake3", 1, 100, &[0, 500_000]), &[]),
    own(
        work("hash.hasher", 2, 5_000, &[0]),
        &["tollgate:provider/hash#hasher.constructor"],
    ),
    own(
        work("hash.update", 1, 100, &[0, 500_000]),
        &["tollgate:provider/hash#hasher.update"],
    ),
    own(
        work("hash.finish", 2, 5_000, &[0]),
        &["tollgate:provider/hash#hasher.finish"],
    ),
    own(
        work("http.send", 1, 10, &[0, 100]),
        &["tollgate:provider/http#send", "tollgate:provider/http#get"],
    ),
    own(work("http.idna", 1, 500, &[15, 200, 2_000]), &[]),
    own(work("http.escapes", 1, 100, &[5, 5_000, 60_000]), &[]),
    own(
        work("files.read", 1, 50, &[0]),
        &["tollgate:provider/files#read"],
    ),
    own(
        work("files.read-range", 1, 200, &[0, 65_536, 500_000]),
        &["tollgate:provider/files#read-range"],
    ),
    own(
        work("files.write", 1, 20, &[0, 500_000]),
        &["tollgate:provider/files#write"],
    ),
    own(
        work("files.list", 1, 5, &[0]),
        &["tollgate:provider/files#list"],
    ),
    own(
        work("files.stat", 1, 500, &[0, 200]),
        &["tollgate:provider/files#stat"],
    ),
    own(
        work("config.get", 1, 2_000, &[0, 10_000]),
        &["tollgate:provider/config#get"],
    ),
    own(
        work("wasi-config.get", 1, 5_000, &[0]),
        &["wasi:config/store#get"],
    ),
    own(
        work("wasi-config.get-all", 1, 500, &[0]),
        &["wasi:config/store#get-all"],
    ),
    own(
        work("store.open", 2, 5_000, &[0]),
        &["tollgate:provider/store#bucket.open"],
    ),
    own(
        work("store.get", 1, 500, &[0, 60_000]),
        &["tollgate:provider/store#bucket.get"],
    ),
    own(
        work("store.set", 1, 200, &[0, 60_000]),
        &["tollgate:provider/store#bucket.set"],
    ),
    own(
        work("store.delete", 1, 200, &[0]),
        &["tollgate:provider/store#bucket.delete"],
    ),
    own(
        work("store.list-keys", 1, 20, &[1, 500]),
        &["tollgate:provider/store#bucket.list-keys"],
    ),
    own(
        work("keyvalue.open", 2, 5_000, &[0]),
        &["wasi:keyvalue/store#open"],
    ),
    own(
        work("keyvalue.get", 1, 500, &[0, 60_000]),
        &["wasi:keyvalue/store#bucket.get"],
    ),
    own(
        work("keyvalue.set", 1, 200, &[0, 60_000]),
        &["wasi:keyvalue/store#bucket.set"],
    ),
    own(
        work("keyvalue.exists", 1, 500, &[0]),
        &["wasi:keyvalue/store#bucket.exists"],
    ),
    own(
        work("keyvalue.delete", 1, 200, &[0]),
        &["wasi:keyvalue/store#bucket.delete"],
    ),
    own(
        work("keyvalue.list-keys", 1, 20, &[1, 500]),
        &["wasi:keyvalue/store#bucket.list-keys"],
    ),
];
