//! `tollgate document`: puts the doc comments of a world into a component, for the clients of `serve` and `mcp`.

use std::path::PathBuf;

use tollgate::component::{documented, signature_path};
use tollgate::{Policy, Source};

use crate::commands::new::world::World;
use crate::commands::sign::largest;
use crate::files::output::OutputFile;
use crate::output::status::{ExitReason, RETURNED};
use crate::output::text;
use crate::output::ui::Ui;
use crate::target;

const AFTER_HELP: &str = "Example: tollgate document plugin.wasm --wit wit";

/// Put the doc comments of a world into a component: the descriptions of its tools and operations in `serve` and `mcp`
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    /// The component, a .wasm file. It is replaced, unless --output names another file
    #[arg(value_name = "COMPONENT")]
    component: PathBuf,
    /// The folder of WIT that it was built from
    #[arg(long, value_name = "DIR")]
    wit: PathBuf,
    /// The world, where the package has several: WORLD or NAMESPACE:PACKAGE/WORLD
    #[arg(long, value_name = "WORLD")]
    world: Option<String>,
    /// Write the component here
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) async fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let at = opts.output.as_ref().unwrap_or(&opts.component);
    let source = Source::file(&opts.component, &largest())?;
    let world = World::read(&opts.wit, opts.world.as_deref())?;
    let file = OutputFile::new(at)?;
    let about = |path: &PathBuf, reason| ExitReason::About(path.clone(), Box::new(reason));
    // A worker reads it, and after it the result: whether it is a component at all, and which of the functions it has.
    let runtime = target::runtime(None)?;
    let policy = Policy {
        limits: largest(),
        ..Policy::default()
    };
    let vetted = runtime.inspect(&source, &policy).await;
    vetted.map_err(|error| about(&opts.component, error.into()))?;
    let written = documented(source.as_bytes(), &world.resolve, world.id);
    let written = written.map_err(|error| about(&opts.wit, ExitReason::Usage(error.to_string())));
    let (bytes, documented) = written?;
    let result = Source::bytes(source.name(), bytes.clone());
    let vetted = runtime.inspect(&result, &policy).await;
    let vetted = vetted.map_err(|error| about(&opts.component, error.into()))?;
    let found = vetted.inspection.docs.len();
    if found == 0 && documented > 0 {
        let text = format!(
            "the component exports none of the functions that `{}` documents; give the WIT that it was built from",
            world.name
        );
        return Err(about(&opts.component, ExitReason::Usage(text)));
    }
    file.write(&bytes)?;
    let functions = match found {
        0 => "its world".to_owned(),
        1 => "1 function".to_owned(),
        count => format!("{count} functions"),
    };
    ui.note(&format!(
        "wrote {}, with documentation of {functions}",
        text::path(at)
    ));
    if found < documented {
        ui.note(&format!(
            "{} of the functions that `{}` documents have no text in it: it does not export them, or all texts take more than 256 KiB",
            documented.saturating_sub(found),
            world.name
        ));
    }
    let signature = signature_path(at);
    if signature.exists() {
        ui.note(&format!(
            "{} is of other bytes now; sign the component again",
            text::path(&signature)
        ));
    }
    Ok(RETURNED)
}
