//! Refusals of a component before any of its code runs, and the judgement of each import.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tollgate_policy::{Capability, SignatureError};

use crate::escape;
use crate::remedy::Remedy;

/// The refusal of a component before any of its code ran.
#[derive(Debug, Error)]
#[error("{}", self.text())]
pub struct Refusal {
    /// The rule that it breaks.
    pub kind: RefusalKind,
    /// The reason for people, on one line.
    pub message: String,
    /// Every import that is not granted, when `kind` is [`RefusalKind::Imports`] or [`RefusalKind::WorldVersion`].
    pub imports: Vec<ImportVerdict>,
    /// The fault of the signature, when `kind` is [`RefusalKind::Signature`].
    pub signature: Option<SignatureError>,
    /// The one change that lets the component pass, if there is one. Each of `imports` has its own.
    pub remedy: Option<Remedy>,
}

impl Refusal {
    /// A refusal by one rule. `message` is for people and on one line.
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Refusal {
        Refusal {
            kind,
            message: message.into(),
            imports: Vec::new(),
            signature: None,
            remedy: None,
        }
    }

    /// Adds the one change that lets the component pass.
    #[must_use]
    pub fn with_remedy(self, remedy: Remedy) -> Refusal {
        Refusal {
            remedy: Some(remedy),
            ..self
        }
    }

    /// A refusal because of the signature.
    pub fn signature(fault: SignatureError, message: String) -> Refusal {
        Refusal {
            signature: Some(fault),
            ..Refusal::new(RefusalKind::Signature, message)
        }
    }

    /// The refusal of a valid component that the engine does not compile, by the engine's words for it.
    pub fn not_compiled(text: &str) -> Refusal {
        let text = format!("it does not compile: {text}");
        Refusal::new(RefusalKind::Malformed, escape::line(&text))
    }

    fn text(&self) -> String {
        let mut text = self.message.clone();
        for import in &self.imports {
            text.push_str("\n  ");
            text.push_str(&import.to_string());
        }
        text
    }
}

/// The rules by which a component is refused. The set may grow; labels never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RefusalKind {
    /// A core module, text, or another file that is no component.
    NotAComponent,
    /// A component that does not validate, or that the engine does not compile.
    Malformed,
    /// A valid component of a proposal that this host does not allow ([`PROPOSALS`](crate::PROPOSALS)).
    Proposal,
    /// Larger than the policy's `component-size`.
    TooLarge,
    /// It imports an item that the policy does not grant or that this host does not know.
    Imports,
    /// It was built for a version of an interface that this host does not have.
    WorldVersion,
    /// It is not signed as the policy requires.
    Signature,
    /// Its bytes differ from the pinned ones.
    Digest,
    /// It takes more time or memory to compile than is allowed, or has a shape that would.
    CompileLimit,
    /// It lacks the export that is to be called, or has it with another type.
    MissingExport,
}

impl RefusalKind {
    /// The stable name, as in the report.
    pub fn label(self) -> &'static str {
        match self {
            RefusalKind::NotAComponent => "not-a-component",
            RefusalKind::Malformed => "malformed",
            RefusalKind::Proposal => "proposal",
            RefusalKind::TooLarge => "too-large",
            RefusalKind::Imports => "imports",
            RefusalKind::WorldVersion => "world-version",
            RefusalKind::Signature => "signature",
            RefusalKind::Digest => "digest",
            RefusalKind::CompileLimit => "compile-limit",
            RefusalKind::MissingExport => "missing-export",
        }
    }
}

/// The judgement of one import.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Judgement {
    /// The policy grants it, or it holds types only.
    Granted,
    /// The policy does not grant it, and has it linked as a stub: a call of it is denied.
    Stubbed,
    /// This host has it, but the policy does not grant it.
    Denied {
        /// The line of policy that would grant it.
        line: String,
        /// The capability that the line would grant.
        capability: Capability,
    },
    /// This host does not have it.
    Unknown {
        /// The reason, when more is known.
        note: Option<String>,
    },
    /// This host has the interface, but not this version of it.
    UnsupportedVersion {
        /// The versions that this host has.
        have: &'static [&'static str],
    },
}

impl Judgement {
    /// Whether the import does not refuse the component.
    pub fn allows(&self) -> bool {
        matches!(self, Judgement::Granted | Judgement::Stubbed)
    }

    /// The stable name, as in the report.
    pub fn label(&self) -> &'static str {
        match self {
            Judgement::Granted => "granted",
            Judgement::Stubbed => "stubbed",
            Judgement::Denied { .. } => "denied",
            Judgement::Unknown { .. } => "unknown",
            Judgement::UnsupportedVersion { .. } => "unsupported-version",
        }
    }
}

/// One import with its judgement. Displayed on one line, with its remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportVerdict {
    /// The name as the component writes it, version included.
    pub name: String,
    /// Its judgement.
    pub judgement: Judgement,
}

impl ImportVerdict {
    /// The grant that the import needs, when it is denied.
    pub fn remedy(&self) -> Option<Remedy> {
        match &self.judgement {
            Judgement::Denied { capability, .. } => Some(Remedy::Grant(capability.clone())),
            _ => None,
        }
    }
}

impl fmt::Display for ImportVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = escape::line(&self.name);
        match &self.judgement {
            Judgement::Granted => write!(f, "{name}: granted"),
            Judgement::Stubbed => write!(f, "{name}: a stub, of which each call is denied"),
            Judgement::Denied { line, .. } => {
                write!(f, "{name}: denied; add `{line}` to the policy")
            }
            Judgement::Unknown { note: None } => {
                write!(f, "{name}: this host has no such interface")
            }
            Judgement::Unknown { note: Some(note) } => write!(f, "{name}: {note}"),
            Judgement::UnsupportedVersion { have } => {
                let noun = if have.len() == 1 {
                    "version"
                } else {
                    "versions"
                };
                write!(f, "{name}: this host serves {noun} {}", have.join(" and "))
            }
        }
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "used as a function in `map_err`"
)]
pub(crate) fn malformed(error: wasmparser::BinaryReaderError) -> Refusal {
    Refusal::new(
        RefusalKind::Malformed,
        escape::line(&format!("not a valid component: {error}")).into_owned(),
    )
}
