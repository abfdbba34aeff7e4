//! `tollgate attack`: hostile guests of a world, under a policy.

use std::path::PathBuf;

use tollgate::{Runtime, escape};
use tollgate_testing::{Attacked, Error};

use crate::commands::new::world::World;
use crate::options::policy::PolicyOpts;
use crate::output::report::pretty;
use crate::output::status::{ExitReason, FAILED, RETURNED};
use crate::output::style::Style;
use crate::output::table::{self, Cell};
use crate::output::ui::{Ui, end_progress};

const AFTER_HELP: &str = "\
Makes components of the world from its WIT that are hostile in each export and in each import, and calls each under the
policy. A guest acts as the policy allows: it writes to the folders, asks the servers and fills the stores that are
granted; name those of a test. Limits that the policy leaves at their defaults are shorter, so that a run takes seconds.

This program has the interfaces of WASI and of tollgate:provider. An embedder tests its own with the crate
tollgate-testing.

Exit status: 0 all came as expected; 1 something else came; 2 the WIT or the policy is wrong, or a well-behaved
component of the world does not work under the policy.

Examples:
  tollgate attack --wit wit --world acme:report/plugin
  tollgate attack --wit wit --world plugin --policy plugin.toml --seed 7 --json";

/// Attack a world with hostile components that are made from its WIT
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The folder of WIT, with the packages that it uses in `deps`
    #[arg(long, value_name = "DIR")]
    wit: PathBuf,
    /// The world, where the package has several: WORLD or NAMESPACE:PACKAGE/WORLD
    #[arg(long, value_name = "WORLD")]
    world: Option<String>,
    #[command(flatten)]
    policy: PolicyOpts,
    /// The seed of the values: the same seed makes the same guests
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Make this attack alone, by its name; may be given more than once
    #[arg(long, value_name = "ATTACK")]
    only: Vec<String>,
    /// Print each attack in each place as JSON, in place of a table
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let world = World::read(&opts.wit, opts.world.as_deref())?;
    let policy = opts.policy.policy(Vec::new(), Some(ui))?;
    // The guests are made by this program, and so compiled in it.
    let runtime = Runtime::builder().concurrency(4).share(100).build();
    let attack = tollgate_testing::attack(&runtime, &policy, &opts.wit, &world.name)
        .seed(opts.seed)
        .only(opts.only.iter().cloned())
        .telling(|attack| {
            if ui.has_progress() {
                ui.progress(&escape::line(attack));
            }
        });
    let attacked = attack.run();
    end_progress();
    let attacked = attacked.map_err(reason)?;
    ui.result(match opts.json {
        true => pretty(&to_json(&attacked)?),
        false => for_people(ui, &attacked),
    })?;
    Ok(match attacked.wrong().next() {
        None => RETURNED,
        Some(_) => FAILED,
    })
}

fn reason(error: Error) -> ExitReason {
    let text = escape::line(&error.to_string()).into_owned();
    match error {
        Error::Make(_) | Error::Start(_) => ExitReason::Host(text),
        _ => ExitReason::Usage(text),
    }
}

fn to_json(attacked: &Attacked) -> Result<serde_json::Value, ExitReason> {
    serde_json::to_value(attacked).map_err(|error| ExitReason::Host(error.to_string()))
}

fn for_people(ui: &Ui, attacked: &Attacked) -> String {
    let title =
        ["attack", "places", "came", "expected"].map(|word| Cell::styled(word, Style::Bold));
    let mut rows: Vec<Vec<Cell>> = vec![title.into()];
    for (attack, places, expected, came) in attacked.summary() {
        let wrong = attacked.wrong().any(|row| row.attack == attack);
        let style = if wrong { Style::Bad } else { Style::Good };
        rows.push(vec![
            Cell::new(attack),
            Cell::number(places.to_string()),
            Cell::styled(escape::line(&came), style),
            Cell::new(expected),
        ]);
    }
    let mut text = table::lines(ui, 0, &rows);
    for row in attacked.wrong() {
        text.push_str(&format!("{} {row}\n", ui.paint(Style::Bad, "wrong:")));
    }
    for skipped in &attacked.skipped {
        let function = escape::line(&skipped.function);
        text.push_str(&format!("not attacked: {function}: {}\n", skipped.why));
    }
    let wrong = attacked.wrong().count();
    let seed = attacked.seed;
    let count = attacked.rows.len();
    let world = escape::line(&attacked.world);
    text.push_str(&match wrong {
        0 => format!("{world}: {count} attacks, all as expected (--seed {seed})\n"),
        _ => format!("{world}: {count} attacks, {wrong} wrong (--seed {seed})\n"),
    });
    text
}
