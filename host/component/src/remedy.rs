//! Remedies: the changes by which an operator lets a refused component or a stopped call pass.

use tollgate_policy::Capability;

/// The one change that lets a refused component or a stopped call pass.
///
/// The messages of this crate describe it in terms of the policy file. A program that offers another way, such as a
/// flag or a form, chooses it by this value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Raise the limit of this name, a key below `[limits]`; see [`Limits::KEYS`](tollgate_policy::Limits::KEYS).
    RaiseLimit(&'static str),
    /// Grant the capability, as [`Capability::policy_line`] does.
    Grant(Capability),
    /// Add the signer's public key to `trust.keys`.
    TrustKey,
    /// Sign the component, or have it signed by its author.
    Sign,
    /// Pin the component in the lock file.
    Pin,
    /// Call another function: [`Source::wit`](crate::Source::wit) shows those that the component exports.
    CallAnExport,
}
