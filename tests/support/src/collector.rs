//! A collector of OpenTelemetry on loopback, and the spans that it got.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
pub use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
pub use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

/// The longest wait for a span.
const PATIENCE: Duration = Duration::from_secs(20);

/// The way in which a collector answers.
#[derive(Clone, Copy)]
pub enum Answers {
    /// It takes all.
    Takes,
    /// With this status.
    Status(u16),
    /// It takes all, and says so in so many bytes.
    Talks(usize),
    /// Never, and it holds the connection.
    Never,
}

/// A collector. It ends with the process.
pub struct Collector {
    address: SocketAddr,
    got: Arc<(Mutex<Got>, Condvar)>,
}

#[derive(Default)]
struct Got {
    spans: Vec<Span>,
    heads: Vec<String>,
    resource: Vec<KeyValue>,
}

impl Collector {
    /// A collector that answers in this way.
    pub fn start(answers: Answers) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::new((Mutex::new(Got::default()), Condvar::new()));
        let all = Arc::clone(&got);
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming().take(250) {
                let Ok(mut stream) = stream else { return };
                let _ = stream.set_read_timeout(Some(PATIENCE));
                match answers {
                    Answers::Never => held.push(stream),
                    Answers::Status(status) => {
                        let _ = read(&mut stream);
                        let _ = write!(stream, "HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n");
                    }
                    Answers::Talks(bytes) => {
                        let _ = read(&mut stream);
                        let text = " ".repeat(bytes);
                        let _ = write!(
                            stream,
                            "HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n{text}"
                        );
                    }
                    Answers::Takes => {
                        if let Some((head, body)) = read(&mut stream) {
                            take(&all, head, &body);
                            let _ =
                                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                        }
                    }
                }
            }
        });
        Collector { address, got }
    }

    /// Its address, for `Traces::otlp`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The spans so far.
    pub fn spans(&self) -> Vec<Span> {
        self.got.0.lock().unwrap().spans.clone()
    }

    /// The heads of the messages so far.
    pub fn heads(&self) -> Vec<String> {
        self.got.0.lock().unwrap().heads.clone()
    }

    /// An attribute of the program that sends, such as `service.name`.
    pub fn resource(&self, name: &str) -> String {
        attribute(&self.got.0.lock().unwrap().resource, name).expect(name)
    }

    /// The first span that fits, once it has come.
    pub fn span(&self, what: &str, fits: impl Fn(&Span) -> bool) -> Span {
        let start = Instant::now();
        let mut got = self.got.0.lock().unwrap();
        loop {
            if let Some(span) = got.spans.iter().find(|span| fits(span)) {
                return span.clone();
            }
            let names: Vec<_> = got.spans.iter().map(|span| &span.name).collect();
            assert!(start.elapsed() < PATIENCE, "no {what}: {names:?}");
            got = self.got.1.wait_timeout(got, PATIENCE / 20).unwrap().0;
        }
    }

    /// The first span of this name, once it has come.
    pub fn named(&self, name: &str) -> Span {
        self.span(name, |span| span.name == name)
    }
}

/// An attribute of a span, as text.
pub fn of(span: &Span, name: &str) -> Option<String> {
    attribute(&span.attributes, name)
}

/// An attribute as text.
pub fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|it| it.key == name)?;
    Some(text(found.value.as_ref()))
}

/// All text of a span.
pub fn all_text(span: &Span) -> String {
    let mut all = span.name.clone();
    let events = span.events.iter().flat_map(|event| &event.attributes);
    for attribute in span.attributes.iter().chain(events) {
        write!(all, " {} {}", attribute.key, text(attribute.value.as_ref())).unwrap();
    }
    all + span.status.as_ref().map_or("", |it| &*it.message)
}

/// An identifier in hexadecimal digits.
pub fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn take((got, told): &(Mutex<Got>, Condvar), head: String, body: &[u8]) {
    let message = ExportTraceServiceRequest::decode(body).unwrap();
    let mut got = got.lock().unwrap();
    got.heads.push(head);
    for resource in message.resource_spans {
        got.resource = resource.resource.unwrap().attributes;
        let spans = resource.scope_spans.into_iter();
        got.spans.extend(spans.flat_map(|scope| scope.spans));
    }
    told.notify_all();
}

/// The head and the body of a message.
fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let lower = head.to_lowercase();
    let length = lower.split("content-length: ").nth(1)?;
    let mut body = vec![0; length.split('\r').next()?.parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    Some((head, body))
}
