//! What a guest may use up, and how it ends when it asks for more.

mod abi;
mod admission;
mod budget;
mod cost;
mod held;
mod lifting;
mod memory;
mod price_coverage;
mod prices;
mod resource_floods;
mod traps;
