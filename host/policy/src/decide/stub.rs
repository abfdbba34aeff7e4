//! The decision on an import that the host does not give: refused, or linked as a stub.

use crate::grants::Grants;
use crate::toml::names::stub_covers;

/// Whether `import`, the full name of an interface that the policy does not grant or that the host does not have, is linked all the
/// same, with functions of which each call is denied and ends the call.
///
/// ```
/// use tollgate_policy::{Grants, decide};
///
/// let grants = Grants { stub: ["acme:telemetry/*".to_owned()].into(), ..Grants::default() };
/// assert!(decide::stub(&grants, "acme:telemetry/metrics@1.0.0"));
/// assert!(!decide::stub(&grants, "acme:telemetry-2/metrics@1.0.0"));
/// ```
pub fn stub(grants: &Grants, import: &str) -> bool {
    grants
        .stub
        .iter()
        .any(|pattern| stub_covers(pattern, import))
}
