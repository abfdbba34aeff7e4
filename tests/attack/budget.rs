//! Guests that use up their budget: A19-endless-loop, A20-bulk-memory, A25-memory-growth, A26-instances, A28-recursion,
//! A31-log-flood, A54-hash-flood, A57-host-memory, A58-open-files, A59-host-work.

use tollgate::Source;
use tollgate::blocking::Runtime;

use crate::attack_case::{Case, Row, kind};
use support::harness::{ALL, load, policy, source};

const LITTLE_FUEL: &str = "limits.fuel = 1_000_000";
/// Fuel for seconds, and a deadline long before that.
const LITTLE_TIME: &str = "limits.fuel = 20_000_000_000\nlimits.deadline = \"50ms\"";

pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "A19-endless-loop",
        attack: "endless loop, tail calls",
        cases: || {
            vec![
                Case::hostile("fuel", "spin", LITTLE_FUEL),
                Case::hostile("deadline", "spin", LITTLE_TIME),
                Case::load("proposal", source("tail-call"), ""),
            ]
        },
    },
    Row {
        id: "A20-bulk-memory",
        attack: "endless fill and copy",
        cases: || {
            let mut cases = Vec::new();
            for attack in ["fill", "copy"] {
                cases.push(Case::hostile("fuel", attack, "limits.fuel = 100_000_000"));
                cases.push(Case::hostile("deadline", attack, LITTLE_TIME));
            }
            cases
        },
    },
    Row {
        id: "A25-memory-growth",
        attack: "memory, table floods",
        cases: || {
            let small = "limits.memory = \"4MiB\"";
            vec![
                refused_growth(small),
                Case::hostile("memory", "grow-then-trap", small),
                Case::wave("memory", "big-memory", "", "attack()"),
                Case::wave("table", "table-grow", "", "grow-then-trap()"),
                Case::wave("table", "big-table", "", "attack()"),
            ]
        },
    },
    Row {
        id: "A26-instances",
        attack: "thousands of instances",
        cases: || {
            let items = ["(memory 1)(memory 1)", "(table 1 funcref)(table 1 funcref)"];
            let mut cases: Vec<Case> = items.map(|items| instances(items, "")).into();
            cases.push(instances("", "limits.instances = 800"));
            cases.push(Case::load("malformed", many(2_000, ""), ""));
            cases
        },
    },
    Row {
        id: "A28-recursion",
        attack: "deep recursion",
        cases: || {
            vec![
                Case::hostile("stack", "recurse", ""),
                Case::hostile("stack", "recurse", "limits.stack = \"64KiB\""),
            ]
        },
    },
    Row {
        id: "A31-log-flood",
        attack: "log floods, huge or tiny",
        cases: logs,
    },
    Row {
        id: "A57-host-memory",
        attack: "memory that the host holds",
        cases: || {
            let inert = "grants.wasi = \"inert\"\nlimits.handles = 1_000_000";
            let floods = ["copies", "parked", "texts", "requests"];
            let mut cases: Vec<Case> = floods
                .map(|flood| {
                    let args = ["http-client", "flood", flood];
                    Case::command("host-memory", load("http-client", inert), &args)
                })
                .into();
            let tables = "limits.table-elements = 10_000_000";
            cases.push(Case::wave(
                "host-memory",
                "table-grow",
                tables,
                "grow-then-trap()",
            ));
            cases
        },
    },
    Row {
        id: "A58-open-files",
        attack: "files that stay open",
        cases: || {
            let text = "grants.wasi = { preopens = [\"data\"] }\n\
                        grants.files = [{ root = \"data\", path = \"samples/files\", access = \"read\" }]";
            let args = ["raw-files", "many", "data/README.txt"];
            vec![
                Case::command("too-many-open-files", load("raw-files", text), &args),
                Case::hostile(
                    "too-many-open-files",
                    "http-get https://example.com/",
                    "limits.open-files = 0",
                ),
            ]
        },
    },
    Row {
        id: "A59-host-work",
        attack: "host work for no fuel",
        cases: || {
            let call = |name: &str| format!("{name}(4000000000)");
            vec![
                Case::wave("fuel", "grow-nothing", LITTLE_FUEL, &call("memory")),
                Case::wave("fuel", "grow-nothing", LITTLE_FUEL, &call("table")),
                Case::wave("fuel", "transcode", LITTLE_FUEL, STRINGS),
            ]
        },
    },
    Row {
        id: "A54-hash-flood",
        attack: "endless hash of 16 MiB",
        cases: || {
            let limits = "limits.fuel = 200_000_000\nlimits.host-data = \"32MiB\"\nlimits.host-memory = \"32MiB\"";
            vec![Case::hostile("fuel", "hash-flood", limits)]
        },
    },
];

/// Strings of a megabyte, from UTF-8 to Latin-1, between two components.
const STRINGS: &str = "pass(0, 2, 1, 1200000, 4000000000)";

/// Growing is answered with -1, over all memories together, and the guest continues.
fn refused_growth(small: &str) -> Case {
    let provider = load("two-memories", small);
    Case::new("-1", move |_| {
        let report = provider.session().wave("grow()").unwrap();
        let stopped = report.usage.memory_peak == 4 << 20;
        if stopped { "-1" } else { "grown" }.to_owned()
    })
}

/// A component of a few kilobytes with `count` instances of a module.
fn many(count: usize, module: &str) -> Source {
    let instances = "(core instance (instantiate $m))\n".repeat(count);
    let text = format!(
        "(component (core module $m {module}) (core module $main (func (export \"attack\"))) {instances}
           (core instance $main (instantiate $main))
           (func (export \"attack\") (canon lift (core func $main \"attack\"))))"
    );
    Source::bytes("instances", wat::parse_str(text).unwrap())
}

fn instances(module: &str, limits: &str) -> Case {
    // In a runtime of its own, since these memories take all of its places. The validator allows 1,000 instances.
    let runtime: Runtime = support::harness::builder().concurrency(4).build().into();
    let provider = runtime.load(&many(900, module), &policy(limits)).unwrap();
    Case::new("instances", move |_| {
        kind(&provider.session().wave("attack()"))
    })
}

fn logs() -> Vec<Case> {
    let small = "limits.log = \"1KiB\"";
    let huge = load("hostile", &format!("{}\n{small}", ALL));
    let endless = format!("{small}\nlimits.host-calls = 4_000_000_000\nlimits.fuel = 10_000_000");
    vec![
        Case::hostile("host-calls", "log-flood-tiny", small),
        Case::hostile("fuel", "log-flood-tiny", &endless),
        // Lines that are too large end no call: they are cut, and the lost bytes are counted.
        Case::new("cut", move |_| {
            let report = huge.session().run(b"log-flood-huge").unwrap();
            let cut = report.usage.log_bytes <= 1024 && report.logs_dropped > 0;
            if cut { "cut" } else { "kept" }.to_owned()
        }),
    ]
}
