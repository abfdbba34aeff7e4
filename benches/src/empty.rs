//! A process that does nothing.

fn main() {}
