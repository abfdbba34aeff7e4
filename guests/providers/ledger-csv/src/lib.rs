//! Imports the CSV statements of Revolut into a double-entry ledger.
//!
//! Every completed row becomes a transaction; rows that are pending or reverted moved no money. The
//! file ends with the balance of each account, as of the day after its last row. Amounts are passed
//! on as the bank wrote them: nothing is computed, so nothing is rounded.
//!
//! Config keys: `account` (default `Assets:Bank:Checking`), `counter-account` (`Expenses:Unknown`) and
//! `fee-account` (`Expenses:Bank:Fees`). A product other than the current account, such as a savings
//! pocket, is an account below `account`.
//!
//! `guests/polyglot/ledger-*` are the same provider in other languages: the same cases pass with each, so a change here is
//! made there too.

mod csv;
mod statement;
mod values;

use exports::tollgate::ledger::importer::Guest;
use statement::{Accounts, HEADER};
use tollgate::{
    ledger::types::{Directive, ImportError},
    provider::config,
};

tollgate_guest::arena!();

wit_bindgen::generate!({
    path: ["../../../wit/provider", "../../../wit/ledger"],
    world: "tollgate:ledger/statement-importer",
    generate_all,
});

struct Revolut;

impl Guest for Revolut {
    fn identify(name: String, head: Vec<u8>) -> bool {
        let is_csv = name
            .rsplit_once('.')
            .is_some_and(|(_, end)| end.eq_ignore_ascii_case("csv"));
        is_csv && csv::without_mark(&head).starts_with(HEADER.join(",").as_bytes())
    }

    fn parse(statement: Vec<u8>) -> Result<Vec<Directive>, ImportError> {
        let setting = |key, default: &str| config::get(key).unwrap_or_else(|| default.to_owned());
        let accounts = Accounts {
            own: setting("account", "Assets:Bank:Checking"),
            counter: setting("counter-account", "Expenses:Unknown"),
            fees: setting("fee-account", "Expenses:Bank:Fees"),
        };
        statement::import(&statement, &accounts)
    }
}

export!(Revolut);
