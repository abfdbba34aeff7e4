//! `tollgate cache`: lists or clears the cache of compiled code.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Subcommand;
use serde_json::{Value, json};
use tollgate::cache::{Cache, CacheEntry};
use tollgate::escape;

use crate::options::cache::CacheDir;
use crate::output::report::pretty;
use crate::output::status::{ExitReason, RETURNED};
use crate::output::style::Style;
use crate::output::table::{self, Cell};
use crate::output::text;
use crate::output::ui::Ui;

/// Characters of a digest in the table.
const DIGEST_WIDTH: usize = 19;

const AFTER_HELP: &str = "\
Examples:
  tollgate cache list
  tollgate cache clear";

/// List or clear the cache of compiled code
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the entries, the latest used first, and verify the seal of each
    #[command(after_help = "Example: tollgate cache list --json")]
    List {
        #[command(flatten)]
        dir: CacheDir,
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Remove every entry
    #[command(after_help = "Example: tollgate cache clear")]
    Clear {
        #[command(flatten)]
        dir: CacheDir,
    },
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    match &opts.command {
        Command::List { dir, json } => list(&dir.existing()?, *json, ui)?,
        Command::Clear { dir } => {
            let cache = dir.existing()?;
            let (count, bytes) = cache.clear().map_err(|error| unreadable(&cache, &error))?;
            let at = text::path(cache.path());
            let entries = if count == 1 { "entry" } else { "entries" };
            let size = text::size(bytes);
            ui.note(&format!("removed {count} {entries} ({size}) from {at}"));
        }
    }
    Ok(RETURNED)
}

fn list(cache: &Cache, as_json: bool, ui: &Ui) -> Result<(), ExitReason> {
    let entries = cache.entries().map_err(|error| unreadable(cache, &error))?;
    let total: u64 = entries.iter().map(|entry| entry.size).sum();
    if as_json {
        return ui.result(pretty(&json!({
            "cache": cache.path().to_string_lossy(),
            "size": total,
            "entries": entries.iter().map(entry_json).collect::<Vec<Value>>(),
        })));
    }
    let mut rows = vec![vec![
        Cell::styled("name", Style::Bold),
        Cell::styled("digest", Style::Bold),
        Cell::number("size").in_style(Style::Bold),
        Cell::number("last used").in_style(Style::Bold),
    ]];
    rows.extend(entries.iter().map(cells));
    rows.push(vec![
        Cell::new("total"),
        Cell::new(""),
        Cell::number(text::size(total)),
        Cell::number(""),
    ]);
    ui.result(table::lines(ui, 0, &rows))
}

fn cells(entry: &CacheEntry) -> Vec<Cell> {
    let name = entry.name.as_deref().unwrap_or("-");
    let digest = match &entry.digest {
        // JSON has the whole digest; this part tells entries apart.
        Ok(digest) => Cell::new(digest.chars().take(DIGEST_WIDTH).collect::<String>()),
        Err(why) => Cell::styled(format!("not to be executed: {why}"), Style::Bad),
    };
    let age = SystemTime::now().duration_since(entry.last_used);
    let age = text::age(age.unwrap_or_default());
    vec![
        Cell::new(escape::line(name)),
        digest,
        Cell::number(text::size(entry.size)),
        Cell::number(format!("{age} ago")),
    ]
}

fn entry_json(entry: &CacheEntry) -> Value {
    let used = entry.last_used.duration_since(UNIX_EPOCH);
    let mut value = json!({
        "name": entry.name,
        "digest": entry.digest.as_ref().ok(),
        "size": entry.size,
        "last_used": used.unwrap_or_default().as_secs(),
    });
    if let (Value::Object(map), Err(why)) = (&mut value, &entry.digest) {
        map.insert("distrust".to_owned(), json!(why.label()));
    }
    value
}

fn unreadable(cache: &Cache, error: &std::io::Error) -> ExitReason {
    ExitReason::Host(format!("{}: {error}", text::path(cache.path())))
}
