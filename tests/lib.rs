//! The tests are in `suite/` and `attack/`, their tools in `support/`.
