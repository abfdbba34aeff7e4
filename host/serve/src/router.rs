//! Requests by their path.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use http::request::Parts;
use http::{Method, Request, StatusCode};
use hyper::body::{Body as _, Incoming};
use percent_encoding::percent_decode_str;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::audit_log::AuditLog;
use crate::caller::Certified;
use crate::metrics::Metrics;
use crate::origin::{ORIGIN, Origin};
use crate::panics::caught;
use crate::problem::{Answer, IsKept, Problem, holding, json_answer};
use crate::proxy;
use crate::proxy_head::{Filter, Place};
use crate::quota::Caller;
use crate::routes::{Route, Routes};
use crate::shared::Shared;
use crate::tokens::Tokens;
use crate::traces::{RequestSpan, Traces};
use crate::{call, caller, list, mcp, openapi, page};

/// Answers the requests of a server.
pub(crate) struct Router {
    shared: Arc<Shared>,
    mcp: mcp::Door,
    tokens: Option<Tokens>,
    certified: Certified,
    routes: Routes,
    metrics: Option<Metrics>,
    audit: Option<AuditLog>,
    traces: Option<Traces>,
    is_draining: AtomicBool,
}

impl Router {
    pub(crate) fn new(
        shared: Arc<Shared>,
        changes: Option<watch::Receiver<()>>,
        tokens: Option<Tokens>,
        routes: Routes,
        metrics: Option<Metrics>,
        audit: Option<AuditLog>,
        traces: Option<Traces>,
    ) -> Router {
        Router {
            mcp: mcp::Door::new(Arc::clone(&shared), changes),
            shared,
            tokens,
            certified: Certified::default(),
            routes,
            metrics,
            audit,
            traces,
            is_draining: AtomicBool::new(false),
        }
    }

    /// From now on the server is not ready, and no client waits for changes.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
        self.mcp.end();
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let admitted = self.admitted(&head);
        let caller = admitted.as_ref().ok().and_then(Option::as_ref);
        let caller = caller.map(|caller| Arc::clone(&caller.name));
        let span = self.span(&head, admitted.is_ok(), caller.as_deref());
        let origin = Origin {
            caller: caller.clone(),
            span: span.as_ref().map(RequestSpan::context),
        };
        let mut asked = Asked {
            router: self,
            caller,
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            start: Instant::now(),
            status: None,
            span,
        };
        let routed = async { self.route(&head, body, admitted?.as_ref()).await };
        let answer = match caught(ORIGIN.scope(Some(Arc::new(origin)), routed)).await {
            Some(Ok(answer)) => answer,
            Some(Err(problem)) => problem.answer(),
            None => Problem::internal().ending().answer(),
        };
        let answer = self.held(answer).await;
        asked.status = Some(answer.status());
        answer
    }

    /// The answer, which takes room until the client has taken it. It waits for room, so that a client whose call has happened
    /// need not call again.
    async fn held(&self, answer: Answer) -> Answer {
        let bytes = match answer.body().size_hint().upper() {
            Some(bytes) if bytes > 0 && answer.extensions().get::<IsKept>().is_none() => bytes,
            // A document that is there once for all, or a body in pieces.
            _ => return answer,
        };
        let all = self.shared.bounds.answers;
        let Some(bytes) = u32::try_from(bytes).ok().filter(|bytes| *bytes <= all) else {
            let detail =
                format!("the answer has {bytes} bytes; the server holds {all} of all answers");
            return Problem::new(StatusCode::BAD_GATEWAY, "output", detail).answer();
        };
        let room = Arc::clone(&self.shared.answers).acquire_many_owned(bytes);
        match timeout(self.shared.bounds.write_time, room).await {
            Ok(Ok(room)) => holding(answer, room),
            _ => {
                let detail = "other answers took all room, as their clients do not take them; this one is lost";
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "answers", detail).answer()
            }
        }
    }

    /// The span of a request, if it is traced. One whose caller is not let in has none: strangers choose no trace, and take no
    /// room from others.
    fn span(&self, head: &Parts, is_let_in: bool, caller: Option<&str>) -> Option<RequestSpan> {
        let path = head.uri.path();
        if !is_let_in || is_probe(path) || path == "/metrics" {
            return None;
        }
        let traces = self.traces.as_ref()?;
        let is_ours = self.host_of_guests(head).is_none();
        let route = is_ours.then(|| template(path)).flatten();
        traces.request(head, caller, route)
    }

    /// The host name of guests that a request is for, if it is one.
    fn host_of_guests(&self, head: &Parts) -> Option<String> {
        let host = caller::host(head)?.host().to_ascii_lowercase();
        self.routes.have(&host).then_some(host)
    }

    /// The caller, if it has a name.
    fn admitted(&self, head: &Parts) -> Result<Option<Caller>, Problem> {
        // HTTP/2 bounds their bytes alone.
        if head.headers.len() > self.shared.bounds.headers {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            let detail = "the request has too many header lines";
            return Err(Problem::new(status, "headers", detail).ending());
        }
        // A probe has no token.
        let is_probe = is_probe(head.uri.path()) && self.host_of_guests(head).is_none();
        match is_probe && self.tokens.is_some() {
            true => Ok(None),
            false => caller::admit(head, self.tokens.as_ref(), &self.certified, &self.routes),
        }
    }

    async fn route(
        &self,
        head: &Parts,
        body: Incoming,
        caller: Option<&Caller>,
    ) -> Result<Answer, Problem> {
        let path = head.uri.path();
        // Nothing of the server's own is at a host name of guests, which a page of theirs could use as its own.
        if let Some(host) = self.host_of_guests(head) {
            let route = self.routes.find(Some(&host), path);
            let route = route.ok_or_else(|| no_route(path))?;
            return self.at_route(head, body, caller, route).await;
        }
        if let Some(of_provider) = path.strip_prefix("/v1/providers/") {
            let names = of_provider
                .split_once('/')
                .filter(|(_, export)| !export.contains('/'));
            let (name, export) = names.ok_or_else(|| no_route(path))?;
            is(head, "POST")?;
            let (name, export) = (decoded(name)?, decoded(export)?);
            return call::call(&self.shared, caller, head, body, &name, &export).await;
        }
        if let Some(of_provider) = path.strip_prefix("/http/") {
            let name = of_provider.split('/').next().unwrap_or_default();
            let provider = decoded(name)?;
            let prefix = format!("/http/{name}");
            return self
                .at(head, body, caller, (&provider, &prefix), true)
                .await;
        }
        let view = self.shared.seen_by(caller);
        if path == "/mcp" {
            return self.mcp.answer(&self.shared, caller, head, body).await;
        }
        match path {
            "/healthz" => self.get(head, || {
                Ok(json_answer(StatusCode::OK, "{\"status\":\"ok\"}"))
            }),
            "/readyz" => self.get(head, || self.ready()),
            "/v1/providers" => self.get(head, || Ok(list::answer(view))),
            // They tell of all providers.
            "/" | "/metrics" if !view.is_whole() => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "forbidden",
                "this caller has providers or policies of its own, and this tells of all; its providers are at /v1/providers",
            )),
            "/" => self.get(head, || Ok(page::answer(&view, self.metrics.as_ref()))),
            "/style.css" => self.get(head, || Ok(page::style())),
            "/metrics" => match &self.metrics {
                Some(metrics) => self.get(head, || metrics.answer(head)),
                None => Err(no_route(path)),
            },
            "/openapi.json" => self.get(head, || Ok(openapi::answer(view))),
            _ => match self.routes.find(None, path) {
                Some(route) => self.at_route(head, body, caller, route).await,
                None => Err(no_route(path)),
            },
        }
    }

    async fn at_route(
        &self,
        head: &Parts,
        body: Incoming,
        caller: Option<&Caller>,
        route: &Route,
    ) -> Result<Answer, Problem> {
        let at = (route.provider(), route.prefix());
        self.at(head, body, caller, at, !route.has_host()).await
    }

    /// Passes a request on to the guest of this name, which sees its path without the prefix.
    async fn at(
        &self,
        head: &Parts,
        body: Incoming,
        caller: Option<&Caller>,
        (provider, prefix): (&str, &str),
        shares_host: bool,
    ) -> Result<Answer, Problem> {
        let authority = caller::host(head).ok_or_else(|| {
            Problem::bad(
                "host",
                "the request does not name one host; send one `Host`",
            )
        })?;
        let place = Place {
            provider,
            prefix,
            authority,
            filter: Filter {
                shares_host,
                has_token: self.tokens.is_some(),
            },
        };
        proxy::answer(&self.shared, caller, head, body, &place).await
    }

    fn ready(&self) -> Result<Answer, Problem> {
        let is_draining = self.is_draining.load(Ordering::Relaxed);
        let elsewhere = self.shared.elsewhere.as_ref();
        match elsewhere.is_none_or(|elsewhere| elsewhere.is_ready()) {
            _ if is_draining => Err(Problem::busy("the server is about to end")),
            false => Err(Problem::busy("calls cannot be made now")),
            true => Ok(json_answer(StatusCode::OK, "{\"status\":\"ready\"}")),
        }
    }

    fn get(
        &self,
        head: &Parts,
        answer: impl FnOnce() -> Result<Answer, Problem>,
    ) -> Result<Answer, Problem> {
        // HTTP sends the same without the body.
        if head.method != Method::HEAD {
            is(head, "GET")?;
        }
        answer()
    }
}

fn is(head: &Parts, method: &'static str) -> Result<(), Problem> {
    match head.method.as_str() == method {
        true => Ok(()),
        false => Err(Problem::method(method)),
    }
}

fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz")
}

/// A request, which is told of when it is answered, or when its client has gone away.
struct Asked<'r> {
    router: &'r Router,
    caller: Option<Arc<str>>,
    method: Method,
    path: String,
    start: Instant,
    status: Option<StatusCode>,
    span: Option<RequestSpan>,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if let Some(span) = &mut self.span {
            span.answered(self.status);
        }
        if let Some(metrics) = &self.router.metrics {
            metrics.answered(door(&self.path), self.status);
        }
        if let Some(audit) = &self.router.audit {
            let (caller, elapsed) = (self.caller.as_deref(), self.start.elapsed());
            audit.answered(caller, &self.method, &self.path, self.status, elapsed);
        }
    }
}

/// The door that a request came to.
fn door(path: &str) -> &'static str {
    match path {
        "/mcp" => "mcp",
        _ if path.starts_with("/v1/providers/") => "calls",
        _ if path.starts_with("/http/") => "http",
        _ => "other",
    }
}

/// The place of a path in this server, without the names in it.
fn template(path: &str) -> Option<&'static str> {
    const PLACES: [&str; 5] = ["/mcp", "/", "/v1/providers", "/openapi.json", "/style.css"];
    match path {
        _ if path.starts_with("/v1/providers/") => Some("/v1/providers/{provider}/{export}"),
        _ if path.starts_with("/http/") => Some("/http/{provider}/{path}"),
        _ => PLACES.into_iter().find(|place| *place == path),
    }
}

fn no_route(path: &str) -> Problem {
    let detail = format!(
        "nothing is at {path}; a call is `POST /v1/providers/NAME/EXPORT`, and a component of `wasi:http` is at `/http/NAME/`"
    );
    Problem::new(StatusCode::NOT_FOUND, "no-route", detail)
}

/// One segment of a path. It is looked up among names, and never a path of this machine.
fn decoded(segment: &str) -> Result<Cow<'_, str>, Problem> {
    let decoded = percent_decode_str(segment).decode_utf8();
    decoded.map_err(|_| Problem::bad("path", "a name in the path is not UTF-8"))
}
