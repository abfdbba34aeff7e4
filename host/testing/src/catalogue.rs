//! The attacks. An attack is added here, and nowhere else if its code is of a kind that there is.

use crate::guest::{Body, Post, Realloc, Times};
use crate::want::{Bad, Want};

/// A row of the catalogue.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// The places of a world that it is made in.
    pub(crate) on: On,
    /// The outcomes that are well: labels of faults, `returned`, `failed` (an `err`) and `refused`.
    pub(crate) expected: &'static [&'static str],
}

/// The places of an attack, and what is hostile there.
#[derive(Clone, Copy)]
pub(crate) enum On {
    /// The code of each export.
    Export(Body),
    /// The allocator, for each export that takes a text or a list.
    Arguments(Realloc),
    /// The post-return function of each export with a result.
    PostReturn(Post),
    /// The result of each export whose type has such a place.
    Result(Want),
    /// Memories beside the first, in a component that is called once.
    Memories(u32),
    /// The start function.
    Start(Body),
    /// Each import that the policy grants, called from an export, with arguments whose types have such a place.
    Import(Want, Times),
    /// The same for imports that make a resource.
    Makers(Times),
    /// The same for imports that make one and take none: it is dropped at once.
    Dropped,
    /// The allocator, for each import that the policy grants and that gives a text or a list.
    Given(Realloc),
    /// Each import that the policy grants, called without end by the start function.
    StartImport,
    /// Each import that the policy does not grant.
    NotGranted,
}

/// The bytes of `Large` depend on the limits; they are filled in when a guest is made.
pub(crate) const LARGE: Want = Want::Large(0);

/// Calls of an import whose number is compared with the number that the host counted.
pub(crate) const COUNTED: u32 = 16;

const ENDED: &[&str] = &["fuel", "deadline"];
const TRAP: &[&str] = &["trap"];
const DONE: &[&str] = &["returned", "failed"];
/// The same for work that a small budget does not allow.
const WORKED: &[&str] = &["returned", "failed", "fuel", "deadline"];
/// Values that break the rules; the lift may meet a limit before it meets the rule.
const BROKEN: &[&str] = &["trap", "output", "host-data", "host-memory", "fuel"];
const ANY: &[&str] = &[
    "returned",
    "failed",
    "trap",
    "output",
    "host-data",
    "host-memory",
    "fuel",
    "deadline",
];
/// All ways in which a call that calls the host may end, but for an error of the host.
const CALLED: &[&str] = &[
    "returned",
    "failed",
    "trap",
    "fuel",
    "deadline",
    "host-calls",
    "host-data",
    "host-memory",
    "handles",
    "memory",
    "stdio",
    "exit",
];
/// The same for calls without end, which no answer ends.
const FLOODED: &[&str] = match CALLED {
    [_returned, _failed, faults @ ..] => faults,
    _ => CALLED,
};

/// The outcomes in words, for tables.
pub(crate) fn in_words(expected: &[&str]) -> String {
    match expected {
        _ if expected == CALLED => "an answer or a fault".to_owned(),
        _ if expected == FLOODED => "a fault".to_owned(),
        _ if expected == ANY => "a result or a fault".to_owned(),
        _ if expected == BROKEN => "trap, or a limit".to_owned(),
        _ => expected.join(" "),
    }
}

/// The ends of a flood of handles that are dropped at once: it reaches no limit on live handles.
const DROPPED: &[&str] = &[
    "returned",
    "failed",
    "trap",
    "fuel",
    "deadline",
    "host-calls",
];

const fn attack(name: &'static str, on: On, expected: &'static [&'static str]) -> Attack {
    Attack { name, on, expected }
}

const fn bad(name: &'static str, bad: Bad, expected: &'static [&'static str]) -> Attack {
    attack(name, On::Result(Want::Bad(bad)), expected)
}

const fn call(name: &'static str, bad: Bad, expected: &'static [&'static str]) -> Attack {
    attack(name, On::Import(Want::Bad(bad), Times::Count(1)), expected)
}

#[rustfmt::skip]
pub(crate) const ATTACKS: &[Attack] = &[
    attack("loop", On::Export(Body::Loop), ENDED),
    attack("unreachable", On::Export(Body::Unreachable), TRAP),
    attack("division", On::Export(Body::Division), TRAP),
    attack("division-overflow", On::Export(Body::Overflow), TRAP),
    attack("conversion", On::Export(Body::Conversion), TRAP),
    attack("load-outside", On::Export(Body::Load), TRAP),
    attack("call-outside-table", On::Export(Body::CallOutside), TRAP),
    attack("call-null", On::Export(Body::CallNull), TRAP),
    attack("call-mistyped", On::Export(Body::CallMistyped), TRAP),
    attack("recursion", On::Export(Body::Recursion), &["stack", "fuel"]),
    attack("memory", On::Export(Body::Grow), WORKED),
    attack("memory-past", On::Export(Body::GrowPast), &["memory"]),
    attack("memory-fill", On::Export(Body::Fill), ENDED),
    attack("table", On::Export(Body::Table), WORKED),
    attack("table-past", On::Export(Body::TablePast), &["table", "host-memory"]),
    attack("realloc-loop", On::Arguments(Realloc::Loop), ENDED),
    attack("realloc-trap", On::Arguments(Realloc::Trap), TRAP),
    attack("realloc-outside", On::Arguments(Realloc::Outside), TRAP),
    attack("realloc-unaligned", On::Arguments(Realloc::Unaligned), &["trap", "returned", "failed"]),
    attack("realloc-same", On::Arguments(Realloc::Same), DONE),
    attack("post-return-loop", On::PostReturn(Post::Loop), ENDED),
    attack("post-return-trap", On::PostReturn(Post::Trap), TRAP),
    bad("result-gigabyte", Bad::Gigabyte, BROKEN),
    bad("result-outside", Bad::Outside, BROKEN),
    bad("result-unaligned", Bad::Unaligned, BROKEN),
    bad("result-pointer", Bad::Pointer, BROKEN),
    bad("result-overlap", Bad::Overlap, &["output", "host-data", "host-memory", "fuel"]),
    bad("result-utf8", Bad::Utf8, BROKEN),
    bad("result-case", Bad::Case, BROKEN),
    bad("result-char", Bad::Char, BROKEN),
    bad("result-handle", Bad::Handle, BROKEN),
    bad("result-bool", Bad::Bool, &["returned", "failed", "trap"]),
    bad("result-flags", Bad::Flags, &["returned", "failed", "trap"]),
    attack("result-random", On::Result(Want::Random), ANY),
    attack("memories", On::Memories(90), &["instances", "refused", "memory"]),
    attack("start-loop", On::Start(Body::Loop), ENDED),
    attack("start-trap", On::Start(Body::Unreachable), TRAP),
    attack("start-recursion", On::Start(Body::Recursion), &["stack", "fuel"]),
    attack("start-memory", On::Start(Body::GrowPast), &["memory"]),
    attack("start-import", On::StartImport, FLOODED),
    attack("import-count", On::Import(Want::Small, Times::Count(COUNTED)), CALLED),
    attack("import-zero", On::Import(Want::Zero, Times::Count(1)), CALLED),
    attack("import-text", On::Import(Want::Text, Times::Count(1)), CALLED),
    attack("import-random", On::Import(Want::Random, Times::Count(1)), CALLED),
    attack("import-large", On::Import(LARGE, Times::Count(1)), CALLED),
    attack("import-flood", On::Import(Want::Small, Times::Endless), FLOODED),
    attack("import-large-flood", On::Import(LARGE, Times::Endless), FLOODED),
    attack("import-hoard", On::Makers(Times::UntilRefused), CALLED),
    attack("import-drop", On::Dropped, DROPPED),
    call("import-gigabyte", Bad::Gigabyte, FLOODED),
    call("import-outside", Bad::Outside, FLOODED),
    call("import-unaligned", Bad::Unaligned, FLOODED),
    call("import-overlap", Bad::Overlap, CALLED),
    call("import-pointer", Bad::Pointer, CALLED),
    call("import-utf8", Bad::Utf8, CALLED),
    call("import-case", Bad::Case, FLOODED),
    call("import-char", Bad::Char, FLOODED),
    call("import-bool", Bad::Bool, CALLED),
    call("import-flags", Bad::Flags, CALLED),
    call("import-handle", Bad::Handle, FLOODED),
    attack("import-realloc-loop", On::Given(Realloc::Loop), CALLED),
    attack("import-realloc-trap", On::Given(Realloc::Trap), CALLED),
    attack("import-realloc-outside", On::Given(Realloc::Outside), CALLED),
    attack("import-realloc-unaligned", On::Given(Realloc::Unaligned), CALLED),
    attack("import-not-granted", On::NotGranted, &["refused"]),
];
