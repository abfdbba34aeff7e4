//! Requests of HTTP that a component answers: the export `handle` of `wasi:http/incoming-handler`.

use std::error::Error as StdError;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Body;
use thiserror::Error;
use tokio::sync::oneshot;
use tollgate_component::{Export, ItemKind, escape, split_version};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{ComponentExportIndex, InstancePre, Resource};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::p2::types::{HostIncomingRequest, HostResponseOutparam};

use crate::call::arguments;
use crate::call::context::CallContext;
use crate::call::exports::missing;
use crate::call::provider::Provider;
use crate::call::report::{ErrorReport, Outcome, Report};
use crate::call::session::{Guest, Session};
use crate::engine::PooledEngine;
use crate::error::CallError;
use crate::interface::wasi_p2::{Answered, Exchange, ResponseBody, Written, text_of};

/// The interface that answers requests.
const HANDLER: &str = "wasi:http/incoming-handler";

type Params = (
    Resource<HostIncomingRequest>,
    Resource<HostResponseOutparam>,
);

/// The failure of a guest to answer a request: its own, and not of a limit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandlerError {
    /// It returned without a response, or dropped the way to send one.
    #[error("the guest set no response")]
    NoResponse,
    /// It set an error in place of a response: the name of the error, and its text if it has one.
    #[error("the guest set the error {0}")]
    Error(String),
    /// It has not finished the body of its response, or has written less than it declared.
    #[error("the guest has not finished the body of its response")]
    UnfinishedBody,
}

impl ErrorReport for HandlerError {
    fn kind(&self) -> String {
        let kind = match self {
            HandlerError::NoResponse => "no-response",
            HandlerError::Error(_) => "error-code",
            HandlerError::UnfinishedBody => "unfinished-body",
        };
        kind.to_owned()
    }

    fn message(&self) -> String {
        self.to_string()
    }
}

impl Provider {
    /// Whether it answers requests of HTTP, with [`Session::handle`]: it exports `wasi:http/incoming-handler` in a version of
    /// WASI 0.2.
    pub fn serves_http(&self) -> bool {
        self.shared.handler.is_some()
    }
}

impl Session {
    /// Has the guest answer a request of HTTP, as one call: `handle` of `wasi:http/incoming-handler`.
    ///
    /// `respond` gets the response as soon as the guest has set it; its body comes as the guest writes it, and the call goes
    /// on meanwhile. So the body has to be read while this future is polled, such as by another task. The deadline covers all
    /// of it, and a future that is dropped drops the call.
    ///
    /// The URI of the request, or its header `Host`, names the host. Of its headers, the guest does not see those that
    /// frame the message or control the connection. The body is read as the guest asks for it; `host-data` bounds it, beyond
    /// which the guest gets the error `HTTP-request-body-size`. `output` bounds the body of the response.
    ///
    /// ```
    /// use http_body_util::{BodyExt as _, Empty};
    /// use tollgate::{Policy, Runtime, Source};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/web.wasm"));
    /// let policy = Policy::parse("grants.wasi = 'inert'", std::path::Path::new("."))?;
    /// let source = Source::file(path, &policy.limits)?;
    /// let web = Runtime::new().load(&source, &policy).await?;
    ///
    /// let request = http::Request::get("http://localhost/hello").body(Empty::<bytes::Bytes>::new())?;
    /// let (tell, told) = tokio::sync::oneshot::channel();
    /// let mut session = web.session();
    /// let call = session.handle(request, |response| {
    ///     let _ = tell.send(response);
    /// });
    /// let (report, body) = tokio::join!(call, async { told.await?.into_body().collect().await.map_err(Box::<dyn std::error::Error>::from) });
    /// assert_eq!(report?.outcome.label(), "returned");
    /// assert_eq!(body?.to_bytes(), "hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// The outcome is returned if the guest has set a response and finished its body. With
    /// [`Isolation::Process`](crate::Isolation::Process), where no body can be passed on, it is [`CallError::Isolated`].
    ///
    /// # Errors
    ///
    /// When the component does not export the interface, the request has more bytes than `host-data` allows or names no host,
    /// the session has ended, or the host failed.
    pub async fn handle<B>(
        &mut self,
        request: Request<B>,
        respond: impl FnOnce(Response<ResponseBody>) + Send + 'static,
    ) -> Result<Report<(), HandlerError>, CallError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let handler = self.provider.shared.handler;
        let handler = handler.ok_or_else(|| missing(&format!("`{HANDLER}` of WASI 0.2")))?;
        if self.is_there() {
            return Err(CallError::Isolated);
        }
        let names_host = request.uri().authority().is_some()
            || (request.headers().get(http::header::HOST)).is_some_and(|it| it.to_str().is_ok());
        if !names_host {
            let text = "the request names no host: give its URI an authority, or set `Host`";
            return Err(CallError::Arguments(text.to_owned()));
        }
        let headers = request.headers().iter();
        let headers = headers.map(|(name, value)| (name.as_str().len() + value.len()) as u64);
        let head = text_of(&request).saturating_add(headers.sum());
        arguments::admit(request.body().size_hint().lower(), self.provider.limits())?;

        let (end_well, whole) = oneshot::channel();
        let exchange = Exchange::new(request.method(), respond, whole);
        let work = async |guest: &mut Guest<'_>| {
            let function = guest
                .instance
                .get_typed_func::<Params, ()>(&mut *guest.store, handler)?;
            let state = guest.store.data_mut();
            let resources = state.receive(request, Arc::clone(&exchange))?;
            function.call_async(&mut *guest.store, resources).await?;
            Ok(outcome(exchange.answered()))
        };
        let measure = |_: &Outcome<(), HandlerError>| match exchange.answered() {
            Answered::Response(Some(written)) => Some(written.bytes()),
            _ => Some(0),
        };
        let done = self.measured_call(head, work, measure).await;
        // A guest may keep the outparam in its live session: nobody waits for it any more.
        exchange.close();
        let report = done?;
        if let Outcome::Returned(()) = report.outcome {
            let _ = end_well.send(());
        }
        Ok(report)
    }
}

/// The outcome of a call that returned.
fn outcome(answered: Answered) -> Result<(), HandlerError> {
    match answered {
        Answered::Nothing => Err(HandlerError::NoResponse),
        Answered::Error(code) => Err(HandlerError::Error(named(&code))),
        Answered::Response(body) => match body.as_deref().is_none_or(Written::is_finished) {
            true => Ok(()),
            false => Err(HandlerError::UnfinishedBody),
        },
    }
}

/// The name of an error code as in WIT, in small letters, and a text of it.
fn named(code: &ErrorCode) -> String {
    let shown = format!("{code:?}");
    let name = shown.split(['(', ' ', '{']).next().unwrap_or_default();
    let mut words = String::new();
    for letter in name.strip_prefix("ErrorCode::").unwrap_or(name).chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push('-');
        }
        words.push(letter.to_ascii_lowercase());
    }
    if let ErrorCode::InternalError(Some(text)) = code {
        words.push_str(": ");
        words.push_str(&escape::line(text));
    }
    words
}

/// `handle` of `wasi:http/incoming-handler`, in whichever 0.2 version it was built for, if it is of the right type.
pub(crate) fn find_handler(
    unit: &PooledEngine,
    pre: &InstancePre<CallContext>,
    exports: &[Export],
) -> Option<ComponentExportIndex> {
    let export = exports.iter().find(|export| {
        export.kind == ItemKind::Instance
            && matches!(split_version(&export.name), (HANDLER, Some(version)) if version.starts_with("0.2."))
    })?;
    let component = pre.component();
    let ty = component.component_type();
    let ComponentItem::ComponentInstance(interface) = ty.get_export(&unit.engine, &export.name)?.ty
    else {
        return None;
    };
    let ComponentItem::ComponentFunc(handle) = interface.get_export(&unit.engine, "handle")?.ty
    else {
        return None;
    };
    handle.typecheck::<Params, ()>(&pre.instance_type()).ok()?;
    let interface = component.get_export_index(None, &export.name)?;
    component.get_export_index(Some(&interface), "handle")
}
