//! The interfaces that this host serves, and in which versions.

/// The versions of `tollgate:provider` that this host serves side by side, oldest first.
pub const PROVIDER_VERSIONS: &[&str] = &["0.1.0", "0.2.0"];

/// The version of WASI that this host serves: the one of wasmtime-wasi 48.
pub const WASI_VERSION: &str = "0.2.12";

/// The version of `wasi:keyvalue` that this host serves: a draft, and no other.
pub const KEYVALUE_VERSION: &str = "0.2.0-draft";

/// The version of `wasi:config` that this host serves: a release candidate, and no other.
pub const CONFIG_VERSION: &str = "0.2.0-rc.1";

/// The interfaces of `wasi:*@0.2` that `wasi` grants.
pub const WASI_INTERFACES: &[&str] = &[
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// The versions of our own package, or of WASI, that this host has; other packages name theirs exactly.
pub(crate) fn served_versions(base: &str) -> Option<&'static [&'static str]> {
    if base.starts_with("tollgate:provider/") {
        Some(PROVIDER_VERSIONS)
    } else if base == "wasi:keyvalue/store" {
        Some(&[KEYVALUE_VERSION])
    } else if base == "wasi:config/store" {
        Some(&[CONFIG_VERSION])
    } else if base.starts_with("wasi:") {
        Some(&[WASI_VERSION])
    } else {
        None
    }
}

/// `ns:pkg/iface@1.2.3` to its name and its version.
pub fn split_version(name: &str) -> (&str, Option<&str>) {
    match name.split_once('@') {
        Some((base, version)) => (base, Some(version)),
        None => (name, None),
    }
}
