//! `tollgate compile`: compiles a component into the cache before it is needed.

use std::time::Instant;

use serde_json::json;
use tollgate::cache::CodeOrigin;
use tollgate::escape;

use crate::options::cache::CacheOpts;
use crate::options::component::ComponentOpts;
use crate::output::report::pretty;
use crate::output::status::{ExitReason, RETURNED};
use crate::output::text;
use crate::output::ui::Ui;
use crate::target::{LoadedTarget, Target, already_reported};

const AFTER_HELP: &str = "Example: tollgate compile importer.wasm --policy importer.toml";

/// Compile a component into the cache; it is judged as for `run`, and no code of it runs
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {
    #[command(flatten)]
    component: ComponentOpts,
    #[command(flatten)]
    cache: CacheOpts,
}

pub(crate) async fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    let cache = opts.cache.require()?;
    let at = text::path(cache.path());
    let target = Target::open(&opts.component, Some(cache), ui)?;
    let start = Instant::now();
    let LoadedTarget { target, provider } = target.load().await?;
    let compiled = provider.code_origin();
    let how = match compiled {
        CodeOrigin::Cached => "cached",
        CodeOrigin::Recompiled(_) => "recompiled",
        _ => "fresh",
    };
    let error = provider.cache_error();
    let mut value = json!({ "digest": provider.info().digest, "compiled": how, "cache": at });
    if let (Some(error), Some(fields)) = (error, value.as_object_mut()) {
        fields.insert("cache_error".to_owned(), json!(error.to_string()));
    }
    target.reporter.write(ui, || &value)?;
    if let Some(error) = error {
        let reason = ExitReason::Host(format!(
            "compiled, but not written to the cache: {}",
            escape::line(error)
        ));
        return Err(already_reported(&target.reporter, reason));
    }
    if opts.component.json {
        ui.result(pretty(&value))?;
    } else if !target.reporter.is_stderr() {
        let name = escape::line(target.source.name());
        ui.note(&match compiled {
            CodeOrigin::Cached => format!("{name}: already in {at}"),
            _ => format!(
                "{name}: compiled in {} into {at}",
                text::time(start.elapsed())
            ),
        });
    }
    Ok(RETURNED)
}
