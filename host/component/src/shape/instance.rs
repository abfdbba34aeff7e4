//! The memory that the engine takes for an instance of a core module, as far as its file tells: pointers to the items
//! that it imports, its globals, its functions that may be referred to, its segments. Memories and tables have limits
//! of their own.
//!
//! The sizes are those of wasmtime 48 on a machine of 64 bits, in `wasmtime_environ::vmoffsets` and
//! `wasmtime::runtime::vm::Instance`, or a little above.

use wasmparser::Payload;

/// Bytes of an instance that has nothing.
const EMPTY: u64 = 1_024;

/// A pointer to an imported item, with its context.
const IMPORT: u64 = 32;

/// A global of any type.
const GLOBAL: u64 = 16;

/// A function that the outside may refer to.
const FUNCTION: u64 = 32;

/// An element of a segment: a reference, and the function behind it.
const ELEMENT: u64 = 16 + FUNCTION;

/// The place and length of a segment.
const SEGMENT: u64 = 48;

/// The descriptions of a memory or a table.
const MEMORY_OR_TABLE: u64 = 256;

/// A core module that is open.
pub(super) struct Module {
    /// Its number in the file.
    pub(super) number: u64,
    instance_data: u64,
}

impl Module {
    pub(super) fn new(number: u64) -> Module {
        Module {
            number,
            instance_data: EMPTY,
        }
    }

    /// Bytes for each instance.
    pub(super) fn instance_data(&self) -> u64 {
        self.instance_data
    }

    /// Counts a section of the module.
    pub(super) fn section(&mut self, payload: &Payload<'_>) {
        let (count, each) = match payload {
            Payload::ImportSection(section) => (section.count(), IMPORT),
            Payload::GlobalSection(section) => (section.count(), GLOBAL),
            Payload::ExportSection(section) => (section.count(), FUNCTION),
            Payload::ElementSection(section) => (section.count(), SEGMENT),
            Payload::DataSection(section) => (section.count(), SEGMENT),
            Payload::MemorySection(section) => (section.count(), MEMORY_OR_TABLE),
            Payload::TableSection(section) => (section.count(), MEMORY_OR_TABLE),
            _ => return,
        };
        self.add(count, each);
    }

    /// Counts the elements of one segment.
    pub(super) fn elements(&mut self, count: u32) {
        self.add(count, ELEMENT);
    }

    fn add(&mut self, count: u32, each: u64) {
        let more = u64::from(count).saturating_mul(each);
        self.instance_data = self.instance_data.saturating_add(more);
    }
}
