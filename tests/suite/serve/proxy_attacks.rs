//! Guests that answer wrongly or without end.

use std::time::Instant;

use http_body_util::Full;
use tollgate::http::HandlerError;
use tollgate::report::ErrorReport as _;
use tollgate::{CallError, Compiler, Isolation, Outcome, Report, blocking};
use tollgate_serve::Server;

use support::harness::{builder, load, policy, source, wait};

use super::proxy::{WEB, get, get_with, web};
use super::{PATIENCE, Served};

/// Calls the guest without a server, and reads its body meanwhile.
fn handled(
    path: &str,
    policy: &str,
    body: &[u8],
) -> (Report<(), HandlerError>, Result<String, String>) {
    use http_body_util::BodyExt as _;
    let provider = load("web", &format!("{WEB}\n{policy}")).as_async().clone();
    let uri = format!("http://host.test/{path}");
    let body = Full::new(hyper::body::Bytes::copy_from_slice(body));
    let request = hyper::Request::post(uri).body(body).unwrap();
    wait(async move {
        let (tell, told) = tokio::sync::oneshot::channel();
        let respond = move |response| {
            let _ = tell.send(response);
        };
        let reader = tokio::spawn(async move {
            let response: hyper::Response<tollgate::http::ResponseBody> =
                told.await.map_err(|_| "no response".to_owned())?;
            let body = response.into_body().collect().await;
            let bytes = body.map_err(|error| error.to_string())?.to_bytes();
            Ok(String::from_utf8(bytes.to_vec()).unwrap())
        });
        let report = provider.session().handle(request, respond).await.unwrap();
        (report, reader.await.unwrap())
    })
}

#[test]
fn an_answer_that_is_none_is_a_bad_gateway() {
    let served = web("limits.deadline = '1s'");
    for (path, kind) in [
        ("no-response", "no-response"),
        ("dropped", "no-response"),
        ("dropped-slowly/50", "no-response"),
        ("error?text", "error-code"),
        ("trap", "trap"),
        ("status/100", "trap"),
        ("status/101", "trap"),
        ("status/199", "trap"),
        ("status/600", "trap"),
        ("length-text?10", "trap"),
        ("sleep/60000", "deadline"),
        // The head of an answer without a body comes at its end.
        ("trap-after-none", "trap"),
    ] {
        let told = get(&served, &format!("/http/web/{path}"));
        assert_eq!(told.kind(502), kind, "{path}");
    }
    let told = get(&served, "/http/web/length-text?10");
    let why = "the response cannot be sent: it declares the length of a body and has none";
    assert!(told.body.contains(why), "{told:?}");
    let told = get(&served, "/http/web/error?text");
    assert!(
        told.body.contains("internal-error: \\\\u{1b}[31mtext"),
        "{told:?}"
    );
    let told = get_with(&served, "/http/web/trap", "Tollgate-Report: true\r\n");
    let told: serde_json::Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(told["report"]["outcome"], "faulted", "{told}");
    assert_eq!(get(&served, "/http/web/hello").told(), "hello");
}

/// After the head is sent, the connection ends before the end of the body.
#[test]
fn an_answer_that_is_cut_has_no_end() {
    let served = web("limits.deadline = '2s'\nlimits.output = '100KiB'");
    for (path, comes) in [
        ("trap-late", "a part"),
        ("trap-after", "all"),
        ("unfinished", "a part"),
        ("aborted", "a part"),
        ("short", "short"),
        ("later/60000", "now "),
    ] {
        let told = get(&served, &format!("/http/web/{path}"));
        // The head may be cut as well.
        assert!(!told.is_whole && told.status <= 200, "{path}: {told:?}");
        assert!(comes.starts_with(&told.body), "{path}: {told:?}");
    }
    for path in ["long", "trap-after-length", "twice"] {
        let told = whole_or_problem(&served, path);
        assert!(!told.0, "{path}: {told:?}");
    }
    // More than `output`, and no end at all.
    for path in ["bytes/200000", "endless"] {
        let told = get(&served, &format!("/http/web/{path}"));
        assert!(!told.is_whole, "{path}");
        assert!(told.body.len() <= 100 << 10, "{path}: {}", told.body.len());
    }
    assert_eq!(
        get(&served, "/http/web/bytes/102400").told().len(),
        100 << 10
    );
}

fn whole_or_problem(served: &Served, path: &str) -> (bool, String) {
    let told = get(served, &format!("/http/web/{path}"));
    (told.status == 200 && told.is_whole, format!("{told:?}"))
}

#[test]
fn the_report_tells_of_the_answer() {
    for (path, kind) in [
        ("no-response", "no-response"),
        ("error?x", "error-code"),
        ("unfinished", "unfinished-body"),
        ("short", "unfinished-body"),
    ] {
        let (report, body) = handled(path, "", b"");
        let Outcome::Failed(error) = report.outcome else {
            panic!("{path}: {report:?}")
        };
        assert_eq!(error.kind(), kind);
        assert!(body.is_err(), "{path}: {body:?}");
    }
    for (path, label) in [
        ("twice", "trap"),
        ("trap-after", "trap"),
        ("endless", "output"),
        ("bytes/9000000", "output"),
    ] {
        let (report, body) = handled(path, "", b"");
        let fault = report
            .outcome
            .fault()
            .unwrap_or_else(|| panic!("{path}: {report:?}"));
        assert_eq!(fault.label(), label, "{path}");
        assert!(body.is_err(), "{path}: {body:?}");
    }
    let (report, body) = handled("bytes/50000", "", b"");
    assert_eq!(report.outcome, Outcome::Returned(()));
    assert_eq!(report.usage.output_bytes, Some(50_000));
    assert_eq!(body.unwrap().len(), 50_000);
}

/// The session keeps the body, which nobody ends.
#[test]
fn a_body_that_is_left_in_a_session_is_cut() {
    use http_body_util::BodyExt as _;
    let mut session = load("web", WEB).as_async().session();
    for path in ["unfinished", "hello", "unfinished"] {
        let request = hyper::Request::get(format!("http://host.test/{path}"));
        let request = request.body(Full::<hyper::body::Bytes>::default()).unwrap();
        let (tell, told) = tokio::sync::oneshot::channel();
        let respond = move |response: hyper::Response<tollgate::http::ResponseBody>| {
            let _ = tell.send(response);
        };
        let body = wait(async {
            let read = async { told.await.unwrap().into_body().collect().await };
            let (report, body) = tokio::join!(session.handle(request, respond), async {
                tokio::time::timeout(PATIENCE, read).await
            });
            report.unwrap();
            assert!(body.is_ok(), "the body never ends");
            body.unwrap()
        });
        assert_eq!(body.is_ok(), path == "hello", "{path}");
    }
}

/// A guest that keeps its way to the client keeps no client waiting.
#[test]
fn an_outparam_that_is_left_in_a_session_is_closed() {
    let mut session = load("web", WEB).as_async().session();
    for _ in 0..2 {
        let request = hyper::Request::get("http://host.test/no-response");
        let request = request.body(Full::<hyper::body::Bytes>::default()).unwrap();
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let respond = move |_| drop(tell);
        let (report, told) = wait(async {
            let report = session.handle(request, respond).await;
            (report, tokio::time::timeout(PATIENCE, told).await)
        });
        report.unwrap();
        assert!(told.is_ok(), "the client still waits");
    }
}

/// The text of an error is copied and shortened, which the guest pays for.
#[test]
fn the_text_of_an_error_has_its_price() {
    let fuel = |path: &str| handled(path, "", b"").0.usage.fuel;
    let price = |bytes: u64| {
        let plain = fuel(&format!("error-plain/{bytes}"));
        fuel(&format!("error-text/{bytes}")) - plain
    };
    assert!(price(60_000) - price(10_000) >= 100_000);
}

/// What the host holds of a request is counted, and what it moves.
#[test]
fn a_request_is_memory_of_the_host() {
    let provider = load("web", WEB).as_async().clone();
    let usage = |path: &str, value: &str| {
        let request = hyper::Request::get(format!("http://host.test/{path}"));
        let request = request.header("x-long", value);
        let request = request.body(Full::<hyper::body::Bytes>::default()).unwrap();
        let report = wait(async { provider.session().handle(request, |_| {}).await });
        let report = report.unwrap();
        (report.usage.host_memory_peak, report.usage.host_bytes)
    };
    let (short, long) = ("x", "x".repeat(30_001));
    let (less, more) = (usage("no-response", short), usage("no-response", &long));
    // As an argument, and as a resource of more than the least.
    assert!(more.0 - less.0 > 40_000, "{less:?} {more:?}");
    let path = format!("no-response?{}", "x".repeat(4_000));
    assert!(usage(&path, short).1 - less.1 >= 4_000);
}

/// A guest that writes while nobody reads waits, and the deadline counts.
#[test]
fn the_deadline_covers_a_client_that_takes_nothing() {
    let start = Instant::now();
    let provider = load("web", &format!("{WEB}\nlimits.deadline = '300ms'"));
    let provider = provider.as_async().clone();
    let request = hyper::Request::get("http://host.test/endless");
    let request = request.body(Full::<hyper::body::Bytes>::default()).unwrap();
    let report = wait(async move {
        let mut kept = None;
        let (tell, told) = std::sync::mpsc::channel();
        let respond = move |response| tell.send(response).unwrap();
        let report = provider.session().handle(request, respond).await.unwrap();
        kept.replace(told.recv().unwrap());
        report
    });
    assert_eq!(
        report.outcome.fault().map(|it| it.label()),
        Some("deadline")
    );
    assert!(start.elapsed() < PATIENCE);
    // No more than the pieces that wait for the client.
    assert!(
        report.usage.output_bytes.unwrap() <= 3 * (16 << 10),
        "{report:?}"
    );
}

#[test]
fn headers_of_a_guest_frame_nothing() {
    let served = web("");
    for name in [
        "connection",
        "transfer-encoding",
        "upgrade",
        "keep-alive",
        "host",
        "te",
        "trailer",
        "proxy-authenticate",
        "Transfer_Encoding",
    ] {
        let told = get(&served, &format!("/http/web/headers?{name}=x"));
        assert_eq!(told.told(), "Err(HeaderError::Forbidden)", "{name}");
    }
    for pair in [
        "x=a%0d%0aset-cookie:b",
        "a@b=c",
        "=x",
        "x:y=c",
        "content-length=+5",
    ] {
        let told = get(&served, &format!("/http/web/headers?{pair}"));
        assert!(told.told().starts_with("Err("), "{told:?}");
        assert!(!told.head.contains("set-cookie"), "{told:?}");
    }
    assert_eq!(
        get(&served, "/http/web/many-headers/100").told(),
        "100 Ok(())"
    );
    let told = get(&served, "/http/web/many-headers/24576");
    assert_eq!(told.kind(502), "trap");
    assert!(
        told.body.contains("total size of fields exceeds limit"),
        "{told:?}"
    );
}

#[test]
fn responses_that_nobody_reads_are_memory_of_the_host() {
    let (report, _) = handled("hoard", "limits.host-memory = '4MiB'", b"");
    let label = report.outcome.fault().map(|fault| fault.label());
    assert_eq!(label, Some("host-memory"), "{report:?}");
}

/// Where sessions are in a process of their provider, bodies cannot be passed on.
#[cfg(target_os = "linux")]
#[test]
fn a_session_in_a_process_answers_no_requests() {
    let program = support::cli::tollgate().into();
    let runtime = builder()
        .compiler(Compiler::Worker { program })
        .isolation(Isolation::Process)
        .build();
    let runtime = blocking::Runtime::from(runtime);
    let web = runtime
        .load(&source("web"), &policy("grants.wasi = 'inert'"))
        .unwrap();
    let web = web.as_async().clone();
    assert!(web.serves_http());
    let request = hyper::Request::get("http://host.test/hello");
    let request = request.body(Full::<hyper::body::Bytes>::default()).unwrap();
    let done = wait(async { web.session().handle(request, |_| {}).await });
    assert!(matches!(done, Err(CallError::Isolated)), "{done:?}");
    let served = Served::with(Server::new(std::collections::BTreeMap::from([(
        "web".to_owned(),
        web,
    )])));
    assert_eq!(get(&served, "/http/web/hello").kind(501), "isolated");
}
