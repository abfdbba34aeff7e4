//! A server on loopback, and its answers.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tollgate::{Catalog, Provider};
use tollgate_serve::{Bounds, Drained, Server};

use crate::harness::load;

/// The longest wait for an answer.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a port of its own, which ends with this value.
pub struct Served {
    /// Where it listens.
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Drained>>,
}

impl Served {
    /// Serves until it is dropped.
    pub fn with(server: Server) -> Served {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let tokio = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            tokio.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let stopped = async {
                    let _ = stopped.await;
                };
                server.run(listener, stopped).await.unwrap()
            })
        });
        Served {
            address: told.recv().unwrap(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Guests under their policies, with these bounds.
    pub fn bounded(guests: &[(&str, &str)], bounds: Bounds) -> Served {
        Served::with(Server::new(catalog(guests)).bounds(bounds))
    }

    /// Guests under their policies.
    pub fn of(guests: &[(&str, &str)]) -> Served {
        Served::bounded(guests, Bounds::default())
    }

    /// Tells the server to end.
    pub fn begin_end(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
    }

    /// Ends the server.
    pub fn end(mut self) -> Drained {
        self.begin_end();
        self.thread.take().unwrap().join().unwrap()
    }

    /// A connection, with bounded times.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// A connection on which this was sent.
    pub fn sent(&self, text: impl AsRef<[u8]>) -> TcpStream {
        let mut stream = self.connect();
        // The server may answer and end before it has read all.
        let _ = stream.write_all(text.as_ref());
        stream
    }

    /// The answer to what is sent on a connection of its own.
    pub fn answer(&self, text: impl AsRef<[u8]>) -> Reply {
        reply(&mut self.sent(text)).expect("no answer")
    }

    /// The answer to `GET`.
    pub fn get(&self, path: &str) -> Reply {
        self.answer(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }

    /// The answer to a call.
    pub fn post(&self, path: &str, body: &str) -> Reply {
        self.answer(post(path, "", body))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.begin_end();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Guests under their policies.
pub fn catalog(guests: &[(&str, &str)]) -> impl Catalog + 'static {
    let loaded = guests.iter().map(|(guest, policy)| {
        let provider: Provider = load(guest, policy).as_async().clone();
        (guest.to_string(), provider)
    });
    loaded.collect::<BTreeMap<String, Provider>>()
}

/// A request with more header lines, each with its end.
pub fn post(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST /v1/providers/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Its head, in lower case.
    pub head: String,
    /// Its body.
    pub body: String,
}

impl Reply {
    /// Its body.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The kind of a problem with this status.
    pub fn kind(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert!(
            self.head.contains("content-type: application/problem+json"),
            "{self:?}"
        );
        let json = self.json();
        assert_eq!(json["status"], status);
        json["kind"].as_str().unwrap().to_owned()
    }

    /// The result of a call.
    pub fn result(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["result"].clone()
    }
}

/// The next answer of a connection, if there is one.
pub fn reply(stream: &mut impl Read) -> Option<Reply> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.split("content-length: ").nth(1)?.split('\r').next()?;
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).ok()?;
    Some(Reply {
        status: head.split(' ').nth(1)?.parse().unwrap(),
        head,
        body: String::from_utf8(body).unwrap(),
    })
}

/// Whether the server has ended this connection, within the time that a read may take.
pub fn is_ended(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}
