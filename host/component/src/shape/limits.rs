//! The limits of shape, with the reason for each and the value of the largest real component: CPython by
//! componentize-py (19 MB, and with many extensions), SpiderMonkey by componentize-js (12 MB), QuickJS, a program in Go,
//! bindings of large interfaces, or another of the public components that `just corpus` fetches. Each limit is at least four times
//! that value, as a test checks; another counts the corpus (`corpus_tests.rs`). docs/security/limits.md is rendered from this table.
//!
//! The policy's `complexity` is the percentage of each that a component may have.

use std::cell::Cell;

use super::{Location, Result};
use crate::refusal::{Refusal, RefusalKind};
use crate::remedy::Remedy;

/// A limit on the shape of a component, at a `complexity` of 100; a policy with another allows that percentage of it.
///
/// A component over it is refused before any of it compiles, with [`RefusalKind::CompileLimit`]: "function 12 of core
/// module 0 has 10001 locals; 10000 is the most that is compiled; raise `limits.complexity` in the policy".
#[derive(Clone, Debug)]
pub struct ShapeLimit {
    /// The name in the source, in snake_case.
    pub name: &'static str,
    /// The largest count that is compiled.
    pub most: u64,
    /// The count of the largest real component.
    pub largest: u64,
    /// The items that are counted, and the reason for a bound on them, as Markdown.
    pub reason: &'static str,
    /// The verb of the message.
    pub(super) has: &'static str,
    /// The noun of the message.
    pub(super) what: &'static str,
}

/// A limit of shape as one scan applies it.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(super) limit: &'static ShapeLimit,
    /// The largest count that this scan allows.
    pub(super) most: u64,
    /// The largest count so far.
    pub(super) peak: Cell<u64>,
}

impl Bound {
    fn new(limit: &'static ShapeLimit, complexity: u64) -> Bound {
        let most = u128::from(limit.most) * u128::from(complexity) / 100;
        Bound {
            limit,
            most: u64::try_from(most).unwrap_or(u64::MAX).max(1),
            peak: Cell::new(0),
        }
    }

    /// The percentage of the limit that has been seen, rounded up.
    fn percent(&self) -> u64 {
        let peak = u128::from(self.peak.get()) * 100;
        u64::try_from(peak.div_ceil(u128::from(self.limit.most))).unwrap_or(u64::MAX)
    }

    pub(super) fn check(&self, count: u64, place: Location<'_>) -> Result<()> {
        self.peak.set(self.peak.get().max(count));
        if count <= self.most {
            return Ok(());
        }
        let (ShapeLimit { has, what, .. }, most) = (self.limit, self.most);
        let message = format!(
            "{place} {has} {count} {what}; {most} is the most that is compiled; raise `limits.complexity` in the policy"
        );
        let refusal = Refusal::new(RefusalKind::CompileLimit, message);
        Err(refusal.with_remedy(Remedy::RaiseLimit("complexity")))
    }

    /// Adds `more` to the total, and refuses a total over the limit.
    pub(super) fn add(&self, total: &mut u64, more: u64, place: Location<'_>) -> Result<()> {
        *total = total.saturating_add(more);
        self.check(*total, place)
    }
}

macro_rules! shape {
    ($($name:ident: $most:expr, $largest:expr, $has:literal, $what:literal, $reason:literal;)*) => {
        #[allow(non_upper_case_globals, reason = "named as the fields are")]
        mod rows {
            use super::ShapeLimit;

            $(pub(super) const $name: ShapeLimit = ShapeLimit {
                name: stringify!($name), most: $most, largest: $largest, reason: $reason, has: $has, what: $what,
            };)*
        }

        /// Every limit of shape, as one scan applies them.
        #[derive(Clone, Debug)]
        pub(crate) struct Shape {
            $(#[doc = $reason] pub(crate) $name: Bound,)*
        }

        impl Shape {
            /// The limits at this complexity, in percent.
            pub(crate) fn of(complexity: u64) -> Shape {
                Shape { $($name: Bound::new(&rows::$name, complexity),)* }
            }

            /// The complexity that the scanned component needs.
            pub(super) fn complexity(&self) -> u64 {
                self.bounds().into_iter().map(Bound::percent).max().unwrap_or_default()
            }

            pub(super) fn bounds(&self) -> Vec<&Bound> {
                vec![$(&self.$name),*]
            }
        }

        /// Every limit on the shape of a component, in the order of the documentation.
        ///
        /// ```
        /// use tollgate_component::SHAPE_LIMITS;
        ///
        /// let nesting = SHAPE_LIMITS.iter().find(|limit| limit.name == "nesting").unwrap();
        /// assert_eq!((nesting.most, nesting.largest), (32, 3));
        /// ```
        pub const SHAPE_LIMITS: &[&ShapeLimit] = &[$(&rows::$name),*];
    };
}

// Columns: name: most, largest real component, verb and noun of the message, the counted items with the reason.
shape! {
    nesting: 32, 3, "is nested", "deep",
        "Components and modules inside each other: 10,000 levels cost the compiler 3 GiB, and 100,000 crash it.";
    modules_and_components: 1_100, 262, "has", "modules and components",
        "Modules and components: each costs the compiler 0.3 MB, empty or not.";
    instances: 10_000, 262, "has", "instances",
        "Core instances and component instances, once components are instantiated: as many as the limit \
         `instances` can ever allow. A chain of components that instantiate each other ten times grows tenfold with \
         each link.";
    items: 150_000, 4_821, "has", "aliases, canonical functions and arguments",
        "Aliases, canonical functions, arguments and instances, once components are instantiated.";
    adapters: 4_000, 118, "has", "canonical functions in components inside",
        "Canonical functions of inner components, once they are instantiated: the compiler writes and compiles an \
         adapter for each pair of them. A single component has none; a composition has those of its parts.";
    adapter_cases: 2_000_000, 52_628, "has", "canonical functions in components inside, times fields and cases,",
        "Adapters times the fields and cases of all types: an adapter is as long as the types it moves.";
    described: 1_000_000, 45_483, "has", "names, fields and cases in the types of its functions",
        "Types, names, fields and cases in the types of canonical functions, each function's in full, once components are \
         instantiated: the compiler describes them anew for each. 900 functions of nested tuples of an enumeration (53 KB) \
         take 90 s.";
    remapped: 500_000, 70_244, "has", "types, once for each instance",
        "Instances that are imported or made of components, times the types that each may have: validating makes them anew \
         for each instance. 6,000 instances of 19,000 types (357 KB) take more than 4 GiB.";
    functions: 70_000, 16_582, "has", "functions",
        "Functions: the smallest costs 0.1 ms and 6 KB, so that 200,000 take 25 s and 1.1 GB.";
    core_types: 10_000, 2_162, "has", "core types",
        "Core types; each one imported or exported gets trampolines.";
    signatures: 100_000, 6_912, "has", "parameters and results of core types",
        "Parameters and results of core types; a trampoline moves each.";
    core_imports: 100_000, 3_533, "has", "imports of core modules",
        "Imports of core modules.";
    core_exports: 100_000, 7_100, "has", "exports of core modules",
        "Exports of core modules; each function among them gets a trampoline.";
    globals: 10_000, 965, "has", "globals",
        "Globals.";
    segments: 250_000, 53_028, "has", "segments",
        "Data and element segments.";
    elements: 100_000, 8_334, "has", "elements",
        "Elements of element segments.";
    imports: 10_000, 124, "has", "imports",
        "Imports of components.";
    exports: 10_000, 1_000, "has", "exports",
        "Exports of components.";
    types: 20_000, 2_090, "has", "types and declarations",
        "Types and declarations inside types; more than a hundred bytes of memory each.";
    type_nesting: 32, 3, "nests types", "deep",
        "Types inside types: reading them recurses, and at 30,000 the stack of the process overflows.";
    cases: 6_000, 1_424, "has a type of", "fields or cases",
        "Fields, cases, flags or parameters of one type; an adapter tells each apart.";
    all_cases: 50_000, 1_903, "has", "fields and cases",
        "The same, of all types.";
    name: 4_096, 325, "has", "bytes",
        "Bytes of a name; the longest are mangled C++ and Rust.";
    body: 4 << 20, 756_477, "has", "bytes",
        "Bytes of one function: costs that grow faster than the size are highest in a single function.";
    locals: 10_000, 2_271, "has", "locals",
        "Locals of one function, parameters included: each may be live all the time.";
    all_locals: 500_000, 95_537, "has", "locals in all functions together",
        "The same, of all functions: 2,000 take four bytes.";
    depth: 4_000, 782, "nests blocks", "deep",
        "Blocks inside each other, whose cost is quadratic: 20,000 take 5 s. A C switch is one block for each \
         case.";
    all_depths: 400_000, 72_373, "nests blocks", "deep in all functions together",
        "The same, the deepest of each function, of all functions.";
    loop_depth: 64, 9, "nests loops", "deep",
        "Loops inside each other: 4,000 take 35 s.";
    loop_depth_by_locals: 28_000, 6_813, "has", "loops around a loop, times locals",
        "Loop depth times the locals: each local that is set in a loop is a value of each loop around it, and 100 \
         loops around 1,000 locals (9 KB) take 37 s.";
    loops_by_locals: 800_000, 160_356, "has", "loops times locals",
        "Number of loops times locals, loops side by side included.";
    all_loops_by_locals: 4_000_000, 929_458, "has", "loops times locals in all functions together",
        "The same, of all functions.";
    edges_by_locals: 12_000_000, 2_576_346, "has", "branches times locals",
        "Branches times locals: each branch may bring another value of each local. 1,600 targets and 1,000 locals \
         take a second, 50,000 and 30 half a minute.";
    all_edges_by_locals: 48_000_000, 11_174_508, "has", "branches times locals in all functions together",
        "The same, of all functions.";
    stack: 1_000, 66, "has", "values on the operand stack",
        "Values on the operand stack: each is live until it is used.";
    body_by_live: 400_000_000, 68_339_062, "has", "bytes times values alive",
        "Bytes of one function times its locals and the height of its operand stack: live values compete for \
         registers at each instruction, and 1.9 MB of sums of 2,000 locals take 102 s.";
    all_body_by_live: 1_600_000_000, 375_617_104, "has", "bytes times values alive in all functions together",
        "The same, of all functions.";
    values: 120_000, 27_769, "has", "values given to blocks, branches and calls",
        "Values that blocks, branches and calls take and give: two bytes of code may move 2,000. 400 loops of 400 \
         parameters (3 KB) take 3.6 s and 1.5 GB.";
    all_values: 3_000_000, 614_681, "has", "values given to blocks, branches and calls",
        "The same, of all functions.";
    targets: 65_536, 15_805, "has", "targets of br_table",
        "Targets of `br_table`.";
    all_targets: 250_000, 45_680, "has", "targets of br_table",
        "The same, of all functions.";
}
