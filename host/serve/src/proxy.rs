//! A request that a guest answers: `wasi:http/incoming-handler`. The call runs beside the connection, which owns it: a connection
//! that ends drops the call.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body, Frame, Incoming};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tollgate::http::{HandlerError, ResponseBody};
use tollgate::report::ErrorReport as _;
use tollgate::{CallError, Catalog as _, Outcome, Provider, Report, escape};

use crate::call::asks_report;
use crate::caller::{self, Peer};
use crate::origin::{self, ORIGIN};
use crate::problem::{Answer, BoxError, Problem};
use crate::proxy_body::{self, Fate, FromClient};
use crate::proxy_head::{self, Filter, Place};
use crate::quota::{Caller, Ticket};
use crate::shared::Shared;
use crate::view::View;

type Done = Result<Report<(), HandlerError>, CallError>;

/// A call under way, which is dropped with this.
struct Running(JoinHandle<Done>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(crate) async fn answer(
    shared: &Shared,
    caller: Option<&Caller>,
    head: &Parts,
    body: Incoming,
    place: &Place<'_>,
) -> Result<Answer, Problem> {
    let provider = provider(shared.seen_by(caller), place.provider)?;
    if shared.elsewhere.is_some() {
        let detail = "calls are made elsewhere, where no requests of HTTP are answered";
        return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "elsewhere", detail).ending());
    }
    if head.method == Method::CONNECT {
        let detail = "no guest is a tunnel";
        return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "method", detail).ending());
    }
    if head.version < Version::HTTP_11 {
        // Its bodies end with the connection, so that one that is cut would look whole.
        let detail = "a guest answers over HTTP/1.1 and HTTP/2";
        let status = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
        return Err(Problem::new(status, "version", detail).ending());
    }
    let most = provider.limits().host_data;
    if body.size_hint().lower() > most {
        return Err(proxy_body::too_large(most));
    }
    let (body, fate) = FromClient::new(body, most, shared.bounds.body_time, place.filter);
    let mut request = Request::new(body);
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = seen_by_guest(head, place)?;
    *request.headers_mut() = proxy_head::of_request(head, place)?;

    let ticket = caller::begin(caller, provider.limits().fuel, &shared.bounds).await?;
    let (tell, told) = oneshot::channel();
    let mut session = provider.session();
    let name = place.provider.to_owned();
    let answered = async move {
        let respond = move |response| {
            let _ = tell.send(response);
        };
        ticket.iter().for_each(Ticket::runs);
        let done = session.handle(request, respond).await;
        if let Some(ticket) = &ticket {
            match &done {
                Ok(report) => ticket.used(report.usage.fuel),
                Err(_) => ticket.unused(),
            }
        }
        note(&name, &done);
        done
    };
    // The audit log names the caller, and a trace the request.
    let mut call = Running(tokio::spawn(ORIGIN.scope(origin::current(), answered)));
    let Ok(response) = told.await else {
        return Err(unanswered(head, &fate, most, (&mut call.0).await));
    };
    let (mut response, mut body) = Response::<ResponseBody>::into_parts(response);
    proxy_head::of_response(&mut response.headers, place.filter);
    let has_no_body = head.method == Method::HEAD
        || matches!(
            response.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
    let body = if has_no_body || body.is_empty() {
        // The head alone would be the whole answer: it is sent once the call has ended.
        while let Some(frame) = body.frame().await {
            if frame.is_err() {
                return Err(unanswered(head, &fate, most, (&mut call.0).await));
            }
        }
        Empty::new().map_err(|never| match never {}).boxed_unsync()
    } else {
        let filter = place.filter;
        Streamed {
            body,
            filter,
            _call: call,
        }
        .boxed_unsync()
    };
    Ok(Response::from_parts(response, body))
}

fn provider(view: View<'_>, name: &str) -> Result<Provider, Problem> {
    let not_found = |kind: &str, detail: String| Problem::new(StatusCode::NOT_FOUND, kind, detail);
    let provider = view
        .get(name)
        .ok_or_else(|| not_found("no-provider", format!("no provider `{name}` serves")))?;
    match provider.serves_http() {
        true => Ok(provider),
        false => Err(not_found(
            "missing-export",
            format!(
                "`{name}` answers no requests: it does not export `wasi:http/incoming-handler`"
            ),
        )),
    }
}

/// The URI as the guest sees it: without the prefix.
fn seen_by_guest(head: &Parts, place: &Place<'_>) -> Result<Uri, Problem> {
    let path = head.uri.path();
    let rest = path.strip_prefix(place.prefix).unwrap_or(path);
    let slash = if rest.starts_with('/') { "" } else { "/" };
    let query = head.uri.query().map(|query| format!("?{query}"));
    let path = format!("{slash}{rest}{}", query.unwrap_or_default());
    let is_tls = head.extensions.get::<Peer>().is_some_and(|it| it.is_tls);
    Uri::builder()
        .scheme(if is_tls { "https" } else { "http" })
        .authority(place.authority.clone())
        .path_and_query(path)
        .build()
        .map_err(|_| Problem::bad("path", "the path is none that a guest can be given"))
}

/// Tells of a call that did not end well.
fn note(provider: &str, done: &Done) {
    let (kind, text) = match done {
        Ok(report) => match &report.outcome {
            Outcome::Returned(()) => return,
            Outcome::Failed(error) => (error.kind(), error.message()),
            Outcome::Faulted(fault) => (fault.label().to_owned(), fault.to_string()),
        },
        Err(error) => ("error".to_owned(), error.to_string()),
    };
    let text = escape::line(&text);
    tracing::info!(provider = %escape::line(provider), kind, %text, "a request was not answered to its end");
}

/// The problem of a request that has no response.
fn unanswered(
    head: &Parts,
    fate: &Fate,
    most: u64,
    done: Result<Done, tokio::task::JoinError>,
) -> Problem {
    let report = match done {
        Ok(Ok(report)) => report,
        Ok(Err(error)) => return Problem::from(error).ending(),
        Err(error) => {
            tracing::error!(%error, "a call ended without a result");
            return Problem::internal().ending();
        }
    };
    let status = StatusCode::BAD_GATEWAY;
    let problem = match (fate.get(), &report.outcome) {
        (Some(fate), _) => fate.problem(most),
        (None, Outcome::Failed(error)) => Problem::new(status, error.kind(), error.message()),
        (None, Outcome::Faulted(fault)) => Problem::new(status, fault.label(), fault.to_string()),
        // A response was set, and its end did not come.
        (None, Outcome::Returned(())) => Problem::internal(),
    };
    let problem = match asks_report(head) {
        true => problem.with("report", report.to_json().to_string()),
        false => problem,
    };
    problem.ending()
}

/// The body of an answer, and the call that writes it.
struct Streamed {
    body: ResponseBody,
    filter: Filter,
    _call: Running,
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            self.filter.for_client(trailers);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BoxError::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
