//! The runtimes that Tollgate is compared with. Each of them reverses bytes, given and returned as a vector.

mod component;
#[cfg(feature = "others")]
mod extism;
#[cfg(feature = "others")]
mod interpreter;
mod subprocess;

pub use component::{Allocation, Component, Fresh, Reused, Setup, compile_and_call};
#[cfg(feature = "others")]
pub use extism::{Plugin, PluginReused};
#[cfg(feature = "others")]
pub use interpreter::{Interpreter, Parsed};
pub use subprocess::spawn_and_call;
