//! A tool manager asks an untrusted provider for the release to fetch, and for its digest.
//!
//! `cargo run --example releases -- '^1'` (build the guests first: `./justw guests`)
#![expect(clippy::print_stdout, reason = "a program of its own")]

use std::error::Error;
use std::path::Path;

use tollgate::{Guest, Outcome, Policy, ProviderError, Runtime, Source};

use world::Releases;

/// In a module of its own: the generated code has a module `tollgate`, like the library.
mod world {
    ::tollgate::wasmtime::component::bindgen!({
        path: ["wit/provider", "wit/releases"],
        world: "tollgate:releases/releases",
        imports: { default: async | trappable },
        exports: { default: async },
        with: { "tollgate:provider": ::tollgate::bindings::v0_1::provider },
        wasmtime_crate: ::tollgate::wasmtime,
    });
}

/// The rights of the provider: it reads the package index, and learns the name of its package.
const POLICY: &str = r#"
limits.fuel = 200_000_000
grants.config = { package = "waybill" }
grants.files = [{ root = "index", path = "samples/index", access = "read" }]
"#;

async fn show(requirement: &str) -> Result<(), Box<dyn Error>> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let policy = Policy::parse(POLICY, root)?;
    let file = root.join("target/guests/registry-releases.wasm");
    let source = Source::file(&file, &policy.limits)?;
    let provider = Runtime::new().load(&source, &policy).await?;

    // Both calls are one session: the second finds the instance as the first left it.
    let mut session = provider.session();
    let report = session
        .call(async |guest: &mut Guest<'_>| {
            let world = Releases::new(&mut *guest.store, guest.instance)?;
            let hook = world.tollgate_releases_resolve();
            hook.call_resolve(&mut *guest.store, requirement, "linux/x86_64")
                .await
        })
        .await?;
    let resolution = match report.outcome {
        Outcome::Returned(resolution) => resolution,
        Outcome::Failed(error) => return Err(ProviderError::from(error).into()),
        Outcome::Faulted(fault) => return Err(fault.to_string().into()),
    };
    let report = session
        .call(async |guest: &mut Guest<'_>| {
            let world = Releases::new(&mut *guest.store, guest.instance)?;
            let hook = world.tollgate_releases_checksum();
            hook.call_checksum(&mut *guest.store, &resolution.version, "linux/x86_64")
                .await
        })
        .await?;
    let text = |guest: &str| tollgate::escape::line(guest).into_owned();
    println!("{} {}", text(&resolution.version), text(&resolution.url));
    if let Some(digest) = report.outcome.returned() {
        println!("{}:{}", text(&digest.algorithm), text(&digest.hex));
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let requirement = std::env::args().nth(1).unwrap_or_else(|| "^1".to_owned());
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(show(&requirement))
}
