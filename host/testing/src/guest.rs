//! The guests: what is hostile in one.

use crate::want::Want;

/// A component of the world, hostile in one place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guest {
    /// Where its code is.
    pub(crate) at: At,
    /// The hostile code.
    pub(crate) body: Body,
    /// The values that the hostile export returns, once its code has ended.
    pub(crate) result: Want,
    pub(crate) realloc: Realloc,
    pub(crate) post: Post,
    /// Linear memories beside the first.
    pub(crate) memories: u32,
}

/// A place in a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// The export of this number.
    Export(usize),
    /// The start function.
    Start,
}

/// The kinds of hostile code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// It returns.
    Nothing,
    /// An endless loop.
    Loop,
    /// The instruction `unreachable`.
    Unreachable,
    /// A division by zero.
    Division,
    /// The smallest integer divided by -1.
    Overflow,
    /// A conversion of a float that is no integer.
    Conversion,
    /// A load beyond the memory.
    Load,
    /// An indirect call beyond the table.
    CallOutside,
    /// An indirect call of a place of the table that is empty.
    CallNull,
    /// An indirect call of a function of another type.
    CallMistyped,
    /// Recursion without end.
    Recursion,
    /// Memory that grows as far as it may.
    Grow,
    /// Memory that has to grow further.
    GrowPast,
    /// Fills of all memory without end.
    Fill,
    /// A table that grows as far as it may.
    Table,
    /// A table that has to grow further.
    TablePast,
    /// Calls of the import of this number.
    Call {
        import: usize,
        arguments: Want,
        times: Times,
    },
}

/// How often an import is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    /// As often.
    Count(u32),
    /// Without end; the results are kept.
    Endless,
    /// Until the result is not the case that has the resource.
    UntilRefused,
    /// The same, and each resource is dropped at once.
    Dropped,
}

/// The behaviour of a guest's allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Realloc {
    Good,
    Loop,
    Trap,
    /// It gives a place beyond the memory.
    Outside,
    /// It gives a place that is not aligned.
    Unaligned,
    /// It gives the same place again.
    Same,
}

/// The behaviour of the post-return function of the export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Post {
    None,
    Loop,
    Trap,
}

impl Guest {
    /// A component that does nothing and gives zeros.
    pub(crate) const GOOD: Guest = Guest {
        at: At::Start,
        body: Body::Nothing,
        result: Want::Zero,
        realloc: Realloc::Good,
        post: Post::None,
        memories: 0,
    };
}
