//! A call from its start to its end: sessions, cancellation, panics of the host.

mod cancel;
mod cancel_polls;
mod ended;
mod host_errors;
mod host_panics;
mod invoke;
mod repeatable;
mod sessions;
mod warm;
mod wave;
