//! Each bound of a server, reached.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;
use tollgate_serve::Bounds;

use support::clock::CLOCK;
use support::harness::{alone, wait};
use support::http2::{DATA, END_HEADERS, END_STREAM, HEADERS, Wire, post_json};

use super::calls::asleep;
use super::{PATIENCE, Served, is_ended, post, reply};

const SHORT: Duration = Duration::from_millis(300);

fn few() -> Bounds {
    Bounds {
        head_time: SHORT,
        body_time: SHORT,
        write_time: SHORT,
        drain: SHORT,
        ..Bounds::default()
    }
}

/// Slow loris: a head that never ends, though a byte comes all the time.
#[test]
fn a_head_comes_in_time() {
    let served = Served::bounded(&[], few());
    let start = Instant::now();
    let mut stream = served.sent("GET /healthz HTTP/1.1\r\nX: ");
    while stream.write_all(b"x").is_ok() {
        assert!(start.elapsed() < PATIENCE, "the head takes for ever");
        std::thread::sleep(SHORT / 10);
    }
    let mut idle = served.connect();
    assert!(is_ended(&mut idle), "a connection without a request stays");
}

#[test]
fn a_body_comes_in_time() {
    let served = Served::bounded(&[("counter", "")], few());
    for length in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
        let mut stream = served.sent(format!(
            "POST /v1/providers/counter/next HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{length}\r\n\r\n"
        ));
        assert_eq!(reply(&mut stream).expect(length).kind(408), "slow-body");
        assert!(is_ended(&mut stream));
    }
}

#[test]
fn a_body_has_a_size_before_it_is_read() {
    let served = Served::of(&[("counter", "limits.host-data = \"1KiB\"")]);
    let head = "POST /v1/providers/counter/next HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    // Nothing of it is sent.
    let told = served.answer(format!("{head}Content-Length: 20000\r\n\r\n"));
    assert_eq!(told.kind(413), "body-size");
    let told = served.answer(format!(
        "{head}Content-Length: 18446744073709551613\r\n\r\n"
    ));
    assert_eq!(told.status, 413);
}

/// The server answers while the chunks still come.
#[test]
fn chunks_without_an_end_come_to_one() {
    let bounds = Bounds {
        body: 10_000,
        ..Bounds::default()
    };
    let served = Served::bounded(&[("counter", "")], bounds);
    let mut stream = served.sent(
        "POST /v1/providers/counter/next HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
    );
    let chunk = format!("400\r\n{}\r\n", " ".repeat(0x400));
    for _ in 0..12 {
        let _ = stream.write_all(chunk.as_bytes());
    }
    assert_eq!(reply(&mut stream).unwrap().kind(413), "body-size");
}

#[test]
fn a_head_has_few_lines_and_few_bytes() {
    let served = Served::of(&[]);
    let head = |lines: &str| format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
    assert_eq!(served.answer(head(&"X: y\r\n".repeat(60))).status, 200);
    let many = served.answer(head(&"X: y\r\n".repeat(100)));
    // No line beyond the bound is read.
    assert_eq!((many.status, &*many.body), (431, ""));
    assert_eq!(
        served
            .answer(head(&format!("X: {}\r\n", "y".repeat(10_000))))
            .status,
        200
    );
    assert_eq!(
        served
            .answer(head(&format!("X: {}\r\n", "y".repeat(100_000))))
            .status,
        431
    );
}

#[test]
fn connections_beyond_the_bound_wait() {
    let bounds = Bounds {
        connections: 2,
        ..Bounds::default()
    };
    let served = Served::bounded(&[], bounds);
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = served.sent("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(reply(&mut stream).unwrap().status, 200);
        held.push(stream);
    }
    let mut third = served.sent("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    third.set_read_timeout(Some(SHORT)).unwrap();
    assert!(reply(&mut third).is_none(), "three connections at once");
    third.set_read_timeout(Some(PATIENCE)).unwrap();
    held.pop();
    assert_eq!(reply(&mut third).unwrap().status, 200);
}

#[test]
fn bodies_share_a_bound() {
    let bounds = Bounds {
        bodies: 1_000,
        ..Bounds::default()
    };
    let served = Served::bounded(&[("counter", "")], bounds);
    let body = format!("{{}}{}", " ".repeat(600));
    let whole = post("counter/next", "", &body);
    let (begun, rest) = whole.split_at(whole.len() - 10);
    // The second may be there before the first: it is the first that is busy then.
    let busy = (0..20).find_map(|_| {
        let first = served.sent(begun);
        std::thread::sleep(SHORT);
        let reply = served.post("counter/next", &body);
        (reply.status != 200).then_some((first, reply))
    });
    let (mut first, busy) = busy.expect("two bodies at once");
    assert_eq!(busy.kind(503), "busy");
    first.write_all(rest.as_bytes()).unwrap();
    assert_eq!(reply(&mut first).unwrap().status, 200);
    assert_eq!(served.post("counter/next", &body).status, 200);
}

/// Clients that promise bodies and send none take no room from others.
#[test]
fn a_promised_body_takes_no_room() {
    let bounds = Bounds {
        bodies: 1_000,
        ..Bounds::default()
    };
    let served = Served::bounded(&[("counter", "")], bounds);
    let head = "POST /v1/providers/counter/next HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let promised = ["Content-Length: 900", "Transfer-Encoding: chunked"]
        .map(|length| served.sent(format!("{head}{length}\r\n\r\n")));
    std::thread::sleep(SHORT);
    let body = format!("{{}}{}", " ".repeat(600));
    assert_eq!(served.post("counter/next", &body).status, 200);
    drop(promised);
}

/// A client that takes a little of its answers now and then.
#[test]
fn a_trickle_of_an_answer_is_too_slow() {
    let bounds = Bounds {
        connections: 1,
        ..few()
    };
    let served = Served::bounded(&[("counter", "")], bounds);
    // A small window opens often, by a little.
    let mut slow = wait(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        socket
            .connect(served.address)
            .await
            .unwrap()
            .into_std()
            .unwrap()
    });
    slow.set_nonblocking(false).unwrap();
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    slow.set_write_timeout(Some(SHORT)).unwrap();
    let mut reads = slow.try_clone().unwrap();
    // Ten pieces in the time of 512 KiB.
    let trickle = std::thread::spawn(move || {
        let start = Instant::now();
        let mut piece = [0; 1_000];
        while start.elapsed() < PATIENCE && reads.read_exact(&mut piece).is_ok() {
            std::thread::sleep(SHORT / 10);
        }
    });
    let requests = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1_000);
    let start = Instant::now();
    while start.elapsed() < PATIENCE && slow.write_all(requests.as_bytes()).is_ok() {}
    assert_eq!(served.get("/healthz").status, 200);
    drop(slow);
    trickle.join().unwrap();
}

#[test]
fn answers_of_calls_share_a_bound() {
    let bounds = Bounds {
        answers: 40_000,
        ..Bounds::default()
    };
    let served = Served::bounded(&[("echo", "")], bounds);
    let call = |bytes: usize| {
        let body = format!("{{\"args\":[\"{}\"]}}", "x".repeat(bytes));
        post("echo/run", "", &body)
    };
    // Four bytes of text for each.
    assert_eq!(served.answer(call(20_000)).kind(502), "output");
    assert_eq!(served.answer(call(9_000)).status, 200);
    // A client of HTTP/2 that takes nothing holds most of it until it goes away.
    let mut wire = Wire::new(&served, &[0, 4, 0, 0, 0, 0]);
    let body = format!("{{\"args\":[\"{}\"]}}", "x".repeat(9_000));
    let head = post_json("/v1/providers/echo/run");
    wire.send(HEADERS, END_HEADERS, 1, &head).unwrap();
    wire.send(DATA, END_STREAM, 1, body.as_bytes()).unwrap();
    wire.next_of(HEADERS);
    let start = Instant::now();
    let gone = std::thread::spawn(move || {
        std::thread::sleep(SHORT);
        drop(wire);
    });
    assert_eq!(served.answer(call(9_000)).status, 200);
    assert!(start.elapsed() > SHORT / 2, "{:?}", start.elapsed());
    gone.join().unwrap();
}

/// A client that sends requests and takes no answer.
#[test]
fn answers_are_taken_in_time() {
    let bounds = Bounds {
        connections: 1,
        ..few()
    };
    let served = Served::bounded(&[("counter", "")], bounds);
    let mut greedy = served.connect();
    greedy.set_write_timeout(Some(SHORT)).unwrap();
    let requests = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1_000);
    let start = Instant::now();
    // Until both buffers are full, or the server has ended the connection.
    while start.elapsed() < PATIENCE && greedy.write_all(requests.as_bytes()).is_ok() {}
    assert_eq!(served.get("/healthz").status, 200);
    drop(greedy);
}

/// A client that goes away: its guest stops.
#[test]
fn a_call_ends_with_its_client() {
    let _alone = alone();
    let served = Served::of(&[("sleeper", &format!("{CLOCK}\nlimits.deadline = \"60s\""))]);
    let call = served.sent(post("sleeper/once", "", r#"{"args":[60000]}"#));
    asleep(1);
    drop(call);
    asleep(0);
}
