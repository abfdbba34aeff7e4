//! The bodies of frames: the hand-over, calls, answers and decisions, as data.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use serde::de::{DeserializeOwned, Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tollgate_capability::{LogLine, ProviderError};
use tollgate_component::{Inspection, escape};
use tollgate_policy::{Limits, Policy, Reason};
use zeroize::Zeroizing;

use crate::engine::FRAMES;
use crate::error::{MAX_CAUSE, shown_cause};
use crate::interface::wasi_p2::Piece;
use crate::wire::{cut, read};

/// Bytes, written as bytes and not one by one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Blob(pub(super) Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Blob, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Blob;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// All that a process needs of its provider, beside open folders and code.
#[derive(Serialize, Deserialize)]
pub(super) struct Hello {
    /// The version of this library: another one has other messages.
    pub(super) version: String,
    /// The grants and the limits of the load, as the text of a policy in which no path of the host is.
    pub(super) policy: String,
    pub(super) name: String,
    pub(super) inspection: Inspection,
    pub(super) metering: String,
    pub(super) concurrency: u32,
    pub(super) queue: u32,
    /// The texts of the credentials, for each HTTP grant.
    pub(super) secrets: Vec<Option<String>>,
    pub(super) env: Vec<(String, String)>,
    /// For each folder, the devices and numbers of the files that no hard link in it may lead to.
    pub(super) protected: Vec<Vec<(u64, u64)>>,
    pub(super) certificates: Vec<Blob>,
}

impl Hello {
    /// Its encoding, which has secrets in it and is wiped.
    pub(super) fn encode(&self) -> Option<Zeroizing<Vec<u8>>> {
        postcard::to_allocvec(self).ok().map(Zeroizing::new)
    }
}

/// A call on its way to the process.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Call {
    /// The time at which it began, by [`now`].
    pub(super) begun: u64,
    pub(super) door: Door,
}

/// The entry by which a session is called.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Door {
    Run {
        input: Blob,
    },
    Wave {
        expression: String,
    },
    Invoke {
        function: String,
        arguments: Blob,
    },
    /// Without `stdin` the process asks for it, piece by piece.
    Command {
        args: Vec<String>,
        stdin: Option<Blob>,
    },
}

/// The end of a call.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Answer {
    Report(Box<Told>),
    /// The process had no slot for it.
    Busy,
    /// The host, in the process, failed.
    Failed(String),
}

impl Answer {
    /// A failure of this cause.
    pub(super) fn failed(cause: &str) -> Answer {
        Answer::Failed(shown_cause(cause))
    }
}

/// A report, as far as it is the word of the process.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) ended: Ended,
    pub(super) fuel: u64,
    pub(super) memory_peak: u64,
    pub(super) table_peak: u64,
    pub(super) host_memory_peak: u64,
    pub(super) host_time: Duration,
    pub(super) host_calls: u64,
    pub(super) host_bytes: u64,
    pub(super) syncs: u64,
    pub(super) logs: Vec<LogLine>,
    pub(super) logs_dropped: u64,
    pub(super) stdio: Option<Outputs>,
}

/// The output of a WASI guest.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outputs {
    pub(super) stdout: Blob,
    pub(super) stdout_dropped: u64,
    pub(super) stderr: Blob,
    pub(super) stderr_dropped: u64,
}

/// The end of the guest's work.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Ended {
    /// The guest returned a result: the bytes of `run`, the text of a call in WAVE, an encoded value, nothing for a
    /// command.
    Returned(Blob),
    /// `run` returned an error.
    Error(ProviderError),
    /// A call in WAVE returned an error.
    Wave {
        kind: String,
        text: String,
    },
    /// A call with values returned an error.
    ReturnedError(Blob),
    /// A command chose this exit code.
    Exit(i32),
    Faulted(Faulted),
}

/// A fault: its kind by its label, without the limit, which the host knows.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Faulted {
    pub(super) kind: String,
    /// The text of a trap.
    pub(super) message: String,
    /// The code of an exit.
    pub(super) code: i32,
    pub(super) trap: Option<String>,
    pub(super) backtrace: Vec<String>,
}

/// A decision on a request of a guest.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Decided {
    pub(super) capability: String,
    pub(super) target: String,
    pub(super) denied: Option<Reason>,
    /// The address because of which it is denied.
    pub(super) address: Option<IpAddr>,
}

/// A piece of standard input as the body of a frame: empty if it cannot be read, otherwise one byte and the piece.
pub(super) fn encode_piece(piece: Option<&[u8]>) -> Vec<u8> {
    piece.map_or_else(Vec::new, |bytes| [&[0], bytes].concat())
}

/// The piece that [`encode_piece`] wrote.
pub(super) fn decode_piece(body: &[u8]) -> Piece {
    let (_, piece) = body.split_first()?;
    Some(Bytes::copy_from_slice(piece))
}

/// Microseconds of the system's monotonic clock, which all processes share.
pub(super) fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let micros = u64::try_from(time.tv_nsec / 1_000).unwrap_or(0);
    seconds.saturating_mul(1_000_000).saturating_add(micros)
}

/// The version that both sides have to be of.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Bytes of a message that no limit counts: the trace and the text of a trap, the cause of a failure, and numbers.
const BASE: u64 = ((FRAMES + 2) * escape::MAX_LINE + MAX_CAUSE + (16 << 10)) as u64;

/// Bytes of numbers, lengths and cases in a message that has no log lines: each takes ten at most.
const NUMBERS: usize = 1 << 10;

/// The longest answer of a session under these limits. A result takes at most twice the bytes that the limit counts for
/// it, since Latin-1 text takes twice as many as UTF-8; log lines count 32 bytes more than their text.
pub(super) fn longest_answer(limits: &Limits) -> u64 {
    let Limits {
        output, log, stdio, ..
    } = limits;
    BASE.saturating_add(output.saturating_mul(2))
        .saturating_add(*log)
        .saturating_add(stdio.saturating_mul(2))
}

/// The longest decision of a session under these limits.
pub(super) fn longest_decision(limits: &Limits) -> u64 {
    BASE.saturating_add(longest_target(limits))
}

/// The longest object of a decision: a name in the policy, or a text of the arguments of one host call, of which a URL
/// escapes each byte. A path may have come in pieces, and is cut.
fn longest_target(limits: &Limits) -> u64 {
    let named = Policy::MAX_TEXT as u64;
    named.saturating_add(limits.host_data.saturating_mul(4))
}

/// A decision as the body of a frame.
pub(super) fn encode_decision(decided: &mut Decided, limits: &Limits) -> Vec<u8> {
    let most = usize::try_from(longest_target(limits)).unwrap_or(usize::MAX);
    if decided.target.len() > most {
        decided.target = cut(&decided.target, most).to_owned();
    }
    encode(decided)
}

/// The decision that all of `body` is.
pub(super) fn decode_decision(body: &[u8]) -> Option<Decided> {
    read(body, NUMBERS)
}

/// An answer as the body of a frame. One that the host would not read is the failure of this call, and not the end of all.
pub(super) fn encode_answer(answer: &Answer, limits: &Limits) -> Vec<u8> {
    let body = encode(answer);
    match body.len() as u64 > longest_answer(limits) {
        false => body,
        true => encode(&Answer::failed("an answer that is longer than any can be")),
    }
}

/// The answer that all of `body` is, under these limits.
pub(super) fn decode_answer(body: &[u8], limits: &Limits) -> Option<Answer> {
    // A log line has its level and its length, which takes a byte for each 128 of text, and counts 32 more than that.
    let lines = usize::try_from(limits.log / 16).unwrap_or(usize::MAX);
    read(body, NUMBERS.saturating_add(lines))
}

/// A message as the body of a frame. None of them fails to be encoded.
pub(super) fn encode(message: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(message).unwrap_or_default()
}

/// The message of the host that all of `body` is: the process takes its word.
pub(super) fn decode<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    read(body, usize::MAX)
}

/// The limits of a session: each by its number, in the order of [`Limits::KEYS`].
pub(super) fn encode_limits(limits: &Limits) -> Vec<u8> {
    let numbers = Limits::KEYS.iter().map(|key| key.get(limits));
    encode(&numbers.collect::<Vec<u64>>())
}

/// The limits that [`encode_limits`] wrote.
pub(super) fn decode_limits(body: &[u8]) -> Option<Limits> {
    let numbers: Vec<u64> = decode(body)?;
    if numbers.len() != Limits::KEYS.len() {
        return None;
    }
    let mut limits = Limits::default();
    for (key, number) in Limits::KEYS.iter().zip(numbers) {
        key.set(&mut limits, number).ok()?;
    }
    Some(limits)
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#[path = "message_tests.rs"]
mod tests;
