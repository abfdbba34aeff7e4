//! The interfaces that this host serves: one table that the verdict, the linker and the guide read.

use std::collections::BTreeSet;

use tollgate_policy::Capability;

/// The versions of `tollgate:provider` that this host serves side by side, oldest first.
pub const PROVIDER_VERSIONS: &[&str] = &["0.1.0", "0.2.0"];

/// The version of WASI that this host serves: the one of wasmtime-wasi 48.
const WASI: &[&str] = &["0.2.12"];

/// One interface that this host serves.
#[derive(Debug)]
pub struct Served {
    /// Its name without a version, such as `tollgate:provider/log`.
    pub interface: &'static str,
    /// The versions that are served side by side, oldest first.
    pub versions: &'static [&'static str],
    /// The capability that a policy grants it by.
    pub capability: Capability,
}

const fn row(
    interface: &'static str,
    versions: &'static [&'static str],
    capability: Capability,
) -> Served {
    Served {
        interface,
        versions,
        capability,
    }
}

/// Every interface that this host serves, sorted by name. To serve another one, add its row here and its function in
/// the `interface` folder of the runtime, which has a test that the two agree.
#[rustfmt::skip]
pub static SERVED: &[Served] = &[
    row("tollgate:provider/config", PROVIDER_VERSIONS, Capability::Config),
    row("tollgate:provider/files", PROVIDER_VERSIONS, Capability::Files),
    row("tollgate:provider/hash", PROVIDER_VERSIONS, Capability::Hash),
    row("tollgate:provider/http", PROVIDER_VERSIONS, Capability::Http),
    row("tollgate:provider/log", PROVIDER_VERSIONS, Capability::Log),
    row("tollgate:provider/store", PROVIDER_VERSIONS, Capability::Store),
    row("tollgate:provider/types", PROVIDER_VERSIONS, Capability::Types),
    row("wasi:cli/environment", WASI, Capability::Wasi),
    row("wasi:cli/exit", WASI, Capability::Wasi),
    row("wasi:cli/stderr", WASI, Capability::Wasi),
    row("wasi:cli/stdin", WASI, Capability::Wasi),
    row("wasi:cli/stdout", WASI, Capability::Wasi),
    row("wasi:cli/terminal-input", WASI, Capability::Wasi),
    row("wasi:cli/terminal-output", WASI, Capability::Wasi),
    row("wasi:cli/terminal-stderr", WASI, Capability::Wasi),
    row("wasi:cli/terminal-stdin", WASI, Capability::Wasi),
    row("wasi:cli/terminal-stdout", WASI, Capability::Wasi),
    row("wasi:clocks/monotonic-clock", WASI, Capability::Wasi),
    row("wasi:clocks/wall-clock", WASI, Capability::Wasi),
    // A release candidate and a draft, which may change in any way: these versions and no others.
    row("wasi:config/store", &["0.2.0-rc.1"], Capability::Config),
    row("wasi:filesystem/preopens", WASI, Capability::Wasi),
    row("wasi:filesystem/types", WASI, Capability::Wasi),
    row("wasi:http/outgoing-handler", WASI, Capability::Wasi),
    row("wasi:http/types", WASI, Capability::Wasi),
    row("wasi:io/error", WASI, Capability::Wasi),
    row("wasi:io/poll", WASI, Capability::Wasi),
    row("wasi:io/streams", WASI, Capability::Wasi),
    row("wasi:keyvalue/store", &["0.2.0-draft"], Capability::Store),
    row("wasi:random/insecure", WASI, Capability::Wasi),
    row("wasi:random/insecure-seed", WASI, Capability::Wasi),
    row("wasi:random/random", WASI, Capability::Wasi),
    row("wasi:sockets/instance-network", WASI, Capability::Wasi),
    row("wasi:sockets/ip-name-lookup", WASI, Capability::Wasi),
    row("wasi:sockets/network", WASI, Capability::Wasi),
    row("wasi:sockets/tcp", WASI, Capability::Wasi),
    row("wasi:sockets/tcp-create-socket", WASI, Capability::Wasi),
    row("wasi:sockets/udp", WASI, Capability::Wasi),
    row("wasi:sockets/udp-create-socket", WASI, Capability::Wasi),
];

/// The row of the interface of this name, without its version.
pub fn served(base: &str) -> Option<&'static Served> {
    let at = SERVED.binary_search_by_key(&base, |row| row.interface);
    SERVED.get(at.ok()?)
}

/// The capability that an import needs in any of its versions, or `None` for an interface that this host does not have.
/// `own` are the full names of the embedding program's interfaces.
pub(crate) fn capability(import: &str, own: &BTreeSet<String>) -> Option<Capability> {
    match served(split_version(import).0) {
        Some(row) => Some(row.capability.clone()),
        // A policy cannot grant an interface of these namespaces by its name.
        None if import.starts_with("tollgate:") || import.starts_with("wasi:") => None,
        None => own
            .contains(import)
            .then(|| Capability::Interface(import.to_owned())),
    }
}

/// The version of WASI that an import is of, if this host serves none like it: `0.3` of `wasi:clocks/system-clock@0.3.0`.
pub(crate) fn wasi_that_is_not_served(import: &str) -> Option<&'static str> {
    let (base, version) = split_version(import);
    let is_it = base.starts_with("wasi:") && version.is_some_and(|it| it.starts_with("0.3."));
    is_it.then_some("0.3")
}

/// `ns:pkg/iface@1.2.3` to its name and its version.
pub fn split_version(name: &str) -> (&str, Option<&str>) {
    match name.split_once('@') {
        Some((base, version)) => (base, Some(version)),
        None => (name, None),
    }
}

/// The part of a version that the engine finds an export by: another version on the same track is as good.
#[cfg(feature = "wit")]
pub(crate) fn track(version: Option<&str>) -> Option<String> {
    let version = version?;
    let Ok(parsed) = semver::Version::parse(version) else {
        return Some(version.to_owned());
    };
    Some(match (parsed.major, parsed.minor, parsed.pre.is_empty()) {
        (_, _, false) | (0, 0, _) => version.to_owned(),
        (0, minor, _) => format!("0.{minor}"),
        (major, _, _) => major.to_string(),
    })
}

#[cfg(test)]
mod reference;

#[cfg(test)]
mod tests {
    use super::*;

    /// A search by halves finds nothing in a table that is not sorted.
    #[test]
    fn the_table_is_sorted_and_each_row_is_found() {
        assert!(SERVED.is_sorted_by_key(|row| row.interface));
        for row in SERVED {
            let found = served(row.interface).map(|found| found.interface);
            assert_eq!(found, Some(row.interface));
        }
    }

    #[test]
    fn an_import_has_the_capability_of_its_interface_whatever_its_version() {
        let clock = "acme:clock/sleep@0.1.0";
        let own = [clock, "wasi:cli/exit", "wasi:cli/own", "tollgate:own/own"];
        let own = own.map(str::to_owned).into();
        for (import, expected) in [
            ("tollgate:provider/types@0.1.0", Some(Capability::Types)),
            ("tollgate:provider/store@9.9.9", Some(Capability::Store)),
            ("tollgate:provider/log", Some(Capability::Log)),
            ("wasi:cli/environment@0.2.3", Some(Capability::Wasi)),
            ("wasi:keyvalue/store@0.2.0-draft", Some(Capability::Store)),
            ("wasi:config/store@0.2.0-rc.1", Some(Capability::Config)),
            (clock, Some(Capability::Interface(clock.to_owned()))),
            // An interface of the embedder's has one version, and no name of ours.
            ("acme:clock/sleep@0.2.0", None),
            ("wasi:cli/exit", Some(Capability::Wasi)),
            ("wasi:cli/own", None),
            ("tollgate:own/own", None),
            ("wasi:keyvalue/atomics@0.2.0-draft", None),
            ("tollgate:provider/other@0.1.0", None),
            ("tollgate:releases/types@0.1.0", None),
            ("Tollgate:provider/log@0.1.0", None),
            ("log", None),
            ("", None),
        ] {
            assert_eq!(capability(import, &own), expected, "{import}");
        }
    }
}
