//! The requests of the protocol.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::request::Parts;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ErrorData, Implementation,
    ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, ServerCapabilities,
    ServerConfig, SubscriptionFilter,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use tokio::time::sleep;
use tollgate::value::Function;

use crate::call;
use crate::elsewhere::{Done, Place};
use crate::mcp::elicit::Answers;
use crate::mcp::listen::{Changes, FULL};
use crate::mcp::message::Arguments;
use crate::mcp::message::busy;
use crate::mcp::{elicit, result, tools};
use crate::origin::{ORIGIN, Origin};
use crate::panics::caught;
use crate::problem::Problem;
use crate::quota::{Caller, Ticket};
use crate::request;
use crate::shared::Shared;

/// The time between two notifications of progress.
const STEP: Duration = Duration::from_secs(1);

/// The caller of a request, for the task in which the crate of the protocol answers it.
#[derive(Clone, Default)]
pub(super) struct By {
    pub(super) caller: Option<Caller>,
    pub(super) ticket: Option<Arc<Ticket>>,
    /// The request itself.
    pub(super) origin: Option<Arc<Origin>>,
}

impl By {
    /// Of a request over HTTP. Over two streams there is one caller, which may call all.
    fn of(context: &RequestContext<RoleServer>) -> By {
        let head = context.extensions.get::<Parts>();
        let by = head.and_then(|head| head.extensions.get::<By>());
        by.cloned().unwrap_or_default()
    }
}

/// Answers requests. The future of a request holds all that the request takes, and is dropped once it is cancelled.
#[derive(Clone)]
pub(super) struct Handler {
    shared: Arc<Shared>,
    /// The changes of the tools, if they are known.
    changes: Option<Changes>,
    /// The answers of the user of this client. `None` is nobody to ask: requests over HTTP have no session, and one handler answers
    /// those of all clients.
    answers: Option<Answers>,
}

impl Handler {
    /// For one client, which may be asked and told of `changes`.
    pub(super) fn of_one(shared: Arc<Shared>, changes: Option<Changes>) -> Handler {
        Handler {
            shared,
            changes,
            answers: Some(Answers::default()),
        }
    }

    /// For requests of any clients.
    pub(super) fn of_all(shared: Arc<Shared>, changes: Option<Changes>) -> Handler {
        Handler {
            shared,
            changes,
            answers: None,
        }
    }

    async fn list(&self, by: &By, after: Option<&str>) -> ListToolsResult {
        tools::page(&self.shared.seen_by(by.caller.as_ref()), after)
    }

    async fn call(
        &self,
        tool: &str,
        by: &By,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let named = tools::find(&self.shared.seen_by(by.caller.as_ref()), tool);
        let named = named.ok_or_else(|| tools::missing(tool))?;
        let function = named.function().ok_or_else(|| tools::missing(tool))?;
        let head = context.extensions.get::<Parts>();
        let of_head = head.and_then(|head| head.extensions.get::<Arguments>());
        let arguments = of_head.or_else(|| context.extensions.get::<Arguments>());
        let done = match arguments.cloned() {
            Some(text) => {
                let most = request::most(&self.shared.bounds, named.provider.limits().host_data);
                match text.len() as u64 > most {
                    true => Err(request::too_large(&self.shared, most)),
                    false => {
                        let answers = self.answers.as_ref();
                        let approver = answers.and_then(|it| elicit::approver(&context.peer, it));
                        let mut place =
                            Place::of(self.shared.elsewhere.as_deref(), &named.provider);
                        if let Some(approver) = approver {
                            place = place.approver(approver);
                        }
                        let fuel = named.provider.limits().fuel;
                        paid(by.ticket.as_ref(), place, fuel, function, text).await
                    }
                }
            }
            // Every way in takes them out of the message.
            None => Err(Problem::internal()),
        };
        let result = done.and_then(|report| result::of_report(&report));
        result.or_else(|problem| result::of_problem(&problem))
    }
}

/// A call that the caller pays for.
async fn paid(
    ticket: Option<&Arc<Ticket>>,
    place: Place<'_>,
    fuel: u64,
    function: &Function,
    text: Arguments,
) -> Result<Done, Problem> {
    if let Some(ticket) = ticket {
        let reserved = ticket.reserve(fuel, Instant::now());
        reserved.map_err(|why| Problem::quota(&why))?;
    }
    let read = request::bare_arguments;
    call::report(ticket.map(Arc::as_ref), place, function, text, read).await
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let mut capabilities = ServerCapabilities::builder().enable_tools().build();
        if let Some(tools) = &mut capabilities.tools {
            tools.list_changed = self.changes.as_ref().map(|_| true);
        }
        let version = env!("CARGO_PKG_VERSION");
        ServerConfig::new(capabilities).with_server_info(Implementation::new("tollgate", version))
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let by = By::of(&context);
        let after = request.and_then(|request| request.cursor);
        let page = caught(self.list(&by, after.as_deref())).await;
        page.ok_or_else(panicked)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let by = By::of(&context);
        let origin = by.origin.clone();
        let done = tokio::select! {
            biased;
            () = context.ct.cancelled() => {
                return Err(ErrorData::internal_error("the request was cancelled", None));
            }
            done = caught(ORIGIN.scope(origin, self.call(&request.name, &by, &context))) => done,
            () = progress(&context) => None,
        };
        done.ok_or_else(panicked)?.map(CallToolResponse::from)
    }

    fn accepted_subscription_filter(&self, _: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        let filter = SubscriptionFilter::builder().tools_list_changed().build();
        self.changes.as_ref().map(|_| filter)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let Some(changes) = &self.changes else {
            return Ok(());
        };
        let by = By::of(context.request_context());
        let caller = by.caller.as_ref().map(|caller| &caller.name);
        let mut listener = changes.listener(caller).ok_or_else(|| busy(FULL))?;
        loop {
            tokio::select! {
                () = context.cancelled() => return Ok(()),
                changed = listener.changed() => {
                    if !changed || context.sink().notify_tool_list_changed().await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }
}

fn panicked() -> ErrorData {
    ErrorData::internal_error(Problem::internal().detail().to_owned(), None)
}

/// Tells a client that asked for it of the seconds that its call has run. It never ends.
async fn progress(context: &RequestContext<RoleServer>) {
    if let Some(token) = context.meta.get_progress_token() {
        let mut seconds = 0.0;
        loop {
            sleep(STEP).await;
            seconds += 1.0;
            let told = ProgressNotificationParam::new(token.clone(), seconds);
            if context.peer.notify_progress(told).await.is_err() {
                break;
            }
        }
    }
    std::future::pending().await
}
