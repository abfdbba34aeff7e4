//! The policy: limits, grants and trust together.

use crate::error::ValueError;
use crate::grants::Grants;
use crate::limits::Limits;
use crate::trust::Trust;

/// What a provider may use up and reach, and who must have signed it.
///
/// The default is the default limits, no grant, and no signature. A policy that was read is valid; one that was put
/// together in code is as valid as [`Policy::check`] says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What one call may use up.
    pub limits: Limits,
    /// What may be reached.
    pub grants: Grants,
    /// Who must have signed it.
    pub trust: Trust,
}

impl Policy {
    /// Whether every rule of the file holds, for a policy that was put together in code.
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
