//! The checks that come first, in a fixed order: size, signature, pin, and only then the contents.

use tollgate_policy::Policy;

use crate::identity::{Identity, ProviderInfo, Signer};
use crate::inspect::Inspection;
use crate::refusal::Refusal;
use crate::source::Source;

/// A valid component that is signed and pinned as the policy requires. Nothing of it is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Vetted {
    /// The result of inspecting its bytes.
    pub inspection: Inspection,
    /// The signer whose signature was verified; `None` when the policy requires no signature.
    pub signer: Option<Signer>,
}

impl Source {
    /// Checks its size, then its signature and its pin by the policy's `trust`. Returns the signer. Its bytes are hashed
    /// and not parsed, so the time that this takes is bounded by `component-size`. Loading and judging begin here.
    ///
    /// # Errors
    ///
    /// The first check that fails.
    pub fn authenticate(&self, policy: &Policy) -> Result<Option<Signer>, Refusal> {
        self.identity_for(policy)?.authenticate(policy)
    }

    /// [Authenticates](Source::authenticate) it and then inspects its bytes, **in this process and without a limit of
    /// time or memory**; see [`Source::inspect`].
    ///
    /// # Errors
    ///
    /// The first check that fails.
    pub fn vet(&self, policy: &Policy) -> Result<Vetted, Refusal> {
        let signer = self.authenticate(policy)?;
        let inspection = self.inspect_within(&policy.limits)?;
        Ok(Vetted { inspection, signer })
    }

    /// Checks the size and the signature against another policy, for a component that was vetted before. Its bytes are
    /// hashed and not parsed, so the time that this takes is bounded by `component-size`. The pin is not checked.
    ///
    /// # Errors
    ///
    /// The first check that fails.
    pub fn recheck(&self, policy: &Policy) -> Result<Option<Signer>, Refusal> {
        self.identity_for(policy)?.recheck(policy)
    }

    /// Its identity with the hashes that a policy asks for. Bytes of a size that the policy allows are hashed, and no others.
    fn identity_for(&self, policy: &Policy) -> Result<&Identity, Refusal> {
        self.identity.check_size(&policy.limits)?;
        let trust = &policy.trust;
        Ok(match trust.requires_signature() {
            true => self.identity(),
            false if trust.lock.is_some() => self.named(),
            false => &self.identity,
        })
    }

    /// The identity of the component in reports under a policy. Nothing is parsed for it: the world is known when the
    /// component was inspected before, and the policy trusts it.
    pub fn info(&self, policy: &Policy) -> ProviderInfo {
        let (world, signer) = match self.authenticate(policy) {
            Ok(signer) => (self.inspected().and_then(Inspection::world), signer),
            Err(_) => (None, None),
        };
        ProviderInfo {
            name: self.shared_name(),
            digest: self.digest().to_owned(),
            size: self.as_bytes().len() as u64,
            world,
            signer,
        }
    }
}

impl Vetted {
    /// The findings in a component that was authenticated, made by this process or by another.
    pub fn new(inspection: Inspection, signer: Option<Signer>) -> Vetted {
        Vetted { inspection, signer }
    }

    /// The identity of the vetted component in reports. `source` is that component.
    pub fn info(&self, source: &Source) -> ProviderInfo {
        ProviderInfo {
            name: source.shared_name(),
            digest: self.inspection.digest.clone(),
            size: self.inspection.size,
            world: self.inspection.world(),
            signer: self.signer.clone(),
        }
    }
}
