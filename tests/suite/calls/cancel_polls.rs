//! A call that is dropped after each of its polls, in every kind of wait: nothing of it is left. A50-cancellation, at
//! every place where a caller can cancel.

use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tempfile::TempDir;
use tollgate::embed::CommandInput;
use tollgate::{Provider, Runtime, Session};

use support::clock::{CLOCK, SLEEPING, clock};
use support::harness::{all_but, alone, policy, polled, returned, source};
use support::http_server::Server;
use support::invariant;

/// More polls than any of these calls takes.
const MOST: usize = 200;

/// A runtime with a single place, so that a place which is not given back fails the next call.
struct Stage {
    runtime: Runtime,
    next: Provider,
    tokio: tokio::runtime::Runtime,
}

impl Stage {
    fn new() -> Stage {
        // One thread for the tasks of calls that are gone, and one that stays for blocking work.
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(1)
            .thread_keep_alive(Duration::from_secs(3_600))
            .enable_all()
            .build()
            .unwrap();
        let runtime = support::harness::builder()
            .concurrency(1)
            .interface("acme:clock/sleep@0.1.0", clock)
            .unwrap()
            .build();
        let next = tokio.block_on(async { runtime.load(&source("echo"), &policy("")).await });
        Stage {
            next: next.unwrap(),
            runtime,
            tokio,
        }
    }

    fn load(&self, guest: &str, policy_text: &str) -> Provider {
        let (source, policy) = (source(guest), policy(policy_text));
        let load = self.runtime.load(&source, &policy);
        self.tokio.block_on(load).unwrap()
    }

    /// Drops the call before its first poll, after the first, the second and so on until it is done by itself;
    /// how many polls that took.
    fn drop_at_every_poll(&self, provider: &Provider, call: impl AsyncFn(Session)) -> usize {
        let mut polls = 0;
        invariant::holds(|| {
            let done = |times: &usize| {
                let call = call(provider.session());
                let done = self.tokio.block_on(polled(call, *times));
                assert_eq!(SLEEPING.load(Ordering::SeqCst), 0, "poll {times}");
                let next = async { self.next.session().run(b"still here").await };
                assert_eq!(returned(&self.tokio.block_on(next).unwrap()), "still here");
                self.assert_no_task_is_left();
                done
            };
            polls = (0..MOST).find(done).expect("done by then");
        });
        assert!(polls > 0, "done without a poll");
        polls
    }

    /// Work of a dropped call on other threads ends by itself.
    fn assert_no_task_is_left(&self) {
        let left = || self.tokio.metrics().num_alive_tasks();
        for _ in 0..200 {
            if left() == 0 {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("{} tasks are left", left());
    }
}

async fn run(mut session: Session, input: &str) {
    let report = session.run(input.as_bytes()).await.unwrap();
    assert!(report.outcome.fault().is_none(), "{report:?}");
}

async fn command(session: Session, args: &[&str]) {
    let input = CommandInput {
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        ..CommandInput::default()
    };
    let report = session.command(input).await.unwrap();
    assert!(report.outcome.fault().is_none(), "{report:?}");
}

/// A server that takes its time with the head and with each piece of the body.
fn slow() -> Server {
    Server::start(|_, stream| {
        for piece in [
            "HTTP/1.1 200 OK\r\n",
            "content-length: 6\r\n\r\n",
            "abc",
            "def",
        ] {
            stream.write_all(piece.as_bytes())?;
            stream.flush()?;
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    })
}

#[test]
fn a_call_that_computes_or_sleeps() {
    let _alone = alone();
    let stage = Stage::new();
    let clock = stage.load("sleeper", CLOCK);
    let polls = stage.drop_at_every_poll(&clock, async |mut session| {
        let report = session.wave("once(3)").await.unwrap();
        assert!(report.outcome.fault().is_none());
    });
    assert!(polls > 1, "it never waited");
    let log = stage.load("hostile", support::harness::ALL);
    stage.drop_at_every_poll(&log, async |session| {
        run(session, "log-flood-tiny 1000").await;
    });
    stage.drop_at_every_poll(&log, async |session| run(session, "config-get key").await);
}

#[test]
fn a_call_that_sends_requests() {
    let _alone = alone();
    let stage = Stage::new();
    for guest in ["hostile", "http-client"] {
        let server = slow();
        let url = format!("http://127.0.0.1:{}/", server.port());
        let grant = format!("grants.http = [{{ url = \"{url}**\", networks = [\"loopback\"] }}]");
        let provider = if guest == "hostile" {
            stage.load(guest, &format!("{}\n{grant}", all_but("http")))
        } else {
            stage.load(guest, &format!("grants.wasi = \"inert\"\n{grant}"))
        };
        let polls = stage.drop_at_every_poll(&provider, async |session| {
            if guest == "hostile" {
                run(session, &format!("http-get {url}")).await;
            } else {
                command(session, &["http-client", "get", &url]).await;
            }
        });
        assert!(polls > 3, "{guest} waited {polls} times only");
        // All work that was begun is over: the server has no open request.
        server.wait_for_end(server.requests().len());
    }
}

#[test]
fn a_call_that_reads_and_writes() {
    let _alone = alone();
    let stage = Stage::new();
    let folder = TempDir::new().unwrap();
    let at = folder.path().display();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    std::fs::write(folder.path().join("out/a.txt"), "alpha").unwrap();
    let files = format!(
        "grants.files = [{{ root = \"out\", path = \"{at}/out\", access = \"read-write\", max-files = 1_000 }}]"
    );
    let ours = stage.load("hostile", &format!("{}\n{files}", all_but("files")));
    for input in [
        "read-file out a.txt",
        "list-dir out .",
        "write-file out 9 b",
    ] {
        stage.drop_at_every_poll(&ours, async |session| run(session, input).await);
    }
    let preopen = format!("grants.wasi = {{ preopens = [\"out\"] }}\n{files}");
    let wasi = stage.load("hello-command", &preopen);
    for args in [&["read", "out/a.txt"][..], &["write", "out/c", "gamma"]] {
        stage.drop_at_every_poll(&wasi, async |session| {
            command(session, &[&["hello-command"], args].concat()).await;
        });
    }
    let store = format!("grants.store = {{ path = \"{at}/state.redb\", namespace = \"kept\" }}");
    let kept = stage.load("hostile", &format!("{}\n{store}", all_but("store")));
    for input in ["store-churn 1000 3", "store-get churn key"] {
        stage.drop_at_every_poll(&kept, async |session| run(session, input).await);
    }
    // Each dropped call wrote the whole file, or nothing.
    assert_eq!(std::fs::read(folder.path().join("out/b")).unwrap().len(), 9);
    let litter = folder.path().join("out").read_dir().unwrap();
    let names: Vec<_> = litter.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}
