//! Sessions in a process of their provider: the same calls and reports, with the guest, its memory and the engine's code
//! in another process, which a crash ends alone.
//!
//! The host loads, judges, admits, and looks at the clock; the process has the guests and acts by the grants. Neither
//! believes the other's lengths. `process.rs` keeps a process, `listen.rs` hears it, `worker.rs` is the process itself.

#[cfg(target_os = "linux")]
mod call;
#[cfg(target_os = "linux")]
mod frame;
#[cfg(target_os = "linux")]
mod hand_over;
#[cfg(target_os = "linux")]
mod listen;
#[cfg(target_os = "linux")]
mod message;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod send;
#[cfg(target_os = "linux")]
mod table;
#[cfg(target_os = "linux")]
mod values;
#[cfg(target_os = "linux")]
pub(crate) mod worker;

use std::path::PathBuf;

use tollgate_policy::{HttpGrant, Policy, Streams};

#[cfg(target_os = "linux")]
pub(crate) use self::call::{Isolated, Remote};
#[cfg(target_os = "linux")]
pub(crate) use self::process::FLAG;
use crate::compile::compiler::Compiler;
use crate::error::Unsupported;

/// The place of the sessions of providers.
///
/// The engine keeps a guest within its own memory. [`Isolation::Process`] protects the embedder also from mistakes of
/// the engine: a guest that crashes the engine, or breaks out of it, has a process without the embedder's memory, and
/// behind a [wall](crate::wall).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isolation {
    /// In this process, on the thread that calls. A crash of the engine ends this process.
    #[default]
    Thread,
    /// In a process of the provider, which all its sessions share (on Linux). It runs the program of
    /// [`Compiler::Worker`], is started by the first call, and is killed when the provider, its clones and its sessions
    /// are gone. The wall leaves it the granted folders and ports, and no path.
    ///
    /// Calls, reports and errors are the same. The differences are:
    ///
    /// - a process that crashes ends its sessions, with the fault
    ///   [`Crash`](crate::report::FaultKind::Crash); the next session starts another one;
    /// - a call may take a second more than its deadline, where the process does not answer: then it is killed;
    /// - [`Session::call`](crate::Session::call) takes a closure, which cannot cross: it returns
    ///   [`CallError::Isolated`](crate::CallError::Isolated);
    /// - policies with grants that cannot cross are refused when a component is loaded
    ///   ([`Unsupported::Isolated`](crate::error::Unsupported::Isolated)): interfaces of the embedder, a store, the
    ///   output of this process, and HTTP by names where the runtime has a resolver of its own;
    /// - no variable of this process is there: the platform's certificate authorities are found without `SSL_CERT_FILE` and
    ///   `SSL_CERT_DIR`. [`Builder::root_certificate`](crate::Builder::root_certificate) adds to them.
    ///
    /// docs/adr/0015-sessions-in-a-process.md has its price.
    Process,
}

/// The settings with which a runtime starts processes.
#[derive(Clone, Default)]
pub(crate) struct Isolating {
    pub(crate) isolation: Isolation,
    /// The runtime looks names up by itself.
    pub(crate) has_resolver: bool,
    /// Certificate authorities beside the platform's.
    pub(crate) certificates: std::sync::Arc<[Vec<u8>]>,
}

impl Isolating {
    /// The program that the sessions of a provider of this policy live in; `None` if it is this one.
    ///
    /// # Errors
    ///
    /// Something that cannot cross to another process.
    pub(crate) fn program(
        &self,
        compiler: &Compiler,
        policy: &Policy,
    ) -> Result<Option<PathBuf>, Unsupported> {
        if self.isolation == Isolation::Thread {
            return Ok(None);
        }
        let refuse = |what, fix| Err(Unsupported::Isolated { what, fix });
        if cfg!(not(target_os = "linux")) {
            return refuse("a process of the provider's own", "run on Linux");
        }
        let Compiler::Worker { program } = compiler else {
            return refuse(
                "a process of the provider's own without a program to start",
                "build the runtime with `Compiler::Worker`",
            );
        };
        let grants = &policy.grants;
        if grants.store.is_some() {
            return refuse(
                "`grants.store`: one process has a store open",
                "leave it out",
            );
        }
        if !grants.interfaces.is_empty() {
            return refuse(
                "`grants.interfaces`: its functions are in this process",
                "leave it out",
            );
        }
        let stdio = grants.wasi.as_ref().map(|wasi| wasi.stdio);
        if stdio == Some(Streams::Inherit) {
            return refuse(
                "`grants.wasi.stdio` as \"inherit\"",
                "write \"captured\", and take the output from the report",
            );
        }
        if self.has_resolver && grants.http.iter().any(HttpGrant::names_a_host) {
            return refuse(
                "`grants.http` of a host by name: the resolver is in this process",
                "grant its address, or leave out `Builder::resolver`",
            );
        }
        #[cfg(target_os = "linux")]
        if !hand_over::can_cross(grants, &policy.limits) {
            return refuse(
                "a policy that is longer as text than a policy may be",
                "shorten it",
            );
        }
        Ok(Some(program.clone()))
    }
}

/// There are no processes of providers.
#[cfg(not(target_os = "linux"))]
pub(crate) enum Isolated {}

/// There are no sessions in other processes.
#[cfg(not(target_os = "linux"))]
pub(crate) enum Remote {}

#[cfg(not(target_os = "linux"))]
impl Isolated {
    pub(crate) fn new(_: PathBuf, _: std::sync::Arc<[Vec<u8>]>) -> Option<Isolated> {
        None
    }

    pub(crate) fn another(&self) -> Option<Isolated> {
        match *self {}
    }
}
