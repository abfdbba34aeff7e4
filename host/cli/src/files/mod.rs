//! Files that the command line names: input, output, keys, passwords and the lock file.

pub(crate) mod arguments;
pub(crate) mod find_policy;
pub(crate) mod input;
pub(crate) mod interrupt;
pub(crate) mod key;
pub(crate) mod lock;
pub(crate) mod output;
pub(crate) mod password;
pub(crate) mod policy_writer;
pub(crate) mod terminal;
pub(crate) mod writer;
