//! HTTP/2 as it is on the wire, for clients that do not keep to it.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::served::Served;

/// The types and flags of frames (RFC 9113, 6).
pub const DATA: u8 = 0;
/// Header blocks.
pub const HEADERS: u8 = 1;
/// The end of a stream.
pub const RST_STREAM: u8 = 3;
/// Settings of a side.
pub const SETTINGS: u8 = 4;
/// The end of a connection, with its reason.
pub const GOAWAY: u8 = 7;
/// Bytes that may be sent.
pub const WINDOW_UPDATE: u8 = 8;
/// More of a header block.
pub const CONTINUATION: u8 = 9;
/// The flag of the last frame of a stream.
pub const END_STREAM: u8 = 1;
/// The flag of the last frame of a header block.
pub const END_HEADERS: u8 = 4;

/// Frames as they are on the wire.
pub struct Wire(pub TcpStream);

impl Wire {
    /// A connection that begins with these settings.
    pub fn new(served: &Served, settings: &[u8]) -> Wire {
        let mut wire = Wire(served.sent("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        wire.send(SETTINGS, 0, 0, settings).unwrap();
        wire
    }

    /// Sends a frame.
    pub fn send(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
    ) -> std::io::Result<()> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.0.write_all(&frame)
    }

    /// The next frame: its kind, its stream and its payload.
    fn next_frame(&mut self) -> Option<(u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some((head[3], stream, payload))
    }

    /// The next frame of this kind: its stream and its payload.
    pub fn next_of(&mut self, wanted: u8) -> (u32, Vec<u8>) {
        let mut frames = std::iter::from_fn(|| self.next_frame());
        let (_, stream, payload) = frames.find(|(kind, ..)| *kind == wanted).unwrap();
        (stream, payload)
    }
}

/// The header block of a request without a body (RFC 7541: names and values of the static table, and literals).
pub fn get(path: &str) -> Vec<u8> {
    request(0x82, path, &[])
}

/// That of a request with a body of JSON.
pub fn post_json(path: &str) -> Vec<u8> {
    // Index 31 is `content-type`.
    let kind = "application/json";
    let mut json = vec![0x0f, 31 - 15, u8::try_from(kind.len()).unwrap()];
    json.extend(kind.bytes());
    request(0x83, path, &json)
}

fn request(method: u8, path: &str, more: &[u8]) -> Vec<u8> {
    let mut block = vec![method, 0x86];
    for (index, value) in [(0x04, path), (0x01, "localhost")] {
        block.extend([index, u8::try_from(value.len()).unwrap()]);
        block.extend(value.bytes());
    }
    block.extend(more);
    block
}
