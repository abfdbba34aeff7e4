//! Errors as problem details (RFC 9457).

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use serde_json::json;
use tollgate::{CallError, HostError, escape};

use crate::quota::OverQuota;

/// The answer to a request.
pub(crate) type Answer = Response<Body>;

/// The body of an answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// The reason why the body of an answer is not whole.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The answer, which holds something until its client has taken it.
pub(crate) fn holding(answer: Answer, held: impl Send + 'static) -> Answer {
    answer.map(|body| {
        body.map_err(move |error| {
            let _ = &held;
            error
        })
        .boxed_unsync()
    })
}

/// An error of a request.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    /// A stable name for programs.
    kind: String,
    /// Text for people, on one line.
    detail: String,
    /// More members, and their values as JSON.
    more: Vec<(&'static str, String)>,
    /// The method that the path takes, if it is another one.
    allow: Option<&'static str>,
    /// Seconds after which the caller may try again.
    retry: Option<u32>,
    /// Whether the connection ends, as the rest of the request is not read.
    ends: bool,
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        kind: impl Into<String>,
        detail: impl AsRef<str>,
    ) -> Problem {
        Problem {
            status,
            kind: kind.into(),
            // It may quote names of a client and text of a guest, of any length.
            detail: escape::line(detail.as_ref()).into_owned(),
            more: Vec::new(),
            allow: None,
            retry: None,
            ends: false,
        }
    }

    /// The arguments or the request itself are wrong.
    pub(crate) fn bad(kind: &str, detail: impl AsRef<str>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, kind, detail)
    }

    /// There is no room for the request now.
    pub(crate) fn busy(detail: &str) -> Problem {
        Problem {
            retry: Some(1),
            ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
        }
    }

    /// The caller has no more calls or fuel now, or never has enough.
    pub(crate) fn quota(why: &OverQuota) -> Problem {
        match why {
            OverQuota::UsedUp { what, seconds } => {
                let detail =
                    format!("the quota of this caller is used up: {what}; try again later");
                Problem {
                    retry: Some(u32::try_from(*seconds).unwrap_or(u32::MAX)),
                    ..Problem::new(StatusCode::TOO_MANY_REQUESTS, "quota", detail)
                }
            }
            OverQuota::TooLarge { fuel, most } => {
                let detail = format!(
                    "the policy gives a call {fuel} fuel, and this caller has {most} in a minute; lower \
                     `limits.fuel` of the policy, or raise the quota"
                );
                Problem::new(StatusCode::FORBIDDEN, "quota", detail)
            }
        }
    }

    /// The host failed: its number, and nothing of the cause.
    pub(crate) fn host(error: &HostError) -> Problem {
        let id = error.id();
        let detail =
            format!("the host failed (error {id}); its log has the cause under this number");
        let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "host", detail);
        problem.with("error", id.to_string())
    }

    /// The server failed, which its log tells more of.
    pub(crate) fn internal() -> Problem {
        let detail = "the server failed; its log has the cause";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "host", detail)
    }

    /// The same with a member more, whose value is JSON already.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, json: String) -> Problem {
        self.more.push((name, json));
        self
    }

    /// The path takes this method only.
    pub(crate) fn method(method: &'static str) -> Problem {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Problem {
            allow: Some(method),
            ..Problem::new(status, "method", format!("this path takes {method}"))
        }
    }

    /// The same, after which the connection ends.
    #[must_use]
    pub(crate) fn ending(mut self) -> Problem {
        self.ends = true;
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn answer(self) -> Answer {
        let Problem {
            status,
            kind,
            detail,
            more,
            allow,
            retry,
            ends,
        } = self;
        let title = status.canonical_reason();
        let members = [
            ("title", json!(title).to_string()),
            ("status", status.as_u16().to_string()),
            ("kind", json!(kind).to_string()),
            ("detail", json!(detail).to_string()),
        ];
        let members: Vec<String> = members
            .into_iter()
            .chain(more)
            .map(|(name, json)| format!("\"{name}\":{json}"))
            .collect();
        let mut answer = json_answer(status, format!("{{{}}}", members.join(",")));
        let headers = answer.headers_mut();
        set(headers, CONTENT_TYPE, "application/problem+json");
        if status == StatusCode::UNAUTHORIZED {
            set(headers, WWW_AUTHENTICATE, "Bearer");
        }
        if let Some(seconds) = retry {
            let _ = headers.try_insert(RETRY_AFTER, seconds.into());
        }
        if let Some(method) = allow {
            set(headers, ALLOW, method);
        }
        if ends {
            set(headers, CONNECTION, "close");
        }
        answer
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Problem {
        match error {
            CallError::Refused(refusal) => Problem::new(
                StatusCode::NOT_FOUND,
                refusal.kind.label(),
                refusal.to_string(),
            ),
            CallError::Arguments(what) => Problem::bad("arguments", what),
            CallError::Busy => {
                Problem::busy("no slot became free before the deadline of the call; retry")
            }
            CallError::Host(error) => Problem::host(&error),
            CallError::Isolated => Problem::new(
                StatusCode::NOT_IMPLEMENTED,
                "isolated",
                "sessions of this provider are in a process of its own, which answers no requests of HTTP",
            ),
            // A session of its own for each call neither ends before it nor blocks.
            error => {
                tracing::error!(%error, "a call that this server does not make");
                Problem::internal()
            }
        }
    }
}

/// JSON as an answer, which no cache keeps and no browser takes for a page. It may have text of a guest, and is escaped for
/// a terminal.
pub(crate) fn json_answer(status: StatusCode, text: impl Into<String>) -> Answer {
    let text = text.into();
    let text = match escape::json(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(escaped) => escaped,
    };
    safe_answer(status, text.into())
}

/// The mark of an answer whose text others have, too.
#[derive(Clone, Copy)]
pub(crate) struct IsKept;

/// The same for text that is escaped already, and is kept for the next one who asks.
pub(crate) fn kept_answer(text: Bytes) -> Answer {
    let mut answer = safe_answer(StatusCode::OK, text);
    answer.extensions_mut().insert(IsKept);
    answer
}

/// An answer of JSON that is escaped already.
fn safe_answer(status: StatusCode, text: Bytes) -> Answer {
    let body = Full::new(text).map_err(|never| match never {});
    let mut answer = Response::new(body.boxed_unsync());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    set(headers, CONTENT_TYPE, "application/json");
    set(headers, CACHE_CONTROL, "no-store");
    set(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    answer
}

/// Sets a header of an answer of this server.
pub(crate) fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    // A map of a few names is never full.
    let _ = headers.try_insert(name, HeaderValue::from_static(value));
}
