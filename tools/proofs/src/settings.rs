//! Bounds that no policy changes: options of the runtime, and constants. Their crates need the engine, so that the numbers
//! are written here and compared with the text of the source.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::check::read;

/// One bound.
struct Setting {
    name: &'static str,
    default: &'static str,
    bounds: &'static str,
    /// A file, and a text in it that gives the default.
    source: Option<(&'static str, &'static str)>,
}

#[rustfmt::skip]
const SETTINGS: &[Setting] = &[
    Setting {
        name: "`Builder::concurrency`", default: "64",
        bounds: "guests that live at the same time, on every engine of a provider; one guest takes a quarter of the slots \
                 at most; never more than the kernel's memory maps allow (`vm.max_map_count`)",
        source: Some(("host/runtime/src/engine/admission.rs", "const CONCURRENCY: u32 = 64;")),
    },
    Setting {
        name: "pools, and guests outside of them", default: "as many as there are memory maps for",
        bounds: "instance pools of a runtime, and guests that no pool can hold", source: None,
    },
    Setting {
        name: "`Builder::queue`", default: "16 for each guest",
        bounds: "calls that wait for a slot, each until the deadline of its policy",
        source: Some(("host/runtime/src/engine/admission.rs", "const QUEUE_PER_GUEST: u32 = 16;")),
    },
    Setting {
        name: "`Builder::metering`", default: "`Fuel`",
        bounds: "whether guest code counts fuel; where it does not, a policy with its own `fuel` is refused",
        source: Some(("host/runtime/src/engine/metering.rs", "#[default]\n    Fuel,")),
    },
    Setting {
        name: "look-ups by the system's resolver", default: "32",
        bounds: "look-ups under way in a runtime",
        source: Some(("host/capability/src/http/connect.rs", "pub const MAX_LOOK_UPS: usize = 32;")),
    },
    Setting {
        name: "addresses of a host", default: "8",
        bounds: "addresses that one request tries, each for 3 seconds; all of them are decided on",
        source: Some(("host/capability/src/http/connect.rs", "const MAX_DIALS: usize = 8;")),
    },
    Setting {
        name: "fields of a head", default: "128", bounds: "headers of a request or a response of HTTP",
        source: Some(("host/capability/src/http/framing.rs", "const HEAD_FIELDS: usize = 128;")),
    },
    Setting {
        name: "bytes of a head", default: "64 KiB",
        bounds: "headers of a request; head of a response, with the informational responses (103 and others) before it. Trailers, \
                 and the extensions of chunks, have 16 KiB",
        source: Some(("host/capability/src/http/framing.rs", "const HEAD_BYTES: usize = 64 << 10;")),
    },
    Setting {
        name: "share of a connection", default: "16 KiB",
        bounds: "bytes that are read before other calls have the thread",
        source: Some(("host/capability/src/http/pace.rs", "const SHARE: usize = 16 << 10;")),
    },
    Setting {
        name: "redirects", default: "5", bounds: "redirects that one request follows",
        source: Some(("host/capability/src/http/redirect.rs", "const MAX_REDIRECTS: u32 = 5;")),
    },
    Setting {
        name: "headers of `wasi:http`", default: "16 KiB", bounds: "host memory of one `fields`",
        source: Some(("host/runtime/src/interface/wasi_p2/http.rs", "const FIELDS: usize = 16 << 10;")),
    },
    Setting {
        name: "a piece written to `wasi:http`", default: "16 KiB", bounds: "bytes that a guest writes to a body at once",
        source: Some(("host/runtime/src/interface/wasi_p2/http.rs", "const PIECE: usize = 16 << 10;")),
    },
    Setting {
        name: "keys of a store", default: "1,024 bytes", bounds: "the length of a key",
        source: Some(("host/policy/src/grants/store.rs", "pub const MAX_KEY: usize = 1024;")),
    },
    Setting {
        name: "buckets of a store", default: "128 bytes", bounds: "the length of the name of a bucket",
        source: Some(("host/policy/src/grants/store.rs", "pub const MAX_BUCKET: usize = 128;")),
    },
    Setting {
        name: "`Cache::open`, `max_size`", default: "1 GiB in the program", bounds: "bytes of all entries of a cache",
        source: Some(("host/runtime/src/compile/cache/mod.rs", "pub const DEFAULT_SIZE: u64 = 1 << 30;")),
    },
    Setting {
        name: "`WatchOptions::max_entries`", default: "8,192", bounds: "entries of a folder that is watched",
        source: Some(("host/runtime/src/watch/mod.rs", "pub const MAX_ENTRIES: usize = 8_192;")),
    },
    Setting {
        name: "events of a folder that is watched", default: "one flag", bounds: "events that are kept until the next rescan",
        source: None,
    },
];

/// Numbers in the prose of the page: a file, and the text in it that gives the number.
const PROSE: &[(&str, &str)] = &[
    ("host/capability/src/prices.rs", "CALL_PRICE: u64 = 500;"),
    (
        "host/capability/src/prices.rs",
        "WASI_CALL_PRICE: u64 = 5_000;",
    ),
    ("host/capability/src/prices.rs", "MOVE_PRICE: u64 = 1;"),
    ("host/capability/src/prices.rs", "HASH_PRICE: u64 = 4;"),
    (
        "host/capability/src/store/mod.rs",
        "file: 40_000,\n    memory: 7_000,",
    ),
    (
        "host/capability/src/store/mod.rs",
        "file: 500_000,\n    memory: 150_000,",
    ),
];

/// Checks that the sources have the numbers.
pub(crate) fn check(root: &Path) -> Result<()> {
    let settings = SETTINGS.iter().filter_map(|setting| setting.source);
    for (file, text) in settings.chain(PROSE.iter().copied()) {
        ensure!(
            read(root, file)?.contains(text),
            "{file}: `{text}` is not in it; mend tools/proofs/src/settings.rs, and page.txt beside it"
        );
    }
    Ok(())
}

/// The table of the page.
pub(crate) fn table() -> String {
    let mut out = String::from("| bound | default | bounds |\n|---|---|---|\n");
    for setting in SETTINGS {
        let Setting {
            name,
            default,
            bounds,
            ..
        } = setting;
        out.push_str(&format!("| {name} | {default} | {bounds} |\n"));
    }
    out
}
