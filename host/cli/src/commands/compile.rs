//! `tollgate compile`: fill the cache, so that nobody waits for it later.

use std::time::Instant;

use serde_json::json;
use tollgate::{Compiled, escape};

use crate::cache_opts::CacheOpts;
use crate::load::Subject;
use crate::options::ComponentOpts;
use crate::output::Ui;
use crate::report::pretty;
use crate::stop::{RETURNED, Stop};
use crate::text;

const AFTER_HELP: &str = "Example: tollgate compile importer.wasm --policy importer.toml";

/// Compile a component into the cache; it is judged as when it is run, and none of it runs
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    #[command(flatten)]
    component: ComponentOpts,
    #[command(flatten)]
    cache: CacheOpts,
}

pub(crate) async fn run(opts: &Opts, ui: &Ui) -> Result<u8, Stop> {
    let cache = opts.cache.require()?;
    let at = text::path(cache.path());
    let subject = Subject::open(&opts.component, Some(cache), ui)?;
    let start = Instant::now();
    let provider = subject.load().await?;
    if let Some(why) = provider.not_kept() {
        return Err(Stop::Host(format!(
            "compiled and not kept: {}",
            escape::line(why)
        )));
    }
    let compiled = provider.compiled();
    if opts.component.json {
        let how = match compiled {
            Compiled::Cached => "cached",
            Compiled::Recompiled(_) => "recompiled",
            _ => "fresh",
        };
        let digest = &provider.info().digest;
        let value = json!({ "digest": digest, "compiled": how, "cache": at });
        ui.result(pretty(&value))?;
    } else if !subject.reporter.is_stderr() {
        let name = escape::line(subject.source.name());
        ui.note(&match compiled {
            Compiled::Cached => format!("{name} was in {at} already"),
            _ => format!(
                "{name} compiled in {} into {at}",
                text::time(start.elapsed())
            ),
        });
    }
    Ok(RETURNED)
}
