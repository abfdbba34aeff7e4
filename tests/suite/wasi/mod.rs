//! Standard WASI under the same policy.

mod bodies;
mod files;
mod grants;
mod http;
mod inert;
mod raw;
mod standard;
