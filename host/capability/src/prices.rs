//! The prices of host work: the fuel that each costs, and the host memory that it holds.
//!
//! A guest's own code takes about 0.22 µs for 1,000 fuel. Each price is such that host work takes at most ten times as
//! long, 2.2 µs for 1,000 fuel, on the machine of docs/performance.md; `just prices` measures it.

/// The price of one host function, declared before the function may do anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Fuel for one call, beside its data.
    pub call: u64,
    /// Fuel for each byte that it takes, gives or works on.
    pub byte: u64,
    /// Fuel for each entry: an element of a list, a part of a path, a name in a folder.
    pub entry: u64,
    /// Bytes of host memory that the resource it makes holds, until the guest drops it. 0 if it makes none.
    pub holds: u64,
}

impl Price {
    /// The price of a call that moves bytes and makes nothing.
    pub const fn of_call(call: u64) -> Price {
        Price {
            call,
            byte: MOVE_PRICE,
            entry: 0,
            holds: 0,
        }
    }

    /// The same price, and a price for each byte.
    pub const fn per_byte(self, byte: u64) -> Price {
        Price { byte, ..self }
    }

    /// The same price, and a price for each entry.
    pub const fn per_entry(self, entry: u64) -> Price {
        Price { entry, ..self }
    }

    /// The same price, and the bytes that its resource holds.
    pub const fn holding(self, holds: u64) -> Price {
        Price { holds, ..self }
    }

    /// The fuel for one call with the bytes and entries of `work`.
    pub(crate) fn fuel(&self, work: Work) -> u64 {
        let bytes = work.bytes.saturating_mul(self.byte);
        let entries = work.entries.saturating_mul(self.entry);
        self.call.saturating_add(bytes).saturating_add(entries)
    }
}

/// The amount of work that one call of a host function asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Bytes that it takes, gives or works on.
    pub bytes: u64,
    /// Entries, as in [`Price::entry`].
    pub entries: u64,
}

impl Work {
    /// A call without data.
    pub const NONE: Work = Work {
        bytes: 0,
        entries: 0,
    };

    /// Work on `bytes` bytes.
    pub fn bytes(bytes: usize) -> Work {
        Work {
            bytes: bytes as u64,
            entries: 0,
        }
    }

    /// A path: its bytes, and its parts as entries, each of which the system looks up.
    pub fn path(path: &str) -> Work {
        let parts = path.bytes().filter(|byte| *byte == b'/').count();
        Work {
            bytes: path.len() as u64,
            entries: parts as u64 + 1,
        }
    }

    /// The same work, on `entries` entries more.
    pub fn entries(self, entries: usize) -> Work {
        Work {
            entries: self.entries.saturating_add(entries as u64),
            ..self
        }
    }
}

/// Fuel for one host call. Crossing to the host and back takes 0.1 to 0.3 µs, in which a guest would have spent about
/// this much.
pub const CALL_PRICE: u64 = 500;

/// Fuel for one call of a helper of the engine, such as growing a memory: the guest's code leaves for the host and comes
/// back.
pub(crate) const HELPER_PRICE: u64 = 400;

/// Fuel for one call of a WASI function that makes or drops a resource, or asks for a value.
pub const WASI_CALL_PRICE: u64 = 5_000;

/// Fuel for a byte that is copied between guest and host.
pub const MOVE_PRICE: u64 = 1;

/// Fuel for a byte that is hashed: without hardware support SHA-256 takes 3 to 4 ns for it.
pub const HASH_PRICE: u64 = 4;

/// Fuel for a byte of a URL that is judged, in each form that a server may decode it to: 110 ns for the letters of a host
/// name beyond ASCII.
pub const URL_PRICE: u64 = 60;

/// Fuel for a request of `tollgate:provider/http`, granted or not: it is parsed, decided on and noted, which takes some µs.
pub(crate) const REQUEST_PRICE: u64 = 10_000;

/// Fuel for a request on its way: the name is looked up, a connection is made, and the request is written. Each redirect is
/// one more.
pub const SEND_PRICE: u64 = 300_000;

/// The fuel that a piece of the body of a response costs at least: a chunk of a byte takes 0.3 to 0.7 µs.
pub(crate) const PIECE_PRICE: u64 = 500;

/// Fuel for a text of a list, such as a variable, a setting or a header: it is copied, an allocation for each, and the guest
/// makes room for it.
pub const TEXT_PRICE: u64 = 2_000;

/// Fuel for a key that is listed, or passed over to reach those that are: 0.2 to 0.4 µs.
pub(crate) const KEY_PRICE: u64 = 1_500;

/// Fuel for a byte of a response that is searched for one secret: 15 to 50 ns, as many escapes as it has. The price is
/// the same for every byte: a price by time would tell the guest whether the byte belongs to the secret.
pub(crate) const SEARCH_PRICE: u64 = 24;

/// The bytes that a piece of a response costs at least when it is searched: the piece itself takes about 1 µs.
pub(crate) const SEARCH_LEAST: u64 = 64;

/// A call of the system on a file: the thread that waits for it costs 20 to 40 µs. Each part of the path is looked up.
pub const FILE: Price = Price::of_call(30_000).per_entry(4_000);

/// The fuel for making data durable. It takes 0.2 to 1 ms of processor time, and time of the disk, which only the
/// deadline bounds.
pub const SYNC_PRICE: u64 = 500_000;

/// Fuel for an entry of a folder that is listed: 1 to 4 µs, of which the system takes the most.
pub const ENTRY_PRICE: u64 = 2_500;

/// Bytes of the engine's own data of an instance that are part of the price of any call: more than a guest in Rust or C has.
const INSTANCE_FREE: u64 = 64 << 10;

/// The fuel for making an instance with `data` bytes of own data, which the engine does before the guest runs: a fuel
/// for each byte beyond those of ordinary guests. An element of 48 bytes takes 0.02 to 0.1 µs.
pub fn instance_fuel(data: u64) -> u64 {
    data.saturating_sub(INSTANCE_FREE)
        .saturating_mul(MOVE_PRICE)
}
