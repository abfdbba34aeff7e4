//! The policy: limits, grants and trust together.

use crate::error::ValueError;
use crate::grants::Grants;
use crate::limits::Limits;
use crate::trust::Trust;

/// What a provider may use up and reach, and which signature its component must have.
///
/// The default has the default limits, no grant, and requires no signature. A policy that was parsed is valid. For one
/// that was built in code, [`Policy::check`] says whether it is.
///
/// ```
/// use tollgate_policy::{Access, FileGrant, Policy};
///
/// let mut policy = Policy::default();
/// policy.limits.set("deadline", "2s")?;
/// policy.grants.files.push(FileGrant::new("data", "/srv/data", Access::Read));
/// policy.check()?;
/// # Ok::<(), tollgate_policy::ValueError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What one call may use up.
    pub limits: Limits,
    /// What may be reached.
    pub grants: Grants,
    /// Which signature the component must have.
    pub trust: Trust,
}

impl Policy {
    /// Checks the rules that [`Policy::parse`] checks, for a policy that was built in code.
    ///
    /// # Errors
    ///
    /// For the first rule that is broken; the message begins with the key.
    pub fn check(&self) -> Result<(), ValueError> {
        self.limits.check()?;
        self.grants.check()?;
        self.trust.check()
    }
}
