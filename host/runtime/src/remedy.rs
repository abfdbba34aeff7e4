//! Remedies: what an operator can change about a refusal or a reached limit.

use tollgate_policy::Capability;

/// What lets a component or a call pass that was stopped.
///
/// The messages of this crate word it in terms of the policy file. A program that offers another way, such as a flag
/// or a form, chooses it by this value.
///
/// ```
/// use tollgate::{Limits, Policy, Remedy, Source, blocking::Runtime};
///
/// let mut policy = Policy::default();
/// policy.trust.require = true;
/// let refused = Runtime::new().load(&Source::bytes("echo", *b"\0asm"), &policy).err().unwrap();
/// assert_eq!(refused.remedy(), Some(&Remedy::TrustKey));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Raise the limit of this name, a key below `[limits]`; see [`Limits::KEYS`](crate::Limits::KEYS).
    RaiseLimit(&'static str),
    /// Grant the capability, as [`Capability::policy_line`] does.
    Grant(Capability),
    /// Add the signer's public key to `trust.keys`.
    TrustKey,
    /// Sign the component, or have it signed by its author.
    Sign,
    /// Pin the component in the lock file.
    Pin,
    /// Call another function: [`wit`](crate::wit) shows those that the component exports.
    CallAnExport,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Fault, FaultKind};
    use tollgate_policy::Limits;

    #[test]
    fn every_limit_that_ends_a_call_is_raised_by_a_key_that_exists() {
        for kind in [
            FaultKind::Fuel(1),
            FaultKind::Deadline(std::time::Duration::ZERO),
            FaultKind::Memory(1),
            FaultKind::Table(1),
            FaultKind::Instances(1),
            FaultKind::Stack(1),
            FaultKind::Output(1),
            FaultKind::HostCalls(1),
            FaultKind::HostData(1),
            FaultKind::Handles(1),
        ] {
            let fault = Fault::new(kind);
            let Some(Remedy::RaiseLimit(name)) = fault.remedy() else {
                panic!("{fault:?}");
            };
            assert!(Limits::KEYS.iter().any(|key| key.name == name), "{name}");
            let text = fault.to_string();
            assert!(
                text.ends_with(&format!("; raise `limits.{name}` in the policy")),
                "{text}"
            );
        }
        assert_eq!(Fault::new(FaultKind::Exit(1)).remedy(), None);
    }
}
