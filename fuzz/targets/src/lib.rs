//! The targets of fuzzing and the properties that must hold: the bodies of the targets of cargo-fuzz and of `just
//! fuzz`.
//!
//! A body ends in a label, for the statistics, or panics: that is a finding.

#![allow(clippy::panic, reason = "a panic is a finding")]

mod cache;
mod call;
mod component;
mod http;
// A link to the file of the properties: cargo puts its target into the package.
#[allow(dead_code, reason = "the properties make URLs of it too")]
mod oracle;
mod text;
mod values;

/// A target of fuzzing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A component is inspected, loaded under a policy that grants all that is harmless, and each export called.
    Component,
    /// Names of imports are judged.
    Verdict,
    /// Expressions in WAVE call a component that takes every type.
    Wave,
    /// Values of our own call a component that takes every type.
    Invoke,
    /// A guest sends a request with a credential, to a server that answers with these bytes.
    Http,
    /// Text is read as a policy.
    Policy,
    /// URLs are decided on, as requests and as redirects.
    Url,
    /// Paths are decided on, as our interface has them and as WASI has.
    Path,
    /// Bytes are an entry of the cache of compiled code.
    Cache,
}

impl Target {
    /// Every one.
    pub const ALL: [Target; 9] = [
        Target::Component,
        Target::Verdict,
        Target::Wave,
        Target::Policy,
        Target::Url,
        Target::Path,
        Target::Cache,
        Target::Invoke,
        Target::Http,
    ];

    /// Its name, which is that of the file in `fuzz_targets`.
    pub fn name(self) -> &'static str {
        match self {
            Target::Component => "component",
            Target::Verdict => "verdict",
            Target::Wave => "wave",
            Target::Policy => "policy",
            Target::Url => "url",
            Target::Path => "path",
            Target::Cache => "cache",
            Target::Invoke => "invoke",
            Target::Http => "http",
        }
    }

    /// Checks one input; how it ended.
    ///
    /// # Panics
    ///
    /// When something does not hold.
    pub fn check(self, data: &[u8]) -> &'static str {
        let text = || String::from_utf8_lossy(data);
        match self {
            Target::Component => component::check(data),
            Target::Verdict => component::verdict(&text()),
            Target::Wave => call::wave(&text()),
            Target::Policy => text::policy(&text()),
            Target::Url => text::url(&text()),
            Target::Path => text::path(&text()),
            Target::Cache => cache::check(data),
            Target::Invoke => values::invoke(data),
            Target::Http => http::exchange(data),
        }
    }
}
