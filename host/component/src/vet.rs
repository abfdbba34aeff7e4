//! The checks that come first, in a fixed order: size, signature, pin, and only then the contents.

use tollgate_policy::Policy;

use crate::identity::{ProviderInfo, Signer};
use crate::inspect::Inspection;
use crate::refusal::Refusal;
use crate::source::{Source, check_size};

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
    /// Checks its size, then its signature and its pin by the policy's `trust`, and only then inspects its bytes.
    /// Loading and judging begin here.
    ///
    /// # Errors
    ///
    /// The first check that fails.
    pub fn vet(&self, policy: &Policy) -> Result<Vetted, Refusal> {
        check_size(self.as_bytes().len(), &policy.limits)?;
        let signer = self.verify(&policy.trust)?;
        if let Some(lock) = &policy.trust.lock {
            self.verify_pin(lock)?;
        }
        let inspection = self.inspect()?;
        Ok(Vetted { inspection, signer })
    }

    /// Checks the size and the signature against another policy, for a component that was vetted before. Its bytes are
    /// hashed and not parsed, so the time that this takes is bounded by `component-size`. The pin is not checked.
    ///
    /// # Errors
    ///
    /// The first check that fails.
    pub fn recheck(&self, policy: &Policy) -> Result<(), Refusal> {
        check_size(self.as_bytes().len(), &policy.limits)?;
        self.verify(&policy.trust)?;
        Ok(())
    }

    /// The identity of the component in reports under a policy. For an untrusted component it holds only facts that
    /// need no parsing.
    pub fn info(&self, policy: &Policy) -> ProviderInfo {
        match self.vet(policy) {
            Ok(vetted) => vetted.info(self),
            Err(_) => ProviderInfo {
                name: self.shared_name(),
                digest: self.digest().to_owned(),
                size: self.as_bytes().len() as u64,
                world: None,
                signer: None,
            },
        }
    }
}

impl Vetted {
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
