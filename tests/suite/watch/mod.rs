//! A folder of providers that is served while it changes.

mod folder;
mod held;
mod hostile;
mod policy;
mod reload;
mod withdrawals;
