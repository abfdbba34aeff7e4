//! The limits of a guest, and its end when it asks for more.

mod abi;
mod admission;
mod budget;
mod composed;
mod cost;
mod held;
mod hoards;
mod lifting;
mod memory;
mod paid;
mod price_coverage;
mod prices;
mod resource_floods;
mod traps;
