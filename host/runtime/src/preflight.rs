//! The check of a policy alone: the errors of a load under it that no component changes.

use tollgate_policy::Policy;

use crate::error::LoadError;
use crate::interface::read_parameters;
use crate::runtime::Runtime;

impl Runtime {
    /// Examines the needs of `policy` on this program and on this machine: folders, credentials and the file of the
    /// store exist and can be opened, and the program supports the rest. The list is empty if a load fails for none of
    /// these reasons.
    ///
    /// Nothing is made, changed or kept open. The file of a store is not opened as a store, so a damaged one is not noticed,
    /// and a later load may find another machine. A policy that breaks a rule of [`Policy::check`] is not examined further.
    ///
    /// ```
    /// use tollgate::{Policy, Runtime};
    /// use tollgate::policy::{Access, FileGrant};
    ///
    /// let mut policy = Policy::default();
    /// policy.grants.files.push(FileGrant::new("data", "/no/such/folder", Access::Read));
    /// let found = Runtime::new().preflight(&policy);
    /// assert!(found[0].to_string().starts_with("the policy grants `data`, but /no/such/folder: "));
    /// ```
    pub fn preflight(&self, policy: &Policy) -> Vec<LoadError> {
        if let Err(error) = policy.check() {
            return vec![error.into()];
        }
        let mut opened = policy.clone();
        opened.protected.extend_from_slice(&self.inner.protected);
        let unsupported = self.inner.supports(policy).err().map(LoadError::from);
        let parameters = read_parameters(&policy.grants, &self.inner.host.interfaces);
        let parameters = parameters.err().map(LoadError::from);
        let host = &self.inner.host;
        let program = host.isolating.program(&host.code_loader.compiler, policy);
        let isolated = program.err().map(LoadError::from);
        let grants = tollgate_capability::preflight(&opened);
        let grants = grants.into_iter().map(LoadError::from);
        unsupported
            .into_iter()
            .chain(parameters)
            .chain(isolated)
            .chain(grants)
            .collect()
    }
}
