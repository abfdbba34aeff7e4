//! Calls of each host interface in a second: a guest that does nothing else.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use anyhow::Result;
use tollgate::Runtime;

use crate::bench::{Bench, returned};
use crate::report::Unit;
use crate::rounds::Rounds;
use crate::spread::Spread;

const GROUP: &str = "host-calls";

/// Calls of the host in one call of the guest.
const TIMES: u32 = 1_000;
const HTTP_TIMES: u32 = 50;

/// Values that a session keeps on the disk.
const KEPT: u32 = 100;

pub(crate) fn run(bench: &mut Bench) -> Result<()> {
    let data = tempfile::tempdir()?;
    std::fs::write(data.path().join("small"), [b'x'; 4096])?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/small", listener.local_addr()?);
    std::thread::spawn(move || serve(&listener));
    let policy = |store: &str| {
        format!(
            r#"
        grants.log = true
        grants.hash = true
        grants.config = {{ key = "sixteen letters!" }}
        grants.store = {store}
        grants.files = [{{ root = "data", path = {:?}, access = "read" }}]
        grants.http = [{{ url = {url:?}, networks = ["loopback"], max-requests = 1000 }}]
        "#,
            data.path(),
        )
    };
    let guest = bench.load(&Runtime::new(), "host-calls.wasm", &policy("true"))?;

    let tokio = &bench.tokio;
    let mut rounds = Rounds::default();
    let mut names = Vec::new();
    for (name, times) in [
        ("none", TIMES),
        ("log", TIMES),
        ("hash", TIMES),
        ("config", TIMES),
        ("files", TIMES),
        ("stat", TIMES),
        ("store-get", TIMES),
        ("store-set", TIMES),
        ("http", HTTP_TIMES),
    ] {
        names.push((name, times));
        let input = format!("{name} {times} {url}");
        let mut session = guest.session();
        rounds.add(name, move |calls| {
            tokio.block_on(async {
                for _ in 0..calls {
                    returned(session.run(input.as_bytes()).await?)?;
                }
                Ok(())
            })
        });
    }
    let samples = rounds.run(bench.time(10))?;

    for (name, times) in names {
        if name == "none" {
            continue;
        }
        let per_second = samples
            .seconds(name)?
            .times(1.0 / f64::from(times))
            .inverse();
        bench.report.row(GROUP, name, per_second, Unit::PerSecond);
        if name == "files" {
            bench.report.ratio("files_read_per_s", per_second);
        }
    }
    let kept = tempfile::tempdir()?;
    let path = kept.path().join("store");
    let store = format!("{{ path = {path:?}, namespace = \"bench\" }}");
    writers(bench, &policy(&store))
}

/// Values that are kept on the disk, by one session and by many at once, in one file.
fn writers(bench: &mut Bench, policy: &str) -> Result<()> {
    let guest = bench.load(&Runtime::new(), "host-calls.wasm", policy)?;
    let rounds = if bench.quick { 1 } else { 5 };
    for (name, many) in [
        ("store-set, in a file", 1),
        ("store-set, in a file, 64 sessions", 64_u32),
    ] {
        let mut samples = Vec::new();
        for _ in 0..rounds {
            let seconds = bench.tokio.block_on(async {
                let start = Instant::now();
                let sessions = (0..many).map(|_| {
                    let mut session = guest.session();
                    let input = format!("store-set {KEPT} none");
                    tokio::spawn(async move { returned(session.run(input.as_bytes()).await?) })
                });
                let sessions: Vec<_> = sessions.collect();
                for session in sessions {
                    session.await??;
                }
                anyhow::Ok(start.elapsed().as_secs_f64())
            })?;
            samples.push(f64::from(many * KEPT) / seconds);
        }
        let per_second = Spread::of(samples)?;
        bench.report.row(GROUP, name, per_second, Unit::PerSecond);
        if many > 1 {
            bench.report.ratio("store_set_per_s", per_second);
        }
    }
    Ok(())
}

/// Answers every request with the same few bytes, and keeps its connection.
fn serve(listener: &TcpListener) {
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || answer(&stream));
    }
}

fn answer(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next().transpose()? {
        if line.is_empty() {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\nsixteen letters!")?;
        }
    }
    Ok(())
}
