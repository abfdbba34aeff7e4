//! `tollgate serve`.

use std::io::Read as _;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use support::cli::run;
use support::collector::{Answers, Collector};
use support::harness::{all_but, guest_file};
#[cfg(target_os = "linux")]
use support::processes::{children, crash, until};

use super::callers::{OTHER, TOKENS};
use super::process::Program;
use super::{PATIENCE, post, reply};

#[test]
fn a_folder_is_served_until_a_signal() {
    let (_folder, program) = Program::of(&[("counter", "")], &[]);
    assert_eq!(program.post("counter/next", "{}").body, "{\"result\":1}");
    assert_eq!(program.end().code(), Some(0));
}

/// All that the hostile guest asks for, and a root of this folder.
fn hostile(root: &Path) -> String {
    let rest = all_but("files");
    format!(
        "{rest}grants.files = [{{ root = \"own\", path = {root:?}, access = \"read-write\" }}]\n"
    )
}

/// One call that takes long is not all that a server does.
#[test]
fn calls_run_at_the_same_time() {
    let root = tempfile::tempdir().unwrap();
    let long = "limits.deadline = \"60s\"\nlimits.fuel = 1_000_000_000_000";
    let guests = [
        ("counter", ""),
        ("hostile", &format!("{}{long}", hostile(root.path()))),
    ];
    let spin = |program: &Program| {
        let stream = program.sent(&post("hostile/run", "", "{\"input\":\"spin\"}"));
        std::thread::sleep(Duration::from_millis(300));
        stream
    };
    let (_folder, program) = Program::of(&guests, &[]);
    let _long = spin(&program);
    assert_eq!(program.post("counter/next", "{}").body, "{\"result\":1}");
    let (_folder, program) = Program::of(&guests, &["--concurrency", "1", "--queue", "0"]);
    let _long = spin(&program);
    let start = Instant::now();
    assert_eq!(program.post("counter/next", "{}").kind(503), "busy");
    // One that waits is busy at its deadline, after 10 s.
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn loads_calls_and_decisions_are_in_the_audit_log() {
    let own = tempfile::tempdir().unwrap();
    let file = own.path().join("audit");
    let root = tempfile::tempdir().unwrap();
    let (_folder, program) = Program::of(
        &[("hostile", &hostile(root.path()))],
        &["--audit", file.to_str().unwrap()],
    );
    let input = "{\"input\":\"http-get https://b.example/\\u202e\"}";
    let told = program.post("hostile/run", input);
    let mut metrics = program.sent("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let metrics = reply(&mut metrics).unwrap().body;
    assert_eq!(program.end().code(), Some(0));
    let text = std::fs::read_to_string(&file).unwrap();
    let events: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |event: &str| {
        let mut of = events.iter().filter(|it| it["event"] == event);
        of.next_back()
            .unwrap_or_else(|| panic!("{event}: {told:?} {text}"))
    };
    assert_eq!(of("load")["result"], "loaded");
    assert_eq!(of("decision")["denied"], "bad-url", "{told:?}");
    assert_eq!(of("decision")["call"], of("call")["call"]);
    assert_eq!(of("call")["end"], "returned");
    assert!(!text.contains('\u{202e}'));
    // Nor is it in the strings, as a program reads them.
    let strings: String = events.iter().map(ToString::to_string).collect();
    assert!(!strings.contains('\u{202e}'), "{strings}");
    assert!(strings.contains("\\\\u{202e}"), "{strings}");
    for line in [
        "tollgate_denials_total{provider=\"hostile\",capability=\"http\",reason=\"bad-url\"} 1",
        "tollgate_calls_total{provider=\"hostile\",end=\"returned\"} 1",
        "tollgate_calls_under_way{provider=\"hostile\"} 0",
        "tollgate_loads_total{result=\"loaded\"} 1",
        "tollgate_requests_total{door=\"calls\",status=\"200\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

/// Whether the program has the thread that makes them.
fn makes_ahead(program: &Program) -> bool {
    let tasks = format!("/proc/{}/task", program.process.id());
    std::fs::read_dir(tasks).unwrap().any(|task| {
        let name = std::fs::read_to_string(task.unwrap().path().join("comm"));
        name.is_ok_and(|name| name.trim() == "tollgate-warm")
    })
}

#[test]
fn instances_are_made_ahead_as_the_option_says() {
    for (options, is_made) in [(&[][..], true), (&["--warm", "0"], false)] {
        let (_folder, program) = Program::of(&[("counter", "")], options);
        assert_eq!(makes_ahead(&program), is_made, "{options:?}");
        // Each call has an instance of its own.
        for _ in 0..3 {
            assert_eq!(program.post("counter/next", "{}").body, "{\"result\":1}");
        }
    }
}

/// What breaks out of the engine has what the process has.
#[cfg(target_os = "linux")]
#[test]
fn calls_run_behind_a_wall_if_the_option_says_so() {
    let next = |program: &Program| program.post("counter/next", "{}").body;
    let (_folder, program) = Program::of(&[("counter", "")], &[]);
    assert_eq!(next(&program), "{\"result\":1}");
    assert!(children(program.process.id()).is_empty());
    let kept = "grants.store = true";
    let guests = [("counter", ""), ("echo", kept)];
    let (_folder, program) = Program::of(&guests, &["--isolate"]);
    for _ in 0..2 {
        assert_eq!(next(&program), "{\"result\":1}");
        let [process] = children(program.process.id())[..] else {
            panic!("not one process");
        };
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        assert!(status.contains("Seccomp:\t2"), "{status}");
        // As a hole in the engine would: the next call has another one.
        crash(process);
        until("seen", || children(program.process.id()).is_empty());
    }
    assert_eq!(program.post("echo/run", "{}").kind(404), "no-provider");
    assert_eq!(program.end().code(), Some(0));
}

/// A client beyond them waits until another one has gone.
#[test]
fn connections_are_as_many_as_the_option_says() {
    let (_folder, program) = Program::of(&[], &["--connections", "1"]);
    let first = program.sent("");
    let mut second = program.sent("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let short = Some(Duration::from_millis(500));
    second.set_read_timeout(short).unwrap();
    assert!(
        second.read(&mut [0]).is_err(),
        "it is answered beside the first"
    );
    drop(first);
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(reply(&mut second).unwrap().status, 200);
}

/// A client that the kernel turns away tries again after a second.
#[test]
fn a_burst_of_clients_waits_to_be_accepted() {
    let (_folder, program) = Program::of(&[], &["--connections", "1"]);
    let address = program.address.parse().unwrap();
    let connected = |_| TcpStream::connect_timeout(&address, Duration::from_millis(900)).unwrap();
    let waiting: Vec<_> = (0..600).map(connected).collect();
    assert_eq!(waiting.len(), 600);
}

/// Three quarters of `--concurrency`, whichever providers it calls.
#[test]
fn callers_leave_slots_to_each_other() {
    let root = tempfile::tempdir().unwrap();
    let own = tempfile::tempdir().unwrap();
    let tokens = own.path().join("tokens");
    std::fs::write(&tokens, format!("{TOKENS}\n{OTHER}\n")).unwrap();
    let long = "limits.deadline = \"60s\"\nlimits.fuel = 1_000_000_000_000";
    let guests = [
        ("counter", ""),
        ("hostile", &*format!("{}{long}", hostile(root.path()))),
    ];
    let options = ["--concurrency", "4", "--tokens", tokens.to_str().unwrap()];
    let (_folder, program) = Program::of(&guests, &options);
    let call = |path: &str, token: &str, body: &str| {
        let token = format!("Authorization: Bearer {token}\r\n");
        program.sent(&post(path, &token, body))
    };
    let _long: Vec<_> = (0..3)
        .map(|_| call("hostile/run", "test", "{\"input\":\"spin\"}"))
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    let mut waits = call("counter/next", "test", "{}");
    let mut other = call("counter/next", "other", "{}");
    assert_eq!(reply(&mut other).unwrap().status, 200);
    waits
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    assert!(waits.read(&mut [0]).is_err(), "it has the slots of others");
}

/// Nothing of it is in the way of the next one: no port, no half-written code, no line of the log.
#[test]
fn a_server_that_was_killed_starts_again() {
    let own = tempfile::tempdir().unwrap();
    let [audit, cache] = ["audit", "cache"].map(|name| own.path().join(name));
    let options = [
        "--audit",
        audit.to_str().unwrap(),
        "--cache",
        cache.to_str().unwrap(),
        "--connections",
        "2",
    ];
    let guests = [("counter", "limits.fuel = 1_000_000_000_000")];
    let (folder, mut program) = Program::of(&guests, &options);
    let address = program.address.clone();
    for _ in 0..2 {
        let long = post("counter/work", "", "{\"turns\":4000000000}");
        let _long = program.sent(&long);
        assert_eq!(program.post("counter/next", "{}").body, "{\"result\":1}");
        program.process.kill().unwrap();
        program.process.wait().unwrap();
        program = Program::at(folder.path(), &address, &options);
    }
    assert_eq!(program.post("counter/next", "{}").body, "{\"result\":1}");
    assert_eq!(program.end().code(), Some(0));
    let log = std::fs::read_to_string(&audit).unwrap();
    let lines = log.lines().map(serde_json::from_str::<serde_json::Value>);
    let calls = lines.filter(|line| line.as_ref().unwrap()["event"] == "call");
    assert!(calls.count() >= 1, "{log}");
}

/// A guest that could write to them would forge the log, or choose the callers after a restart.
#[test]
fn the_files_of_the_server_are_not_a_guests() {
    let root = tempfile::tempdir().unwrap();
    let guests = [("hostile", &*hostile(root.path()))];
    let tokens = root.path().join("tokens");
    let digest = ring::digest::digest(&ring::digest::SHA256, b"secret");
    let digest: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    std::fs::write(&tokens, format!("ci sha256:{digest}")).unwrap();
    let audit = root.path().join("audit");
    let call = post(
        "hostile/run",
        "Authorization: Bearer secret\r\n",
        "{\"input\":\"ping\"}",
    );
    let served = |options: &[&str]| {
        let (_folder, program) = Program::of(&guests, options);
        reply(&mut program.sent(&call)).unwrap().status
    };
    assert_ne!(served(&[]), 404);
    assert_eq!(served(&["--audit", audit.to_str().unwrap()]), 404);
    assert_eq!(served(&["--tokens", tokens.to_str().unwrap()]), 404);
}

/// They are watched, and no guest writes to them.
#[test]
fn a_caller_has_policies_in_a_folder_of_its_own() {
    let own = tempfile::tempdir().unwrap();
    let (tokens, policies) = (own.path().join("tokens"), own.path().join("callers/small"));
    std::fs::create_dir_all(&policies).unwrap();
    std::fs::write(
        &tokens,
        format!("{TOKENS} policies=callers/small\n{OTHER}\n"),
    )
    .unwrap();
    let policy = |text: &str| std::fs::write(policies.join("echo.toml"), text).unwrap();
    let root = |path: &Path| {
        format!("grants.files = [{{ root = \"r\", path = {path:?}, access = \"read-write\" }}]")
    };
    // A path of a policy begins at its folder.
    std::fs::create_dir(policies.join("data")).unwrap();
    policy(&format!(
        "limits.output = \"2B\"\n{}",
        root(Path::new("data"))
    ));
    let folder = tempfile::tempdir().unwrap();
    let of_all = own.path().join("of-all");
    std::fs::create_dir(&of_all).unwrap();
    let write = |name: &str, text: &str| std::fs::write(of_all.join(name), text).unwrap();
    for guest in ["echo", "counter"] {
        let to = folder.path().join(format!("{guest}.wasm"));
        std::fs::copy(guest_file(guest), to).unwrap();
    }
    write("echo.toml", "");
    write("counter.toml", &root(&own.path().join("callers")));
    std::fs::write(policies.join("counter.toml"), root(&of_all)).unwrap();
    let [tokens, of_all] = [&tokens, &of_all].map(|path| path.to_str().unwrap());
    let options = ["--tokens", tokens, "--policies", of_all];
    let program = Program::at(folder.path(), "127.0.0.1:0", &options);
    let call = |path: &str, token: &str, body: &str| {
        let token = format!("Authorization: Bearer {token}\r\n");
        reply(&mut program.sent(&post(path, &token, body))).unwrap()
    };
    let echo = |token: &str| call("echo/run", token, "{\"input\":\"hello\"}");
    assert_eq!(echo("other").status, 200);
    assert_eq!(echo("test").kind(502), "output");
    for token in ["other", "test"] {
        let refused = call("counter/next", token, "{}");
        assert_eq!(refused.kind(404), "no-provider", "{token}");
    }
    policy("");
    let limit = Instant::now() + PATIENCE;
    while echo("test").status != 200 {
        assert!(Instant::now() < limit, "the changed policy does not serve");
        std::thread::sleep(Duration::from_millis(20));
    }
    policy("limits.component-size = \"1KiB\"");
    while echo("test").status != 404 {
        assert!(
            Instant::now() < limit,
            "it serves under a policy that refuses it"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(echo("other").status, 200);
}

#[test]
fn an_open_address_without_tokens_is_a_mistake() {
    let told = run(&["serve", ".", "--listen", "0.0.0.0:0"]);
    assert_eq!(told.status.code(), Some(2));
    let told = String::from_utf8(told.stderr).unwrap();
    assert!(
        told.contains("add --tokens FILE or --tls-clients FILE, or listen on 127.0.0.1"),
        "{told}"
    );
    let tokens = tempfile::NamedTempFile::new().unwrap();
    let told = run(&["serve", ".", "--tokens", tokens.path().to_str().unwrap()]);
    assert_eq!(told.status.code(), Some(2));
    assert!(
        String::from_utf8(told.stderr)
            .unwrap()
            .contains("no token in this file")
    );
}

#[test]
fn spans_go_to_a_collector_with_headers_that_nobody_sees() {
    let collector = Collector::start(Answers::Takes);
    let (_folder, program) = Program::with(
        &[("counter", "")],
        &["--otlp", &collector.url()],
        &[
            (
                "OTEL_EXPORTER_OTLP_HEADERS",
                "authorization=Bearer%20s3cret",
            ),
            ("OTEL_SERVICE_NAME", "mine"),
            ("RUST_LOG", "trace"),
        ],
    );
    assert_eq!(program.post("counter/next", "{}").status, 200);
    let told = collector.named("tollgate.call");
    let request = collector.named("POST /v1/providers/{provider}/{export}");
    assert_eq!(told.parent_span_id, request.span_id);
    assert_eq!(collector.resource("service.name"), "mine");
    let head = collector.heads()[0].to_lowercase();
    assert!(head.contains("authorization: bearer s3cret\r\n"), "{head}");
    let lines: Vec<_> = program.lines.try_iter().collect();
    assert!(!lines.iter().any(|it| it.contains("s3cret")), "{lines:?}");
    assert_eq!(program.end().code(), Some(0));
}

#[test]
fn a_collector_that_never_answers_does_not_hold_up_the_end() {
    let collector = Collector::start(Answers::Never);
    let options = ["--otlp", &collector.url()];
    let (_folder, program) = Program::of(&[("counter", "")], &options);
    assert_eq!(program.post("counter/next", "{}").status, 200);
    let start = Instant::now();
    assert_eq!(program.end().code(), Some(0));
    // It waits 2 s for the last spans, and a message has 5 s.
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
}
