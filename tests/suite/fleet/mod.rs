//! A fleet on a real server of NATS, on loopback: calls, hostile messages, and what dies.

mod apart;
mod calls;
mod ends;
mod hostile;
mod kills;
mod nkeys;
mod safety;
mod served;
mod store;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use support::cli::command;
use support::harness::{guest_file, in_time, wait};
use support::processes::until;
use support::served::PATIENCE;
use support::skip::is_installed;
use tempfile::TempDir;
use tollgate::Policy;
use tollgate_fleet::{Answer, Connect, Fleet};

/// Long calls, and nothing else.
const CEILING: &str = "limits.fuel = 9_000_000_000_000\nlimits.deadline = \"60s\"";

/// A call of the guest `start-loop`, which ends at its deadline.
const SPIN: &str = "attack()";

/// A server of NATS with a store of its own.
struct Nats {
    folder: TempDir,
    address: String,
    port: u16,
    process: Child,
}

impl Nats {
    /// `None` where there is none.
    fn start() -> Option<Nats> {
        Nats::start_at("127.0.0.1")
    }

    /// The same at an address of this machine.
    fn start_at(address: &str) -> Option<Nats> {
        Nats::run(address, &[])
    }

    /// The same with these arguments of the server.
    fn with(arguments: &[&str]) -> Option<Nats> {
        Nats::run("127.0.0.1", arguments)
    }

    fn run(address: &str, arguments: &[&str]) -> Option<Nats> {
        if !is_installed("nats-server") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        // Below those that clients get: one that looks for the server before it listens would be connected to itself.
        let is_free = |port: &u16| TcpListener::bind((address, *port)).is_ok();
        let port = (20_000..30_000).find(is_free).unwrap();
        let process = Nats::process(&folder, address, port, arguments);
        Some(Nats {
            folder,
            address: address.to_owned(),
            port,
            process,
        })
    }

    fn process(folder: &TempDir, address: &str, port: u16, arguments: &[&str]) -> Child {
        let port_text = port.to_string();
        let mut server = Command::new("nats-server");
        server.args(["-a", address, "-p", &port_text, "-js", "-sd"]);
        let null = Stdio::null;
        let server = server
            .arg(folder.path())
            .args(arguments)
            .stdin(null())
            .stdout(null())
            .stderr(null());
        let process = server.spawn().unwrap();
        // It speaks first.
        until("listening", || {
            let mut first = [0; 5];
            let stream = TcpStream::connect((address, port));
            stream.is_ok_and(|mut stream| {
                let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
                stream.read_exact(&mut first).is_ok() && first == *b"INFO "
            })
        });
        process
    }

    /// As a machine that loses its power does.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn signal(&self, signal: &str) {
        signalled(&self.process, signal);
    }

    fn restart(&mut self) {
        self.process = Nats::process(&self.folder, &self.address, self.port, &[]);
    }

    /// Comes back with an empty store.
    fn lose_all(&mut self) {
        self.kill();
        std::fs::remove_dir_all(self.folder.path().join("jetstream")).unwrap();
        self.restart();
    }

    /// Whether it has a stream. A client of ours would make it.
    fn has(&self, stream: &str) -> bool {
        let info = self.asked(&format!("$JS.API.STREAM.INFO.{stream}"), "");
        info["error"].is_null()
    }

    fn url(&self) -> String {
        format!("nats://{}:{}", self.address, self.port)
    }

    fn connect(&self) -> Connect {
        Connect {
            servers: self.url(),
            ..Connect::default()
        }
    }

    fn fleet(&self) -> Fleet {
        wait(Fleet::connect(&self.connect())).unwrap()
    }

    /// Publishes bytes without a client of ours.
    fn publish(&self, subject: &str, payload: &[u8]) {
        self.publish_with(subject, "", payload);
    }

    /// Publishes bytes as a call of the guest `counter`, at a subject of their own.
    fn publish_work(&self, headers: &str, payload: &[u8]) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let subject = format!("tollgate.default.work.counter.{number}");
        self.publish_with(&subject, headers, payload);
    }

    /// The same with headers, each on its line.
    fn publish_with(&self, subject: &str, headers: &str, payload: &[u8]) {
        let head = match headers {
            "" => format!("PUB {subject} {}\r\n", payload.len()),
            headers => format!(
                "HPUB {subject} {} {}\r\n{headers}",
                headers.len(),
                headers.len() + payload.len()
            ),
        };
        self.send(&head, payload, "PONG");
    }

    /// The answer to a request of the interface of JetStream.
    fn asked(&self, subject: &str, payload: &str) -> serde_json::Value {
        let head = format!(
            "SUB _INBOX.test 1\r\nPUB {subject} _INBOX.test {}\r\n",
            payload.len()
        );
        let text = self.send(&head, payload.as_bytes(), "}\r\n");
        let line = text.lines().rfind(|line| line.starts_with('{'));
        serde_json::from_str(line.unwrap()).unwrap()
    }

    /// Sends text to the server, and returns what it says up to a word.
    fn send(&self, head: &str, payload: &[u8], last: &str) -> String {
        let mut stream = TcpStream::connect((&*self.address, self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let options = "{\"verbose\":false,\"headers\":true}";
        let mut text = format!("CONNECT {options}\r\n{head}").into_bytes();
        text.extend(payload);
        text.extend(b"\r\nPING\r\n");
        stream.write_all(&text).unwrap();
        let mut answer = String::new();
        // The first thing that it says of itself is JSON, too.
        let is_whole = |answer: &str| {
            let rest = answer.split_once("\r\n").map_or("", |(_, rest)| rest);
            rest.contains(last)
        };
        while !is_whole(&answer) {
            let mut more = [0; 4096];
            let read = stream.read(&mut more).unwrap();
            assert!(read > 0, "{answer}");
            answer.push_str(&String::from_utf8_lossy(&more[..read]));
        }
        answer
    }

    /// Deploys a guest under its name.
    fn deploy(&self, guest: &str, policy: &str) {
        let bytes = std::fs::read(guest_file(guest)).unwrap();
        wait(self.fleet().deploy(guest, &bytes, policy, None)).unwrap();
    }

    /// The end of `tollgate submit`: its status and what it printed.
    fn submit(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut all = vec!["submit"];
        all.extend(arguments);
        let url = self.url();
        all.extend(["--nats", &url]);
        let output = command(&all).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }

    /// The answer to a call, with its report.
    fn answer(&self, arguments: &[&str]) -> Answer {
        let (_, text) = self.submit(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program `tollgate worker`.
struct Worker {
    process: Child,
    /// What it says after its first line.
    lines: Receiver<String>,
}

impl Worker {
    fn start(nats: &Nats, name: &str, options: &[&str]) -> Worker {
        Worker::under(nats, name, CEILING, options)
    }

    /// By this way to the server.
    fn at(url: &str, folder: &TempDir, name: &str, options: &[&str]) -> Worker {
        Worker::run(url, folder, &[], name, CEILING, options)
    }

    /// Run by another program.
    fn within(nats: &Nats, by: &[&str], name: &str, options: &[&str]) -> Worker {
        Worker::run(&nats.url(), &nats.folder, by, name, CEILING, options)
    }

    /// Under a ceiling.
    fn under(nats: &Nats, name: &str, ceiling: &str, options: &[&str]) -> Worker {
        Worker::run(&nats.url(), &nats.folder, &[], name, ceiling, options)
    }

    fn run(
        url: &str,
        folder: &TempDir,
        by: &[&str],
        name: &str,
        ceiling: &str,
        options: &[&str],
    ) -> Worker {
        let path = file(folder, &format!("{name}.toml"), ceiling);
        let options = [&["--ceiling", path.to_str().unwrap()], options].concat();
        let mut arguments = vec!["worker", "--nats", url, "--name", name, "--no-cache"];
        arguments.extend(options);
        let mut command = command(&arguments);
        if let [program, first @ ..] = by {
            // In the environment of the tests, without a cache and with settings of its own.
            let mut outer = Command::new(program);
            outer
                .args(first)
                .arg(command.get_program())
                .args(command.get_args());
            let variables = command.get_envs();
            outer.envs(variables.filter_map(|(name, value)| Some((name, value?))));
            command = outer;
        }
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = process.stderr.take().unwrap();
        let (tell, lines) = std::sync::mpsc::channel();
        let worker = Worker { process, lines };
        in_time(move || {
            let mut lines = BufReader::new(stderr).lines();
            let first = lines.next().unwrap().unwrap();
            assert_eq!(first, "taking calls");
            std::thread::spawn(move || {
                lines.for_each(|line| drop(tell.send(line.unwrap_or_default())));
            });
        });
        worker
    }

    /// Waits for a line with this text.
    fn line(&self, text: &str) {
        let mut seen = Vec::new();
        while !seen.last().is_some_and(|line: &String| line.contains(text)) {
            let line = self.lines.recv_timeout(PATIENCE);
            seen.push(line.unwrap_or_else(|error| panic!("{text}: {error}: {seen:?}")));
        }
    }

    fn signal(&self, signal: &str) {
        signalled(&self.process, signal);
    }

    /// Ends it as an operator does.
    fn end(mut self) -> Option<i32> {
        self.signal("TERM");
        self.process.wait().unwrap().code()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn signalled(process: &Child, signal: &str) {
    let process = process.id().to_string();
    let sent = Command::new("kill")
        .args([&format!("-{signal}"), &process])
        .status();
    assert!(sent.unwrap().success());
}

/// A file with this text.
fn file(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// The ceiling of a worker in this process.
fn ceiling() -> Policy {
    Policy::parse(CEILING, std::path::Path::new("/")).unwrap()
}
