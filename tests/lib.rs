//! The tests live in `all/`.
