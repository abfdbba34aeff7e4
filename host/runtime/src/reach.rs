//! What the grants of a policy became when a component was loaded under it: open folders, read secrets, the way out.
//!
//! One for all stores of a provider, behind one reference: a store that took each part for itself would move a dozen
//! counters that all threads share, which costs a small call more than the call (docs/performance.md).

use std::sync::Arc;

use tollgate_policy::Grants;

use crate::egress::Egress;
use crate::imports::files::Roots;
use crate::imports::wasi::Setup;
use crate::secrets::Secrets;
use crate::stores::Namespace;

#[derive(Clone)]
pub(crate) struct Reach {
    pub(crate) grants: Grants,
    pub(crate) roots: Roots,
    pub(crate) egress: Arc<Egress>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) wasi: Setup,
    pub(crate) store: Option<Namespace>,
}
