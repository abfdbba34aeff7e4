//! Requests, and answers of servers: valid ones, with mutations.

use crate::random::Random;
use crate::texts::{bend, some_of};

const REQUESTS: &[&str] = &[
    "GET /",
    "GET /a/b?c=d",
    "POST /a\ncontent-type: application/json\n\n{}",
    "PUT /%41\nx-one: 1\nx-two: 2\n\nbody",
    "DELETE /a\naccept-encoding: gzip\nrange: bytes=0-3",
    "HEAD /",
    "OPTIONS /\naccept: */*\ncookie: a=b",
    "PATCH /a\ncontent-length: 5\n\nbody",
    "GET /\nhost: evil.example\nte: trailers",
    "POST /\ntransfer_encoding: chunked\n\n0\r\n\r\nDELETE /admin HTTP/1.1\r\n\r\n",
];

/// The credential of the targets, and spellings of it.
const SECRETS: &[&str] = &[
    "canary-8f14e45fceea167a",
    "CANARY-8F14E45FCEEA167A",
    "%63anary%2d8f14e45fceea167a",
    "Y2FuYXJ5LThmMTRlNDVmY2VlYTE2N2E=",
    "eGNhbmFyeS04ZjE0ZTQ1ZmNlZWExNjdh",
    "\\u0063anary-8f14e45fceea167a",
    "63616e6172792d38663134653435666365656131363761",
    "canary-8f14",
];

const ANSWERS: &[&str] = &[
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\n\r\nuntil the end",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x\r\n\r\n1;a=b\r\nx\r\n0\r\nx: SECRET\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\nyou sent SECRET and that is all there is to say about it, so",
    "HTTP/1.1 200 OK\r\nx-echo: SECRET\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nSECRET\r\n9\r\nSECRET\r\n0\r\n\r\n",
    "HTTP/1.1 302 Found\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 302 Found\r\nlocation: /SECRET\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 307 Temporary Redirect\r\nlocation: //127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 303 See Other\r\nlocation: ?a=%2e%2e/..;/\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nSECRET",
    "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 0-3/9\r\ncontent-length: 4\r\n\r\nSECR",
    "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\n\u{1f}\u{7f}\u{8}",
    "HTTP/1.0 200\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
    "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "HTTP/1.1 404 Not Found\r\nset-cookie: a=b\r\nset-cookie: SECRET\r\ncontent-length: 0\r\n\r\n",
];

/// The next input.
pub(crate) fn make(random: &mut Random) -> Vec<u8> {
    let mut request = some_of(random, REQUESTS);
    for _ in 0..random.below(3) {
        bend(random, &mut request);
    }
    let mut answer = some_of(random, ANSWERS);
    let secret = random.pick(SECRETS);
    if random.percent(80) {
        // The length has to fit, or most of them are cut.
        answer = answer.replace(
            "\n9\r\nSECRET",
            &format!("\n{:x}\r\n{secret}", secret.len()),
        );
        answer = answer.replace("SECRET", secret);
    }
    for _ in 0..random.below(4) {
        bend(random, &mut answer);
    }
    // Many fields, or many informational responses.
    if random.percent(5) {
        let piece = [
            "HTTP/1.1 103 X\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
            "x-many: y\r\n",
        ];
        let piece = random.pick(&piece);
        answer.insert_str(0, &piece.repeat(random.below(6_000)));
    }
    format!("{request}\n---\n{answer}").into_bytes()
}
