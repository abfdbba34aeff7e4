//! WASI 0.2: every interface is linked, with the resources that the policy names behind it. Sockets never have any.
//!
//! Files, clocks, random numbers and the way out to the network are ours; the rest is wasmtime's, limited to the grants
//! of the policy. `wasi:http` is linked with the rest: without an HTTP grant, each request is denied.

mod cli;
mod clocks;
mod descriptor_access;
mod descriptor_prices;
mod descriptor_table;
mod descriptors;
mod door;
mod http;
mod http_body;
mod http_download;
mod http_fields;
mod http_incoming;
mod http_server;
mod http_types;
mod io;
mod link;
mod look_up;
mod pipe;
mod random;
mod stdin;
mod stdio;
mod streams;
mod terminal;

use std::sync::Arc;

use tollgate_capability::http::HttpClient;
use tollgate_capability::{Granted, HostMemory};
use tollgate_policy::{Clocks, Limits, Streams};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView};

use crate::call::context::CallContext;
use clocks::{Alarms, FixedWallClock, SteppedClock};
pub(crate) use door::Refused;
use http::HttpHooks;
pub use http_body::{Incomplete, ResponseBody};
use http_server::ResponseBodies;
pub(crate) use http_server::{Answered, Exchange, Written, text_of};
pub(crate) use link::link;
use pipe::Output;
pub use pipe::inherited_output;
use random::Sources;
pub use stdin::Stdin;
pub(crate) use stdin::{HeldSlot, Piece, Reader, read_on_thread};
pub(crate) use stdio::Capture;

/// The audit name of the grants of WASI itself.
const NAME: &str = "wasi";

/// The inputs of a WASI command. Each is an explicit choice of the caller; nothing is inherited.
#[derive(Debug, Default)]
pub struct CommandInput {
    /// The arguments, starting with the program's name. Those that the policy grants are put between the name and the
    /// rest.
    pub args: Vec<String>,
    /// Standard input.
    pub stdin: Stdin,
}

/// The WASI side of a store. The context is made when the first WASI function is called: a provider that imports none
/// never pays for it.
pub(crate) struct Wasi {
    input: CommandInput,
    pub(crate) stdout: Capture,
    pub(crate) stderr: Capture,
    granted: Arc<Granted>,
    /// The monotonic clock of a store without the host's clock.
    ticks: Option<SteppedClock>,
    alarms: Alarms,
    context: Option<Box<WasiCtx>>,
    /// Bytes of standard input that are not counted yet as memory that the host holds.
    stdin_bytes: u64,
    /// Made when the first number is asked for.
    random: Option<Box<Sources>>,
    http: WasiHttpCtx,
    /// Made when the first function of `wasi:http` is called.
    http_hooks: Option<HttpHooks>,
    /// The responses that the guest makes.
    response_bodies: ResponseBodies,
}

impl Wasi {
    pub(crate) fn new(granted: Arc<Granted>) -> Wasi {
        let settings = &granted.wasi;
        let ticks = match settings.grant.clocks {
            Clocks::Real => None,
            Clocks::Fixed(_) => Some(SteppedClock::default()),
        };
        let inherit = settings.grant.stdio == Streams::Inherit;
        let output = |to| Capture::new(inherit.then_some(to));
        Wasi {
            input: CommandInput::default(),
            stdout: output(Output::Stdout),
            stderr: output(Output::Stderr),
            granted,
            ticks,
            alarms: Alarms::default(),
            context: None,
            random: None,
            stdin_bytes: 0,
            http: http::context(),
            http_hooks: None,
            response_bodies: ResponseBodies::default(),
        }
    }

    /// Takes the input of a command, whose output is its result.
    pub(crate) fn begin_command(&mut self, input: CommandInput) {
        self.input = input;
        self.stdout.is_result();
        self.stderr.is_result();
    }

    /// The context of `wasi:http`, and the hooks by which `client` sends its requests.
    pub(crate) fn http(&mut self, client: &HttpClient) -> (&mut WasiHttpCtx, &mut HttpHooks) {
        let hooks = || HttpHooks::new(client.clone(), self.ticks.clone());
        let hooks = self.http_hooks.get_or_insert_with(hooks);
        (&mut self.http, hooks)
    }

    pub(crate) fn context(&mut self) -> &mut WasiCtx {
        self.context.get_or_insert_default()
    }

    /// Whether the guest may see the host's clock, in any interface.
    fn shows_time(&self) -> bool {
        self.ticks.is_none()
    }

    fn make(&mut self, limits: &Limits, memory: &HostMemory, slot: Option<HeldSlot>) -> WasiCtx {
        self.stdout.set_cap(limits.stdio, memory);
        self.stderr.set_cap(limits.stdio, memory);
        self.stdin_bytes = self.input.stdin.held();
        let grant = &self.granted.wasi.grant;
        let mut builder = WasiCtxBuilder::new();
        let (name, rest) = match self.input.args.split_first() {
            Some((name, rest)) => (Some(name), rest),
            None => (None, [].as_slice()),
        };
        if name.is_some() || !grant.args.is_empty() {
            builder.arg(name.map_or("", String::as_str));
        }
        builder
            .args(&grant.args)
            .args(rest)
            .envs(&self.granted.wasi.env)
            .stdin(std::mem::take(&mut self.input.stdin).stream(slot))
            .stdout(self.stdout.clone())
            .stderr(self.stderr.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        if let Clocks::Fixed(seconds) = grant.clocks {
            builder.wall_clock(FixedWallClock(seconds));
        }
        if let Some(ticks) = &self.ticks {
            builder.monotonic_clock(ticks.clone());
        }
        builder.build()
    }
}

impl CallContext {
    /// Makes the context unless it exists.
    pub(crate) fn make_wasi(&mut self) {
        if self.wasi.context.is_none() {
            self.audit_start();
            let meter = &self.call.meter;
            let slot = self.call.jobs.slot();
            let made = self.wasi.make(&meter.limits, &meter.host_memory, slot);
            self.wasi.context = Some(Box::new(made));
        }
    }

    /// The state of `wasi:http`.
    pub(crate) fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (ctx, hooks) = self.wasi.http(&self.call.http);
        WasiHttpCtxView {
            ctx,
            table: &mut self.table,
            hooks,
        }
    }

    /// Notes the number of granted arguments and the names of variables. A value may be a secret, and is not noted.
    fn audit_start(&self) {
        let settings = &self.wasi.granted.wasi;
        // The function that made it goes back with a fault, and no guest has seen them.
        let meter = &self.call.meter;
        if meter.host_calls > meter.limits.host_calls {
            return;
        }
        if !settings.grant.args.is_empty() {
            self.call
                .allowed(NAME, &format!("{} arguments", settings.grant.args.len()));
        }
        for (name, _) in &settings.env {
            self.call.allowed(NAME, &format!("variable {name}"));
        }
    }
}
