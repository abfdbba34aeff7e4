//! The key-value store of `tollgate:provider`.

mod buckets;
mod file;
