//! `tollgate serve --fleet`: the answers are those of a server here, and workers make the calls.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::harness::{guest_file, root, wait};
use support::processes::until;
use support::served::{Reply, Served, post, reply};

use super::hostile::digest;
use super::{Nats, Worker, file};
use crate::serve::callers::{OTHER, TOKENS};
use crate::serve::process::Program;

/// A policy of the guest `registry-releases`, wherever it is read.
fn granted() -> String {
    let index = root().join("samples/index");
    format!(
        "limits.fuel = 9_000_000_000_000\n\
         grants.wasi = {{ clocks = \"real\" }}\n\
         grants.config = {{ package = \"waybill\" }}\n\
         grants.files = [{{ root = \"index\", path = {index:?}, access = \"read\" }}]"
    )
}

/// A policy under which the guest `start-loop` reaches its deadline.
const LONG: &str = "limits.deadline = \"300ms\"\nlimits.fuel = 9_000_000_000_000";

fn start(nats: &Nats, options: &[&str]) -> Program {
    let ceiling = file(&nats.folder, "serve.toml", &granted());
    let ceiling = ["--ceiling", ceiling.to_str().unwrap()];
    start_with(nats, &[&ceiling[..], options].concat())
}

/// The same without a ceiling.
fn start_with(nats: &Nats, options: &[&str]) -> Program {
    let url = nats.url();
    let listen = ["--listen", "127.0.0.1:0", "--no-cache", "--fleet", &url];
    Program::serving(&[&listen[..], options].concat(), &[])
}

fn sent(program: &Program, text: &str) -> Reply {
    reply(&mut program.sent(text)).unwrap()
}

/// The answer to a call, from any thread.
fn posted(address: &str, path: &str, body: &str) -> Reply {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(post(path, "", body).as_bytes()).unwrap();
    reply(&mut stream).unwrap()
}

#[test]
fn answers_are_those_of_a_server_here() {
    let Some(nats) = Nats::start() else { return };
    let granted = granted();
    let guests = [
        ("counter", "limits.fuel = 50_000_000"),
        ("registry-releases", &granted),
        ("start-loop", LONG),
        ("web", "grants.wasi = { clocks = \"real\" }"),
    ];
    for (guest, policy) in guests {
        nats.deploy(guest, policy);
    }
    let here = Served::of(&guests);
    let program = start(&nats, &[]);
    let _worker = Worker::under(&nats, "w", &granted, &[]);
    let mut statuses = Vec::new();
    for (path, body) in [
        ("counter/next", "{}"),
        ("counter/grow", r#"{"args":[3]}"#),
        ("counter/grow", r#"{"args":["a"]}"#),
        ("counter/none", "{}"),
        ("counter/trap", "{}"),
        ("counter/work", r#"{"args":[4000000000]}"#),
        ("none/next", "{}"),
        (
            "registry-releases/resolve",
            r#"{"args":["^1","linux/x86_64"]}"#,
        ),
        (
            "registry-releases/resolve",
            r#"{"args":["^9","linux/x86_64"]}"#,
        ),
        ("start-loop/attack", "{}"),
    ] {
        let (local, far) = (here.post(path, body), program.post(path, body));
        assert_eq!(
            (local.status, local.json()),
            (far.status, far.json()),
            "{path}"
        );
        statuses.push(far.status);
    }
    assert_eq!(statuses, [200, 200, 400, 404, 502, 502, 404, 200, 422, 502]);
    // The report is that of the worker.
    let headers = "Tollgate-Report: true\r\n";
    let report = |reply: Reply| {
        let mut report = reply.json()["report"].clone();
        for time in ["elapsed_us", "host_us"] {
            report["usage"][time] = Value::Null;
        }
        report["usage"]["output_bytes"] = Value::Null;
        report
    };
    let text = post("counter/grow", headers, r#"{"args":[2]}"#);
    assert_eq!(report(sent(&program, &text)), report(here.answer(&text)));
    // As tools, too.
    let tool = |name: &str, arguments: Value| {
        let call = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": name, "arguments": arguments },
        });
        let text = call.to_string();
        format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\n\
             Content-Length: {}\r\n\r\n{text}",
            text.len()
        )
    };
    for (name, arguments) in [
        ("counter.grow", json!({ "pages": 3 })),
        ("counter.trap", json!({})),
        (
            "registry-releases.resolve",
            json!({ "range": "^9", "platform": "linux/x86_64" }),
        ),
    ] {
        let text = tool(name, arguments);
        let (local, far) = (here.answer(&text), sent(&program, &text));
        assert_eq!(
            (local.status, local.json()),
            (far.status, far.json()),
            "{name}"
        );
    }
    // A worker answers no requests of HTTP.
    let web = program.sent("GET /http/web/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(reply(&mut { web }).unwrap().kind(501), "elsewhere");
    assert_eq!(program.end().code(), Some(0));
}

/// Two requests of one key are one call, and no caller gets the result of another one.
#[test]
fn a_request_with_a_key_is_made_once() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy("counter", "");
    let tokens = file(&nats.folder, "tokens", &format!("{TOKENS}\n{OTHER}"));
    let program = start(&nats, &["--tokens", tokens.to_str().unwrap()]);
    let ask = |token: &str, key: &str| {
        let headers = format!("Authorization: Bearer {token}\r\nTollgate-Report: true\r\n{key}");
        let answer = sent(&program, &post("counter/next", &headers, "{}"));
        (
            answer.status,
            answer.json()["report"]["usage"]["elapsed_us"].clone(),
        )
    };
    let _worker = Worker::start(&nats, "w", &[]);
    let key = "Idempotency-Key: order 4711\r\n";
    let first = ask("test", key);
    assert_eq!(first.0, 200);
    // The report has a time, which another run would not have to the microsecond.
    assert_eq!(ask("test", key), first);
    assert_eq!(wait(nats.fleet().state()).unwrap().queued, 0);
    let results = || nats.asked("$JS.API.STREAM.INFO.KV_tollgate_default_results", "");
    let messages = || results()["state"]["messages"].as_u64().unwrap();
    // The call, and the message by which clocks are compared.
    assert_eq!(messages(), 2);
    assert_eq!(ask("other", key).0, 200);
    assert_eq!(messages(), 3);
    // Without a key each is a call of its own.
    ask("test", "");
    ask("test", "");
    assert_eq!(messages(), 5);
    let long = format!("Idempotency-Key: {}\r\n", "k".repeat(256));
    assert_eq!(ask("test", &long).0, 400);
    assert_eq!(ask("test", &key.repeat(2)).0, 400);
}

/// A worker that hangs has the call, and may still make it.
#[test]
fn a_call_that_may_run_is_paid_for() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy("counter", "limits.fuel = 50_000\nlimits.deadline = \"1s\"");
    let tokens = file(&nats.folder, "tokens", &format!("{TOKENS} fuel=60_000"));
    let program = start(&nats, &["--tokens", tokens.to_str().unwrap()]);
    let worker = Worker::start(&nats, "hangs", &[]);
    worker.signal("STOP");
    let call = post("counter/next", "Authorization: Bearer test\r\n", "{}");
    let mut stream = program.sent(&call);
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    assert_eq!(reply(&mut stream).unwrap().kind(504), "late");
    assert_eq!(sent(&program, &call).kind(429), "quota");
}

/// A version that is no good leaves the one before, and is told.
#[test]
fn versions_are_switched_under_load_without_a_failed_call() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy("counter", "");
    let program = start(&nats, &[]);
    let _workers = ["one", "two"].map(|name| Worker::start(&nats, name, &[]));
    let address = &*program.address;
    let (over, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let load = [(), ()].map(|()| {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let answer = posted(address, "counter/next", "{}");
                    assert_eq!((answer.status, &*answer.body), (200, "{\"result\":1}"));
                    calls.fetch_add(1, Ordering::SeqCst);
                }
            })
        });
        let switched = catch_unwind(AssertUnwindSafe(|| {
            for fuel in 1..=5 {
                nats.deploy("counter", &format!("limits.fuel = {fuel}_000_000"));
                program.line("counter: sha256:");
                std::thread::sleep(Duration::from_millis(300));
            }
            nats.deploy("counter", "grants.hash = true");
            assert!(program.line("counter: refused: ").contains("ceiling"));
            let bytes = b"no component";
            wait(nats.fleet().deploy("counter", bytes, "", None)).unwrap();
            let line = program.line("counter: refused: ");
            assert!(line.contains("malformed"), "{line}");
        }));
        over.store(true, Ordering::SeqCst);
        for thread in load {
            thread.join().unwrap();
        }
        switched.unwrap();
    });
    assert!(calls.load(Ordering::SeqCst) > 100, "{calls:?}");
    // A name that nobody knew before.
    nats.deploy("grow-nothing", "");
    program.line("grow-nothing: sha256:");
    assert_eq!(
        program
            .post("grow-nothing/memory", r#"{"args":[0]}"#)
            .status,
        200
    );
}

/// With no worker, a call is busy once its deadline is over; with no server, at once.
#[test]
fn a_fleet_without_workers_is_busy() {
    let Some(mut nats) = Nats::start() else {
        return;
    };
    nats.deploy("start-loop", LONG);
    let program = start(&nats, &[]);
    let start = Instant::now();
    assert_eq!(program.post("start-loop/attack", "{}").kind(503), "busy");
    // A result would be waited for 15 seconds more.
    assert!(start.elapsed() < Duration::from_secs(10), "{start:?}");
    assert_eq!(wait(nats.fleet().state()).unwrap().queued, 0);
    let worker = Worker::start(&nats, "w", &[]);
    let get = |path: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        sent(&program, &head)
    };
    let has = |line: &str| get("/metrics").body.contains(line);
    until("the numbers", || has("tollgate_fleet_reached 1"));
    assert!(has("tollgate_fleet_calls{"));
    nats.kill();
    worker.line("the fleet: not reached");
    program.line("the fleet: not reached");
    let start = Instant::now();
    let answer = program.post("start-loop/attack", "{}");
    assert_eq!(answer.kind(503), "busy");
    assert!(answer.head.contains("retry-after: "), "{}", answer.head);
    // No request to the server that is not there was waited for.
    assert!(start.elapsed() < Duration::from_secs(4), "{start:?}");
    assert_eq!(get("/readyz").status, 503);
    assert_eq!(get("/healthz").status, 200);
    until("the old numbers are gone", || {
        has("tollgate_fleet_reached 0") && !has("tollgate_fleet_calls{")
    });
    nats.restart();
    worker.line("the fleet: reached again");
    until("the server again", || {
        program.post("start-loop/attack", "{}").status == 502
    });
    assert_eq!(get("/readyz").status, 200);
}

/// All that the server had is gone, and nobody else makes it again.
#[test]
fn what_is_gone_of_a_fleet_is_made_again() {
    let Some(mut nats) = Nats::start() else {
        return;
    };
    nats.deploy("counter", "");
    let program = start(&nats, &[]);
    let worker = Worker::start(&nats, "w", &[]);
    assert_eq!(program.post("counter/next", "{}").status, 200);
    let all = ["tollgate_default_work", "KV_tollgate_default_results"];
    for stream in all {
        let gone = nats.asked(&format!("$JS.API.STREAM.DELETE.{stream}"), "");
        assert_eq!(gone["success"], true, "{gone}");
        // With the results alone gone, it is the failed calls that tell.
        until("made again", || {
            program.post("counter/next", "{}");
            nats.has(stream)
        });
        until("calls", || program.post("counter/next", "{}").status == 200);
    }
    worker.end();
    nats.lose_all();
    program.line("the fleet: reached again");
    until("made again", || all.iter().all(|stream| nats.has(stream)));
    let _worker = Worker::start(&nats, "w", &[]);
    nats.deploy("counter", "limits.fuel = 1_000");
    program.line("counter: sha256:");
    until("calls", || program.post("counter/next", "{}").status == 200);
}

/// A server that hangs is one that is not reached.
#[test]
fn a_fleet_that_hangs_is_told() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy("counter", "");
    let program = start(&nats, &[]);
    let get = |path: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        sent(&program, &head)
    };
    assert_eq!(get("/readyz").status, 200);
    nats.signal("STOP");
    program.line("the fleet: not reached");
    assert_eq!(get("/readyz").status, 503);
    let start = Instant::now();
    assert_eq!(program.post("counter/next", "{}").kind(503), "busy");
    assert!(start.elapsed() < Duration::from_secs(4), "{start:?}");
    nats.signal("CONT");
    program.line("the fleet: reached again");
    assert_eq!(get("/readyz").status, 200);
}

/// Its files may come later, from another server of a cluster.
#[test]
fn a_version_without_its_files_is_tried_again() {
    let Some(nats) = Nats::start() else { return };
    let fleet = nats.fleet();
    let [component, policy] = [&std::fs::read(guest_file("counter")).unwrap(), &b""[..]];
    let version = json!({ "component": digest(component), "policy": digest(policy) });
    wait(fleet.release_as("late", &digest(component), &digest(policy))).unwrap();
    let subject = "$KV.tollgate_default_providers.late";
    let program = start(&nats, &[]);
    nats.publish(subject, version.to_string().as_bytes());
    let refused = program.line("late: refused: not-found: ");
    assert!(refused.contains("deploy `late` again"), "{refused}");
    std::thread::sleep(Duration::from_millis(1_500));
    wait(fleet.put_as(&digest(policy), policy)).unwrap();
    wait(fleet.put_as(&digest(component), component)).unwrap();
    // It was told once.
    let next = program.line("late: ");
    assert!(next.contains("late: sha256:"), "{next}");
}

/// Anybody who may write to the bucket makes up names.
#[test]
fn versions_without_files_keep_no_others_from_being_loaded() {
    let Some(nats) = Nats::start() else { return };
    let fleet = nats.fleet();
    let program = start(&nats, &[]);
    let policy = digest(b"");
    for number in 0..200 {
        let (name, component) = (format!("none-{number}"), digest(&[number]));
        wait(fleet.release_as(&name, &component, &policy)).unwrap();
        let version = json!({ "component": component, "policy": policy });
        let subject = format!("$KV.tollgate_default_providers.{name}");
        nats.publish(&subject, version.to_string().as_bytes());
    }
    program.line("none-199: refused: not-found: ");
    nats.deploy("counter", "");
    program.line("counter: sha256:");
}

/// The policy allows it, and a message of the server does not: no report comes, and the fuel is used.
#[test]
fn a_result_that_is_too_large_is_a_fault() {
    let Some(nats) = Nats::start() else { return };
    let limits = "limits.output = \"64MiB\"\nlimits.host-data = \"64MiB\"\n\
                  limits.host-memory = \"256MiB\"\nlimits.fuel = 50_000_000";
    nats.deploy("echo", limits);
    let tokens = file(&nats.folder, "tokens", &format!("{TOKENS} fuel=60_000_000"));
    let wide = file(&nats.folder, "wide.toml", limits);
    let ceiling = ["--ceiling", wide.to_str().unwrap()];
    let options = [&ceiling[..], &["--tokens", tokens.to_str().unwrap()]].concat();
    let program = start_with(&nats, &options);
    let _worker = Worker::under(&nats, "w", limits, &[]);
    let body = format!("{{\"args\":[[{}1]]}}", "1,".repeat(523_000));
    let call = post("echo/run", "Authorization: Bearer test\r\n", &body);
    let mut stream = program.sent(&call);
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    assert_eq!(reply(&mut stream).unwrap().kind(502), "output");
    assert_eq!(sent(&program, &call).kind(429), "quota");
}

/// They would be ignored.
#[test]
fn options_of_a_fleet_need_one() {
    let told = |arguments: &[&str], status: i32, words: &str| {
        let ended = support::cli::run(arguments);
        let text = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(status), "{text}");
        assert!(text.contains(words), "{text}");
    };
    for option in ["--creds", "--nats-ca", "--tenant", "--ceiling"] {
        // Served, a folder that is there would be so without end.
        let folder = "/none";
        let words = format!("{option} is for a fleet");
        told(&["serve", folder, option, "a"], 2, &words);
    }
    // Files that are none.
    let guest = guest_file("counter");
    let guest = guest.to_str().unwrap();
    told(&["submit", "a", "b()", "--creds", "/none"], 2, "/none: ");
    told(&["submit", "a", "b()", "--nats-ca", "/none"], 2, "/none: ");
    let words = "has no certificate in PEM";
    told(&["submit", "a", "b()", "--nats-ca", guest], 2, words);
    // No server.
    let nobody = "nats://127.0.0.1:19999";
    told(
        &["submit", "a", "b()", "--nats", nobody],
        5,
        "start `nats-server -js` there",
    );
}

#[test]
fn the_numbers_of_a_worker_and_its_queue_are_served() {
    let Some(nats) = Nats::start() else { return };
    nats.deploy("counter", "");
    nats.deploy(
        "start-loop",
        "limits.deadline = \"4s\"\nlimits.fuel = 9_000_000_000_000",
    );
    let open = ["worker", "--nats", &nats.url(), "--metrics", "0.0.0.0:9100"];
    let refused = support::cli::run(&open);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let port = (30_000..32_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    let address = format!("127.0.0.1:{}", port.unwrap());
    let audit = nats.folder.path().join("audit");
    let options = [
        "--metrics",
        &address,
        "--audit",
        audit.to_str().unwrap(),
        "--concurrency",
        "4",
    ];
    let worker = Worker::start(&nats, "w", &options);
    let answer = nats.answer(&["counter", "next()"]);
    assert_eq!(&*answer.worker, "w");
    let fleet = nats.fleet();
    for number in 0..5 {
        let key = format!("long-{number}");
        let patience = Duration::from_secs(60);
        wait(fleet.submit("start-loop", super::SPIN, Some(&key), patience)).unwrap();
    }
    // One above the ceiling never comes to the runtime, which tells of loads.
    nats.deploy("grow-nothing", "grants.hash = true");
    assert_eq!(nats.submit(&["grow-nothing", "memory(0)"]).0, Some(3));
    let metrics = || {
        let mut stream = TcpStream::connect(&address).unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(request).unwrap();
        reply(&mut stream).unwrap().body
    };
    // Three of four slots are the most for one provider.
    until("a share", || {
        metrics().contains("tollgate_fleet_given_back_total{reason=\"share\"}")
    });
    until("the queue", || {
        let text = metrics();
        let has = |line: &str| text.contains(line);
        has("tollgate_fleet_calls{state=\"under-way\"}")
            && !has("tollgate_fleet_calls{state=\"under-way\"} 0")
            && !has("tollgate_fleet_oldest_seconds 0")
            && has("tollgate_calls_total{provider=\"counter\",end=\"returned\"} 1")
            && has("tollgate_loads_total{result=\"refused\"} 1")
    });
    worker.end();
    let text = std::fs::read_to_string(&audit).unwrap();
    assert!(text.contains("\"event\":\"call\""), "{text}");
    let load = text.lines().find(|line| line.contains("grow-nothing"));
    let load = load.unwrap();
    assert!(load.contains("ceiling: `grants.hash`"), "{load}");
    assert!(load.contains("\"digest\":\"sha256:"), "{load}");
}
