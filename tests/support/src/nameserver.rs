//! A hostile DNS server on loopback, and a resolver that asks it: the wire format (RFC 1035), as far as lies need it.
//! Bounded: a server answers a fixed number of questions at most, and ends when no questions come.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tollgate::load::Resolver;

/// Questions that one server answers before it ends.
const QUESTIONS: usize = 100;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

/// An owner and its record: an address, or its canonical name.
pub type Entry = (&'static str, &'static str);

/// A server with its answers and the questions that it received.
pub struct NameServer {
    address: SocketAddr,
    /// Names with types, as in `a.example A`.
    asked: Arc<Mutex<Vec<String>>>,
}

impl NameServer {
    /// Answers each question with the entries that `answer` returns for the number of earlier questions, or not at all.
    pub fn start(answer: impl Fn(usize) -> Option<Vec<Entry>> + Send + 'static) -> NameServer {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let patience = Some(Duration::from_secs(10));
        socket.set_read_timeout(patience).unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for _ in 0..QUESTIONS {
                let mut bytes = [0; 512];
                let Ok((length, from)) = socket.recv_from(&mut bytes) else {
                    return;
                };
                let question = &bytes[..length];
                let (name, kind) = asked_for(question);
                let text = format!("{name} {}", if kind == A { "A" } else { "AAAA" });
                let mut seen = seen.lock().unwrap();
                let before = seen.iter().filter(|earlier| **earlier == text).count();
                seen.push(text);
                if let Some(entries) = answer(before) {
                    let _ = socket.send_to(&reply(question, kind, &entries), from);
                }
            }
        });
        NameServer { address, asked }
    }

    /// A server that knows these entries.
    pub fn of(entries: &'static [Entry]) -> NameServer {
        NameServer::start(move |_| Some(entries.to_vec()))
    }

    /// The number of questions for a name's addresses of this type.
    pub fn asked(&self, name: &str, kind: &str) -> usize {
        let wanted = format!("{name} {kind}");
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|text| **text == wanted).count()
    }

    /// A resolver that asks this server.
    pub fn resolver(&self) -> Stub {
        Stub(self.address)
    }
}

/// Asks a server for both kinds of addresses and believes every answer about the name and its aliases.
pub struct Stub(SocketAddr);

impl Resolver for Stub {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send + 'a>> {
        Box::pin(async move {
            let mut found = Vec::new();
            for kind in [A, AAAA] {
                let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await?;
                socket.connect(self.0).await?;
                socket.send(&question(host, kind)).await?;
                let mut bytes = [0; 4096];
                let length = socket.recv(&mut bytes).await?;
                found.extend(addresses(&bytes[..length], host));
            }
            Ok(found)
        })
    }
}

fn question(host: &str, kind: u16) -> Vec<u8> {
    // A number, "recursion desired", one question.
    let mut bytes = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    bytes.extend(labels(host));
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    bytes
}

/// The question once more, and the entries that answer it or lead on, none of which may be cached.
fn reply(question: &[u8], kind: u16, entries: &[Entry]) -> Vec<u8> {
    let mut records = Vec::new();
    let mut count = 0_u8;
    for (owner, data) in entries {
        let (of, data) = match data.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => (A, address.octets().to_vec()),
            Ok(IpAddr::V6(address)) => (AAAA, address.octets().to_vec()),
            Err(_) => (CNAME, labels(data)),
        };
        if of == kind || of == CNAME {
            count += 1;
            records.extend(labels(owner));
            records.extend(of.to_be_bytes());
            records.extend([0, 1, 0, 0, 0, 0, 0, u8::try_from(data.len()).unwrap()]);
            records.extend(data);
        }
    }
    let mut bytes = question.to_vec();
    bytes[2..8].copy_from_slice(&[0x81, 0x80, 0, 1, 0, count]);
    bytes.extend(records);
    bytes
}

/// The addresses that an answer gives a name, through its aliases.
fn addresses(answer: &[u8], host: &str) -> Vec<IpAddr> {
    let mut at = 12;
    let _ = name(answer, &mut at);
    at += 4;
    let (mut names, mut found) = (vec![host.to_owned()], Vec::new());
    for _ in 0..answer[7] {
        let owner = name(answer, &mut at);
        let kind = u16::from_be_bytes([answer[at], answer[at + 1]]);
        let length = usize::from(answer[at + 9]);
        at += 10;
        let data = &answer[at..at + length];
        if names.contains(&owner) {
            match kind {
                A => found.push(<[u8; 4]>::try_from(data).unwrap().into()),
                AAAA => found.push(<[u8; 16]>::try_from(data).unwrap().into()),
                _ => names.push(name(answer, &mut { at })),
            }
        }
        at += length;
    }
    found
}

fn asked_for(question: &[u8]) -> (String, u16) {
    let mut at = 12;
    let name = name(question, &mut at);
    (name, u16::from_be_bytes([question[at], question[at + 1]]))
}

fn labels(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes
}

fn name(bytes: &[u8], at: &mut usize) -> String {
    let mut labels = Vec::new();
    loop {
        let length = usize::from(bytes[*at]);
        *at += 1;
        if length == 0 {
            return labels.join(".");
        }
        labels.push(String::from_utf8_lossy(&bytes[*at..*at + length]).into_owned());
        *at += length;
    }
}
