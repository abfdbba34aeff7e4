//! The limits of shape. Each is at least four times the value of the largest real components: CPython by
//! componentize-py (19 MB), SpiderMonkey by componentize-js (12 MB), and the guests in Rust.

use super::{Location, Result};
use crate::refusal::{Refusal, RefusalKind};

/// One limit: "function 12 `has` 2001 `what`".
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    pub(crate) has: &'static str,
    pub(crate) what: &'static str,
    pub(crate) most: u64,
}

impl Limit {
    pub(super) fn check(&self, count: u64, place: Location<'_>) -> Result<()> {
        if count <= self.most {
            return Ok(());
        }
        let Limit { has, what, most } = self;
        Err(Refusal::new(
            RefusalKind::CompileLimit,
            format!("{place} {has} {count} {what}; {most} is the most that is compiled"),
        ))
    }

    /// Adds `more` to the total, and refuses a total over the limit.
    pub(super) fn add(&self, total: &mut u64, more: u64, place: Location<'_>) -> Result<()> {
        *total = total.saturating_add(more);
        self.check(*total, place)
    }
}

/// Every limit of shape. In brackets: the value of the largest real component.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Components and modules inside each other: 10,000 levels cost the compiler 3 GiB, and 100,000 crash it. [2]
    pub(crate) nesting: Limit,
    /// Modules and components: each costs the compiler 0.3 MB, empty or not. [16]
    pub(crate) modules_and_components: Limit,
    /// Core instances and component instances, once components are instantiated: as many as the limit `instances` can
    /// ever allow. A chain of components that instantiate each other ten times grows tenfold with each link. [66]
    pub(crate) instances: Limit,
    /// Aliases, canonical functions, arguments and instances, once components are instantiated. [2,873]
    pub(crate) items: Limit,
    /// Canonical functions of inner components, once they are instantiated: the compiler writes and compiles an adapter
    /// for each pair of them. [0; a composition has those of its parts]
    pub(crate) adapters: Limit,
    /// Adapters times the fields and cases of all types: an adapter is as long as the types it moves. [0]
    pub(crate) adapter_cases: Limit,
    /// Functions: the smallest costs 0.1 ms and 6 KB, so that 200,000 take 25 s and 1.1 GB. [13,353]
    pub(crate) functions: Limit,
    /// Core types; each one imported or exported gets trampolines. [1,101]
    pub(crate) core_types: Limit,
    /// Parameters and results of core types; a trampoline moves each. [3,342]
    pub(crate) signatures: Limit,
    /// Imports of core modules. [2,253]
    pub(crate) core_imports: Limit,
    /// Exports of core modules; each function among them gets a trampoline. [4,188]
    pub(crate) core_exports: Limit,
    /// Globals. [874]
    pub(crate) globals: Limit,
    /// Data and element segments. [10,002]
    pub(crate) segments: Limit,
    /// Elements of element segments. [7,737]
    pub(crate) elements: Limit,
    /// Imports of components. [45]
    pub(crate) imports: Limit,
    /// Exports of components. [19]
    pub(crate) exports: Limit,
    /// Types and declarations inside types; more than a hundred bytes of memory each. [547]
    pub(crate) types: Limit,
    /// Types inside types: reading them recurses, and at 30,000 the stack of the process overflows. [2]
    pub(crate) type_nesting: Limit,
    /// Fields, cases, flags or parameters of one type; an adapter tells each apart. [39]
    pub(crate) cases: Limit,
    /// The same, of all types. [433]
    pub(crate) all_cases: Limit,
    /// Bytes of a name; the longest are mangled C++ and Rust. [162]
    pub(crate) name: Limit,
    /// Bytes of one function: costs that grow faster than the size are highest in a single function. [426,843]
    pub(crate) body: Limit,
    /// Locals of one function, parameters included: each may be live all the time. [273]
    pub(crate) locals: Limit,
    /// The same, of all functions: 2,000 take four bytes. [86,321]
    pub(crate) all_locals: Limit,
    /// Blocks inside each other, whose cost is quadratic: 20,000 take 5 s. A C switch is one block for each case. [782]
    pub(crate) depth: Limit,
    /// The same, the deepest of each function, of all functions. [72,100]
    pub(crate) all_depths: Limit,
    /// Loops inside each other: 4,000 take 35 s. [6]
    pub(crate) loop_depth: Limit,
    /// Loop depth times the locals: each local that is set in a loop is a value of each loop around it, and 100 loops
    /// around 1,000 locals (9 KB) take 37 s. [819]
    pub(crate) loop_depth_by_locals: Limit,
    /// Number of loops times locals. [47,824]
    pub(crate) loops_by_locals: Limit,
    /// The same, of all functions. [315,266]
    pub(crate) all_loops_by_locals: Limit,
    /// Branches times locals: each branch may bring another value of each local. 1,600 targets and 1,000 locals take a
    /// second, 50,000 and 30 half a minute. [375,804]
    pub(crate) edges_by_locals: Limit,
    /// The same, of all functions. [6,273,381]
    pub(crate) all_edges_by_locals: Limit,
    /// Values on the operand stack: each is live until it is used. [64]
    pub(crate) stack: Limit,
    /// Bytes of one function times its locals and the height of its operand stack: live values compete for registers at
    /// each instruction, and 1.9 MB of sums of 2,000 locals take 102 s. [14,197,938]
    pub(crate) body_by_live: Limit,
    /// The same, of all functions. [222,314,170]
    pub(crate) all_body_by_live: Limit,
    /// Values that blocks, branches and calls take and give: two bytes of code may move 2,000. 400 loops of 400
    /// parameters (3 KB) take 3.6 s and 1.5 GB. [12,578]
    pub(crate) values: Limit,
    /// The same, of all functions. [612,943]
    pub(crate) all_values: Limit,
    /// Targets of `br_table`. [15,805]
    pub(crate) targets: Limit,
    /// The same, of all functions. [44,442]
    pub(crate) all_targets: Limit,
}

const fn limit(most: u64, has: &'static str, what: &'static str) -> Limit {
    Limit { has, what, most }
}

/// The limits in force.
#[rustfmt::skip]
pub(crate) const SHAPE: Shape = Shape {
    nesting: limit(32, "is nested", "deep"),
    modules_and_components: limit(256, "has", "modules and components"),
    instances: limit(10_000, "has", "instances"),
    items: limit(100_000, "has", "aliases, canonical functions and arguments"),
    adapters: limit(1_000, "has", "canonical functions in components inside"),
    adapter_cases: limit(100_000, "has", "canonical functions in components inside, times fields and cases,"),
    functions: limit(60_000, "has", "functions"),
    core_types: limit(10_000, "has", "core types"),
    signatures: limit(100_000, "has", "parameters and results of core types"),
    core_imports: limit(10_000, "has", "imports of core modules"),
    core_exports: limit(20_000, "has", "exports of core modules"),
    globals: limit(10_000, "has", "globals"),
    segments: limit(50_000, "has", "segments"),
    elements: limit(100_000, "has", "elements"),
    imports: limit(1_000, "has", "imports"),
    exports: limit(1_000, "has", "exports"),
    types: limit(20_000, "has", "types and declarations"),
    type_nesting: limit(32, "nests types", "deep"),
    cases: limit(1_000, "has a type of", "fields or cases"),
    all_cases: limit(20_000, "has", "fields and cases"),
    name: limit(4_096, "has", "bytes"),
    body: limit(2 << 20, "has", "bytes"),
    locals: limit(2_000, "has", "locals"),
    all_locals: limit(500_000, "has", "locals in all functions together"),
    depth: limit(4_000, "nests blocks", "deep"),
    all_depths: limit(400_000, "nests blocks", "deep in all functions together"),
    loop_depth: limit(64, "nests loops", "deep"),
    loop_depth_by_locals: limit(4_096, "has", "loops around a loop, times locals"),
    loops_by_locals: limit(200_000, "has", "loops times locals"),
    all_loops_by_locals: limit(1_500_000, "has", "loops times locals in all functions together"),
    edges_by_locals: limit(1_600_000, "has", "branches times locals"),
    all_edges_by_locals: limit(25_200_000, "has", "branches times locals in all functions together"),
    stack: limit(1_000, "has", "values on the operand stack"),
    body_by_live: limit(64_000_000, "has", "bytes times values alive"),
    all_body_by_live: limit(1_000_000_000, "has", "bytes times values alive in all functions together"),
    values: limit(60_000, "has", "values given to blocks, branches and calls"),
    all_values: limit(3_000_000, "has", "values given to blocks, branches and calls"),
    targets: limit(65_536, "has", "targets of br_table"),
    all_targets: limit(250_000, "has", "targets of br_table"),
};
