//! Providers as tools of the model context protocol: over two streams, over HTTP, and each attack on either.

mod attacks;
mod calls;
mod changes;
#[cfg(feature = "polyglot")]
mod clients;
mod http;
mod program;
mod questions;
mod versions;

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tollgate_serve::{Bounds, Mcp, McpError};

use support::harness::in_time;

use super::{PATIENCE, catalog};

/// A session over two streams, with a server of its own.
pub(super) struct Session {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), McpError>>>,
    next: u64,
}

impl Session {
    pub(super) fn with(server: Mcp) -> Session {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (there, _) = listener.accept().unwrap();
        there.set_nonblocking(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let tokio = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            tokio.block_on(async {
                let there = tokio::net::TcpStream::from_std(there).unwrap();
                let (read, write) = there.into_split();
                let stopped = async {
                    let _ = stopped.await;
                };
                server.run(read, write, stopped).await
            })
        });
        Session {
            lines: BufReader::new(stream.try_clone().unwrap()),
            stream,
            stop: Some(stop),
            thread: Some(thread),
            next: 0,
        }
    }

    /// Guests under their policies, with these bounds.
    fn bounded(guests: &[(&str, &str)], bounds: Bounds) -> Session {
        Session::with(Mcp::new(catalog(guests)).bounds(bounds)).opened()
    }

    fn of(guests: &[(&str, &str)]) -> Session {
        Session::bounded(guests, Bounds::default())
    }

    pub(super) fn opened(mut self) -> Session {
        let opened = self.ask("initialize", initialize());
        assert_eq!(
            opened["result"]["protocolVersion"], "2025-11-25",
            "{opened}"
        );
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        self
    }

    fn write(&mut self, text: impl AsRef<[u8]>) {
        self.stream.write_all(text.as_ref()).unwrap();
    }

    fn send(&mut self, message: &Value) {
        self.write(format!("{message}\n"));
    }

    /// The next message of the server.
    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"))
    }

    fn begin(&mut self, method: &str, params: Value) -> u64 {
        self.next += 1;
        self.send(&request(self.next, method, params));
        self.next
    }

    /// The answer to this request, which is the next message.
    pub(super) fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params);
        let answer = self.next();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", call(tool, arguments))
    }

    /// The result of a call that returned.
    fn result(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.call(tool, arguments);
        returned(&answer["result"])
    }

    /// The session answers on.
    fn is_alive(&mut self) {
        let answer = self.ask("ping", json!({}));
        assert_eq!(answer["result"], json!({}), "{answer}");
    }

    /// Ends the client's stream, and waits for the end of the session.
    fn close(&mut self) -> Result<(), McpError> {
        self.stream.shutdown(Shutdown::Write).unwrap();
        let thread = self.thread.take().unwrap();
        in_time(move || thread.join().unwrap())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn initialize() -> Value {
    json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    })
}

fn request(id: u64, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn call(tool: &str, arguments: Value) -> Value {
    json!({ "name": tool, "arguments": arguments })
}

/// The result in the answer to a call, which has it twice.
fn returned(result: &Value) -> Value {
    assert_ne!(result["isError"], true, "{result}");
    let structured = &result["structuredContent"];
    let text = result["content"][0]["text"].as_str().unwrap();
    let text: Value = serde_json::from_str(text).unwrap();
    assert_eq!(*structured, text);
    structured["result"].clone()
}

/// The outcome and the kind of a call that failed.
fn failed(result: &Value) -> [String; 2] {
    assert_eq!(result["isError"], true, "{result}");
    assert!(result["structuredContent"].is_null(), "{result}");
    assert!(result["content"][0]["text"].is_string(), "{result}");
    ["tollgate/outcome", "tollgate/kind"].map(|name| {
        let text = result["_meta"][name].as_str();
        text.unwrap_or_else(|| panic!("{result}")).to_owned()
    })
}
