//! One request, step by step, each step as the interface has it.

use wasip2::io::poll::{Pollable, poll};
use wasip2::{
    http::{
        outgoing_handler::handle,
        types::{
            ErrorCode, Fields, FutureIncomingResponse, FutureTrailers, IncomingBody,
            IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
        },
    },
    io::streams::{InputStream, OutputStream, StreamError},
};

use crate::Failure;

/// The bytes that are written at once. Most hosts take this many, and this program asks the host before.
const PIECE: usize = 4 << 10;

/// Headers, or trailers.
pub(crate) type Pairs = Vec<(String, Vec<u8>)>;

pub(crate) struct Request(OutgoingRequest);

pub(crate) struct Body(OutgoingBody);

pub(crate) struct Pending(FutureIncomingResponse);

pub(crate) struct Answer(IncomingResponse);

impl Request {
    /// The URL is cut at its slashes and goes to the host as it is, however odd.
    pub(crate) fn new(method: &str, url: &str, headers: &[&str]) -> Result<Request, Failure> {
        let fields = Fields::new();
        for header in headers {
            let (name, value) = header.split_once(':').ok_or("a header is NAME:VALUE")?;
            let set = fields.append(name, value.as_bytes());
            set.map_err(|why| format!("{name}: {why:?}"))?;
        }
        let (scheme, rest) = url.split_once("://").ok_or("a URL has a scheme")?;
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let request = OutgoingRequest::new(fields);
        let wrong = |what| move |()| format!("the host takes no such {what}");
        request.set_method(&verb(method)).map_err(wrong("method"))?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => Scheme::Other(other.to_owned()),
        };
        request.set_scheme(Some(&scheme)).map_err(wrong("scheme"))?;
        let set = request.set_authority(Some(authority));
        set.map_err(wrong("authority"))?;
        let set = request.set_path_with_query(Some(path));
        set.map_err(wrong("path"))?;
        Ok(Request(request))
    }

    /// Sets the longest path and the longest authority that the host takes. Returns their length.
    pub(crate) fn lengthen(&self) -> usize {
        let mut taken = 0;
        for length in (0..16).rev().map(|power| 1_usize << power) {
            let path = "/".repeat(length);
            if self.0.set_path_with_query(Some(&path)).is_ok() {
                taken += length;
                break;
            }
        }
        for length in (0..16).rev().map(|power| 1_usize << power) {
            let authority = "a".repeat(length);
            if self.0.set_authority(Some(&authority)).is_ok() {
                return taken + length;
            }
        }
        taken
    }

    pub(crate) fn body(&self) -> Result<Body, Failure> {
        let body = self.0.body();
        body.map(Body).map_err(|()| "no body to write".to_owned())
    }

    pub(crate) fn send(self, options: Option<RequestOptions>) -> Result<Pending, Failure> {
        handle(self.0, options).map(Pending).map_err(named)
    }
}

impl Body {
    /// Writes `bytes` bytes.
    pub(crate) fn write(&self, mut bytes: usize) -> Result<(), Failure> {
        let stream = self.0.write().map_err(|()| "no stream to write to")?;
        let piece = [b'x'; PIECE];
        while bytes > 0 {
            let now = bytes.min(PIECE);
            let piece = piece.get(..now).unwrap_or_default();
            stream.blocking_write_and_flush(piece).map_err(streamed)?;
            bytes -= now;
        }
        Ok(())
    }

    /// Writes as much as the host takes without sending it, and keeps all of it open.
    pub(crate) fn park(self) -> usize {
        let Ok(stream) = self.0.write() else { return 0 };
        let mut parked = 0;
        while let Ok(room @ 1..) = stream.check_write() {
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            if stream.write(&vec![b'x'; room]).is_err() {
                break;
            }
            parked += room;
        }
        std::mem::forget((self, stream));
        parked
    }

    pub(crate) fn finish(self) -> Result<(), Failure> {
        OutgoingBody::finish(self.0, None).map_err(named)
    }
}

/// A body that is written piece by piece.
pub(crate) struct Sending(OutputStream, OutgoingBody);

/// A body that is read piece by piece.
pub(crate) struct Receiving(InputStream, IncomingBody);

impl Body {
    pub(crate) fn into_stream(self) -> Result<Sending, Failure> {
        let stream = self.0.write().map_err(|()| "no stream to write to")?;
        Ok(Sending(stream, self.0))
    }
}

impl Sending {
    pub(crate) fn send(&mut self, piece: &[u8]) -> Result<(), Failure> {
        let _ = &self.1;
        self.0.blocking_write_and_flush(piece).map_err(streamed)
    }
}

impl Answer {
    pub(crate) fn into_stream(self) -> Result<Receiving, Failure> {
        let body = self.0.consume().map_err(|()| "no body to read")?;
        let stream = body.stream().map_err(|()| "no stream to read")?;
        std::mem::forget(self);
        Ok(Receiving(stream, body))
    }
}

impl Receiving {
    /// The length of the next piece.
    pub(crate) fn more(&mut self) -> Result<usize, Failure> {
        let _ = &self.1;
        let piece = self.0.blocking_read(64 << 10).map_err(streamed)?;
        Ok(piece.len())
    }
}

impl Pending {
    /// Waits for the answer or for `other`; which of them is there.
    pub(crate) fn or(&self, other: &Pollable) -> [bool; 2] {
        let own = self.0.subscribe();
        let ready = poll(&[&own, other]);
        [ready.contains(&0), ready.contains(&1)]
    }

    /// Whether the answer is there.
    pub(crate) fn is_there(&self) -> bool {
        self.0.subscribe().ready()
    }

    pub(crate) fn wait(self) -> Result<Answer, Failure> {
        self.0.subscribe().block();
        let answer = self.0.get().ok_or("the host said ready and it is not")?;
        let answer = answer.map_err(|()| "the host gives it once only")?;
        answer.map(Answer).map_err(named)
    }
}

impl Answer {
    /// Keeps the headers, and drops the rest.
    pub(crate) fn keep_headers(self) {
        std::mem::forget(self.0.headers());
    }

    pub(crate) fn status(&self) -> u16 {
        self.0.status()
    }

    pub(crate) fn headers(&self) -> Pairs {
        self.0.headers().entries()
    }

    /// The body, and the trailers if there are some.
    pub(crate) fn read_all(self) -> Result<(Vec<u8>, Pairs), Failure> {
        let body = self.0.consume().map_err(|()| "no body to read")?;
        let mut bytes = Vec::new();
        let stream = body.stream().map_err(|()| "no stream to read")?;
        loop {
            match stream.blocking_read(64 << 10) {
                Ok(piece) => bytes.extend_from_slice(&piece),
                Err(StreamError::Closed) => break,
                Err(error) => {
                    println!("{} bytes came", bytes.len());
                    return Err(streamed(error));
                }
            }
        }
        drop(stream);
        let trailers = trailers(&IncomingBody::finish(body))?;
        Ok((bytes, trailers))
    }
}

fn trailers(future: &FutureTrailers) -> Result<Pairs, Failure> {
    future.subscribe().block();
    let trailers = future.get().ok_or("the host said ready and it is not")?;
    let trailers = trailers.map_err(|()| "the host gives them once only")?;
    let trailers = trailers.map_err(named)?;
    Ok(trailers.map(|fields| fields.entries()).unwrap_or_default())
}

fn verb(method: &str) -> Method {
    match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn named(code: ErrorCode) -> Failure {
    format!("{code:?}")
}

fn streamed(error: StreamError) -> Failure {
    match error {
        StreamError::Closed => "closed".to_owned(),
        StreamError::LastOperationFailed(why) => match wasip2::http::types::http_error_code(&why) {
            Some(code) => named(code),
            None => why.to_debug_string(),
        },
    }
}
