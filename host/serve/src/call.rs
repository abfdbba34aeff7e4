//! One call: arguments from JSON, the result as JSON.

use std::io::ErrorKind;

use http::StatusCode;
use http::request::Parts;
use hyper::body::Incoming;
use tollgate::report::{ErrorReport as _, ReturnedError};
use tollgate::value::Value;
use tollgate::value::json::Json;
use tollgate::{CallError, Outcome, Report};

use crate::caller;
use crate::capped::Capped;
use crate::problem::{Answer, Problem, json_answer};
use crate::request;
use crate::shared::Shared;
use crate::tokens::Caller;

type Done = Report<Option<Value>, ReturnedError>;

pub(crate) async fn call(
    shared: &Shared,
    caller: Option<&Caller>,
    head: &Parts,
    body: Incoming,
    name: &str,
    export: &str,
) -> Result<Answer, Problem> {
    request::is_json(head)?;
    let provider = shared.catalog.get(name).ok_or_else(|| {
        let detail = format!("no provider `{name}` serves");
        Problem::new(StatusCode::NOT_FOUND, "no-provider", detail)
    })?;
    let function = provider.function(export).map_err(CallError::from)?;
    let most = request::most(&shared.bounds, provider.limits().host_data);
    let (text, _room) = request::read(shared, body, most).await?;
    let arguments = request::arguments(&text, &function.params);
    let arguments = arguments.map_err(|error| Problem::bad("arguments", error.to_string()))?;
    drop(text);
    let ticket = caller::begin(caller, provider.limits().fuel)?;
    let report = provider
        .session()
        .invoke(&function.full_name(), &arguments)
        .await?;
    if let Some(ticket) = ticket {
        ticket.used(report.usage.fuel);
    }
    let wanted = wants_report(head);
    let outcome = answer(&report, wanted);
    outcome.map_err(|problem| match wanted {
        true => problem.with("report", report.to_json().to_string()),
        false => problem,
    })
}

fn answer(report: &Done, wanted: bool) -> Result<Answer, Problem> {
    let most = usize::try_from(report.limits.output).unwrap_or(usize::MAX);
    match &report.outcome {
        Outcome::Returned(value) => {
            let result = written(value.as_ref(), most)?;
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
            let value = written(error.value.as_ref(), most)?;
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

/// A value as JSON of at most `most` bytes.
fn written(value: Option<&Value>, most: usize) -> Result<String, Problem> {
    let mut text = Capped::new(most);
    let done = serde_json::to_writer(&mut text, &value.map(Json));
    match done {
        Ok(()) => Ok(text.into_text()),
        Err(error) if error.io_error_kind() == Some(ErrorKind::FileTooLarge) => {
            let detail = format!(
                "the result has more than {most} bytes as JSON; raise `limits.output` of the policy"
            );
            Err(Problem::new(StatusCode::BAD_GATEWAY, "output", detail))
        }
        Err(error) => {
            tracing::error!(%error, "a result without JSON");
            Err(Problem::internal())
        }
    }
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
