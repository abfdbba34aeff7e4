//! The verdict: every import of a component, judged against the grants before anything is compiled.

use std::collections::BTreeSet;

use semver::Version;
use tollgate_policy::Grants;

use crate::inspect::{Import, ItemKind};
use crate::refusal::{ImportVerdict, Judgement, Refusal, RefusalKind};
use crate::served::{capability, served, split_version, wasi_that_is_not_served};

/// The judgement on each import of a component, in the component's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Every import.
    pub imports: Vec<ImportVerdict>,
    /// Why the engine does not compile the component, whatever its imports are.
    pub unsupported: Option<String>,
}

impl Verdict {
    /// Whether the component may be loaded.
    pub fn allows(&self) -> bool {
        let mut imports = self.imports.iter();
        self.unsupported.is_none() && imports.all(|it| it.judgement == Judgement::Granted)
    }

    /// The refusal that lists every import that is not granted, or that of the engine if all are; `None` if the component may
    /// be loaded.
    pub fn refusal(&self) -> Option<Refusal> {
        let against: Vec<ImportVerdict> = self
            .imports
            .iter()
            .filter(|import| import.judgement != Judgement::Granted)
            .cloned()
            .collect();
        if against.is_empty() {
            return self.unsupported.as_deref().map(Refusal::not_compiled);
        }
        // A version that is not served is the better headline only where nothing else is wrong: then
        // rebuilding the component, not changing the policy, is the cure.
        let versions_only = against
            .iter()
            .all(|import| matches!(import.judgement, Judgement::UnsupportedVersion { .. }));
        let (kind, what) = if versions_only {
            (
                RefusalKind::WorldVersion,
                "built for a version this host does not serve",
            )
        } else {
            (RefusalKind::Imports, "not granted")
        };
        let count = against.len();
        let noun = if count == 1 { "import" } else { "imports" };
        Some(Refusal {
            kind,
            message: format!("{count} {noun} {what}:"),
            imports: against,
            signature: None,
            remedy: None,
        })
    }
}

/// Judges every import. `extra` are the interfaces that the embedding program itself offers.
pub fn judge(imports: &[Import], grants: &Grants, extra: &BTreeSet<String>) -> Verdict {
    let imports = imports
        .iter()
        .map(|import| ImportVerdict {
            name: import.name.clone(),
            judgement: judge_one(import, grants, extra),
        })
        .collect();
    Verdict {
        imports,
        unsupported: None,
    }
}

fn judge_one(import: &Import, grants: &Grants, extra: &BTreeSet<String>) -> Judgement {
    match import.kind {
        ItemKind::Instance => {}
        // A type that merely names another one brings nothing with it.
        ItemKind::Type => return Judgement::Granted,
        kind => {
            return Judgement::Unknown {
                note: Some(format!(
                    "this host offers whole interfaces, and this is a bare {}",
                    kind.label()
                )),
            };
        }
    }
    if let Some(version) = wasi_that_is_not_served(&import.name) {
        return Judgement::Unknown {
            note: Some(format!(
                "this host does not serve WASI {version}; build the component for WASI 0.2"
            )),
        };
    }
    let Some(capability) = capability(&import.name, extra) else {
        // A domain's shared types arrive as an interface without functions: nothing to grant.
        return if import.types_only {
            Judgement::Granted
        } else {
            Judgement::Unknown { note: None }
        };
    };
    let (base, version) = split_version(&import.name);
    if let Some(row) = served(base)
        && !row.versions.iter().any(|have| serves(have, version))
    {
        return Judgement::UnsupportedVersion { have: row.versions };
    }
    if capability.granted_by(grants) {
        Judgement::Granted
    } else {
        Judgement::Denied {
            line: capability.policy_line(),
            capability,
        }
    }
}

/// Whether a host at version `have` serves a component built for `want`: the same semver track, and
/// nothing newer than what the host has.
fn serves(have: &str, want: Option<&str>) -> bool {
    let (Ok(have), Some(Ok(want))) = (Version::parse(have), want.map(Version::parse)) else {
        return false;
    };
    // A version that is not released may change in any way from one to the next.
    if !have.pre.is_empty() {
        return want == have;
    }
    let same_track = if have.major > 0 {
        have.major == want.major
    } else {
        want.major == 0 && have.minor == want.minor
    };
    same_track && want.pre.is_empty() && want <= have
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_on_the_same_track_and_not_newer_are_served() {
        for (have, want, ok) in [
            ("0.1.0", Some("0.1.0"), true),
            ("0.1.0", Some("0.1.1"), false),
            ("0.1.0", Some("0.2.0"), false),
            ("0.2.12", Some("0.2.3"), true),
            ("0.2.12", Some("0.2.13"), false),
            ("0.2.12", Some("0.3.0"), false),
            ("0.2.12", Some("1.2.0"), false),
            ("1.4.0", Some("1.0.0"), true),
            ("1.4.0", Some("2.0.0"), false),
            ("0.1.0", Some("0.1.0-rc.1"), false),
            ("0.2.0-draft", Some("0.2.0-draft"), true),
            ("0.2.0-draft", Some("0.2.0-draft2"), false),
            ("0.2.0-draft", Some("0.2.0"), false),
            ("0.2.0-draft", Some("0.2.0-draft+1"), false),
            ("0.2.0-rc.1", Some("0.2.0-rc.1"), true),
            ("0.2.0-rc.1", Some("0.2.0-rc.0"), false),
            ("0.2.0-rc.1", Some("0.2.0-draft"), false),
            ("0.2.0-rc.1", None, false),
            ("0.1.0", None, false),
            ("0.1.0", Some("junk"), false),
        ] {
            assert_eq!(serves(have, want), ok, "{have} serves {want:?}");
        }
    }
}
