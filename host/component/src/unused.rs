//! The grants that no import of a component needs: it could do without them, and so they are better taken back.

use std::collections::BTreeSet;

use tollgate_policy::{Capability, Grants};

use crate::inspect::Import;
use crate::served::{capability, split_version};

/// Every capability of `grants` that none of the imports has a use for. `extra` are the interfaces that the embedding
/// program itself offers.
pub fn unused(imports: &[Import], grants: &Grants, extra: &BTreeSet<String>) -> Vec<Capability> {
    let names = || imports.iter().map(|import| import.name.as_str());
    let needed: BTreeSet<Capability> = names().filter_map(|name| capability(name, extra)).collect();
    let imports_of = |package: &str| names().any(|name| split_version(name).0.starts_with(package));
    let preopens = grants.wasi.as_ref().map(|wasi| &wasi.preopens);
    let is_used = |capability: &Capability| match capability {
        // WASI reaches the same grants by interfaces of its own.
        Capability::Http if imports_of("wasi:http/") => true,
        Capability::Files if imports_of("wasi:filesystem/") => {
            preopens.is_some_and(|preopens| !preopens.is_empty())
        }
        // An interface of another program than this one has its name all the same.
        Capability::Interface(name) => names().any(|import| import == name),
        _ => false,
    };
    let interfaces = grants.interfaces.keys().cloned();
    let all = Capability::KINDS.iter().cloned();
    let all = all.chain(interfaces.map(Capability::Interface));
    let granted = all.filter(|capability| capability.granted_by(grants));
    granted
        .filter(|capability| !needed.contains(capability) && !is_used(capability))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tollgate_policy::Policy;

    use super::*;
    use crate::inspect::ItemKind;

    fn check(imports: &[&str], text: &str) -> Vec<String> {
        let imports: Vec<Import> = imports
            .iter()
            .map(|name| Import {
                name: (*name).to_owned(),
                kind: ItemKind::Instance,
                types_only: false,
            })
            .collect();
        let policy = Policy::parse(text, Path::new("/base")).unwrap();
        let unused = unused(&imports, &policy.grants, &BTreeSet::new());
        unused.iter().map(Capability::short_form).collect()
    }

    #[test]
    fn what_nothing_imports_is_unused() {
        let all = "
            grants.log = true
            grants.hash = true
            grants.store = true
            grants.config = {}
            grants.interfaces = ['acme:clock/sleep@0.1.0']
            grants.http = [{ url = 'https://a.b/' }]
            grants.files = [{ root = 'a', path = 'a', access = 'read' }]
            grants.wasi = { preopens = ['a'] }
        ";
        assert_eq!(check(&[], all).len(), 8);
        assert_eq!(check(&[], ""), [""; 0]);
        let imports = [
            "tollgate:provider/log@0.1.0",
            "tollgate:provider/hash@0.2.0",
            "wasi:keyvalue/store@0.2.0-draft",
            "wasi:config/store@0.2.0-rc.1",
            "acme:clock/sleep@0.1.0",
            "wasi:http/outgoing-handler@0.2.3",
            "wasi:filesystem/types@0.2.3",
        ];
        assert_eq!(check(&imports, all), [""; 0]);
        let without = |taken: &str| {
            let kept = imports.into_iter().filter(|name| !name.contains(taken));
            check(&kept.collect::<Vec<_>>(), all).join(" ")
        };
        assert_eq!(without("/log"), "log");
        assert_eq!(without("/hash"), "hash");
        assert_eq!(without("keyvalue"), "store");
        assert_eq!(without("config"), "config=KEY:VALUE");
        assert_eq!(without("acme"), "interface=acme:clock/sleep@0.1.0");
        assert_eq!(without("wasi:http"), "http=https://example.com/**");
        assert_eq!(without("filesystem"), "files=data:./data");
    }

    #[test]
    fn a_root_that_wasi_does_not_open_is_unused() {
        let text = "
            grants.wasi = 'inert'
            grants.files = [{ root = 'a', path = 'a', access = 'read' }]
        ";
        let imports = ["wasi:filesystem/types@0.2.3"];
        assert_eq!(check(&imports, text), ["files=data:./data"]);
    }
}
