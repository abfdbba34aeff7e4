//! The calls of the demo: four providers at work, and three attacks that are stopped.

use std::time::Duration;

use tollgate::policy::Grants;
use tollgate::policy::{Access, FileGrant, HttpGrant, StoreGrant};
use tollgate::report::ErrorReport;
use tollgate::{CallError, Guest, Limits, Outcome, Policy, Provider, Report, escape};

use super::Row;
use super::bindings::ledger::StatementImporter;
use super::bindings::ledger::tollgate::ledger::types::{Amount, Directive, ImportError};
use super::bindings::releases::Releases;
use super::bindings::releases::tollgate::releases::types::{Digest, Release, Resolution};
use super::samples::Samples;
use crate::options::remedy::fault_text;
use crate::output::status::ExitReason;
use tollgate::bindings::v0_1::provider::types::Error;

/// Lines of a result that are printed.
const LEDGER_LINES: usize = 3;
const MANIFEST_LINES: usize = 2;

/// The components and the data of the demo, loaded before the first call.
pub(super) struct Jobs {
    statement: Vec<u8>,
    ledger_csv: Provider,
    checksums: Provider,
    registry_releases: Provider,
    echo: Provider,
    hostile: Provider,
}

impl Jobs {
    /// Loads all of it.
    pub(super) async fn load(samples: &Samples<'_>) -> Result<Jobs, ExitReason> {
        Ok(Jobs {
            statement: samples.read("ledger/revolut.csv")?,
            ledger_csv: samples.load("ledger-csv").await?,
            checksums: samples.load("checksums").await?,
            registry_releases: samples.load("registry-releases").await?,
            echo: samples.load("echo").await?,
            hostile: samples.load_under("hostile", &of_hostile(samples)).await?,
        })
    }

    /// All components.
    pub(super) fn providers(&self) -> [&Provider; 5] {
        [
            &self.ledger_csv,
            &self.checksums,
            &self.registry_releases,
            &self.echo,
            &self.hostile,
        ]
    }

    /// All calls, in the order of the table.
    pub(super) async fn all(&self) -> Result<Vec<Row>, ExitReason> {
        let mut rows = vec![
            ledger_csv(&self.ledger_csv, &self.statement).await?,
            checksums(&self.checksums).await?,
            registry_releases(&self.registry_releases).await?,
            echo(&self.echo).await?,
        ];
        rows.extend(hostile(&self.hostile).await?);
        Ok(rows)
    }
}

async fn ledger_csv(provider: &Provider, statement: &[u8]) -> Result<Row, ExitReason> {
    let mut session = provider.session();
    let report: Report<Vec<Directive>, ImportError> = session
        .call(async |guest: &mut Guest<'_>| {
            let world = StatementImporter::new(&mut *guest.store, guest.instance)?;
            let importer = world.tollgate_ledger_importer();
            importer.call_parse(&mut *guest.store, statement).await
        })
        .await?;
    let lines = match &report.outcome {
        Outcome::Returned(directives) => directives
            .iter()
            .take(LEDGER_LINES)
            .map(directive)
            .collect(),
        _ => Vec::new(),
    };
    Ok(Row::new("ledger-csv", &report, "returned", lines))
}

impl ErrorReport for ImportError {
    fn kind(&self) -> String {
        format!("{:?}", self.problem).to_lowercase()
    }

    fn message(&self) -> String {
        format!("line {}: {}", self.line, self.message)
    }
}

/// An entry of the ledger on one line, as in a ledger file.
fn directive(directive: &Directive) -> String {
    let amount = |amount: &Amount| format!("{} {}", amount.number, amount.currency);
    let line = match directive {
        Directive::Transaction(transaction) => {
            let leg = |(account, sum): (&String, Option<&Amount>)| match sum {
                Some(sum) => format!("{account} {}", amount(sum)),
                None => account.clone(),
            };
            let legs = transaction.postings.iter();
            let legs: Vec<String> = legs.map(|p| leg((&p.account, p.amount.as_ref()))).collect();
            format!(
                "{} * {:?} {:?}  {}",
                transaction.date,
                transaction.payee.as_deref().unwrap_or_default(),
                transaction.narration,
                legs.join(" | ")
            )
        }
        Directive::Balance(balance) => format!(
            "{} balance {} {}",
            balance.date,
            balance.account,
            amount(&balance.amount)
        ),
    };
    escape::line(&line).into_owned()
}

async fn checksums(provider: &Provider) -> Result<Row, ExitReason> {
    let mut session = provider.session();
    let report = session.run(b"data").await?;
    let lines = text_lines(&report, MANIFEST_LINES);
    Ok(Row::new("checksums", &report, "returned", lines))
}

async fn echo(provider: &Provider) -> Result<Row, ExitReason> {
    let mut session = provider.session();
    let report = session.run(b"hello, provider").await?;
    let lines = text_lines(&report, 1);
    Ok(Row::new("echo", &report, "returned", lines))
}

fn text_lines(report: &Report<Vec<u8>>, lines: usize) -> Vec<String> {
    let Outcome::Returned(bytes) = &report.outcome else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().take(lines);
    lines.map(|line| escape::line(line).into_owned()).collect()
}

/// Three calls under one budget, as a tool manager makes them to install a tool.
async fn registry_releases(provider: &Provider) -> Result<Row, ExitReason> {
    const PLATFORM: &str = "linux/x86_64";
    type Answer = Result<(Vec<Release>, Resolution, Digest), Error>;

    let mut session = provider.session();
    let work = async |guest: &mut Guest<'_>| -> tollgate::wasmtime::Result<Answer> {
        let world = Releases::new(&mut *guest.store, guest.instance)?;
        let store = &mut *guest.store;
        let list = world.tollgate_releases_list_versions();
        let all = match list.call_list_versions(&mut *store).await? {
            Ok(all) => all,
            Err(error) => return Ok(Err(error)),
        };
        let resolve = world.tollgate_releases_resolve();
        let chosen = match resolve.call_resolve(&mut *store, "^1", PLATFORM).await? {
            Ok(chosen) => chosen,
            Err(error) => return Ok(Err(error)),
        };
        let checksum = world.tollgate_releases_checksum();
        let digest = checksum
            .call_checksum(&mut *store, &chosen.version, PLATFORM)
            .await?;
        Ok(digest.map(|digest| (all, chosen, digest)))
    };
    let called: Result<Report<_, Error>, CallError> = session.call(work).await;
    let report = called?;
    let lines = match &report.outcome {
        Outcome::Returned((all, chosen, digest)) => vec![
            format!(
                "{} versions; ^1 is {} from {}",
                all.len(),
                chosen.version,
                chosen.url
            ),
            format!("{}:{}", digest.algorithm, digest.hex),
        ],
        _ => Vec::new(),
    };
    let lines = lines
        .iter()
        .map(|line| escape::line(line).into_owned())
        .collect();
    Ok(Row::new("registry-releases", &report, "returned", lines))
}

/// The policy of the hostile component. It grants every import, so that limits and decisions stop the component, not a
/// refusal.
fn of_hostile(samples: &Samples<'_>) -> Policy {
    Policy {
        limits: Limits {
            fuel: 50_000_000,
            memory: 4 << 20,
            deadline: Duration::from_secs(1),
            ..Limits::default()
        },
        grants: Grants {
            log: true,
            hash: true,
            store: Some(StoreGrant::default()),
            config: Some(Default::default()),
            http: vec![HttpGrant::new("https://example.com/**")],
            files: vec![FileGrant::new("data", samples.path("files"), Access::Read)],
            ..Grants::default()
        },
        ..Policy::default()
    }
}

/// Three attacks by one component, each in its own session.
async fn hostile(provider: &Provider) -> Result<Vec<Row>, ExitReason> {
    let mut rows = Vec::new();
    for (attack, expected) in [
        ("spin", "fuel"),
        ("grow-then-trap", "memory"),
        ("path-escape ../secret", "returned"),
    ] {
        let report = provider.session().run(attack.as_bytes()).await?;
        let mut lines = text_lines(&report, 1);
        if let Some(fault) = report.outcome.fault() {
            lines.push(fault_text(fault));
        }
        let mut row = Row::new(&format!("hostile {attack}"), &report, expected, lines);
        // The last attack returns normally; the expected sign is its denial.
        row.expected &= (expected == "returned") == (row.denials.len() == 1);
        rows.push(row);
    }
    Ok(rows)
}
