//! `/mcp`: the protocol over HTTP. Each request stands alone, so that no client piles up sessions.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use rmcp::model::{ErrorData, JsonRpcError};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tollgate::escape;

use crate::caller;
use crate::mcp::handler::{By, Handler};
use crate::mcp::message::{Arguments, ENVELOPE, take_apart};
use crate::origin;
use crate::problem::{Answer, Problem, holding, json_answer};
use crate::quota::Caller;
use crate::request;
use crate::shared::Shared;

/// A page of another site is let in by none of its origins; one of this machine is, as all its programs are.
const ORIGINS: [&str; 6] = [
    "http://localhost:*",
    "http://127.0.0.1:*",
    "http://[::1]:*",
    "https://localhost:*",
    "https://127.0.0.1:*",
    "https://[::1]:*",
];

/// Answers the requests for `/mcp`.
pub(crate) struct Door(StreamableHttpService<Handler, NeverSessionManager>);

impl Door {
    pub(crate) fn new(shared: Arc<Shared>) -> Door {
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_max_request_body_bytes(ENVELOPE.saturating_mul(2))
            // `caller::admit` knows which hosts are let in.
            .disable_allowed_hosts()
            .with_allowed_origins(ORIGINS);
        let handler = Handler::of_all(shared);
        let service = move || Ok(handler.clone());
        let sessions = Arc::new(NeverSessionManager::default());
        Door(StreamableHttpService::new(service, sessions, config))
    }

    pub(crate) async fn answer(
        &self,
        shared: &Shared,
        caller: Option<&Caller>,
        head: &Parts,
        body: Incoming,
    ) -> Result<Answer, Problem> {
        if head.method != Method::POST {
            return Err(Problem::method("POST"));
        }
        request::is_json(head)?;
        // Each request counts, before its body takes room from others and time to read.
        let ticket = caller::begin(caller, 0, &shared.bounds)
            .await?
            .map(Arc::new);
        let (text, room) = request::read(shared, body, shared.bounds.body).await?;
        let taken = match take_apart(&text) {
            Ok(taken) => taken,
            Err(error) => return Ok(refused(error)),
        };
        let mut head = head.clone();
        let arguments = Arguments::new(taken.arguments, room);
        drop(text);
        head.extensions.insert(arguments);
        head.extensions.insert(By {
            caller: caller.cloned(),
            ticket: ticket.clone(),
            origin: origin::current(),
        });
        let request = Request::from_parts(head, Full::<Bytes>::from(taken.envelope));
        let answer = ours(self.0.handle(request).await).await?;
        Ok(holding(answer, ticket))
    }
}

/// An answer of the crate of the protocol, as this server gives it.
async fn ours(answer: Response<BoxBody<Bytes, Infallible>>) -> Result<Answer, Problem> {
    let kind = answer.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind == "text/event-stream" {
        return Ok(answer.map(|body| {
            let events = body.map_frame(|frame| frame.map_data(escaped));
            events.map_err(|never| match never {}).boxed_unsync()
        }));
    }
    let (is_json, status) = (kind == "application/json", answer.status());
    let Ok(body) = answer.into_body().collect().await;
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    match (is_json, status) {
        (true, _) => Ok(json_answer(status, text)),
        (false, status) if status.is_success() => {
            let empty = Empty::new().map_err(|never| match never {});
            let mut answer = Response::new(empty.boxed_unsync());
            *answer.status_mut() = status;
            Ok(answer)
        }
        (false, _) => Err(Problem::new(status, "mcp", text)),
    }
}

/// An event, escaped for a terminal: it may have text of a guest.
fn escaped(event: Bytes) -> Bytes {
    match std::str::from_utf8(&event).map(escape::json) {
        Ok(std::borrow::Cow::Owned(safe)) => safe.into(),
        _ => event,
    }
}

/// The answer to a body that is no message.
fn refused(error: ErrorData) -> Answer {
    let error = JsonRpcError::new(None, error);
    let text = serde_json::to_string(&error).unwrap_or_default();
    json_answer(StatusCode::BAD_REQUEST, text)
}
