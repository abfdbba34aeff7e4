//! The same guest as `reverse`, with an arena: it grows no memory.

tollgate_guest::arena!();

#[path = "../../reverse/src/lib.rs"]
mod reverse;
