//! A component of `wasi:http/proxy`. The first part of the path says what it does: see `answer` for honest answers, and
//! `misuse` for others.

mod misuse;

use wasip2::clocks::monotonic_clock;
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::{OutputStream, StreamError};

struct Web;

wasip2::http::proxy::export!(Web);

impl wasip2::exports::http::incoming_handler::Guest for Web {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        let mut parts = path.trim_start_matches('/').split('/');
        let (what, number) = (parts.next().unwrap_or_default(), parts.next());
        let number = number.and_then(|it| it.parse().ok()).unwrap_or(0);
        let Some(out) = misuse::act(what, number, query, out) else {
            return;
        };
        answer(what, number, &request, out);
    }
}

fn answer(what: &str, number: u64, request: &IncomingRequest, out: ResponseOutparam) {
    match what {
        // Each piece of the request as soon as it has come.
        "echo" => echo(request, out),
        "read" => {
            let told = read_all(request);
            text(out, 200, &told);
        }
        // Everything of the head.
        "head" => text(out, 200, &head(request)),
        // So many bytes.
        "bytes" => {
            let body = begin(out, 200, &[]);
            body.repeat(Some(number));
            body.finish();
        }
        "endless" => begin(out, 200, &[]).repeat(None),
        // A piece now, and one after so many milliseconds.
        "later" => {
            let body = begin(out, 200, &[]);
            body.write(b"now ");
            pause(number);
            body.write(b"later");
            body.finish();
        }
        // No answer before so many milliseconds.
        "sleep" => {
            pause(number);
            text(out, 200, "awake");
        }
        // A whole body, and work after it.
        "after" => {
            let body = begin(out, 200, &[("content-length", "5")]);
            body.write(b"whole");
            body.finish();
            pause(number);
        }
        "status" => text(out, u16::try_from(number).unwrap_or(0), "status"),
        "cookie" => {
            let headers = [
                ("set-cookie", "a=b"),
                ("alt-svc", "h3=\"evil.test:443\""),
                ("content-security-policy", "default-src 'self'"),
            ];
            begin(out, 200, &headers).finish();
        }
        "trailers" => trailers(request, out),
        "" | "hello" => text(out, 200, "hello"),
        _ => text(out, 404, "nothing is here"),
    }
}

/// A response under way, and the stream of its body.
pub(crate) struct Body {
    body: OutgoingBody,
    stream: OutputStream,
}

/// Sends a head.
pub(crate) fn begin(out: ResponseOutparam, status: u16, headers: &[(&str, &str)]) -> Body {
    let fields = Fields::new();
    for (name, value) in headers {
        let _ = fields.append(name, value.as_bytes());
    }
    let response = OutgoingResponse::new(fields);
    if response.set_status_code(status).is_err() {
        let _ = response.set_status_code(599);
    }
    let body = response.body();
    ResponseOutparam::set(out, Ok(response));
    let Ok(body) = body else { trap() };
    let Ok(stream) = body.write() else { trap() };
    Body { body, stream }
}

impl Body {
    /// Writes all of it; traps if the client is gone.
    pub(crate) fn write(&self, bytes: &[u8]) {
        for piece in bytes.chunks(4_096) {
            if self.stream.blocking_write_and_flush(piece).is_err() {
                trap();
            }
        }
    }

    fn repeat(&self, bytes: Option<u64>) {
        let mut left = bytes.unwrap_or(u64::MAX);
        while left > 0 {
            let piece = [b'x'; 4_096];
            let length = left.min(4_096);
            self.write(piece.get(..length as usize).unwrap_or_default());
            left -= if bytes.is_some() { length } else { 0 };
        }
    }

    pub(crate) fn finish(self) {
        drop(self.stream);
        if OutgoingBody::finish(self.body, None).is_err() {
            trap();
        }
    }

    /// The body, whose stream is dropped.
    pub(crate) fn into_body(self) -> OutgoingBody {
        self.body
    }
}

pub(crate) fn text(out: ResponseOutparam, status: u16, text: &str) {
    let body = begin(out, status, &[("content-type", "text/plain")]);
    body.write(text.as_bytes());
    body.finish();
}

fn echo(request: &IncomingRequest, out: ResponseOutparam) {
    let body = begin(out, 200, &[]);
    body.write(b"begun ");
    let Ok(incoming) = request.consume() else {
        trap()
    };
    let Ok(stream) = incoming.stream() else {
        trap()
    };
    loop {
        match stream.blocking_read(4_096) {
            Ok(piece) => body.write(&piece),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(_)) => trap(),
        }
    }
    drop(stream);
    drop(IncomingBody::finish(incoming));
    body.finish();
}

/// Says the trailers of the request, and has some of its own.
fn trailers(request: &IncomingRequest, out: ResponseOutparam) {
    let body = begin(out, 200, &[]);
    let Ok(incoming) = request.consume() else {
        trap()
    };
    let future = IncomingBody::finish(incoming);
    future.subscribe().block();
    let Some(Ok(Ok(found))) = future.get() else {
        trap()
    };
    let found = found.map(|found| found.entries()).unwrap_or_default();
    for (name, value) in found {
        body.write(format!("{name}: {}\n", String::from_utf8_lossy(&value)).as_bytes());
    }
    let own = Fields::new();
    for name in ["set-cookie", "x-own"] {
        let _ = own.append(name, b"of the guest");
    }
    drop(body.stream);
    if OutgoingBody::finish(body.body, Some(own)).is_err() {
        trap();
    }
}

/// Reads the body to its end, and says how far it came.
fn read_all(request: &IncomingRequest) -> String {
    let Ok(incoming) = request.consume() else {
        trap()
    };
    let Ok(stream) = incoming.stream() else {
        trap()
    };
    let mut bytes = 0;
    loop {
        match stream.blocking_read(4_096) {
            Ok(piece) => bytes += piece.len(),
            Err(StreamError::Closed) => return format!("{bytes} bytes"),
            Err(StreamError::LastOperationFailed(error)) => {
                let code = wasip2::http::types::http_error_code(&error);
                return format!("{bytes} bytes, {code:?}");
            }
        }
    }
}

fn head(request: &IncomingRequest) -> String {
    let method = match request.method() {
        Method::Other(method) => method,
        method => format!("{method:?}"),
    };
    let path = request.path_with_query().unwrap_or_default();
    let (scheme, authority) = (request.scheme(), request.authority());
    let mut told = format!("{method} {path} {scheme:?} {authority:?}\n");
    let mut headers = request.headers().entries();
    headers.sort();
    for (name, value) in headers {
        told += &format!("{name}: {}\n", String::from_utf8_lossy(&value));
    }
    told
}

pub(crate) fn pause(milliseconds: u64) {
    monotonic_clock::subscribe_duration(milliseconds * 1_000_000).block();
}

pub(crate) fn trap() -> ! {
    core::arch::wasm32::unreachable()
}
