//! `tollgate compat`: the differences of two versions of a world, and the programs that each of them breaks.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use tollgate::component::compat::{self, Breaks, Compat, Difference, Judged, Level, Side};
use tollgate::{Limits, Policy, Source, escape};
use wit_parser::{Resolve, WorldId};

use crate::commands::new::world::World;
use crate::output::report::pretty;
use crate::output::status::{ExitReason, FAILED, RETURNED};
use crate::output::style::Style;
use crate::output::table::{self, Cell};
use crate::output::text;
use crate::output::ui::Ui;
use crate::target;

const AFTER_HELP: &str = "\
Exit status: 0 nothing breaks, or the versions say so; 1 something breaks that should not;
2 a folder is no WIT, or has no such world; 3 a component is refused.

Examples:
  tollgate compat wit-1.0 wit --world plugin
  tollgate compat wit plugin.wasm";

/// Compare two versions of a world: each difference, and the programs that it breaks
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The old version: a folder of WIT, or a component
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The new version: a folder of WIT, or a component
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// The world, where a folder's package has several: WORLD or NAMESPACE:PACKAGE/WORLD
    #[arg(long, value_name = "WORLD")]
    world: Option<String>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// A world that was read.
struct Version {
    resolve: Resolve,
    world: WorldId,
    /// Its name, with the version of its package; the file's name of a component.
    name: String,
    is_component: bool,
}

impl Version {
    fn side(&self) -> Side<'_> {
        Side {
            resolve: &self.resolve,
            world: self.world,
            is_component: self.is_component,
        }
    }
}

pub(crate) async fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let old = read(&opts.old, opts.world.as_deref()).await?;
    let new = read(&opts.new, opts.world.as_deref()).await?;
    if opts.world.is_some() && old.is_component && new.is_component {
        return Err(ExitReason::Usage(
            "--world is of no use for two components, which have a world each; leave it out"
                .to_owned(),
        ));
    }
    let found = compat::compare(old.side(), new.side());
    ui.result(match opts.json {
        true => to_json(&old, &new, &found)?,
        false => for_people(ui, &old, &new, &found),
    })?;
    Ok(if found.compatible { RETURNED } else { FAILED })
}

async fn read(path: &Path, world: Option<&str>) -> Result<Version, ExitReason> {
    let found = fs::metadata(path);
    let found =
        found.map_err(|error| ExitReason::Usage(format!("{}: {error}", text::path(path))))?;
    if !found.is_dir() && !found.is_file() {
        return Err(ExitReason::Usage(format!(
            "{}: it is neither a folder nor a file; name a folder of WIT, or a component",
            text::path(path)
        )));
    }
    if found.is_dir() {
        let world = World::read(path, world)?;
        return Ok(Version {
            resolve: world.resolve,
            world: world.id,
            name: world.name,
            is_component: false,
        });
    }
    let about = |reason: ExitReason| ExitReason::About(path.to_owned(), Box::new(reason));
    let source = Source::file(path, &Limits::default())?;
    // A worker reads it, since nobody vouches for it.
    let runtime = target::runtime(None)?;
    let wit = runtime.wit(&source, &Policy::default()).await;
    let wit = wit.map_err(|error| about(error.into()))?;
    let unread = |error: String| {
        let error = escape::line(&error).into_owned();
        about(ExitReason::Usage(format!(
            "its interfaces cannot be read: {error}"
        )))
    };
    let mut resolve = Resolve::default();
    let package = resolve.push_source("component.wit", &wit);
    let package = package.map_err(|error| unread(error.to_string()))?;
    let world = resolve.select_world(&[package], None);
    let world = world.map_err(|error| unread(error.to_string()))?;
    Ok(Version {
        resolve,
        world,
        name: source.file_name().to_owned(),
        is_component: true,
    })
}

fn to_json(old: &Version, new: &Version, found: &Compat) -> Result<String, ExitReason> {
    let found = serde_json::to_value(found);
    let mut found = found.map_err(|error| ExitReason::Host(error.to_string()))?;
    if let Some(found) = found.as_object_mut() {
        found.extend([
            ("old".to_owned(), json!(old.name)),
            ("new".to_owned(), json!(new.name)),
        ]);
    }
    Ok(pretty(&found))
}

fn for_people(ui: &Ui, old: &Version, new: &Version, found: &Compat) -> String {
    let [old, new] = [old, new].map(|version| escape::line(&version.name).into_owned());
    let mut said = format!("{old} and {new}\n");
    if found.differences.is_empty() {
        said.push_str("no difference that matters\n");
        return said;
    }
    let rows: Vec<Vec<Cell>> = found.differences.iter().map(row).collect();
    said.push_str(&table::lines(ui, 2, &rows));
    let all = || found.differences.iter().map(|difference| difference.breaks);
    let mut legend = |wanted: fn(Breaks) -> bool, text: &str| {
        if all().any(wanted) {
            said.push_str(&format!("{text}\n"));
        }
    };
    legend(
        |it| it.old_components,
        "components: those built for the old version do not run on hosts of the new one",
    );
    legend(
        |it| it.old_hosts,
        "hosts: those of the old version do not run components that use the new one",
    );
    legend(
        |it| it.names,
        "names: sources, and components composed with others, use a name that is gone",
    );
    for package in &found.packages {
        said.push_str(&judged(package));
    }
    if found.packages.is_empty() {
        said.push_str(match found.compatible {
            true => "nothing breaks that was promised\n",
            false => "not compatible\n",
        });
    }
    said
}

fn row(difference: &Difference) -> Vec<Cell> {
    let Breaks {
        old_components,
        old_hosts,
        names,
    } = difference.breaks;
    let broken = [
        (old_components, "components"),
        (old_hosts, "hosts"),
        (names, "names"),
    ];
    let broken: Vec<&str> = broken.iter().filter(|it| it.0).map(|it| it.1).collect();
    let style = match difference.level {
        Level::Major => Style::Bad,
        Level::Minor | Level::Patch => Style::Plain,
    };
    let broken = match broken.is_empty() {
        true => "-".to_owned(),
        false => broken.join(", "),
    };
    vec![
        Cell::styled(difference.level.to_string(), style),
        Cell::new(broken),
        Cell::new(format!(
            "{} {}",
            difference.direction,
            escape::line(&difference.item)
        )),
        Cell::new(escape::line(&difference.change)),
    ]
}

/// One line on a package and its version.
fn judged(package: &Judged) -> String {
    let Judged {
        name,
        old,
        new,
        level,
        asked,
        admits,
    } = package;
    let shown = |version: &Option<_>| match version {
        Some(version) => format!(" {version}"),
        None => " without a version".to_owned(),
    };
    let change = format!("a {level} change since{}", shown(old));
    match (admits, asked) {
        (true, _) => format!("{name}{}: {change}\n", shown(new)),
        (false, Some(asked)) => format!(
            "{name}{}: {change}; make it {asked}, or undo the change\n",
            shown(new)
        ),
        (false, None) => format!("{name}: {change}; give the package a version\n"),
    }
}
