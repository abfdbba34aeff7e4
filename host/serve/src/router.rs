//! Requests by their path.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::request::Parts;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use tollgate::Catalog;

use crate::bounds::Bounds;
use crate::panics::caught;
use crate::problem::{Answer, Problem, json_answer};
use crate::shared::Shared;
use crate::tokens::Tokens;
use crate::{call, caller, list, mcp, openapi};

/// Answers the requests of a server.
pub(crate) struct Router {
    shared: Arc<Shared>,
    mcp: mcp::Door,
    tokens: Option<Tokens>,
    is_draining: AtomicBool,
}

impl Router {
    pub(crate) fn new(
        catalog: Arc<dyn Catalog>,
        bounds: Arc<Bounds>,
        tokens: Option<Tokens>,
    ) -> Router {
        let shared = Arc::new(Shared::new(catalog, bounds));
        Router {
            mcp: mcp::Door::new(Arc::clone(&shared)),
            shared,
            tokens,
            is_draining: AtomicBool::new(false),
        }
    }

    /// From now on the server is not ready.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        match caught(self.route(&head, body)).await {
            Some(Ok(answer)) => answer,
            Some(Err(problem)) => problem.answer(),
            None => Problem::internal().ending().answer(),
        }
    }

    async fn route(&self, head: &Parts, body: Incoming) -> Result<Answer, Problem> {
        let path = head.uri.path();
        // A probe has no token.
        let is_probe = matches!(path, "/healthz" | "/readyz");
        if !is_probe || self.tokens.is_none() {
            caller::admit(head, self.tokens.as_ref())?;
        }
        if let Some(of_provider) = path.strip_prefix("/v1/providers/") {
            let names = of_provider
                .split_once('/')
                .filter(|(_, export)| !export.contains('/'));
            let (name, export) = names.ok_or_else(|| no_route(path))?;
            is(head, &Method::POST)?;
            return call::call(&self.shared, head, body, &decoded(name)?, &decoded(export)?).await;
        }
        if path == "/mcp" {
            return self.mcp.answer(&self.shared, head, body).await;
        }
        match path {
            "/healthz" => self.get(head, || {
                Ok(json_answer(StatusCode::OK, "{\"status\":\"ok\"}"))
            }),
            "/readyz" => self.get(head, || match self.is_draining.load(Ordering::Relaxed) {
                false => Ok(json_answer(StatusCode::OK, "{\"status\":\"ready\"}")),
                true => Err(Problem::busy("the server is about to end")),
            }),
            "/v1/providers" => self.get(head, || Ok(list::answer(&*self.shared.catalog))),
            "/openapi.json" => self.get(head, || Ok(openapi::answer(&*self.shared.catalog))),
            _ => Err(no_route(path)),
        }
    }

    fn get(
        &self,
        head: &Parts,
        answer: impl FnOnce() -> Result<Answer, Problem>,
    ) -> Result<Answer, Problem> {
        // HTTP sends the same without the body.
        if head.method != Method::HEAD {
            is(head, &Method::GET)?;
        }
        answer()
    }
}

fn is(head: &Parts, method: &Method) -> Result<(), Problem> {
    match head.method == method {
        true => Ok(()),
        false => Err(Problem::method(method)),
    }
}

fn no_route(path: &str) -> Problem {
    let detail = format!("nothing is at {path}; a call is `POST /v1/providers/NAME/EXPORT`");
    Problem::new(StatusCode::NOT_FOUND, "no-route", detail)
}

/// One segment of a path. It is looked up among names, and never a path of this machine.
fn decoded(segment: &str) -> Result<Cow<'_, str>, Problem> {
    let decoded = percent_decode_str(segment).decode_utf8();
    decoded.map_err(|_| Problem::bad("path", "a name in the path is not UTF-8"))
}
