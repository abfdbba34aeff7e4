//! A message of a client, taken apart. The arguments of a call are large and of any shape: they are read by the types of
//! the function alone, and the crate of the protocol, which makes a tree of all that it reads, gets the rest.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use rmcp::model::{ClientJsonRpcMessage, ErrorCode, ErrorData};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tollgate::escape;
use tollgate::value::json::{JsonError, Reader};

/// Bytes of a message beside the arguments of its call.
pub(super) const ENVELOPE: usize = 64 << 10;

/// Bytes of an identifier. It is kept as long as its request is, and shown in logs.
const MAX_ID: usize = 256;

/// The error of a server that has no room: of the codes that JSON-RPC leaves to servers.
const BUSY: ErrorCode = ErrorCode(-32000);

/// Stands for the arguments, and for none.
const NONE: &[u8] = b"{}";

/// The text of the arguments, and the room that it takes among all bodies.
#[derive(Clone)]
pub(super) struct Arguments(Arc<(Bytes, OwnedSemaphorePermit)>);

impl Arguments {
    pub(super) fn new(text: Bytes, room: OwnedSemaphorePermit) -> Arguments {
        Arguments(Arc::new((text, room)))
    }

    pub(super) fn len(&self) -> usize {
        self.0.0.len()
    }
}

impl AsRef<[u8]> for Arguments {
    fn as_ref(&self) -> &[u8] {
        &self.0.0
    }
}

/// A message without the arguments of its call, and the arguments.
pub(super) struct Taken {
    pub(super) message: ClientJsonRpcMessage,
    pub(super) envelope: Vec<u8>,
    pub(super) arguments: Bytes,
}

/// Takes the text of a message apart.
pub(super) fn take_apart(text: &[u8]) -> Result<Taken, ErrorData> {
    let [mut id, mut arguments]: [Option<Range<usize>>; 2] = [None, None];
    let mut reader = Reader::new(text, ENVELOPE as u64);
    let read = reader.object(|reader, name| {
        match name {
            "id" => id = Some(reader.skip()?),
            "params" => reader.object(|reader, name| {
                let place = reader.skip()?;
                if name == "arguments" {
                    arguments = Some(place);
                }
                Ok(())
            })?,
            _ => {
                reader.skip()?;
            }
        }
        Ok(())
    });
    read.and_then(|()| reader.finish())
        .map_err(|error| unread(text, &error))?;
    if id.is_some_and(|id| id.len() > MAX_ID) {
        return Err(invalid(format!("the id has more than {MAX_ID} bytes")));
    }
    let place = arguments.unwrap_or(text.len()..text.len());
    if text.len().saturating_sub(place.len()) > ENVELOPE {
        let detail = format!("beside its arguments, the message has more than {ENVELOPE} bytes");
        return Err(invalid(detail));
    }
    let parts = [
        text.get(..place.start),
        (!place.is_empty()).then_some(NONE),
        text.get(place.end..),
    ];
    let envelope = parts.map(Option::unwrap_or_default).concat();
    let message = serde_json::from_slice(&envelope).map_err(|error| {
        let detail = format!("no message of the protocol: {error}");
        match error.is_data() {
            true => invalid(detail),
            false => ErrorData::parse_error(escape::line(&detail).into_owned(), None),
        }
    })?;
    let arguments = match text.get(place).unwrap_or_default() {
        b"" | b"null" => NONE,
        object if object.starts_with(b"{") => object,
        _ => {
            let detail = "`arguments` is no object";
            return Err(ErrorData::new(ErrorCode::INVALID_PARAMS, detail, None));
        }
    };
    // A copy, that holds nothing of the rest of the message.
    let arguments = Bytes::copy_from_slice(arguments);
    Ok(Taken {
        message,
        envelope,
        arguments,
    })
}

/// The error of a text that is no object of the protocol: no JSON at all, or other JSON.
fn unread(text: &[u8], error: &JsonError) -> ErrorData {
    let detail = error.to_string();
    let mut whole = Reader::new(text, ENVELOPE as u64);
    let is_json = whole.skip().and_then(|_| whole.finish()).is_ok();
    match is_json {
        true => invalid(detail),
        false => ErrorData::parse_error(detail, None),
    }
}

/// The error of a server that has no room.
pub(super) fn busy(detail: &str) -> ErrorData {
    let data = json!({ "kind": "busy" });
    ErrorData::new(BUSY, detail.to_owned(), Some(data))
}

/// The error of a message that is none of the protocol.
pub(super) fn invalid(detail: String) -> ErrorData {
    ErrorData::invalid_request(escape::line(&detail).into_owned(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> Result<Taken, ErrorData> {
        take_apart(text.as_bytes())
    }

    fn code(text: &str) -> i32 {
        taken(text).err().unwrap().code.0
    }

    #[test]
    fn arguments_are_taken_out_as_they_are() {
        let text = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","\u0061rguments" : {"x": 1.10 },"_meta":{}}}"#;
        let taken = taken(text).unwrap();
        assert_eq!(taken.arguments, r#"{"x": 1.10 }"#);
        let envelope = text.replace(r#"{"x": 1.10 }"#, "{}");
        assert_eq!(taken.envelope, envelope.as_bytes());
    }

    #[test]
    fn a_call_without_arguments_has_none() {
        for params in [r#"{"name":"a"}"#, r#"{"name":"a","arguments":null}"#] {
            let text =
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
            assert_eq!(taken(&text).unwrap().arguments, "{}");
        }
    }

    #[test]
    fn a_text_that_is_no_message_is_told_from_one_that_is_no_json() {
        for text in ["", "{", "nonsense", "{\"id\":1}{}", "\u{feff}{}"] {
            assert_eq!(code(text), -32700, "{text}");
        }
        for text in [
            "[]",
            "1",
            "{}",
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        ] {
            assert_eq!(code(text), -32600, "{text}");
        }
        let twice = r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#;
        assert_eq!(code(twice), -32600);
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":[]}}"#;
        assert_eq!(code(list), -32602);
    }
}
