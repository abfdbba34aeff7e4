//! The reports of a component that was refused, and of a host that failed.

use serde::{Deserialize, Serialize};
use tollgate_component::{Judgement, ProviderInfo, Refusal, RefusalKind};
use tollgate_policy::{Limits, SignatureError};

use crate::call::report_fields;
use crate::error::HostError;

/// The report of a component that was refused.
///
/// ```
/// use tollgate::report::{ProviderInfo, RefusedReport};
/// use tollgate::{LoadError, Policy, Source, blocking::Runtime};
///
/// # let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/checksums.wasm"));
/// let policy = Policy::default();
/// let source = Source::file(path, &policy.limits)?;
/// let Err(LoadError::Refused(refusal)) = Runtime::new().load(&source, &policy) else {
///     panic!("nothing is granted");
/// };
/// let report = RefusedReport::new(&source.info(&policy), &refusal, &policy.limits);
/// let json = serde_json::to_string(&report)?;
/// let read: RefusedReport = serde_json::from_str(&json)?;
/// assert_eq!(read, report);
/// assert_eq!(read.refusal.imports[0].verdict, "denied");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RefusedReport {
    /// The component.
    #[serde(with = "report_fields::provider")]
    pub provider: ProviderInfo,
    /// Always `refused`.
    outcome: Refused,
    /// Why it was refused.
    pub refusal: RefusalData,
    /// The limits of the policy.
    #[serde(with = "report_fields::limits")]
    pub limits: Limits,
}

/// A refusal in a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RefusalData {
    /// The rule that refused the component.
    pub kind: RefusalKind,
    /// The message for people, on one line.
    pub message: String,
    /// The mistake of the signature, if the kind is `signature`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<SignatureError>,
    /// The imports that stand in the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<ImportData>,
}

/// The verdict on an import in a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImportData {
    /// The name as the component writes it, version included: escape it before showing it.
    pub name: String,
    /// The label of its judgement, such as `denied`.
    pub verdict: String,
    /// The line of policy that would grant it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// The versions that the host serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub have: Option<String>,
    /// A note with more detail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl RefusedReport {
    /// The report of `refusal`.
    pub fn new(provider: &ProviderInfo, refusal: &Refusal, limits: &Limits) -> RefusedReport {
        let imports = refusal.imports.iter().map(|import| {
            let mut data = ImportData {
                name: import.name.clone(),
                verdict: import.judgement.label().to_owned(),
                grant: None,
                have: None,
                note: None,
            };
            match &import.judgement {
                Judgement::Denied { line, .. } => data.grant = Some(line.clone()),
                Judgement::UnsupportedVersion { have } => data.have = Some(have.join(", ")),
                Judgement::Unknown { note } => data.note.clone_from(note),
                _ => {}
            }
            data
        });
        RefusedReport {
            provider: provider.clone(),
            outcome: Refused::Refused,
            refusal: RefusalData {
                kind: refusal.kind,
                message: refusal.message.clone(),
                reason: refusal.signature,
                imports: imports.collect(),
            },
            limits: limits.clone(),
        }
    }
}

/// The report of a host that failed: an id, without the error itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HostErrorReport {
    /// The component.
    #[serde(with = "report_fields::provider")]
    pub provider: ProviderInfo,
    /// Always `host-error`.
    outcome: Failed,
    /// The failure.
    pub host_error: HostErrorData,
}

/// A failure of the host in a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HostErrorData {
    /// The number under which the log has the error.
    pub id: u64,
    /// A text that says no more than that.
    pub message: String,
}

impl HostErrorReport {
    /// The report of `error`.
    pub fn new(provider: &ProviderInfo, error: &HostError) -> HostErrorReport {
        HostErrorReport {
            provider: provider.clone(),
            outcome: Failed::HostError,
            host_error: HostErrorData {
                id: error.id(),
                message: error.to_string(),
            },
        }
    }
}

// The outcome tells a reader which of the reports it has before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Refused {
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Failed {
    HostError,
}
