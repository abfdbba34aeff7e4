//! One call: arguments from JSON, the result as JSON.

use std::io::ErrorKind;

use http::StatusCode;
use http::request::Parts;
use hyper::body::Incoming;
use tollgate::report::ErrorReport as _;
use tollgate::value::json::{Json, JsonError};
use tollgate::value::{Field, Function, Value};
use tollgate::{CallError, Catalog as _, Outcome, escape};

use crate::caller;
use crate::capped::Capped;
use crate::elsewhere::{Done, Place};
use crate::problem::{Answer, Problem, holding, json_answer};
use crate::quota::{Caller, Ticket};
use crate::request;
use crate::shared::Shared;

/// Characters of an `Idempotency-Key`.
const MAX_KEY: usize = 255;

/// Reads the arguments of a function.
type Read = fn(&[u8], &[Field]) -> Result<Vec<Value>, JsonError>;

/// Calls a function with the arguments that `read` finds in a text, for a caller that has paid for it.
pub(crate) async fn report(
    ticket: Option<&Ticket>,
    place: Place<'_>,
    function: &Function,
    text: impl AsRef<[u8]>,
    read: Read,
) -> Result<Done, Problem> {
    let arguments = read(text.as_ref(), &function.params);
    let arguments = arguments.map_err(|error| {
        // It counts as a call, as it took work.
        ticket.inspect(|ticket| ticket.used(0));
        Problem::bad("arguments", error.to_string())
    })?;
    drop(text);
    ticket.inspect(|ticket| ticket.runs());
    let done = place.invoke(function, &arguments).await;
    let report = done.map_err(|error| {
        // The fuel of a call that may run stays taken.
        ticket
            .filter(|_| !error.may_run)
            .inspect(|ticket| ticket.unused());
        error.problem
    })?;
    ticket.inspect(|ticket| ticket.used(report.usage.fuel));
    Ok(report)
}

pub(crate) async fn call(
    shared: &Shared,
    caller: Option<&Caller>,
    head: &Parts,
    body: Incoming,
    name: &str,
    export: &str,
) -> Result<Answer, Problem> {
    request::is_json(head)?;
    let provider = shared.seen_by(caller).get(name).ok_or_else(|| {
        let detail = format!("no provider `{name}` serves");
        Problem::new(StatusCode::NOT_FOUND, "no-provider", detail)
    })?;
    let function = provider.function(export).map_err(CallError::from)?;
    let most = request::most(&shared.bounds, provider.limits().host_data);
    // Before the body, which takes room from others and time to read.
    let ticket = caller::begin(caller, provider.limits().fuel, &shared.bounds).await?;
    let (text, _room) = request::read(shared, body, most).await?;
    let read = request::arguments;
    let place = Place::of(shared.elsewhere.as_deref(), &provider).key(key_of(caller, head)?);
    let report = report(ticket.as_ref(), place, function, text, read).await?;
    let wanted = wants_report(head);
    let answer = match answer(&report, wanted) {
        Ok(answer) => answer,
        Err(problem) if wanted => problem
            .with("report", report.to_json().to_string())
            .answer(),
        Err(problem) => problem.answer(),
    };
    // The call is one of those at once until its client has taken the answer.
    Ok(holding(answer, ticket))
}

fn answer(report: &Done, wanted: bool) -> Result<Answer, Problem> {
    let most = report.limits.output;
    let remedy = "raise `limits.output` of the policy";
    let written = |value| written(value, most, remedy);
    match &report.outcome {
        Outcome::Returned(value) => {
            let result = written(value.as_ref())?;
            let report = match wanted {
                true => format!(",\"report\":{}", report.to_json()),
                false => String::new(),
            };
            Ok(json_answer(
                StatusCode::OK,
                format!("{{\"result\":{result}{report}}}"),
            ))
        }
        Outcome::Failed(error) => {
            let value = written(error.value.as_ref())?;
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let problem = Problem::new(status, error.kind(), error.message());
            Err(problem.with("error", value))
        }
        Outcome::Faulted(fault) => {
            let status = StatusCode::BAD_GATEWAY;
            Err(Problem::new(status, fault.label(), fault.to_string()))
        }
    }
}

/// A value as JSON of at most `most` bytes; a `remedy` is for one with more.
pub(crate) fn written(value: Option<&Value>, most: u64, remedy: &str) -> Result<String, Problem> {
    let mut text = Capped::new(usize::try_from(most).unwrap_or(usize::MAX));
    let done = serde_json::to_writer(&mut text, &value.map(Json));
    match done {
        // The escapes of characters that are not safe to show are a part of it.
        Ok(()) => match escape::json(&text.into_text()).into_owned() {
            text if text.len() as u64 <= most => Ok(text),
            _ => Err(too_large(most, remedy)),
        },
        Err(error) if error.io_error_kind() == Some(ErrorKind::FileTooLarge) => {
            Err(too_large(most, remedy))
        }
        Err(error) => {
            tracing::error!(%error, "a result without JSON");
            Err(Problem::internal())
        }
    }
}

fn too_large(most: u64, remedy: &str) -> Problem {
    let detail = format!("the result has more than {most} bytes as JSON; {remedy}");
    Problem::new(StatusCode::BAD_GATEWAY, "output", detail)
}

/// The key of a request that is not to be made twice, together with its caller: no caller gets the result of another one.
fn key_of(caller: Option<&Caller>, head: &Parts) -> Result<Option<String>, Problem> {
    let mut keys = head.headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else {
        return Ok(None);
    };
    let text = key.to_str().ok().filter(|text| !text.is_empty());
    let text = text.filter(|text| text.len() <= MAX_KEY && keys.next().is_none());
    let text = text.ok_or_else(|| {
        let detail = format!(
            "`Idempotency-Key` is not one text of up to {MAX_KEY} characters; send another"
        );
        Problem::bad("request", detail)
    })?;
    let caller = caller.map_or("", |caller| &*caller.name);
    Ok(Some(format!("{}:{caller}:{text}", caller.len())))
}

/// Whether the client asks for the report: `Tollgate-Report: true`, or `?report`.
fn wants_report(head: &Parts) -> bool {
    let mut query = head.uri.query().unwrap_or_default().split('&');
    asks_report(head) || query.any(|part| matches!(part, "report" | "report=true"))
}

/// Whether the client asks for the report by `Tollgate-Report: true`.
pub(crate) fn asks_report(head: &Parts) -> bool {
    let header = head.headers.get("tollgate-report");
    header.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}
