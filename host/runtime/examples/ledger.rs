//! A ledger imports bank statements with importers that it does not trust.
//!
//! The world `tollgate:ledger/statement-importer` stands on top of `tollgate:provider/imports`; its typed
//! exports are called with every limit in force.
//!
//! `cargo run --example ledger -- samples/ledger/revolut.csv` (build the guests first: `./justw guests`)
#![expect(clippy::print_stdout, reason = "a program of its own")]

use std::error::Error;
use std::path::Path;

use tollgate::blocking::{Runtime, Session};
use tollgate::report::ErrorReport;
use tollgate::{Guest, Outcome, Policy, Report, Source};

use world::StatementImporter;
use world::exports::tollgate::ledger::importer::{Directive, ImportError};
use world::tollgate::ledger::types::Problem;

/// In a module of its own: the generated code has a module `tollgate`, like the library.
mod world {
    ::tollgate::wasmtime::component::bindgen!({
        path: ["wit/provider", "wit/ledger"],
        world: "tollgate:ledger/statement-importer",
        imports: { default: async | trappable },
        exports: { default: async },
        with: { "tollgate:provider": ::tollgate::bindings::v0_1::provider },
        wasmtime_crate: ::tollgate::wasmtime,
    });
}

/// The rights of the importer: it reads two settings. It cannot see another file, or send this one to others.
const POLICY: &str = r#"
limits.fuel = 100_000_000
limits.deadline = "2s"
grants.config = { account = "Assets:Bank:Current", counter-account = "Expenses:Unsorted" }
"#;

impl ErrorReport for ImportError {
    fn kind(&self) -> String {
        match self.problem {
            Problem::Format => "format",
            Problem::Column => "column",
            Problem::Date => "date",
            Problem::Amount => "amount",
            Problem::Encoding => "encoding",
        }
        .to_owned()
    }

    fn message(&self) -> String {
        format!("line {}: {}", self.line, self.message)
    }
}

/// Calls the typed export.
fn import(
    session: &mut Session,
    statement: &[u8],
) -> Result<Report<Vec<Directive>, ImportError>, tollgate::CallError> {
    session.call(async |guest: &mut Guest<'_>| {
        let importer = StatementImporter::new(&mut *guest.store, guest.instance)?;
        importer
            .tollgate_ledger_importer()
            .call_parse(&mut *guest.store, statement)
            .await
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let statement = std::env::args_os().nth(1).map_or_else(
        || root.join("samples/ledger/revolut.csv"),
        std::path::PathBuf::from,
    );
    let policy = Policy::parse(POLICY, root)?;
    let source = Source::file(&root.join("target/guests/ledger-csv.wasm"), &policy.limits)?;
    let provider = Runtime::new().load(&source, &policy)?;

    let report = import(&mut provider.session(), &std::fs::read(statement)?)?;
    match &report.outcome {
        Outcome::Returned(directives) => directives.iter().for_each(print),
        Outcome::Failed(error) => println!("{}: {}", error.kind(), error.message()),
        Outcome::Faulted(fault) => println!("stopped: {fault}"),
    }
    println!("; {} fuel", report.usage.fuel);
    Ok(())
}

fn print(directive: &Directive) {
    let text = |guest: &str| tollgate::escape::line(guest).into_owned();
    match directive {
        Directive::Transaction(transaction) => {
            let payee = transaction.payee.as_deref().unwrap_or_default();
            println!(
                "{} * \"{}\" \"{}\"",
                text(&transaction.date),
                text(payee),
                text(&transaction.narration)
            );
            for posting in &transaction.postings {
                match &posting.amount {
                    Some(amount) => println!(
                        "  {} {} {}",
                        text(&posting.account),
                        text(&amount.number),
                        text(&amount.currency)
                    ),
                    None => println!("  {}", text(&posting.account)),
                }
            }
        }
        Directive::Balance(balance) => println!(
            "{} balance {} {} {}",
            text(&balance.date),
            text(&balance.account),
            text(&balance.amount.number),
            text(&balance.amount.currency)
        ),
    }
}
