//! One file for each interface a guest may import: the only places where a grant becomes an act.
//!
//! Each host function reads the same: charge the meter, decide, note the decision, act.

pub(crate) mod config;
pub(crate) mod files;
pub(crate) mod hash;
pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod store;
pub(crate) mod types;
pub(crate) mod wasi;

use std::sync::Arc;

use tollgate_policy::Grants;
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::tollgate::provider;
use crate::state::HostState;

/// Adds an interface of the embedder's own to a linker.
pub(crate) type AddToLinker =
    Arc<dyn Fn(&mut Linker<HostState>) -> wasmtime::Result<()> + Send + Sync>;

/// Links what is granted; what is not granted is not there to be called.
pub(crate) fn link(
    linker: &mut Linker<HostState>,
    grants: &Grants,
    extra: &std::collections::BTreeMap<String, AddToLinker>,
) -> wasmtime::Result<()> {
    if grants.log {
        provider::log::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)?;
    }
    if grants.hash {
        provider::hash::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)?;
    }
    if !grants.http.is_empty() {
        provider::http::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)?;
    }
    if !grants.files.is_empty() {
        provider::files::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)?;
    }
    if grants.config.is_some() {
        provider::config::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)?;
    }
    if grants.store {
        provider::store::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)?;
    }
    if grants.wasi.is_some() {
        wasmtime_wasi::p2::add_to_linker_async(linker)?;
    }
    for (name, add) in extra {
        if grants.interfaces.contains(name) {
            add(linker)?;
        }
    }
    Ok(())
}
