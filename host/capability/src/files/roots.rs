//! The folders that a policy grants.

use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use tollgate_policy::Policy;

use super::covered;
use crate::error::GrantError;

/// The granted folders, opened once when a provider is loaded: a folder that is renamed or replaced afterwards stays
/// the one that the operator granted.
#[derive(Clone)]
pub(crate) struct Roots(pub(crate) Vec<Arc<Dir>>);

impl Roots {
    /// Opens every folder that `policy` grants, if none of them covers a protected file.
    pub(crate) fn open(policy: &Policy) -> Result<Roots, GrantError> {
        let open = |grant: &tollgate_policy::FileGrant| {
            Dir::open_ambient_dir(&grant.path, ambient_authority())
                .map(Arc::new)
                .map_err(|error| GrantError::Root {
                    root: grant.root.clone(),
                    path: grant.path.clone(),
                    error,
                })
        };
        let files = policy.grants.files.iter();
        let roots = files.map(open).collect::<Result<_, _>>().map(Roots)?;
        covered::reject(policy)?;
        Ok(roots)
    }
}
