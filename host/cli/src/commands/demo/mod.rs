//! `tollgate demo`: runs the sample providers, well-behaved and hostile, and shows the usage of each.

mod bindings;
mod jobs;
mod samples;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate::report::{Denial, ErrorReport};
use tollgate::{Report, escape};

use self::jobs::Jobs;
use self::samples::Samples;
use crate::in_tokio;
use crate::options::cache::CacheOpts;
use crate::options::wall::WallOpts;
use crate::output::report::pretty;
use crate::output::status::{ExitReason, RETURNED};
use crate::output::style::Style;
use crate::output::table::{self, Cell};
use crate::output::text;
use crate::output::ui::Ui;

const AFTER_HELP: &str = "Example: tollgate demo";

/// Run the sample providers on the sample data and show what each used
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The folder with target/guests and samples [default: the current one, or one above the program]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print the reports as JSON in place of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cache: CacheOpts,
    #[command(flatten)]
    wall: WallOpts,
}

/// One call of the demo.
struct Row {
    provider: String,
    outcome: String,
    fuel: u64,
    memory: u64,
    time: Duration,
    denials: Vec<Denial>,
    /// Whether the outcome is the expected one.
    expected: bool,
    report: Value,
    /// The first lines of the result.
    result: Vec<String>,
}

impl Row {
    /// `provider` is the provider's name, with the attack for a hostile one; `expected` is the outcome, or the kind of
    /// the fault.
    fn new<T, E: ErrorReport>(
        provider: &str,
        report: &Report<T, E>,
        expected: &str,
        result: Vec<String>,
    ) -> Row {
        let label = report.outcome.label();
        let fault = report.outcome.fault().map(|fault| fault.label());
        Row {
            provider: provider.to_owned(),
            outcome: match fault {
                Some(fault) => format!("{label}: {fault}"),
                None => label.to_owned(),
            },
            fuel: report.usage.fuel,
            memory: report.usage.memory_peak,
            time: report.usage.elapsed,
            denials: report.denials.clone(),
            expected: fault.unwrap_or(label) == expected,
            report: report.to_json(),
            result,
        }
    }

    fn cells(&self) -> Vec<Cell> {
        let style = if self.expected {
            Style::Good
        } else {
            Style::Bad
        };
        vec![
            Cell::new(self.short_name()),
            Cell::styled(self.outcome.as_str(), style),
            Cell::number(text::count(self.fuel)),
            Cell::number(text::memory(self.memory)),
            Cell::number(text::time(self.time)),
            Cell::number(self.denials.len().to_string()),
        ]
    }

    /// The provider's name, with the attack and without its argument.
    fn short_name(&self) -> &str {
        let second_space = self.provider.match_indices(' ').nth(1);
        let end = second_space.map_or(self.provider.len(), |(at, _)| at);
        self.provider.get(..end).unwrap_or_default()
    }

    /// The denials and the first lines of the result.
    fn details(&self) -> Vec<String> {
        let denial = |denial: &Denial| {
            let target = escape::line(&denial.target);
            format!("denied {} {target}: {}", denial.capability, denial.reason)
        };
        self.denials
            .iter()
            .map(denial)
            .chain(self.result.iter().cloned())
            .collect()
    }
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let samples = Samples::find(opts.dir.as_deref(), opts.cache.open(ui, true)?, ui)?;
    let jobs = in_tokio(Jobs::load(&samples))?;
    opts.wall.raise(jobs.providers(), ui, true)?;
    let rows = in_tokio(jobs.all())?;
    if opts.json {
        let reports: Vec<&Value> = rows.iter().map(|row| &row.report).collect();
        ui.result(pretty(&json!(reports)))?;
    } else {
        ui.result(for_people(ui, &samples, &rows))?;
    }
    match rows.iter().find(|row| !row.expected) {
        None => Ok(RETURNED),
        Some(row) => Err(ExitReason::Host(format!(
            "{}: {} is not the expected outcome; this host does not work as it should",
            row.provider, row.outcome
        ))),
    }
}

fn for_people(ui: &Ui, samples: &Samples<'_>, rows: &[Row]) -> String {
    let titles = ["provider", "outcome", "fuel", "memory", "time", "denials"];
    let mut right = [false, false, true, true, true, true].into_iter();
    let header = titles.map(|title| match right.next() {
        Some(true) => Cell::number(title),
        _ => Cell::new(title),
    });
    let mut cells = vec![
        header
            .into_iter()
            .map(|cell| cell.in_style(Style::Bold))
            .collect(),
    ];
    cells.extend(rows.iter().map(Row::cells));
    let mut text = table::lines(ui, 0, &cells);
    for row in rows {
        let details = row.details();
        if details.is_empty() {
            continue;
        }
        text.push_str(&format!("\n{}\n", ui.paint(Style::Bold, &row.provider)));
        for line in details {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text.push_str(&format!(
        "\nTry next: tollgate inspect {}, or tollgate --help\n",
        samples.guest("checksums").display()
    ));
    text
}
