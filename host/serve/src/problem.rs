//! Errors as problem details (RFC 9457).

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Map, Value, json};
use tollgate::{CallError, HostError, escape};

/// The answer to a request.
pub(crate) type Answer = Response<Full<Bytes>>;

/// An error of a request.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    /// A stable name for programs.
    kind: String,
    /// Text for people, on one line.
    detail: String,
    /// More members.
    more: Vec<(&'static str, Value)>,
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
            ends: false,
        }
    }

    /// The arguments or the request itself are wrong.
    pub(crate) fn bad(kind: &str, detail: impl AsRef<str>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, kind, detail)
    }

    /// There is no room for the request now.
    pub(crate) fn busy(detail: &str) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
    }

    /// The host failed: its number, and nothing of the cause.
    pub(crate) fn host(error: &HostError) -> Problem {
        let id = error.id();
        let detail =
            format!("the host failed (error {id}); its log has the cause under this number");
        let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "host", detail);
        problem.with("error", json!(id))
    }

    /// The server failed, which its log tells more of.
    pub(crate) fn internal() -> Problem {
        let detail = "the server failed; its log has the cause";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "host", detail)
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: Value) -> Problem {
        self.more.push((name, value));
        self
    }

    /// The same, after which the connection ends.
    #[must_use]
    pub(crate) fn ending(mut self) -> Problem {
        self.ends = true;
        self
    }

    pub(crate) fn answer(self) -> Answer {
        let Problem {
            status,
            kind,
            detail,
            more,
            ends,
        } = self;
        let mut members = Map::from_iter([
            ("title".to_owned(), json!(status.canonical_reason())),
            ("status".to_owned(), json!(status.as_u16())),
            ("kind".to_owned(), json!(kind)),
            ("detail".to_owned(), json!(detail)),
        ]);
        members.extend(
            more.into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        let mut answer = json_answer(status, Value::Object(members).to_string());
        let headers = answer.headers_mut();
        set(headers, CONTENT_TYPE, "application/problem+json");
        match status {
            StatusCode::SERVICE_UNAVAILABLE => {
                set(headers, RETRY_AFTER, "1");
            }
            StatusCode::UNAUTHORIZED => {
                set(headers, WWW_AUTHENTICATE, "Bearer");
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                set(headers, ALLOW, "GET, POST");
            }
            _ => {}
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
            // A session of its own for each call neither ends before it nor blocks.
            error => {
                tracing::error!(%error, "a call that this server does not make");
                Problem::internal()
            }
        }
    }
}

/// JSON as an answer, which no cache keeps and no browser takes for a page.
pub(crate) fn json_answer(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    set(headers, CONTENT_TYPE, "application/json");
    set(headers, CACHE_CONTROL, "no-store");
    set(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    answer
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    // A map of a few names is never full.
    let _ = headers.try_insert(name, HeaderValue::from_static(value));
}
