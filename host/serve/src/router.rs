//! Requests by their path.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::request::Parts;
use http::uri::Authority;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use tollgate::Catalog;

use crate::bounds::Bounds;
use crate::metrics::Metrics;
use crate::panics::caught;
use crate::problem::{Answer, Problem, json_answer};
use crate::proxy::{self, Place};
use crate::routes::{Route, Routes};
use crate::shared::Shared;
use crate::tokens::Tokens;
use crate::{call, caller, list, openapi};

/// Answers the requests of a server.
pub(crate) struct Router {
    shared: Shared,
    tokens: Option<Tokens>,
    routes: Routes,
    metrics: Option<Metrics>,
    is_draining: AtomicBool,
}

impl Router {
    pub(crate) fn new(
        catalog: Arc<dyn Catalog>,
        bounds: Arc<Bounds>,
        tokens: Option<Tokens>,
        routes: Routes,
        metrics: Option<Metrics>,
    ) -> Router {
        Router {
            shared: Shared::new(catalog, bounds),
            tokens,
            routes,
            metrics,
            is_draining: AtomicBool::new(false),
        }
    }

    /// From now on the server is not ready.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let answer = match caught(self.route(&head, body)).await {
            Some(Ok(answer)) => answer,
            Some(Err(problem)) => problem.answer(),
            None => Problem::internal().ending().answer(),
        };
        if let Some(metrics) = &self.metrics {
            metrics.answered(door(head.uri.path()), answer.status());
        }
        answer
    }

    async fn route(&self, head: &Parts, body: Incoming) -> Result<Answer, Problem> {
        let path = head.uri.path();
        let host = caller::host(head);
        let own_host = host.as_ref().map(|host| host.host().to_ascii_lowercase());
        let own_host = own_host.filter(|host| self.routes.have(host));
        // A probe has no token.
        let is_probe = own_host.is_none() && matches!(path, "/healthz" | "/readyz");
        if !is_probe || self.tokens.is_none() {
            caller::admit(head, self.tokens.as_ref(), &self.routes)?;
        }
        // Nothing of the server's own is at a host name of guests, which a page of theirs could use as its own.
        if own_host.is_some() {
            let route = self.routes.find(own_host.as_deref(), path);
            let route = route.ok_or_else(|| no_route(path))?;
            return self.at_route(head, body, host, route).await;
        }
        if let Some(of_provider) = path.strip_prefix("/v1/providers/") {
            let names = of_provider
                .split_once('/')
                .filter(|(_, export)| !export.contains('/'));
            let (name, export) = names.ok_or_else(|| no_route(path))?;
            is(head, &Method::POST)?;
            return call::call(&self.shared, head, body, &decoded(name)?, &decoded(export)?).await;
        }
        if let Some(of_provider) = path.strip_prefix("/http/") {
            let name = of_provider.split('/').next().unwrap_or_default();
            let provider = decoded(name)?;
            let prefix = format!("/http/{name}");
            return self.at(head, body, host, &provider, &prefix, true).await;
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
            "/metrics" => match &self.metrics {
                Some(metrics) => self.get(head, || metrics.answer()),
                None => Err(no_route(path)),
            },
            "/openapi.json" => self.get(head, || Ok(openapi::answer(&*self.shared.catalog))),
            _ => match self.routes.find(None, path) {
                Some(route) => self.at_route(head, body, host, route).await,
                None => Err(no_route(path)),
            },
        }
    }

    async fn at_route(
        &self,
        head: &Parts,
        body: Incoming,
        host: Option<Authority>,
        route: &Route,
    ) -> Result<Answer, Problem> {
        let shares_host = !route.has_host();
        let (provider, prefix) = (route.provider(), route.prefix());
        self.at(head, body, host, provider, prefix, shares_host)
            .await
    }

    /// Passes a request on to a guest.
    async fn at(
        &self,
        head: &Parts,
        body: Incoming,
        host: Option<Authority>,
        provider: &str,
        prefix: &str,
        shares_host: bool,
    ) -> Result<Answer, Problem> {
        let authority = host.ok_or_else(|| {
            Problem::bad(
                "host",
                "the request does not name one host; send one `Host`",
            )
        })?;
        let place = Place {
            provider,
            prefix,
            authority,
            shares_host,
            has_token: self.tokens.is_some(),
        };
        proxy::answer(&self.shared, head, body, &place).await
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

/// The door that a request came to.
fn door(path: &str) -> &'static str {
    match () {
        () if path.starts_with("/v1/providers/") => "calls",
        () if path.starts_with("/http/") => "http",
        () => "other",
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
