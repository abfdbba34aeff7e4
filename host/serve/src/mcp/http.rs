//! `/mcp`: the protocol over HTTP. Each request stands alone, so that no client piles up sessions; one that waits for changes
//! has a place among those that do.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, ORIGIN};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use rmcp::model::{ErrorData, JsonRpcError};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::sync::watch;
use tollgate::escape;

use crate::caller;
use crate::mcp::handler::{By, Handler};
use crate::mcp::listen::{Changes, FULL};
use crate::mcp::message::{Arguments, ENVELOPE, take_apart};
use crate::origin;
use crate::problem::{Answer, Problem, holding, json_answer};
use crate::quota::Caller;
use crate::request;
use crate::shared::Shared;

/// Answers the requests for `/mcp`.
pub(crate) struct Door {
    protocol: StreamableHttpService<Handler, NeverSessionManager>,
    changes: Option<Changes>,
}

impl Door {
    pub(crate) fn new(shared: Arc<Shared>, changes: Option<watch::Receiver<()>>) -> Door {
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_max_request_body_bytes(ENVELOPE.saturating_mul(2))
            // `caller::admit` knows which hosts are let in, and `admit` below which pages.
            .disable_allowed_hosts()
            .disable_allowed_origins();
        // Each takes a connection for as long as it likes.
        let most = (shared.bounds.connections / 4).clamp(1, shared.bounds.listeners.max(1));
        let changes = changes.map(|it| Changes::new(it, most));
        let handler = Handler::of_all(shared, changes.clone());
        let service = move || Ok(handler.clone());
        let sessions = Arc::new(NeverSessionManager::default());
        let protocol = StreamableHttpService::new(service, sessions, config);
        Door { protocol, changes }
    }

    /// Ends the streams of those that wait for changes.
    pub(crate) fn end(&self) {
        if let Some(changes) = &self.changes {
            changes.end();
        }
    }

    pub(crate) async fn answer(
        &self,
        shared: &Shared,
        caller: Option<&Caller>,
        head: &Parts,
        body: Incoming,
    ) -> Result<Answer, Problem> {
        admit(head)?;
        match (&head.method, &self.changes) {
            (&Method::POST, _) => request::is_json(head)?,
            (&Method::GET, Some(_)) => takes_events(head)?,
            (_, Some(_)) => return Err(Problem::method("GET, POST")),
            (_, None) => return Err(Problem::method("POST")),
        }
        if let (&Method::GET, Some(changes)) = (&head.method, &self.changes) {
            // It waits for no turn, which would hold its connection.
            let ticket = caller::count(caller, 0)?;
            let listener = changes.listener(caller.map(|it| &it.name));
            let listener = listener.ok_or_else(|| {
                ticket.as_ref().inspect(|ticket| ticket.unused());
                Problem::busy(FULL)
            })?;
            return Ok(holding(listener.answer(), ticket));
        }
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
        let answer = ours(self.protocol.handle(request).await).await?;
        Ok(holding(answer, ticket))
    }
}

/// A client of 2025-11-25 is told of changes as events, which it asks for by a GET of its own.
fn takes_events(head: &Parts) -> Result<(), Problem> {
    let kinds = head.headers.get_all(ACCEPT).iter();
    let mut kinds = kinds.filter_map(|kinds| kinds.to_str().ok());
    match kinds.any(|kinds| kinds.contains("text/event-stream")) {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::NOT_ACCEPTABLE,
            "accept",
            "a GET is for the stream of changes; send `Accept: text/event-stream`, or a message as a POST",
        )),
    }
}

/// Lets in no page of another site, of whatever caller; one of this machine is let in, as all its programs are.
fn admit(head: &Parts) -> Result<(), Problem> {
    let is_here = |origin: &HeaderValue| {
        let origin = origin.to_str().ok()?.parse::<Uri>().ok()?;
        let is_web = matches!(origin.scheme_str(), Some("http" | "https"));
        Some(is_web && caller::is_loopback(origin.authority()?))
    };
    match head
        .headers
        .get_all(ORIGIN)
        .iter()
        .all(|it| is_here(it) == Some(true))
    {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "origin",
            "the page that asks is not of this machine (`Origin`)",
        )
        .ending()),
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
