//! The identity of files and folders: equal for two names, or two open files, of the same file.

use std::collections::HashMap;

use cap_std::fs::Metadata;

/// The device and the number of a file or a folder. A file that is renamed keeps it; a file that takes the name of another
/// has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    device: u64,
    number: u64,
}

impl Identity {
    /// The identity of a file by its metadata. `name` is used where the system does not tell it.
    #[cfg(unix)]
    pub fn of(found: &Metadata, _name: &str) -> Identity {
        use cap_std::fs::MetadataExt as _;
        Identity {
            device: found.dev(),
            number: found.ino(),
        }
    }

    /// The identity of a file by its metadata. `name` is used where the system does not tell it.
    #[cfg(not(unix))]
    pub fn of(_found: &Metadata, name: &str) -> Identity {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        Identity {
            device: 0,
            number: hasher.finish(),
        }
    }
}

/// The identities that the guest of one store has asked for, numbered from 1 in that order: the numbers of the host's file
/// systems differ in every run.
#[derive(Default)]
pub struct Identities(HashMap<Identity, u64>);

impl Identities {
    /// The host memory of one of them.
    pub const HOLDS: u64 = 64;

    /// The number of an identity that was asked for before.
    pub fn known(&self, of: Identity) -> Option<u64> {
        self.0.get(&of).copied()
    }

    /// The number of an identity, which is kept for [`Identities::HOLDS`] bytes.
    pub fn number(&mut self, of: Identity) -> u64 {
        let next = self.0.len() as u64 + 1;
        *self.0.entry(of).or_insert(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_numbered_as_they_are_asked_for() {
        let mut all = Identities::default();
        let of = |number| Identity { device: 7, number };
        assert_eq!(all.known(of(40)), None);
        assert_eq!((all.number(of(40)), all.number(of(3))), (1, 2));
        assert_eq!((all.number(of(40)), all.known(of(3))), (1, Some(2)));
    }
}
