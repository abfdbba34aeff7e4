//! The options that choose the cache of compiled code.

use std::ffi::OsString;
use std::path::PathBuf;

use tollgate::cache::{Cache, CacheError};

use crate::output::status::ExitReason;
use crate::output::text;
use crate::output::ui::Ui;

/// The variable that names the folder.
const VARIABLE: &str = "TOLLGATE_CACHE_DIR";

/// The cache options of a command that compiles a component.
#[derive(clap::Args)]
pub(crate) struct CacheOpts {
    #[command(flatten)]
    dir: CacheDir,
    /// Compile without a cache: read nothing from it and write nothing to it
    #[arg(long, help_heading = "Cache")]
    no_cache: bool,
}

/// The option that names the cache folder.
#[derive(clap::Args)]
pub(crate) struct CacheDir {
    /// The folder of the cache of compiled code [default: $XDG_CACHE_HOME/tollgate or ~/.cache/tollgate]
    #[arg(
        long,
        value_name = "DIR",
        env = VARIABLE,
        hide_env_values = true,
        help_heading = "Cache"
    )]
    cache: Option<PathBuf>,
}

impl CacheOpts {
    /// Opens the cache, if there is one. A default cache that cannot be used is skipped, with a note if `note` is set.
    pub(crate) fn open(&self, ui: &Ui, note: bool) -> Result<Option<Cache>, ExitReason> {
        if self.no_cache {
            return Ok(None);
        }
        match self.dir.open() {
            Some(Err(error)) if self.dir.cache.is_none() => {
                if note {
                    ui.note(&format!(
                        "compiling without a cache: {}",
                        tollgate::escape::line(&error.to_string())
                    ));
                }
                Ok(None)
            }
            Some(opened) => Ok(Some(opened.map_err(unusable)?)),
            None => Ok(None),
        }
    }

    /// Opens the cache, for a command that needs one.
    pub(crate) fn require(&self) -> Result<Cache, ExitReason> {
        if self.no_cache {
            let text = "--no-cache: this command needs a cache to write to";
            return Err(ExitReason::Usage(text.to_owned()));
        }
        self.dir.require()
    }
}

impl CacheDir {
    /// Opens the cache that is named, or the user's default one.
    pub(crate) fn require(&self) -> Result<Cache, ExitReason> {
        let opened = self.open().ok_or_else(|| {
            ExitReason::Usage(
                "no home folder is set to hold a cache; name one with --cache DIR".to_owned(),
            )
        })?;
        opened.map_err(unusable)
    }

    /// Opens a cache that exists, so that a mistyped name does not create a folder.
    pub(crate) fn existing(&self) -> Result<Cache, ExitReason> {
        match &self.cache {
            Some(named) if !named.exists() => {
                let named = text::path(named);
                Err(ExitReason::Usage(format!("--cache: there is no {named}")))
            }
            _ => self.require(),
        }
    }

    /// `None` without a named folder and without a home folder.
    fn open(&self) -> Option<Result<Cache, CacheError>> {
        let folder = match &self.cache {
            Some(named) => named.clone(),
            None => default_folder(|name| std::env::var_os(name))?,
        };
        Some(Cache::open(folder, Cache::DEFAULT_SIZE))
    }
}

/// The folders in which a run without options of its own has its cache.
pub(crate) fn usual_folders() -> impl Iterator<Item = PathBuf> {
    let named = std::env::var_os(VARIABLE).filter(|named| !named.is_empty());
    let default = default_folder(|name| std::env::var_os(name));
    named.map(PathBuf::from).into_iter().chain(default)
}

fn unusable(error: CacheError) -> ExitReason {
    let text = error.to_string();
    ExitReason::Usage(format!("--cache: {}", tollgate::escape::line(&text)))
}

/// The default folder by the XDG Base Directory Specification, which ignores relative paths.
fn default_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(variable(name)?);
        path.is_absolute().then_some(path)
    };
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("tollgate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_folder_is_where_caches_are() {
        let folder = |xdg: Option<&str>, home: Option<&str>| {
            default_folder(|name| match name {
                "HOME" => home.map(OsString::from),
                _ => xdg.map(OsString::from),
            })
        };
        let is = |path: &str| Some(PathBuf::from(path));
        assert_eq!(folder(Some("/x"), Some("/home/a")), is("/x/tollgate"));
        assert_eq!(folder(None, Some("/home/a")), is("/home/a/.cache/tollgate"));
        assert_eq!(folder(Some(""), Some("/a")), is("/a/.cache/tollgate"));
        assert_eq!(folder(Some("here"), Some("/a")), is("/a/.cache/tollgate"));
        assert_eq!(folder(None, Some("")), None);
        assert_eq!(folder(None, None), None);
    }
}
