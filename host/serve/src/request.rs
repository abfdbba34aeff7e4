//! The body of a request: its size is known before it is read, and its time is bounded.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tollgate::value::json::{JsonError, Reader};
use tollgate::value::{Field, Type, Value};

use crate::bounds::Bounds;
use crate::problem::Problem;
use crate::shared::Shared;

/// Bytes of memory that arguments may take for each byte of their text: an element `0,` of a list takes sixteen.
const MEMORY: u64 = 32;

/// Bytes of text for each byte of arguments: a character of a string takes six as `\u0000`.
const TEXT: u64 = 6;

/// Bytes of text that are not arguments.
const ENVELOPE: u64 = 4 << 10;

/// Bytes of memory that arguments may take whatever their text: a record has each field that its text leaves out.
const LEAST_MEMORY: u64 = 1 << 20;

/// The most bytes of a body whose arguments take `host_data` bytes.
pub(crate) fn most(bounds: &Bounds, host_data: u64) -> u64 {
    let text = host_data.saturating_mul(TEXT).saturating_add(ENVELOPE);
    text.min(bounds.body)
}

/// Refuses a body that is not JSON as it says: a page of another site can send one of three other types only.
pub(crate) fn is_json(head: &Parts) -> Result<(), Problem> {
    let kind = head
        .headers
        .get(CONTENT_TYPE)
        .and_then(|it| it.to_str().ok());
    let essence = kind
        .and_then(|kind| kind.split(';').next())
        .unwrap_or_default();
    let is_plain = !head.headers.contains_key(CONTENT_ENCODING);
    match essence.trim().eq_ignore_ascii_case("application/json") && is_plain {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content-type",
            "the body is not plain JSON; send it with `Content-Type: application/json` and without an encoding",
        )
        .ending()),
    }
}

/// Reads a body of at most `most` bytes. Each byte that has come is counted among those of all bodies, for as long as the
/// permit is held. A length that was only promised takes no room from others.
pub(crate) async fn read(
    shared: &Shared,
    body: Incoming,
    most: u64,
) -> Result<(Bytes, OwnedSemaphorePermit), Problem> {
    let told = body.size_hint().exact();
    if told.is_some_and(|told| told > most) {
        return Err(too_large(shared, most));
    }
    let read = timeout(shared.bounds.body_time, collect(shared, body, most)).await;
    read.unwrap_or_else(|_| {
        let detail = "the body did not come in time";
        Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "slow-body", detail).ending())
    })
}

async fn collect(
    shared: &Shared,
    mut body: Incoming,
    most: u64,
) -> Result<(Bytes, OwnedSemaphorePermit), Problem> {
    let mut permit = room(shared, 0)?;
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|_| Problem::bad("body", "the body does not come to its end").ending())?;
        // Trailers mean nothing here.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if all.len().saturating_add(data.len()) as u64 > most {
            return Err(too_large(shared, most));
        }
        permit.merge(room(shared, data.len())?);
        all.extend_from_slice(&data);
    }
    Ok((all.freeze(), permit))
}

/// Room for so many more bytes among those of all bodies.
pub(crate) fn room(shared: &Shared, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    Arc::clone(&shared.bodies)
        .try_acquire_many_owned(bytes)
        .map_err(|_| Problem::busy("other requests have bodies that take all room; retry").ending())
}

pub(crate) fn too_large(shared: &Shared, most: u64) -> Problem {
    let remedy = match most < shared.bounds.body {
        true => "send less, or raise `limits.host-data` of the policy",
        false => "send less: the server takes no more",
    };
    let detail = format!("the body has more than {most} bytes; {remedy}");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-size", detail).ending()
}

/// The arguments in a body: `{"args": …}`, or for a function of bytes `{"input": …}` or `{"input-base64": …}`.
pub(crate) fn arguments(text: &[u8], params: &[Field]) -> Result<Vec<Value>, JsonError> {
    let room = memory(text);
    let mut reader = Reader::new(text, room);
    let mut arguments = None;
    let takes_bytes = matches!(params, [Field { ty: Type::List(of), .. }] if **of == Type::U8);
    reader.object(|reader, name| {
        let read = match name {
            "args" => reader
                .arguments(params)
                .map_err(|error| error.within(name))?,
            "input" if takes_bytes => vec![Value::from(reader.string()?.as_bytes())],
            "input-base64" if takes_bytes => vec![Value::from(&reader.base64()?[..])],
            _ => {
                return Err(JsonError::misfit(
                    "the field `args`",
                    &format!("with a field `{name}`"),
                ));
            }
        };
        match arguments.replace(read) {
            None => Ok(()),
            Some(_) => Err(JsonError::misfit(
                "the arguments once",
                "with arguments twice",
            )),
        }
    })?;
    reader.finish()?;
    match arguments {
        Some(arguments) => Ok(arguments),
        None => Reader::new(b"[]", room).arguments(params),
    }
}

/// The arguments in a text that has nothing else.
pub(crate) fn bare_arguments(text: &[u8], params: &[Field]) -> Result<Vec<Value>, JsonError> {
    let mut reader = Reader::new(text, memory(text));
    let arguments = reader.arguments(params)?;
    reader.finish()?;
    Ok(arguments)
}

/// Bytes that the arguments in this text may take.
fn memory(text: &[u8]) -> u64 {
    (text.len() as u64)
        .saturating_mul(MEMORY)
        .saturating_add(LEAST_MEMORY)
}
