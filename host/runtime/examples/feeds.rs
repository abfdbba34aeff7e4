//! An interface of the program's own, with a resource, parameters in the policy, and decisions in the report.
//!
//! `cargo run --example feeds -- ecb boe` (build the guests first: `./justw guests`)
#![expect(clippy::print_stdout, reason = "a program of its own")]

use std::path::Path;

use serde::Deserialize;
use tollgate::blocking::Runtime;
use tollgate::component::World;
use tollgate::policy::Reason;
use tollgate::wasmtime::component::{HasSelf, Resource};
use tollgate::{CallContext, Outcome, Policy, Source, wasmtime};

use world::Reader;
use world::acme::report::feeds::{self, Host, HostFeed};

mod world {
    ::tollgate::wasmtime::component::bindgen!({
        path: "examples/wit",
        world: "acme:report/reader",
        imports: { default: async | trappable },
        exports: { default: async },
        with: { "acme:report/feeds.feed": super::Feed },
        wasmtime_crate: ::tollgate::wasmtime,
    });
}

const NAME: &str = "acme:report/feeds@1.0.0";

/// The policy of the guest: two feeds that it may open.
const POLICY: &str = r#"
grants.wasi = "inert"
grants.interfaces."acme:report/feeds@1.0.0" = { names = ["ecb", "fed"] }
"#;

/// The parameters of a grant of the interface.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Feeds {
    names: Vec<String>,
}

/// An open feed: the resource that a guest has a handle of.
pub struct Feed {
    rates: std::vec::IntoIter<f64>,
}

/// The rates of a feed.
fn rates(name: &str) -> Vec<f64> {
    match name {
        "ecb" => vec![1.16, 1.17, 1.18],
        _ => Vec::new(),
    }
}

impl Host for CallContext {
    async fn open(&mut self, name: String) -> wasmtime::Result<Result<Resource<Feed>, String>> {
        let mut call = self.charge(name.len() as u64)?;
        if !call.parameters::<Feeds>(NAME)?.names.contains(&name) {
            call.denied(NAME, &name, Reason::NotGranted);
            return Ok(Err(format!("the feed {name} is not granted")));
        }
        call.allowed(NAME, &name);
        let rates = rates(&name);
        let bytes = size_of_val(&*rates) as u64;
        let rates = rates.into_iter();
        Ok(Ok(call.put(Feed { rates }, bytes)?))
    }
}

impl HostFeed for CallContext {
    async fn next(&mut self, feed: Resource<Feed>) -> wasmtime::Result<Option<f64>> {
        let mut call = self.charge(size_of::<f64>() as u64)?;
        Ok(call.resource_mut(&feed)?.rates.next())
    }

    async fn drop(&mut self, feed: Resource<Feed>) -> wasmtime::Result<()> {
        self.charge(0)?.take(feed)?;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let builder = tollgate::Runtime::builder().interface_with::<Feeds>(NAME, |linker| {
        feeds::add_to_linker::<_, HasSelf<CallContext>>(linker, |call| call)
    })?;
    let policy = Policy::parse(POLICY, root)?;
    let source = Source::file(&root.join("target/guests/feed-reader.wasm"), &policy.limits)?;
    let provider = Runtime::from(builder.build()).load(&source, &policy)?;
    let world = World::parse(&[include_str!("wit/feeds.wit")], "acme:report/reader")?;
    provider.expects(&world)?;

    for name in std::env::args().skip(1) {
        let report = provider.session().call(async |guest| {
            let reader = Reader::new(&mut *guest.store, guest.instance)?;
            reader.call_average(&mut *guest.store, &name).await
        })?;
        match &report.outcome {
            Outcome::Returned(average) => println!("{name}: {average:.3}"),
            Outcome::Failed(error) => println!("{name}: {}", tollgate::escape::line(error)),
            Outcome::Faulted(fault) => println!("{name}: stopped: {fault}"),
        }
        for denial in &report.denials {
            println!("denied: {} ({})", denial.target, denial.reason);
        }
    }
    Ok(())
}
