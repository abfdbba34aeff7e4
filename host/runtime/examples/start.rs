//! The program of `docs/guide/start-embedder.md`, which a test compares with the page: what follows the first empty line is on it, but
//! for the folder of the WIT.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of its own"
)]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use tollgate::blocking::Runtime;
use tollgate::policy::Reason;
use tollgate::wasmtime::component::HasSelf;
use tollgate::{CallContext, Compiler, Outcome, Policy, Source, wasmtime};

use world::Plugin;
use world::acme::shop::prices::{self, Host};

mod world {
    ::tollgate::wasmtime::component::bindgen!({
        path: "examples/start/wit",
        world: "acme:shop/plugin",
        imports: { default: async | trappable },
        exports: { default: async },
        wasmtime_crate: ::tollgate::wasmtime,
    });
}

const PRICES: &str = "acme:shop/prices@0.1.0";

/// The parameters of the interface in a policy: the items whose prices a plugin may know.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Prices {
    items: Vec<String>,
}

/// The interface: each function charges, decides, and answers.
impl Host for CallContext {
    async fn price(&mut self, item: String) -> wasmtime::Result<Option<u32>> {
        let call = self.charge(item.len() as u64)?;
        if !call.parameters::<Prices>(PRICES)?.items.contains(&item) {
            call.denied(PRICES, &item, Reason::NotGranted);
            return Ok(None);
        }
        call.allowed(PRICES, &item);
        Ok(match item.as_str() {
            "tea" => Some(350),
            "coffee" => Some(420),
            _ => None,
        })
    }
}

/// Loads the plugin under its policy, and calls it once.
fn total(plugin: &str, items: &[String]) -> Result<(), Box<dyn Error>> {
    let runtime = tollgate::Runtime::builder()
        .compiler(Compiler::this_program()?)
        .interface_with::<Prices>(PRICES, |linker| {
            prices::add_to_linker::<_, HasSelf<CallContext>>(linker, |call| call)
        })?;
    let policy = Policy::parse(&std::fs::read_to_string("policy.toml")?, Path::new("."))?;
    let source = Source::file(Path::new(plugin), &policy.limits)?;
    let provider = Runtime::from(runtime.build()).load(&source, &policy)?;

    let report = provider.session().call(async |guest| {
        let plugin = Plugin::new(&mut *guest.store, guest.instance)?;
        plugin.call_total(&mut *guest.store, items).await
    })?;
    match &report.outcome {
        Outcome::Returned(cents) => println!("{cents} cents"),
        Outcome::Failed(error) => println!("the plugin says: {}", tollgate::escape::line(error)),
        Outcome::Faulted(fault) => println!("stopped: {fault}"),
    }
    for denial in &report.denials {
        println!("denied: {} ({})", denial.target, denial.reason);
    }
    let usage = &report.usage;
    println!(
        "{} fuel, {} bytes of memory, {} host calls, {:?}",
        usage.fuel, usage.memory_peak, usage.host_calls, usage.elapsed
    );
    Ok(())
}

fn main() -> ExitCode {
    tollgate::run_if_worker(); // first: this program is its own worker
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((plugin, items)) = arguments.split_first() else {
        eprintln!("shop PLUGIN ITEM...");
        return ExitCode::FAILURE;
    };
    match total(plugin, items) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shop: {error}");
            ExitCode::FAILURE
        }
    }
}
