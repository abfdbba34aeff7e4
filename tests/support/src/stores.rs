//! The store of the guest `hostile`: policies that grant one, and the guest's requests to it.

use std::path::Path;
use std::time::Duration;

use tollgate::blocking::{Provider, Runtime};
use tollgate::{Limits, Policy, Report, Source};

use crate::harness::{all_but, returned, source};

/// A policy with more time than by default: each change of a store in a file waits for the disk, which may be busy.
pub fn policy(text: &str) -> Policy {
    let mut policy = crate::harness::policy(text);
    if policy.limits.deadline == Limits::default().deadline {
        policy.limits.deadline = Duration::from_secs(60);
    }
    policy
}

/// A policy with `store` as the table of its store.
pub fn with(store: &str) -> String {
    format!("{}[grants.store]\n{store}\n", all_but("store"))
}

/// A store in a file of `folder`.
pub fn kept_in(folder: &Path, more: &str) -> String {
    kept_as("kept", folder, more)
}

/// A store in a file of `folder`, under a namespace.
pub fn kept_as(namespace: &str, folder: &Path, more: &str) -> String {
    with(&format!(
        "path = \"{}/state.redb\"\nnamespace = \"{namespace}\"\n{more}",
        folder.display()
    ))
}

/// `hostile` under another name.
pub fn named(name: &str) -> Source {
    Source::bytes(name, source("hostile").as_bytes())
}

/// A new runtime.
pub fn runtime() -> Runtime {
    crate::harness::builder().concurrency(4).build().into()
}

/// Runs the guest once.
pub fn ask(provider: &Provider, input: &str) -> Report<Vec<u8>> {
    provider.session().run(input.as_bytes()).unwrap()
}

/// The value that the guest returned.
pub fn answer(provider: &Provider, input: &str) -> String {
    returned(&ask(provider, input))
}

/// Loads the guest on a new runtime.
pub fn load(policy_text: &str) -> Provider {
    let source = source("hostile");
    runtime().load(&source, &policy(policy_text)).unwrap()
}

/// The number of values that a flood stored, and the reason that stopped it.
pub fn flood(provider: &Provider, input: &str) -> (u64, String) {
    let text = answer(provider, input);
    let (number, why) = text.trim_start_matches('(').split_once(", ").unwrap();
    (number.parse().unwrap(), why.to_owned())
}
