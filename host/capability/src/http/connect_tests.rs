//! Tests of the system's resolver, and of the bytes that are sent.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use http_body_util::Full;
use tokio::sync::Semaphore;
use tollgate_policy::Network;

use super::*;

fn look_ups() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(1))
}

#[test]
fn the_system_finds_this_machine_and_no_name_that_is_none() {
    let found = look_up("localhost").unwrap();
    assert!(
        !found.is_empty() && found.iter().all(IpAddr::is_loopback),
        "{found:?}"
    );
    assert!(look_up("a\0b").is_err());
}

/// The bytes that a server of this machine receives of one request, and whether the request had a response.
fn wire(method: &str, headers: &[(&'static str, &'static str)], body: &str) -> (String, bool) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut bytes, mut byte) = (Vec::new(), [0]);
        while !bytes.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
            bytes.extend(byte);
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8(bytes).unwrap()
    });
    let grant = HttpGrant {
        networks: vec![Network::Loopback],
        ..HttpGrant::new(url.clone())
    };
    let target = Target::parse(&url).unwrap();
    let headers = headers.iter().map(|(name, value)| {
        let name = http::HeaderName::from_static(name);
        (name, HeaderValue::from_static(value))
    });
    let headers = headers.collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let answered = runtime.block_on(async {
        let egress = Egress::new(None, Vec::new());
        let stream = egress
            .connect(&grant, &target, &look_ups())
            .await
            .ok()
            .unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let body = Full::new(Bytes::from(body.to_owned()));
        match exchange(stream, method, &target, headers, body).await {
            Ok(mut reply) => {
                while reply.frame().await.is_some() {}
                true
            }
            Err(RequestFailure::Denied(reason)) => {
                assert_eq!(reason, Reason::Method);
                false
            }
            Err(RequestFailure::DeniedAddress(_, address)) => panic!("{address}"),
            Err(RequestFailure::Unreachable(why)) => panic!("{why}"),
        }
    });
    drop(runtime);
    (server.join().unwrap(), answered)
}

/// The second request of the body would have a method and a URL that no grant has.
#[test]
fn a_method_without_a_body_carries_no_second_request() {
    let smuggled = "DELETE /admin HTTP/1.1\r\nhost: a\r\n\r\n";
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "QUERY"] {
        let (bytes, answered) = wire(method, &[], smuggled);
        assert_eq!((&*bytes, answered), ("", false), "{method}");
        let (bytes, answered) = wire(method, &[("content-length", "38")], smuggled);
        assert_eq!((&*bytes, answered), ("", false), "{method}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let (bytes, answered) = wire(method, &[], "x=1");
        assert!(answered && bytes.ends_with("\r\n\r\nx=1"), "{bytes}");
    }
}

/// A server that answers without reading the body would read it as the next request of a connection that stays open.
#[test]
fn a_connection_is_for_one_request() {
    for (method, body) in [("GET", ""), ("POST", "x=1"), ("DELETE", "x=1")] {
        let (bytes, _) = wire(method, &[("connection", "keep-alive")], body);
        let said: Vec<_> = bytes
            .lines()
            .filter(|line| line.starts_with("connection:"))
            .collect();
        assert_eq!(said, ["connection: close"], "{bytes}");
    }
}

/// A name server may say any number of addresses.
#[test]
fn so_many_addresses_of_a_host_are_tried_and_no_more() {
    let closed = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let open = listener.local_addr().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for (before, reached) in [(0, true), (MAX_DIALS - 1, true), (MAX_DIALS, false)] {
        let mut addresses: Vec<_> = (0..before).map(|_| closed()).collect();
        addresses.push(open);
        let dialled = runtime.block_on(dial(&addresses));
        assert_eq!(dialled.is_ok(), reached, "{before}");
    }
}

/// The server has sent all of it before a byte is read, in chunks of a byte: each poll reads a share of it, so a deadline is
/// looked at as often.
#[test]
fn a_body_is_read_in_shares() {
    const CHUNKS: usize = 40_000;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1000]);
        let body = "1\r\nx\r\n".repeat(CHUNKS);
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(format!("{head}{body}0\r\n\r\n").as_bytes())
    });
    let grant = HttpGrant {
        networks: vec![Network::Loopback],
        ..HttpGrant::new(url.clone())
    };
    let target = Target::parse(&url).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (bytes, polls) = runtime.block_on(async {
        let egress = Egress::new(None, Vec::new());
        let stream = egress
            .connect(&grant, &target, &look_ups())
            .await
            .ok()
            .unwrap();
        let none = Full::new(Bytes::new());
        let reply = exchange(stream, Method::GET, &target, HeaderMap::new(), none).await;
        let mut reply = reply.ok().unwrap();
        let mut polls = 0;
        let mut read = pin!(async {
            let mut bytes = 0;
            while let Some(frame) = reply.frame().await {
                bytes += frame.unwrap().data_ref().map_or(0, Bytes::len);
            }
            bytes
        });
        let bytes = poll_fn(|cx| {
            polls += 1;
            read.as_mut().poll(cx)
        });
        (bytes.await, polls)
    });
    server.join().unwrap().unwrap();
    assert_eq!(bytes, CHUNKS);
    // 6 bytes a chunk.
    assert!(polls >= CHUNKS * 6 / (16 << 10), "{polls} polls");
}

static LET_GO: AtomicBool = AtomicBool::new(false);
static BEGUN: AtomicUsize = AtomicUsize::new(0);

/// Answers when it is let go, and counts.
fn slow_look_up(_: &str) -> io::Result<Vec<IpAddr>> {
    BEGUN.fetch_add(1, Ordering::SeqCst);
    for _ in 0..6_000 {
        if LET_GO.load(Ordering::SeqCst) {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err(io::ErrorKind::NotFound.into())
}

/// Look-ups whose callers have given up are of their provider until they have ended, and leave threads to another one.
#[tokio::test]
async fn a_provider_has_a_part_of_the_look_ups() {
    let grant = HttpGrant::new("http://a.example/**");
    let target = Target::parse("http://a.example/").unwrap();
    let egress = Arc::new(Egress::new(
        Some(Arc::new(SystemResolver::new(slow_look_up))),
        Vec::new(),
    ));
    let [greedy, other] = [2, 1].map(|part| Arc::new(Semaphore::new(part)));
    let ask = |part: &Arc<Semaphore>| {
        let (egress, grant, target) = (Arc::clone(&egress), grant.clone(), target.clone());
        let part = Arc::clone(part);
        tokio::spawn(async move { egress.connect(&grant, &target, &part).await.is_ok() })
    };
    let begun = async |count| {
        while BEGUN.load(Ordering::SeqCst) < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let calls: Vec<_> = (0..2).map(|_| ask(&greedy)).collect();
    begun(2).await;
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    for call in calls {
        assert!(call.await.unwrap_err().is_cancelled());
    }
    assert_eq!(greedy.available_permits(), 0);
    // The third waits, and the other provider's does not.
    let third = ask(&greedy);
    let one = ask(&other);
    begun(3).await;
    assert_eq!(other.available_permits(), 0);
    LET_GO.store(true, Ordering::SeqCst);
    assert!(!third.await.unwrap() && !one.await.unwrap());
    assert_eq!(BEGUN.load(Ordering::SeqCst), 4);
}
