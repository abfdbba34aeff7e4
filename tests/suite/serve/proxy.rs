//! Components of `wasi:http/proxy` behind a path or a host name: the answers of honest guests.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::client::conn::http2;
use hyper::header::HeaderName;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tollgate::{Provider, blocking};
use tollgate_serve::{Bounds, Routes, Server, Tokens};

use support::harness::{builder, policy, source, wait};
use support::watched_folder::{Watched, bytes};

use super::callers::TOKENS;
use super::{Served, catalog};

pub(super) const WEB: &str = "grants.wasi = { clocks = 'real' }";

/// An answer as it comes, to its end.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
    /// Whether its end has come: that of the chunks, or the declared length.
    pub(super) is_whole: bool,
}

impl Whole {
    /// The kind of a problem with this status.
    pub(super) fn kind(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.is_whole, "{self:?}");
        let json: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        assert!(json["kind"].is_string(), "{self:?}");
        json["kind"].as_str().unwrap().to_owned()
    }

    /// The body of a whole answer.
    pub(super) fn told(&self) -> &str {
        assert_eq!((self.status, self.is_whole), (200, true), "{self:?}");
        &self.body
    }
}

/// The answer of a connection that ends with it.
pub(super) fn whole(stream: &mut TcpStream) -> Whole {
    let mut bytes = Vec::new();
    // A connection that is cut may be reset.
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    // A head is sent with the first piece of the body, or is cut with it.
    let (head, rest) = text
        .split_once("\r\n\r\n")
        .unwrap_or(("http/1.1 0 \r\ncontent-length: 1", ""));
    let head = head.to_lowercase();
    let length = head.split("content-length: ").nth(1);
    let length = length.map(|it| it.split('\r').next().unwrap().parse::<usize>().unwrap());
    let (body, is_whole) = match length {
        _ if head.contains("transfer-encoding: chunked") => unchunked(rest),
        Some(length) => (rest.to_owned(), rest.len() == length),
        None => (rest.to_owned(), true),
    };
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Whole {
        status,
        head,
        body,
        is_whole,
    }
}

fn unchunked(mut rest: &str) -> (String, bool) {
    let mut body = String::new();
    while let Some((length, more)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return (body, true);
        }
        let (piece, more) = more.split_at_checked(length).unwrap_or((more, ""));
        body += piece;
        rest = more.strip_prefix("\r\n").unwrap_or_default();
    }
    (body, false)
}

pub(super) fn get_with(served: &Served, path: &str, headers: &str) -> Whole {
    whole(&mut served.sent(format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n"
    )))
}

pub(super) fn get(served: &Served, path: &str) -> Whole {
    get_with(served, path, "")
}

pub(super) fn web(extra: &str) -> Served {
    Served::of(&[("web", &format!("{WEB}\n{extra}"))])
}

/// A provider of which one guest lives at a time, and no call waits.
pub(super) fn alone() -> BTreeMap<String, Provider> {
    let runtime = builder().concurrency(1).queue(0).share(100);
    let runtime = blocking::Runtime::from(runtime.build());
    let policy = policy(&format!("{WEB}\nlimits.deadline = '60s'"));
    let web = runtime.load(&source("web"), &policy).unwrap();
    BTreeMap::from([("web".to_owned(), web.as_async().clone())])
}

#[test]
fn a_guest_answers_at_its_path() {
    let served = web("");
    let hello = get(&served, "/http/web/hello");
    assert_eq!(hello.told(), "hello");
    assert!(hello.head.contains("content-type: text/plain"), "{hello:?}");
    assert_eq!(get(&served, "/http/web").told(), "hello");
    assert_eq!(get(&served, "/http/web/nothing").status, 404);
    assert_eq!(get(&served, "/http/web/bytes/300000").told().len(), 300_000);
    assert_eq!(get(&served, "/http/none/").kind(404), "no-provider");
    let list = served.get("/v1/providers").json();
    assert_eq!(list["providers"][0]["http"], "/http/web/");
}

#[test]
fn a_provider_without_the_export_answers_nothing() {
    let served = Served::of(&[("counter", "")]);
    assert_eq!(get(&served, "/http/counter/").kind(404), "missing-export");
    let list = served.get("/v1/providers").json();
    assert!(list["providers"][0]["http"].is_null());
}

/// The first piece of the answer is there before the last one of the request.
#[test]
fn both_bodies_are_passed_on_as_they_come() {
    let served = web("");
    let mut stream = served.sent(
        "POST /http/web/echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    let until = |stream: &mut TcpStream, end: &str| {
        let mut seen = String::new();
        while !seen.ends_with(end) {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            seen.push(char::from(byte[0]));
        }
    };
    until(&mut stream, "begun ");
    for piece in ["one", "two"] {
        write!(stream, "3\r\n{piece}\r\n").unwrap();
        until(&mut stream, piece);
    }
    write!(stream, "0\r\n\r\n").unwrap();
    until(&mut stream, "0\r\n\r\n");
}

#[test]
fn a_guest_sees_the_request_without_what_is_the_servers() {
    let headers = "Content-Type: text/plain\r\nCookie: secret=1\r\nX-Own: 1\r\nx-dropped: 2\r\nConnection: x-dropped\r\n\
        Forwarded: for=1.2.3.4\r\nX-Forwarded-For: 1.2.3.4\r\nX_Forwarded_Host: evil.test\r\n\
        X-Forwarded-Prefix: /evil\r\nAuthorization: Basic eA==\r\nUpgrade: websocket\r\nTE: trailers\r\n";
    let served = web("");
    let told = get_with(&served, "/http/web/head/%2e./x?a=%20b", headers);
    assert_eq!(
        told.told(),
        "Method::Get /head/%2e./x?a=%20b Some(Scheme::Http) Some(\"localhost\")\n\
         authorization: Basic eA==\ncontent-type: text/plain\nx-forwarded-prefix: /http/web\nx-own: 1\n"
    );
    let tokens = Tokens::parse(TOKENS).unwrap();
    let server = Server::new(catalog(&[("web", WEB)])).tokens(tokens);
    let served = Served::with(server);
    assert_eq!(get(&served, "/http/web/head").kind(401), "unauthorized");
    let told = get_with(
        &served,
        "/http/web/head",
        "Authorization: Bearer test\r\nX-Own: 1\r\n",
    );
    assert!(told.told().contains("x-own: 1"), "{told:?}");
    assert!(!told.told().contains("authorization"), "{told:?}");
}

/// Some programs add trailers to the headers.
#[test]
fn trailers_hold_no_more_than_headers() {
    let served = web("");
    let mut sent = served.sent(
        "POST /http/web/trailers HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
         0\r\nX-Own: 1\r\nCookie: secret=1\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
    );
    assert_eq!(whole(&mut sent).told(), "x-own: 1\n");
    let trailers = wait(async {
        let stream = tokio::net::TcpStream::connect(served.address).await;
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream.unwrap()))
                .await
                .unwrap();
        let connection = tokio::spawn(connection);
        let request = Request::post("http://localhost/http/web/trailers");
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let trailers = answer.into_body().collect().await.unwrap();
        connection.abort();
        trailers.trailers().unwrap().clone()
    });
    let names: Vec<_> = trailers.keys().map(HeaderName::as_str).collect();
    assert_eq!(names, ["x-own"]);
}

/// Pages of a guest at a path have no origin of their own, and none of the server's.
#[test]
fn a_guest_at_a_path_does_not_speak_for_the_host() {
    let mut routes = Routes::default();
    for route in ["/shop=web", "web.test=web"] {
        routes.add(route.parse().unwrap()).unwrap();
    }
    let server = Server::new(catalog(&[("web", WEB)])).routes(routes);
    let served = Served::with(server);
    for path in ["/http/web/cookie", "/shop/cookie"] {
        let told = get(&served, path);
        assert_eq!(told.told(), "");
        for header in ["set-cookie", "alt-svc"] {
            assert!(!told.head.contains(header), "{told:?}");
        }
        let policies = told.head.matches("content-security-policy: ").count();
        assert_eq!(policies, 2, "{told:?}");
        assert!(
            told.head.contains("security-policy: sandbox allow-"),
            "{told:?}"
        );
    }
    let own = whole(
        &mut served
            .sent("GET /cookie HTTP/1.1\r\nHost: Web.test:8080\r\nConnection: close\r\n\r\n"),
    );
    assert!(own.head.contains("set-cookie: a=b"), "{own:?}");
    assert!(!own.head.contains("sandbox"), "{own:?}");
}

#[test]
fn a_host_name_of_a_route_is_the_guests_alone() {
    let mut routes = Routes::default();
    for route in ["web.test=web", "/shop=web", "api.test/v2=web"] {
        routes.add(route.parse().unwrap()).unwrap();
    }
    let guests = [("web", WEB), ("counter", "")];
    let served = Served::with(Server::new(catalog(&guests)).routes(routes));
    let at = |host: &str, path: &str| {
        whole(&mut served.sent(format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: a=b\r\nConnection: close\r\n\r\n"
        )))
    };
    let told = at("web.test", "/head");
    assert_eq!(
        told.told(),
        "Method::Get /head Some(Scheme::Http) Some(\"web.test\")\ncookie: a=b\n"
    );
    // Not the server's own, which a page of the guest could call.
    for path in [
        "/healthz",
        "/v1/providers",
        "/openapi.json",
        "/http/web/hello",
    ] {
        let told = at("web.test", path);
        assert_eq!(
            (told.status, &*told.body),
            (404, "nothing is here"),
            "{path}"
        );
    }
    assert!(
        at("api.test", "/v2/head")
            .told()
            .contains("x-forwarded-prefix: /v2\n")
    );
    assert_eq!(at("api.test", "/v22/head").kind(404), "no-route");
    assert_eq!(at("api.test", "/healthz").kind(404), "no-route");
    assert!(
        at("localhost", "/shop/head")
            .told()
            .contains("x-forwarded-prefix: /shop\n")
    );
    assert_eq!(at("localhost", "/healthz").status, 200);
    assert_eq!(at("other.test", "/shop/head").kind(421), "host");
    let tunnel = "CONNECT web.test:80 HTTP/1.1\r\nHost: web.test:80\r\nConnection: close\r\n\r\n";
    assert_eq!(whole(&mut served.sent(tunnel)).kind(501), "method");
}

/// With tokens, what is a probe elsewhere is the guest's at its host name, and its callers pay as others do.
#[test]
fn callers_of_guests_have_tokens_and_quotas() {
    let mut routes = Routes::default();
    routes.add("web.test=web".parse().unwrap()).unwrap();
    let tokens = Tokens::parse(&format!("{TOKENS} calls=2 at-once=1")).unwrap();
    let server = Server::new(catalog(&[("web", WEB)]))
        .routes(routes)
        .tokens(tokens);
    let served = Served::with(server);
    let at = |host: &str, path: &str, token: &str| {
        let end = "Connection: close\r\n\r\n";
        whole(&mut served.sent(format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\n{token}{end}"
        )))
    };
    assert_eq!(at("web.test", "/healthz", "").kind(401), "unauthorized");
    assert_eq!(at("other.test", "/healthz", "").status, 200);
    let token = "Authorization: Bearer test\r\n";
    assert_eq!(at("web.test", "/hello", token).told(), "hello");
    assert_eq!(at("web.test", "/hello", token).told(), "hello");
    assert_eq!(at("web.test", "/hello", token).kind(429), "quota");
}

/// Over HTTP/2 an answer that is cut ends its stream with an error.
#[test]
fn a_guest_answers_over_http_2() {
    use http_body_util::{BodyExt as _, Empty};
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let served = web("limits.deadline = '5s'");
    support::harness::wait(async {
        let stream = tokio::net::TcpStream::connect(served.address).await;
        let io = TokioIo::new(stream.unwrap());
        let (mut send, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
                .await
                .unwrap();
        tokio::spawn(connection);
        for (path, told) in [
            ("hello", Some("hello")),
            ("later/50", Some("now later")),
            ("trap-late", None),
            ("trap-after", None),
            ("short", None),
        ] {
            let uri = format!("http://localhost/http/web/{path}");
            let request = hyper::Request::get(uri).body(Empty::<bytes::Bytes>::new());
            let answer = match send.send_request(request.unwrap()).await {
                Ok(response) => response.into_body().collect().await.ok(),
                Err(_) => None,
            };
            let answer = answer.map(|body| String::from_utf8(body.to_bytes().to_vec()).unwrap());
            assert_eq!(answer.as_deref(), told, "{path}");
        }
    });
}

/// A head alone is a whole answer, which comes when the call has ended well.
#[test]
fn an_answer_without_a_body_comes_when_the_call_has_ended() {
    let served = web("");
    let head = |path: &str| {
        whole(&mut served.sent(format!(
            "HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )))
    };
    let told = head("/http/web/bytes/200000");
    assert_eq!((told.status, &*told.body), (200, ""), "{told:?}");
    assert_eq!(head("/http/web/trap-late").status, 502);
    // The length of what is not sent.
    let told = head("/http/web/length-text?10");
    assert!(
        told.status == 200 && told.head.contains("content-length: 10"),
        "{told:?}"
    );
    let told = get(&served, "/http/web/status/204");
    assert_eq!((told.status, &*told.body), (204, ""), "{told:?}");
}

#[test]
fn a_client_that_goes_away_drops_its_call() {
    let served = Served::with(Server::new(alone()));
    let path = "GET /http/web/sleep/60000 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let later = "GET /http/web/later/60000 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (request, until) in [(path, ""), (later, "now ")] {
        let mut stream = served.sent(request);
        let mut seen = String::new();
        while !seen.ends_with(until) {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            seen.push(char::from(byte[0]));
        }
        // One that comes first would take the only slot.
        std::thread::sleep(std::time::Duration::from_millis(300));
        let busy = std::iter::repeat_with(|| get(&served, "/http/web/hello").status);
        assert!(busy.take(1_000).any(|status| status == 503));
        drop(stream);
        let mut free = std::iter::repeat_with(|| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            get(&served, "/http/web/hello").status
        });
        assert!(
            free.by_ref().take(1_000).any(|status| status == 200),
            "{request}"
        );
    }
}

#[test]
fn a_server_that_ends_lets_an_answer_come_to_its_end() {
    let mut served = Served::bounded(&[("web", WEB)], Bounds::default());
    let mut stream = served.sent("GET /http/web/later/500 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    served.begin_end();
    assert_eq!(served.end().cut, 0);
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("later\r\n0\r\n\r\n"), "{rest}");
}

/// A call goes on with the component that it began with.
#[test]
fn a_change_of_the_folder_cuts_no_answer() {
    let mut watched = Watched::new();
    watched.install("web", &bytes("web"));
    watched.write("web.toml", WEB);
    watched.serve(|watch| watch);
    watched.next("loaded");
    let served = Served::with(Server::new(watched.folder().clone()));
    let mut stream = served
        .sent("GET /http/web/later/3000 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    watched.install("web", &bytes("counter"));
    watched.next("replaced");
    assert_eq!(get(&served, "/http/web/hello").kind(404), "missing-export");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("later\r\n0\r\n\r\n"), "{rest}");
}
