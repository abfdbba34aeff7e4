//! Calls on many machines, over NATS with JetStream.
//!
//! | part | place |
//! |---|---|
//! | a call | a message of the stream of work, which one worker has at a time and acknowledges when the result is kept |
//! | the result | a key of the bucket of results: the first one stays, and duplicates of the call get it |
//! | a call that no worker could end | the stream of the dead, after [`ATTEMPTS`] deliveries |
//! | components, policies, signatures | an object store, by digest |
//! | the version that serves | a key of the bucket of providers, switched by one write |
//!
//! A client that may write to the buckets chooses components and policies. So a worker has a ceiling of its own, a policy that no policy
//! of the fleet may exceed, and checks digests and signatures itself ([`Worker`]).

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::string_slice))]

mod answer;
mod calls;
mod clock;
mod deploy;
mod digest;
mod error;
mod files;
mod fleet;
mod invoke;
mod kept;
mod loaded;
mod names;
mod queue;
mod serving;
mod submit;
mod table;
mod wire;
mod worker;

pub use answer::{Answer, Ended};
pub use deploy::{Deployed, Replaced};
pub use error::FleetError;
pub use fleet::{Connect, Fleet, State};
pub use invoke::InvokeError;
pub use names::{NameError, Tenant};
pub use serving::{Change, Serving};
pub use submit::{Call, Submission, key_of};
pub use worker::{Drained, Worker};

/// The times that a call is begun before it is dead: a worker died in each of them, or failed.
pub const ATTEMPTS: u32 = 5;
