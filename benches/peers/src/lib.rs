//! What Tollgate is measured against. Every peer reverses bytes, given and returned as a vector.

mod component;
mod extism;
mod interpreter;
mod subprocess;

pub use component::{Allocation, Component, Fresh, Reused, Setup, compile_and_call};
pub use extism::{Plugin, PluginReused};
pub use interpreter::{InterpreterEngine, parse_and_call};
pub use subprocess::spawn_and_call;
