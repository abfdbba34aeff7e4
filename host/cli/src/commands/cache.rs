//! `tollgate cache`: what is kept of compiled code, and how to be rid of it.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Subcommand;
use serde_json::{Value, json};
use tollgate::{Cache, CacheEntry};

use crate::cache_opts::CachePlace;
use crate::output::{Style, Ui};
use crate::report::pretty;
use crate::stop::{RETURNED, Stop};
use crate::table::{self, Cell};
use crate::text;

const AFTER_HELP: &str = "\
Examples:
  tollgate cache list
  tollgate cache clear";

/// List or clear the compiled code that is kept
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List what is in the cache, the latest used first; the seal of each entry is looked at
    #[command(after_help = "Example: tollgate cache list --json")]
    List {
        #[command(flatten)]
        place: CachePlace,
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Remove every entry
    #[command(after_help = "Example: tollgate cache clear")]
    Clear {
        #[command(flatten)]
        place: CachePlace,
    },
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, Stop> {
    match &opts.command {
        Command::List { place, json } => list(&place.existing()?, *json, ui)?,
        Command::Clear { place } => {
            let cache = place.existing()?;
            let (count, bytes) = cache.clear().map_err(|error| unreadable(&cache, &error))?;
            let at = text::path(cache.path());
            let entries = if count == 1 { "entry" } else { "entries" };
            let size = text::size(bytes);
            ui.note(&format!("{count} {entries} ({size}) removed from {at}"));
        }
    }
    Ok(RETURNED)
}

fn list(cache: &Cache, as_json: bool, ui: &Ui) -> Result<(), Stop> {
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
        Cell::styled("digest", Style::Bold),
        Cell::number("size").in_style(Style::Bold),
        Cell::number("last used").in_style(Style::Bold),
    ]];
    rows.extend(entries.iter().map(cells));
    rows.push(vec![
        Cell::new("total"),
        Cell::number(text::size(total)),
        Cell::number(""),
    ]);
    ui.result(table::lines(ui, 0, &rows))
}

fn cells(entry: &CacheEntry) -> Vec<Cell> {
    let digest = match &entry.digest {
        Ok(digest) => Cell::new(digest.as_str()),
        Err(why) => Cell::styled(format!("not to be executed: {why}"), Style::Bad),
    };
    let age = SystemTime::now().duration_since(entry.last_used);
    let age = text::age(age.unwrap_or_default());
    vec![
        digest,
        Cell::number(text::size(entry.size)),
        Cell::number(format!("{age} ago")),
    ]
}

fn entry_json(entry: &CacheEntry) -> Value {
    let used = entry.last_used.duration_since(UNIX_EPOCH);
    let mut value = json!({
        "digest": entry.digest.as_ref().ok(),
        "size": entry.size,
        "last_used": used.unwrap_or_default().as_secs(),
    });
    if let (Value::Object(map), Err(why)) = (&mut value, &entry.digest) {
        map.insert("distrust".to_owned(), json!(why.label()));
    }
    value
}

fn unreadable(cache: &Cache, error: &std::io::Error) -> Stop {
    Stop::Host(format!("{}: {error}", text::path(cache.path())))
}
