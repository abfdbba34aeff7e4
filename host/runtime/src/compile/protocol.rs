//! The messages between a host and its worker process, through the worker's standard input and output.
//!
//! The host writes the length of the component and its bytes. The worker answers with one message; when it is to load
//! the component and found it valid, it then waits for [`GO`] and answers with a second one.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use tollgate_component::{Inspection, MAX_WIT, RefusalKind};

use crate::wire;

/// The byte with which the host asks for the code of a component that it has judged.
pub(crate) const GO: u8 = 1;

/// The largest first message: 16 MiB of names, and WIT. The limits of shape allow more, and no component has as many.
pub(crate) const MAX_FIRST: u64 = (16 << 20) + MAX_WIT as u64;

/// Bytes of numbers in a message: an import or an export, of which limits of shape allow 100,000 each at the highest complexity,
/// has a length of three bytes, its kind, and perhaps a property.
const NUMBERS: usize = 1 << 20;

/// The longest text that says why there is no code, in bytes. It becomes an error, escaped.
const MAX_REASON: usize = 64 << 10;

/// The task of a worker for a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Inspect it.
    Inspect,
    /// Inspect it and write its interfaces as WIT.
    #[cfg(feature = "wit")]
    Wit,
    /// Inspect it, wait for the host's judgement, and compile it.
    Load,
}

impl Task {
    /// The name of the task in the worker's arguments.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Task::Inspect => "inspect",
            #[cfg(feature = "wit")]
            Task::Wit => "wit",
            Task::Load => "load",
        }
    }

    pub(crate) fn of(label: &str) -> Option<Task> {
        let all = [
            Task::Inspect,
            #[cfg(feature = "wit")]
            Task::Wit,
            Task::Load,
        ];
        all.into_iter().find(|task| task.label() == label)
    }
}

/// The findings of a worker on a valid component.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Findings {
    pub(crate) inspection: Inspection,
    /// Its interfaces, if they were asked for.
    pub(crate) wit: Option<String>,
}

/// A message of a worker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Findings(Box<Findings>),
    Refused(RefusalKind, String),
    Code(Vec<u8>),
    /// The compiler's own error.
    NotCompiled(String),
    OutOfMemory,
    Panicked,
}

/// The first byte of a message: its kind.
const CODE: u8 = 0;
const NOT_COMPILED: u8 = 1;
const OUT_OF_MEMORY: u8 = 2;
const PANICKED: u8 = 3;
const FINDINGS: u8 = 4;
const REFUSED: u8 = 5;

impl Message {
    /// Writes the message: its kind, its length, its digest and its body.
    pub(crate) fn write(self, mut out: impl Write) -> io::Result<()> {
        let (kind, body) = match self {
            Message::Code(code) => (CODE, code),
            Message::NotCompiled(text) => (NOT_COMPILED, text.into_bytes()),
            Message::OutOfMemory => (OUT_OF_MEMORY, Vec::new()),
            Message::Panicked => (PANICKED, Vec::new()),
            Message::Findings(findings) => (
                FINDINGS,
                postcard::to_allocvec(&*findings).map_err(io::Error::other)?,
            ),
            Message::Refused(kind, text) => (
                REFUSED,
                postcard::to_allocvec(&(kind, text)).map_err(io::Error::other)?,
            ),
        };
        out.write_all(&[kind])?;
        out.write_all(&(body.len() as u64).to_le_bytes())?;
        out.write_all(blake3::hash(&body).as_bytes())?;
        out.write_all(&body)?;
        out.flush()
    }

    /// Reads a message of at most `most` bytes. `None` if it is incomplete, changed, longer or none.
    pub(crate) fn read(mut from: impl Read, most: u64) -> io::Result<Option<Message>> {
        let mut head = Vec::new();
        from.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        let Some((kind, length, digest)) = split(&head) else {
            return Ok(None);
        };
        if length > most {
            return Ok(None);
        }
        // The length is the worker's word: memory is taken as bytes come.
        let mut body = Vec::new();
        from.take(length).read_to_end(&mut body)?;
        if body.len() as u64 != length {
            return Ok(None);
        }
        if blake3::hash(&body) != digest {
            return Ok(None);
        }
        Ok(Message::of(kind, body))
    }

    fn of(kind: u8, body: Vec<u8>) -> Option<Message> {
        match kind {
            CODE => Some(Message::Code(body)),
            NOT_COMPILED => {
                let reason = body.get(..MAX_REASON).unwrap_or(&body);
                Some(Message::NotCompiled(
                    String::from_utf8_lossy(reason).into_owned(),
                ))
            }
            OUT_OF_MEMORY => Some(Message::OutOfMemory),
            PANICKED => Some(Message::Panicked),
            FINDINGS => {
                let findings = wire::read(&body, NUMBERS)?;
                Some(Message::Findings(Box::new(findings)))
            }
            REFUSED => {
                let (kind, text): (_, String) = wire::read(&body, NUMBERS)?;
                let text = wire::cut(&text, MAX_REASON).to_owned();
                Some(Message::Refused(kind, text))
            }
            _ => None,
        }
    }
}

/// The bytes before the body of a message.
const HEAD: usize = 1 + 8 + blake3::OUT_LEN;

fn split(head: &[u8]) -> Option<(u8, u64, blake3::Hash)> {
    let (kind, rest) = head.split_first()?;
    let (length, digest) = rest.split_first_chunk::<8>()?;
    let digest = <[u8; blake3::OUT_LEN]>::try_from(digest).ok()?;
    Some((*kind, u64::from_le_bytes(*length), digest.into()))
}

/// Writes a component to a worker.
pub(crate) fn write_component(mut to: impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(&(bytes.len() as u64).to_le_bytes())?;
    to.write_all(bytes)?;
    to.flush()
}

/// Reads a component from the host.
pub(crate) fn read_component(mut from: impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    let mut bytes = Vec::new();
    // One allocation: while a vector grows there are two.
    bytes.try_reserve_exact(usize::try_from(length).map_err(io::Error::other)?)?;
    from.take(length).read_to_end(&mut bytes)?;
    match bytes.len() as u64 == length {
        true => Ok(bytes),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod tests {
    use tollgate_component::{Docs, Objections};

    use super::*;

    fn written(message: Message) -> Vec<u8> {
        let mut bytes = Vec::new();
        message.write(&mut bytes).unwrap();
        bytes
    }

    fn findings() -> Message {
        let inspection = Inspection {
            digest: "sha256:0".into(),
            size: 8,
            imports: Vec::new(),
            exports: Vec::new(),
            instance_data: 0,
            complexity: 1,
            objections: Objections::default(),
            docs: Docs::default(),
        };
        let wit = Some("package root:component;".to_owned());
        Message::Findings(Box::new(Findings { inspection, wit }))
    }

    #[test]
    fn each_message_is_read_as_it_was_written() {
        let text = || "why".to_owned();
        for message in [
            findings,
            || Message::Refused(RefusalKind::CompileLimit, "why".to_owned()),
            || Message::Code(vec![1, 2]),
            || Message::NotCompiled("why".to_owned()),
            || Message::OutOfMemory,
            || Message::Panicked,
        ] {
            let bytes = written(message());
            let most = (bytes.len() - HEAD) as u64;
            assert_eq!(Message::read(&*bytes, most).unwrap(), Some(message()));
            if most > 0 {
                // A message over its bound is not read.
                assert_eq!(Message::read(&*bytes, most - 1).unwrap(), None);
            }
        }
        // A body that is no encoding of a message of its kind.
        for kind in [FINDINGS, REFUSED, 6, 255] {
            let mut bytes = written(Message::NotCompiled(text()));
            bytes[0] = kind;
            assert_eq!(Message::read(&*bytes, 100).unwrap(), None, "{kind}");
        }
    }

    /// The most that limits of shape allow is read, and no more elements: each takes many times its bytes in memory.
    #[test]
    fn findings_have_as_many_parts_as_a_component_may() {
        use tollgate_component::{Export, Import, ItemKind};
        let with = |count: usize, length: usize| {
            let name = "x".repeat(length);
            let import = Import {
                name: name.clone(),
                kind: ItemKind::Value,
                types_only: true,
            };
            let export = Export {
                name,
                kind: ItemKind::Value,
            };
            let inspection = Inspection {
                digest: format!("sha256:{}", "0".repeat(64)),
                size: u64::MAX,
                imports: vec![import; count],
                exports: vec![export; count],
                instance_data: u64::MAX,
                complexity: u64::MAX,
                objections: Objections::default(),
                docs: Docs::default(),
            };
            Message::Findings(Box::new(Findings {
                inspection,
                wit: Some(String::new()),
            }))
        };
        let read = |message: Message| Message::read(&*written(message), MAX_FIRST).unwrap();
        assert_eq!(read(with(1_000, 4 << 10)), Some(with(1_000, 4 << 10)));
        assert_eq!(read(with(100, 100_000)), Some(with(100, 100_000)));
        // Ten times the limits, which is the highest complexity.
        assert!(read(with(100_000, 20)).is_some());
        assert!(read(with(250_000, 0)).is_none());
    }

    #[test]
    fn a_reason_is_cut() {
        let long = "é".repeat(1 << 20);
        for message in [
            Message::NotCompiled(long.clone()),
            Message::Refused(RefusalKind::Malformed, long),
        ] {
            let read = Message::read(&*written(message), MAX_FIRST).unwrap();
            let (Message::NotCompiled(text) | Message::Refused(_, text)) = read.unwrap() else {
                panic!("another message");
            };
            assert!(text.len() <= MAX_REASON, "{}", text.len());
        }
    }

    /// A message that was cut or changed on its way is refused. Otherwise its code would be executed, and its imports
    /// judged.
    #[test]
    fn a_changed_message_is_none() {
        for reply in [
            written(Message::Code(b"code".to_vec())),
            written(findings()),
        ] {
            for at in 1..reply.len() {
                let mut changed = reply.clone();
                changed[at] ^= 1;
                assert_eq!(
                    Message::read(&*changed, MAX_FIRST).unwrap(),
                    None,
                    "byte {at}"
                );
            }
            for end in 0..reply.len() {
                let cut = &reply[..end];
                assert_eq!(Message::read(cut, MAX_FIRST).unwrap(), None, "{end} bytes");
            }
        }
    }

    #[test]
    fn a_component_that_was_cut_is_none() {
        let mut bytes = Vec::new();
        write_component(&mut bytes, b"component").unwrap();
        assert_eq!(read_component(&*bytes).unwrap(), b"component");
        for end in 0..bytes.len() {
            assert!(read_component(&bytes[..end]).is_err(), "{end}");
        }
        // No memory is taken for a length that no machine has.
        assert!(read_component(&[0xff; 20][..]).is_err());
    }
}
