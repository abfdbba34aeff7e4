//! A hostile HTTP server on loopback, and a resolver with answers set by a test. Bounded: a server serves a fixed
//! number of connections at most, and each of its sockets times out.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tollgate::load::Resolver;

/// Connections that one server accepts before it ends: `invariant` plays an attack in up to 14 rounds (2 to warm up, 4
/// times 3), and an attack that is dropped at every poll makes about 8 connections in each.
const CONNECTIONS: usize = 250;

/// A server with its answers and the requests that it saw.
pub struct Server {
    /// The address on which it listens.
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    closed: Arc<AtomicUsize>,
}

impl Server {
    /// Answers every request by calling `answer` with its head and the stream.
    pub fn start(
        answer: impl Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let closed = Arc::new(AtomicUsize::new(0));
        let (seen, ended, answer) = (Arc::clone(&requests), Arc::clone(&closed), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().take(CONNECTIONS) {
                let Ok(mut stream) = stream else { return };
                let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
                let _ = stream.set_write_timeout(Some(Duration::from_secs(10)));
                let (seen, ended, answer) =
                    (Arc::clone(&seen), Arc::clone(&ended), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let head = head(&mut stream);
                    seen.lock().unwrap().push(head.clone());
                    let _ = answer(&head, &mut stream);
                    ended.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Server {
            address,
            requests,
            closed,
        }
    }

    /// Answers every request with the text that `answer` returns for its head.
    pub fn answering(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Server {
        Server::start(move |head, stream| stream.write_all(answer(head).as_bytes()))
    }

    /// A server with one fixed answer.
    pub fn saying(text: impl Into<Vec<u8>>) -> Server {
        let text = text.into();
        Server::start(move |_, stream| stream.write_all(&text))
    }

    /// Sends nothing until the other side closes.
    pub fn silent() -> Server {
        Server::start(|_, stream| stream.read(&mut [0]).map(drop))
    }

    /// Sends a body of the declared length, in 20 seconds.
    pub fn dripping() -> Server {
        Server::start(|_, stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")?;
            for _ in 0..1000 {
                std::thread::sleep(Duration::from_millis(20));
                stream.write_all(b"x")?;
            }
            Ok(())
        })
    }

    /// Sends a body of a gigabyte without declaring its length.
    pub fn endless_body() -> Server {
        Server::start(|_, stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            for _ in 0..1_000_000 {
                stream.write_all(b"400\r\n")?;
                stream.write_all(&[b'x'; 0x400])?;
                stream.write_all(b"\r\n")?;
            }
            Ok(())
        })
    }

    /// Sends `first`, and then `then`, `times` times.
    pub fn repeating(first: &'static str, then: &'static str, times: usize) -> Server {
        Server::start(move |_, stream| {
            stream.write_all(first.as_bytes())?;
            // In pieces of some KiB, so that the server is faster than its reader.
            let piece = then.repeat(8192_usize.div_ceil(then.len()).min(times));
            for _ in 0..times.div_ceil(piece.len() / then.len()) {
                stream.write_all(piece.as_bytes())?;
            }
            Ok(())
        })
    }

    /// Sends a head of a gigabyte.
    pub fn endless_head() -> Server {
        Server::start(|_, stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
            for i in 0..1_000_000 {
                stream.write_all(format!("x-{i}: {}\r\n", "y".repeat(1000)).as_bytes())?;
            }
            Ok(())
        })
    }

    /// The heads of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until `answers` answers have ended.
    pub fn wait_for_end(&self, answers: usize) {
        for _ in 0..200 {
            if self.closed.load(Ordering::SeqCst) >= answers {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("the connection was left open");
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

/// The head of a request, without a byte of the body: `answer` reads that.
fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while head.len() < 64 << 10
        && !head.ends_with(b"\r\n\r\n")
        && stream.read_exact(&mut byte).is_ok()
    {
        head.extend(byte);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A whole response.
pub fn response(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A name, and the answers of its look-ups.
type Answers = (String, Vec<Vec<IpAddr>>);

/// Names and their addresses; each look-up takes the next answer, the last one stays.
#[derive(Clone, Default)]
pub struct Names(
    Arc<Mutex<Vec<Answers>>>,
    Arc<AtomicUsize>,
    Arc<Mutex<Vec<(String, Duration)>>>,
);

impl Names {
    /// Sets a name and the answers of its look-ups, in order, in place of those it had.
    pub fn set(&self, name: &str, answers: &[&[&str]]) {
        let parse = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        let answers = answers.iter().map(parse).collect();
        let mut names = self.0.lock().unwrap();
        names.retain(|(known, _)| known != name);
        names.push((name.to_owned(), answers));
    }

    /// Sets a name whose look-up takes `time` and then finds nothing.
    pub fn set_slow(&self, name: &str, time: Duration) {
        self.2.lock().unwrap().push((name.to_owned(), time));
    }

    /// The number of look-ups.
    pub fn lookups(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }
}

impl Resolver for Names {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send + 'a>> {
        Box::pin(async move {
            self.1.fetch_add(1, Ordering::SeqCst);
            let slow = self
                .2
                .lock()
                .unwrap()
                .iter()
                .find(|(name, _)| name == host)
                .cloned();
            if let Some((_, time)) = slow {
                tokio::time::sleep(time).await;
            }
            let mut names = self.0.lock().unwrap();
            let known = names.iter_mut().find(|(name, _)| name == host);
            let (_, answers) = known.ok_or(std::io::ErrorKind::NotFound)?;
            match answers.len() {
                0 | 1 => Ok(answers.first().cloned().unwrap_or_default()),
                _ => Ok(answers.remove(0)),
            }
        })
    }
}
