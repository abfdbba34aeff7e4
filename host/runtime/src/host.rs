//! The state that the providers of a runtime share, and the capabilities that a policy gives to a component.
//! `runtime.rs` has its public functions, `builder.rs` makes it, and `load.rs` works with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tollgate_capability::Granted;
use tollgate_policy::Protected;

use crate::call::warmer::Warmer;
use crate::compile::CodeLoader;
use crate::engine::admission::Admission;
use crate::interface::{Own, OwnParameters};
use crate::isolate::{Isolated, Isolating};
use crate::observe::Observed;

/// The state that loading needs.
pub(crate) struct Inner {
    pub(crate) host: Arc<Host>,
    /// The state that the grants of all providers share.
    pub(crate) granted: tollgate_capability::Shared,
    /// The names of the embedder's own interfaces.
    pub(crate) names: BTreeSet<String>,
    pub(crate) inherit_stdio: bool,
    /// Files of the embedder's own that no root may cover.
    pub(crate) protected: Vec<Protected>,
}

/// The state of the runtime that providers and their sessions need.
pub(crate) struct Host {
    pub(crate) admission: Admission,
    pub(crate) code_loader: CodeLoader,
    /// The place of sessions.
    pub(crate) isolating: Isolating,
    /// Interfaces of the embedder's own, by name.
    pub(crate) interfaces: BTreeMap<String, Own>,
    pub(crate) observer: Observed,
    /// Makes instances ahead.
    pub(crate) warmer: Arc<Warmer>,
}

/// The grants that a policy admits a component to, opened.
pub(crate) struct Admitted {
    pub(crate) granted: Granted,
    /// The parameters of the embedder's own interfaces.
    pub(crate) parameters: Arc<OwnParameters>,
    /// The process that its sessions live in, if it is not this one.
    pub(crate) isolated: Option<Isolated>,
}
