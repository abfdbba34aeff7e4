//! Clients of a server: A66-slow-client to A70-client-gone; and guests that answer: A71-answers.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use tollgate::Provider;
use tollgate_serve::Bounds;

use crate::attack_case::{Case, Row};
use crate::deadline::wait;
use support::clock::{CLOCK, SLEEPING};
use support::harness::load;
use support::http2::{
    CONTINUATION, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, Wire, get, post_json,
};
use support::served::{Served, is_ended, post};

const SHORT: Duration = Duration::from_millis(250);

const HEAD: &str = "POST /v1/providers/counter/next HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "A66-slow-client",
        attack: "slow head, body, reading",
        cases: || {
            cases(&[
                ("ended", drips_a_head),
                ("408", |served| {
                    status(served, &format!("{HEAD}Content-Length: 9\r\n\r\n{{"))
                }),
                ("ended", takes_no_answer),
            ])
        },
    },
    Row {
        id: "A67-client-flood",
        attack: "endless chunks, headers",
        cases: || {
            cases(&[
                ("413", |served| {
                    let chunk = format!("2000\r\n{}\r\n", " ".repeat(0x2000)).repeat(4);
                    status(
                        served,
                        &format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{chunk}"),
                    )
                }),
                ("431", |served| {
                    let lines = "x: y\r\n".repeat(1_000);
                    status(
                        served,
                        &format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n"),
                    )
                }),
                ("400", |served| {
                    let both = "Content-Length: 2\r\nContent-Length: 44\r\n\r\n{}";
                    status(served, &format!("{HEAD}{both}"))
                }),
            ])
        },
    },
    Row {
        id: "A68-http2-flood",
        attack: "rapid reset, continuations",
        cases: || cases(&[("calm", rapid_reset), ("ended", continuations)]),
    },
    Row {
        id: "A69-json-bomb",
        attack: "JSON: deep, twice, huge",
        cases: || {
            cases(&[
                ("400", |served| {
                    body(served, &format!("{{\"args\":{}", "[".repeat(20_000)))
                }),
                ("400", |served| body(served, r#"{"args":[],"args":[]}"#)),
                ("400", |served| body(served, r#"{"args":[1e99999]}"#)),
                ("413", |served| body(served, &" ".repeat(40_000))),
            ])
        },
    },
    Row {
        id: "A70-client-gone",
        attack: "gone in the middle of a call",
        cases: || cases(&[("dropped", gone), ("dropped", gone_by_reset)]),
    },
    Row {
        id: "A71-answers",
        attack: "answers without end",
        cases: || {
            let web = |deadline: &str| {
                let limits = format!("limits.deadline = '{deadline}'\nlimits.output = '100KiB'");
                load("web", &format!("grants.wasi = 'inert'\n{limits}"))
            };
            let case = |path, reads, deadline, expect| {
                let web = web(deadline);
                Case::new(expect, move |_| answered(web.as_async(), path, reads))
            };
            vec![
                case("endless", false, "50ms", "deadline"),
                case("endless", true, "20s", "output"),
                case("trap-late", true, "20s", "trap"),
            ]
        },
    },
];

/// The expected end, and the attack.
type Attack = (&'static str, fn(&Served) -> String);

/// Attacks on one server.
fn cases(attacks: &[Attack]) -> Vec<Case> {
    let bounds = Bounds {
        head_time: SHORT,
        body_time: SHORT,
        write_time: SHORT,
        ..Bounds::default()
    };
    let sleeper = format!("{CLOCK}\nlimits.deadline = \"60s\"");
    let guests = [
        ("counter", "limits.host-data = \"4KiB\""),
        ("sleeper", &*sleeper),
    ];
    let served = Arc::new(Served::bounded(&guests, bounds));
    let case = |(expect, attack): &Attack| {
        let (served, attack) = (Arc::clone(&served), *attack);
        Case::new(expect, move |_| {
            let got = attack(&served);
            // Others are served at once.
            match served.post("counter/next", "{}").body == "{\"result\":1}" {
                true => got,
                false => "not served".to_owned(),
            }
        })
    };
    attacks.iter().map(case).collect()
}

fn status(served: &Served, text: &str) -> String {
    served.answer(text).status.to_string()
}

fn body(served: &Served, body: &str) -> String {
    served.post("counter/next", body).status.to_string()
}

fn ended(is_ended: bool) -> String {
    match is_ended {
        true => "ended",
        false => "alive",
    }
    .to_owned()
}

fn drips_a_head(served: &Served) -> String {
    let mut stream = served.sent("GET /healthz HTTP/1.1\r\nX: ");
    let start = Instant::now();
    while start.elapsed() < SHORT * 20 && stream.write_all(b"x").is_ok() {
        std::thread::sleep(SHORT / 10);
    }
    ended(is_ended(&mut stream))
}

fn takes_no_answer(served: &Served) -> String {
    // SETTINGS_INITIAL_WINDOW_SIZE: nothing may be sent.
    let mut wire = Wire::new(served, &[0, 4, 0, 0, 0, 0]);
    let block = get("/openapi.json");
    let _ = wire.send(HEADERS, END_STREAM | END_HEADERS, 1, &block);
    ended(is_ended(&mut wire.0))
}

fn rapid_reset(served: &Served) -> String {
    let mut wire = Wire::new(served, &[]);
    let block = post_json("/v1/providers/counter/next");
    for number in 0..200 {
        let stream = 2 * number + 1;
        let _ = wire.send(HEADERS, END_HEADERS, stream, &block);
        let _ = wire.send(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    }
    let (_, why) = wire.next_of(GOAWAY);
    // ENHANCE_YOUR_CALM
    match why.get(4..8) == Some(&[0, 0, 0, 11]) {
        true => "calm".to_owned(),
        false => format!("{why:?}"),
    }
}

fn continuations(served: &Served) -> String {
    let mut wire = Wire::new(served, &[]);
    let _ = wire.send(HEADERS, END_STREAM, 1, &get("/healthz"));
    let lines = [0x00, 1, b'x', 1, b'y'].repeat(1_000);
    let start = Instant::now();
    while start.elapsed() < SHORT * 20 && wire.send(CONTINUATION, 0, 1, &lines).is_ok() {}
    ended(start.elapsed() < SHORT * 20)
}

fn gone(served: &Served) -> String {
    let stream = served.sent(post("sleeper/once", "", "{\"args\":[60000]}"));
    if until(1) != "dropped" {
        return "not begun".to_owned();
    }
    drop(stream);
    until(0)
}

fn gone_by_reset(served: &Served) -> String {
    let mut wire = Wire::new(served, &[]);
    let _ = wire.send(
        HEADERS,
        END_HEADERS,
        1,
        &post_json("/v1/providers/sleeper/once"),
    );
    let _ = wire.send(0, END_STREAM, 1, b"{\"args\":[60000]}");
    if until(1) != "dropped" {
        return "not begun".to_owned();
    }
    let _ = wire.send(RST_STREAM, 0, 1, &8_u32.to_be_bytes());
    until(0)
}

/// Waits until so many guests sleep in the host.
fn until(count: usize) -> String {
    let start = Instant::now();
    while SLEEPING.load(Ordering::SeqCst) != count {
        if start.elapsed() > Duration::from_secs(20) {
            return format!("{} calls live", SLEEPING.load(Ordering::SeqCst));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    "dropped".to_owned()
}

/// The end of a call that answers a request, whose body is read or is kept unread.
fn answered(web: &Provider, path: &str, reads: bool) -> String {
    let request = hyper::Request::get(format!("http://host.test/{path}"));
    let request = request.body(Full::<Bytes>::default()).unwrap();
    wait(async {
        let (tell, told) = tokio::sync::oneshot::channel();
        let respond = move |response: hyper::Response<tollgate::http::ResponseBody>| {
            let _ = tell.send(response);
        };
        let mut session = web.session();
        let call = session.handle(request, respond);
        let read = async {
            let mut response = told.await.unwrap();
            while reads
                && response
                    .body_mut()
                    .frame()
                    .await
                    .is_some_and(|it| it.is_ok())
            {}
            response
        };
        let (report, _response) = tokio::join!(call, read);
        let report = report.unwrap();
        let fault = report.outcome.fault();
        fault.map_or("no fault", |it| it.label()).to_owned()
    })
}
