//! The policy: limits, grants and trust together.

use crate::error::ValueError;
use crate::grants::{Grants, Protected};
use crate::limits::Limits;
use crate::trust::Trust;

/// The limits and grants of a provider, and the signature that its component must have.
///
/// The default has the default limits, no grant, and requires no signature. A policy that was parsed is valid;
/// [`Policy::check`] checks one that was built in code.
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
    /// The bounds on a call and on loading.
    pub limits: Limits,
    /// The access of the provider.
    pub grants: Grants,
    /// The signature that the component must have.
    pub trust: Trust,
    /// Files of the program that no root of `grants.files` may cover, such as the policy file itself. They are no part of the
    /// policy's text, and are protected beside those that the grants name ([`Grants::protected`]).
    pub protected: Vec<Protected>,
}

impl Policy {
    /// Checks the rules that [`Policy::parse`] checks, for a policy that was built in code.
    ///
    /// # Errors
    ///
    /// For the first broken rule; the message begins with the key.
    pub fn check(&self) -> Result<(), ValueError> {
        self.limits.check()?;
        self.grants.check()?;
        self.grants.reject_covered(&self.protected)?;
        self.trust.check()
    }
}
