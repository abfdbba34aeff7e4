//! The verdict: every import of a component, judged against the grants before anything is compiled.

use std::collections::BTreeSet;

use semver::Version;
use tollgate_policy::{Grants, decide};

use crate::inspect::{Import, ItemKind, Objections};
use crate::refusal::{ImportVerdict, Judgement, Refusal, RefusalKind};
use crate::served::{SERVED, capability, served, split_version, wasi_that_is_not_served};

/// The judgement on each import of a component, in the component's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Every import.
    pub imports: Vec<ImportVerdict>,
    /// The reason why the engine does not compile the component, independent of its imports.
    pub unsupported: Option<String>,
}

impl Verdict {
    /// Whether the component may be loaded.
    pub fn allows(&self) -> bool {
        let mut imports = self.imports.iter();
        self.unsupported.is_none() && imports.all(|it| it.judgement.allows())
    }

    /// The names of the imports that are linked as stubs.
    pub fn stubs(&self) -> BTreeSet<&str> {
        let imports = self.imports.iter();
        let stubbed = imports.filter(|import| import.judgement == Judgement::Stubbed);
        stubbed.map(|import| import.name.as_str()).collect()
    }

    /// The same with the objections of the engine. An import of another type than this host's is unknown to this host,
    /// under any grant.
    #[must_use]
    pub fn with_objections(mut self, objections: &Objections) -> Verdict {
        self.unsupported.clone_from(&objections.unsupported);
        for import in &mut self.imports {
            if let Some(mistyped) = &objections.mistyped
                && import.judgement == Judgement::Granted
                && import.name == mistyped.import
            {
                let note = format!(
                    "it has another type than this host's: {}; build the component with the WIT of this host",
                    mistyped.why
                );
                import.judgement = Judgement::Unknown { note: Some(note) };
            }
        }
        self
    }

    /// The refusal that lists every import that is not granted, or that of the engine if all are; `None` if the component may
    /// be loaded.
    pub fn refusal(&self) -> Option<Refusal> {
        let against: Vec<ImportVerdict> = self
            .imports
            .iter()
            .filter(|import| !import.judgement.allows())
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

/// An interface that the host does not give is a stub if the policy says so. Another version of an interface that the host serves is
/// refused all the same: the linker would take it for the one that is served.
fn judge_one(import: &Import, grants: &Grants, extra: &BTreeSet<String>) -> Judgement {
    match judge_given(import, grants, extra) {
        Judgement::Denied { .. } | Judgement::Unknown { .. }
            if import.kind == ItemKind::Instance && decide::stub(grants, &import.name) =>
        {
            Judgement::Stubbed
        }
        judgement => judgement,
    }
}

fn judge_given(import: &Import, grants: &Grants, extra: &BTreeSet<String>) -> Judgement {
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
            let near = near(&import.name, extra);
            Judgement::Unknown {
                note: near
                    .map(|near| format!("this host has no such interface; did you mean `{near}`?")),
            }
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

/// The interface of this host that an unknown import probably means: another version of an interface of the embedding
/// program, which is granted by its exact name, or a name with a few other letters.
fn near<'n>(name: &str, extra: &'n BTreeSet<String>) -> Option<&'n str> {
    // The distance costs the product of the lengths, and no interface of a program has so long a name.
    if name.len() > MAX_COMPARED {
        return None;
    }
    let (base, _) = split_version(name);
    let offered = SERVED.iter().map(|row| row.interface);
    let offered = offered.chain(extra.iter().map(String::as_str));
    let distances = offered.map(|it| (strsim::levenshtein(base, split_version(it).0), it));
    let (edits, best) = distances.min_by_key(|(edits, _)| *edits)?;
    (edits <= 2).then_some(best)
}

/// The longest name of an import, in bytes, that is compared with those of the host.
const MAX_COMPARED: usize = 100;

/// Whether a host at version `have` serves a component built for `want`: the same semver track, and
/// nothing newer than the host's version.
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

    /// A name of the host's length is compared, and a longer one costs nothing.
    #[test]
    fn names_of_any_length_are_compared_up_to_a_bound() {
        let offered = |length: usize| format!("acme:report/{}", "x".repeat(length - 12));
        let told = |length: usize| {
            let extra = BTreeSet::from([offered(length)]);
            let import = offered(length).replacen("xx", "xy", 1);
            near(&import, &extra).map(str::len)
        };
        assert_eq!(told(MAX_COMPARED), Some(MAX_COMPARED));
        assert_eq!(told(MAX_COMPARED + 1), None);
    }

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
