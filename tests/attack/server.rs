//! A hostile HTTP server in a process of its own, so that none of its sockets and threads are counted as the host's.
//! The path of the request selects its action.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// The argument that makes this program the server.
pub(crate) const FLAG: &str = "--hostile-server";

/// The port of the server, which is started when it is first needed and ends with this process.
pub(crate) fn port() -> u16 {
    static SERVER: OnceLock<(Child, u16)> = OnceLock::new();
    let start = || {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(FLAG)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        (child, line.trim().parse().unwrap())
    };
    SERVER.get_or_init(start).1
}

/// Serves until the other end of its input is closed.
pub(crate) fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    let mut nothing = Vec::new();
    let _ = std::io::stdin().read_to_end(&mut nothing);
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_write_timeout(Some(Duration::from_secs(10)))?;
    let mut head = Vec::new();
    let mut byte = [0];
    while head.len() < 64 << 10 && !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    match path {
        "/drip" => {
            stream.write_all(chunked.as_bytes())?;
            loop {
                stream.write_all(b"1\r\nx\r\n")?;
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        "/endless" => {
            stream.write_all(chunked.as_bytes())?;
            loop {
                stream.write_all(format!("400\r\n{}\r\n", "x".repeat(0x400)).as_bytes())?;
            }
        }
        "/bytes" => {
            stream.write_all(chunked.as_bytes())?;
            let chunks = "1\r\nx\r\n".repeat(2_000);
            loop {
                stream.write_all(chunks.as_bytes())?;
            }
        }
        "/inform" => {
            let hints = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(500);
            loop {
                stream.write_all(hints.as_bytes())?;
            }
        }
        "/endless-head" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
            loop {
                stream.write_all(format!("x-more: {}\r\n", "y".repeat(1_000)).as_bytes())?;
            }
        }
        "/silent" => drop(stream.read(&mut byte)),
        "/short" => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort")?,
        "/nonsense" => stream.write_all(b"HTTP/9.9 -1 ?\r\n\r\n")?,
        "/large" => stream.write_all(said("200 OK", "", &"x".repeat(5_000)).as_bytes())?,
        "/gzip" => {
            let headers = "content-encoding: gzip\r\n";
            stream.write_all(said("200 OK", headers, "not unpacked").as_bytes())?;
        }
        "/away" => {
            let headers = "location: http://other.example/\r\n";
            stream.write_all(said("302 Found", headers, "").as_bytes())?;
        }
        _ => stream.write_all(said("200 OK", "", &head).as_bytes())?,
    }
    Ok(())
}

fn said(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}")
}
