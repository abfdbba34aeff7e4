//! The tests live in `suite/` and `attack/`, what they stand on in `support/`.
