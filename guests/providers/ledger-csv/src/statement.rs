//! From the rows of a statement to the directives of a ledger.

use crate::{
    csv::{self, Record},
    tollgate::ledger::types::{
        Amount, Balance, Directive, ImportError, Posting, Problem, Transaction,
    },
    values::{Moment, is_decimal, is_zero, negated},
};

/// The columns of the format, in order.
pub(crate) const HEADER: [&str; 10] = [
    "Type",
    "Product",
    "Started Date",
    "Completed Date",
    "Description",
    "Amount",
    "Fee",
    "Currency",
    "State",
    "Balance",
];

/// The product that is the account itself; any other is an account below it.
const CURRENT_ACCOUNT: &str = "Current";

/// The accounts that the statement's money moves between.
pub(crate) struct Accounts {
    pub(crate) own: String,
    pub(crate) counter: String,
    pub(crate) fees: String,
}

/// A completed row, every field of it checked.
struct Row {
    kind: String,
    account: String,
    completed: Moment,
    description: String,
    amount: Amount,
    fee: Amount,
    balance: Amount,
}

/// The balance of an account after its last row so far.
struct Closing {
    account: String,
    after: Moment,
    amount: Amount,
}

/// All directives of a statement, in the file's order, with the closing balances at the end.
pub(crate) fn import(file: &[u8], accounts: &Accounts) -> Result<Vec<Directive>, ImportError> {
    check_header(file)?;
    let mut directives = Vec::new();
    let mut closings = Vec::new();
    for record in csv::records(file)?.iter().skip(1) {
        if let Some(row) = parse_row(record, &accounts.own)? {
            close(&mut closings, &row);
            directives.push(Directive::Transaction(transaction(row, accounts)));
        }
    }
    directives.extend(closings.into_iter().map(|closing| {
        Directive::Balance(Balance {
            // A balance is that of the start of a day, so of the day after.
            date: closing.after.date.next_day().to_string(),
            account: closing.account,
            amount: closing.amount,
        })
    }));
    Ok(directives)
}

fn check_header(file: &[u8]) -> Result<(), ImportError> {
    let error = |problem, message| ImportError {
        line: 1,
        problem,
        message,
    };
    let line = csv::without_mark(file)
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line.trim_ascii_end());
    let mut columns = line.split(',');
    for (at, name) in HEADER.iter().enumerate() {
        if columns.next() != Some(name) {
            return Err(if at == 0 {
                error(Problem::Format, "this is not a Revolut statement".into())
            } else {
                error(
                    Problem::Column,
                    format!("column {} must be `{name}`", at + 1),
                )
            });
        }
    }
    match columns.next() {
        Some(_) => Err(error(
            Problem::Column,
            format!("more than {0} columns where {0} must be", HEADER.len()),
        )),
        None => Ok(()),
    }
}

/// The row of a record; none when its money did not move.
fn parse_row(record: &Record<10>, own: &str) -> Result<Option<Row>, ImportError> {
    let error = |problem, message| ImportError {
        line: record.line,
        problem,
        message,
    };
    let [
        kind,
        product,
        _,
        completed,
        description,
        amount,
        fee,
        currency,
        state,
        balance,
    ] = &record.fields;
    match state.as_str() {
        "COMPLETED" => {}
        "PENDING" | "REVERTED" | "DECLINED" | "FAILED" => return Ok(None),
        _ => {
            return Err(error(
                Problem::Format,
                format!("the state `{state}` is not known"),
            ));
        }
    }

    let money = |column: &str, text: &str| {
        let is_currency = (3..=5).contains(&currency.len())
            && currency
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !is_currency {
            Err(error(
                Problem::Amount,
                format!("`{currency}` is not a currency"),
            ))
        } else if !is_decimal(text) {
            Err(error(
                Problem::Amount,
                format!("{column}: `{text}` is not a number"),
            ))
        } else {
            Ok(Amount {
                number: text.to_owned(),
                currency: currency.clone(),
            })
        }
    };
    Ok(Some(Row {
        kind: one_line(kind).replace('_', " ").to_ascii_lowercase(),
        account: account_of(product, own).ok_or_else(|| {
            error(
                Problem::Format,
                format!("the product `{product}` is not known"),
            )
        })?,
        completed: Moment::parse(completed).ok_or_else(|| {
            error(
                Problem::Date,
                format!("`{completed}` is not a date and time"),
            )
        })?,
        description: one_line(description),
        amount: money("Amount", amount)?,
        fee: money("Fee", fee)?,
        balance: money("Balance", balance)?,
    }))
}

/// The account that holds a product; none when its name cannot be part of an account's.
fn account_of(product: &str, own: &str) -> Option<String> {
    if product == CURRENT_ACCOUNT {
        return Some(own.to_owned());
    }
    let is_name = product.starts_with(|first: char| first.is_ascii_uppercase())
        && product.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_name.then(|| format!("{own}:{product}"))
}

/// `text` with every run of ASCII white space, line breaks too, made a single space.
fn one_line(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// Keeps the latest balance of the row's account. The file is sorted by when a row was started, so the
/// row completed last need not be the last one.
fn close(closings: &mut Vec<Closing>, row: &Row) {
    let closing = Closing {
        account: row.account.clone(),
        after: row.completed.clone(),
        amount: row.balance.clone(),
    };
    let same = |seen: &&mut Closing| {
        seen.account == row.account && seen.amount.currency == row.balance.currency
    };
    match closings.iter_mut().find(same) {
        Some(seen) if seen.after > row.completed => {}
        Some(seen) => *seen = closing,
        None => closings.push(closing),
    }
}

fn transaction(row: Row, accounts: &Accounts) -> Transaction {
    let posting = |account: &str, amount| Posting {
        account: account.to_owned(),
        amount,
    };
    // A row that is a fee alone has an amount of zero, and no other side.
    let is_fee_alone = is_zero(&row.amount.number) && !is_zero(&row.fee.number);
    let mut postings = Vec::new();
    if !is_fee_alone {
        postings.push(posting(&row.account, Some(row.amount)));
    }
    if !is_zero(&row.fee.number) {
        // The fee comes off on top of the amount.
        let taken = Amount {
            number: negated(&row.fee.number),
            currency: row.fee.currency.clone(),
        };
        postings.push(posting(&row.account, Some(taken)));
        postings.push(posting(&accounts.fees, Some(row.fee)));
    }
    if !is_fee_alone {
        postings.push(posting(&accounts.counter, None));
    }
    Transaction {
        date: row.completed.date.to_string(),
        payee: Some(row.description).filter(|payee| !payee.is_empty()),
        narration: row.kind,
        postings,
    }
}
