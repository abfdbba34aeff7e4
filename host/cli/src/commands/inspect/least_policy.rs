//! The least policy under which a component loads, as TOML with examples to edit.

use tollgate::component::{Inspection, Judgement};
use tollgate::load::{Refusal, RefusalKind};
use tollgate::policy::Grants;
use tollgate::policy::{Access, Capability, FileGrant, HttpGrant, StoreGrant};
use tollgate::{Policy, escape};

use crate::output::status::ExitReason;
use crate::target::Target;

/// The least policy. A needed grant is taken from the command line if it has one; otherwise the policy has an example.
/// A component with an import that no policy can grant is refused.
pub(super) fn to_toml(target: &Target<'_>, inspection: &Inspection) -> Result<String, ExitReason> {
    let given = &target.policy.grants;
    let mut least = Policy {
        limits: target.policy.limits.clone(),
        trust: target.policy.trust.clone(),
        grants: Grants::default(),
        protected: Vec::new(),
    };
    let mut examples = String::new();
    let (mut speaks_http, mut needs_http) = (false, false);
    let mut impossible = Vec::new();
    let stubs = Grants {
        stub: given.stub.clone(),
        ..Grants::default()
    };
    for import in target.runtime.judge(inspection, &stubs).imports {
        speaks_http |= import.name.starts_with("wasi:http/");
        match &import.judgement {
            Judgement::Granted => {}
            Judgement::Stubbed => least.grants.stub.clone_from(&given.stub),
            Judgement::Denied { capability, .. } => {
                needs_http |= *capability == Capability::Http;
                let example = grant(&mut least.grants, given, capability);
                examples.push_str(&example.unwrap_or_default());
            }
            _ => impossible.push(import),
        }
    }
    if !impossible.is_empty() {
        return Err(target.refused(Refusal {
            kind: RefusalKind::Imports,
            message: "no policy can grant these imports:".to_owned(),
            imports: impossible,
            signature: None,
            remedy: None,
        }));
    }
    if speaks_http && !needs_http {
        least.grants.http.clone_from(&given.http);
        if given.http.is_empty() {
            examples.push_str(&commented(&example(
                "Optional: without this, the component loads and each of its requests is denied.",
                http_example(),
            )));
        }
    }
    let name = escape::line(target.source.name());
    let toml = least.to_toml();
    let mut text = format!("# The least policy under which {name} loads.\n");
    match (toml.is_empty(), examples.is_empty()) {
        (true, true) => text.push_str("# It needs no grant; the default limits apply.\n"),
        (false, _) => text.push_str(&format!("\n{toml}")),
        _ => {}
    }
    text.push_str(&examples);
    Ok(text)
}

/// Adds the grant that `capability` needs, as the command line has it. Without one, the result is an example as text,
/// for capabilities that need a value.
fn grant(grants: &mut Grants, given: &Grants, capability: &Capability) -> Option<String> {
    match capability {
        Capability::Types => {}
        Capability::Log => grants.log = true,
        Capability::Hash => grants.hash = true,
        Capability::Store => {
            grants.store = Some(given.store.as_ref().map(kept).unwrap_or_default())
        }
        Capability::Wasi => grants.wasi = Some(given.wasi.clone().unwrap_or_default()),
        Capability::Config => grants.config = Some(given.config.clone().unwrap_or_default()),
        Capability::Interface(name) => {
            let parameters = given.interfaces.get(name).cloned();
            let parameters = parameters.unwrap_or_default();
            _ = grants.interfaces.insert(name.clone(), parameters);
        }
        Capability::Http if given.http.is_empty() => {
            return Some(example(
                "An example: replace the URL with those that the provider fetches.",
                http_example(),
            ));
        }
        Capability::Http => grants.http.clone_from(&given.http),
        Capability::Files if given.files.is_empty() => {
            return Some(example(
                "An example: replace the path with the folder that the provider reads, and the root with the name it uses.",
                Grants {
                    files: vec![FileGrant::new("data", "./data", Access::Read)],
                    ..Grants::default()
                },
            ));
        }
        Capability::Files => grants.files = given.files.iter().map(absolute).collect(),
    }
    None
}

fn http_example() -> Grants {
    Grants {
        http: vec![HttpGrant::new("https://example.com/**")],
        ..Grants::default()
    }
}

/// The same lines, commented out.
fn commented(text: &str) -> String {
    let comment = |line: &str| match line.is_empty() || line.starts_with('#') {
        true => format!("{line}\n"),
        false => format!("# {line}\n"),
    };
    text.lines().map(comment).collect()
}

/// Grants as tables with headers, which can be appended to any policy.
fn example(comment: &str, grants: Grants) -> String {
    let policy = Policy {
        grants,
        ..Policy::default()
    };
    format!("\n# {comment}\n{}", policy.to_toml())
}

/// Makes the path absolute: the policy may be saved in any folder.
fn absolute(grant: &FileGrant) -> FileGrant {
    let path = std::fs::canonicalize(&grant.path).unwrap_or_else(|_| grant.path.clone());
    FileGrant {
        path,
        ..grant.clone()
    }
}

fn kept(grant: &StoreGrant) -> StoreGrant {
    let path = grant.path.as_ref();
    StoreGrant {
        path: path.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone())),
        ..grant.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn whatever_is_needed_is_granted_by_what_is_emitted() {
        let mut least = Policy::default();
        let mut examples = String::new();
        for capability in Capability::KINDS {
            let example = grant(&mut least.grants, &Grants::default(), capability);
            examples.push_str(&example.unwrap_or_default());
        }
        let text = format!("{}{examples}", least.to_toml());
        let policy = Policy::parse(&text, Path::new("")).unwrap();
        for capability in Capability::KINDS {
            assert!(
                capability.granted_by(&policy.grants),
                "{capability:?} by {text}"
            );
        }
    }

    #[test]
    fn what_the_command_line_grants_is_kept() {
        let mut given = Grants::default();
        given
            .add("http=https://a.example/x", Path::new(""))
            .unwrap();
        given.add("log", Path::new("")).unwrap();
        let mut grants = Grants::default();
        assert_eq!(grant(&mut grants, &given, &Capability::Http), None);
        assert_eq!(grants.http, given.http);
        assert!(!grants.log, "granted and not needed");

        given.add("store=ledger:state.redb", Path::new("")).unwrap();
        assert_eq!(grant(&mut grants, &given, &Capability::Store), None);
        let store = grants.store.unwrap();
        let path = store.path.unwrap();
        assert!(path.is_absolute() && path.ends_with("state.redb"));
        assert_eq!(store.namespace.as_deref(), Some("ledger"));
    }
}
