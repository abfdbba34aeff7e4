//! The values that a guest gives.

/// The kind of the values that a guest passes or returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// All zero, and empty.
    Zero,
    /// Well-formed and small: one byte of text, one element.
    Small,
    /// Well-formed, with text that programs trip over.
    Text,
    /// Any bits.
    Random,
    /// A list or a text of as many bytes of zeros, which are at the end of the memory.
    Large(u32),
    /// Hostile in one place.
    Bad(Bad),
}

impl Want {
    /// Whether every type has values of it.
    pub(crate) fn is_anywhere(self) -> bool {
        !matches!(self, Want::Large(_) | Want::Bad(_))
    }
}

/// A hostile place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    /// A list or a text that claims a gigabyte.
    Gigabyte,
    /// A list or a text that is not in the memory.
    Outside,
    /// A list that does not begin at a place for its elements.
    Unaligned,
    /// A list whose elements are all the same large text or list, so that lifting multiplies it.
    Overlap,
    /// Text that is not UTF-8.
    Utf8,
    /// A case that a variant does not have.
    Case,
    /// A character that Unicode does not have.
    Char,
    /// A boolean that is neither 0 nor 1.
    Bool,
    /// Bits beside the flags.
    Flags,
    /// A handle that the guest does not have.
    Handle,
    /// The pointer to the whole is not in the memory.
    Pointer,
}
