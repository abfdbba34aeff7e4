//! The end of a call as the result of a tool. An error that a model can act on is a result with `isError`; the failure of
//! the host is an error of the protocol.

use http::StatusCode;
use rmcp::model::{CallToolResult, ContentBlock, ErrorData, MetaObject};
use serde_json::{Value, json};
use tollgate::report::ErrorReport as _;
use tollgate::value::json::Json;
use tollgate::{Outcome, escape};

use crate::call::written;
use crate::elsewhere::Done;
use crate::problem::Problem;

/// Bytes of a result. It is in an answer twice, once as a tree.
const MAX_RESULT: u64 = 1 << 20;

/// The result of a call that has a report.
pub(super) fn of_report(report: &Done) -> Result<CallToolResult, Problem> {
    let most = report.limits.output.min(MAX_RESULT);
    let remedy = match most < MAX_RESULT {
        true => "raise `limits.output` of the policy",
        false => "no result of a tool may have more",
    };
    let denials = report.denials.iter().map(|denial| {
        json!({
            "capability": denial.capability,
            "target": escape::line(&denial.target),
            "reason": denial.reason,
            "remedy": denial.remedy(),
        })
    });
    let denials: Vec<Value> = denials.collect();
    let outcome = report.outcome.label();
    let (mut result, kind, value) = match &report.outcome {
        Outcome::Returned(value) => {
            let text = written(value.as_ref(), most, remedy)?;
            let text = ContentBlock::text(format!("{{\"result\":{text}}}"));
            let mut result = CallToolResult::success(vec![text]);
            result.structured_content = Some(json!({ "result": value.as_ref().map(Json) }));
            (result, None, None)
        }
        Outcome::Failed(error) => {
            written(error.value.as_ref(), most, remedy)?;
            let value = json!(error.value.as_ref().map(Json));
            (failed(&error.message()), Some(error.kind()), Some(value))
        }
        Outcome::Faulted(fault) => (
            failed(&fault.to_string()),
            Some(fault.label().to_owned()),
            None,
        ),
    };
    let entries = [
        ("tollgate/outcome", kind.is_some().then(|| json!(outcome))),
        ("tollgate/kind", kind.map(Value::from)),
        ("tollgate/error", value),
        (
            "tollgate/denials",
            (!denials.is_empty()).then(|| json!(denials)),
        ),
    ];
    result.meta = meta(entries);
    Ok(result)
}

/// The result of a call without a report.
pub(super) fn of_problem(problem: &Problem) -> Result<CallToolResult, ErrorData> {
    let (kind, detail) = (problem.kind(), problem.detail());
    if problem.status() == StatusCode::INTERNAL_SERVER_ERROR {
        let data = json!({ "kind": kind });
        return Err(ErrorData::internal_error(detail.to_owned(), Some(data)));
    }
    let mut result = failed(detail);
    result.meta = meta([
        ("tollgate/outcome", Some(json!("error"))),
        ("tollgate/kind", Some(json!(kind))),
    ]);
    Ok(result)
}

fn failed(text: &str) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(escape::line(text))])
}

fn meta<const N: usize>(entries: [(&str, Option<Value>); N]) -> Option<MetaObject> {
    let entries = entries.into_iter();
    let entries = entries.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let members: serde_json::Map<String, Value> = entries.collect();
    (!members.is_empty()).then(|| MetaObject(members))
}
