//! Which cache of compiled code a command uses.

use std::ffi::OsString;
use std::path::PathBuf;

use tollgate::{Cache, CacheError};

use crate::output::Ui;
use crate::stop::Stop;
use crate::text;

/// What every command takes that compiles a component.
#[derive(clap::Args)]
#[command(next_help_heading = "Cache")]
pub(crate) struct CacheOpts {
    #[command(flatten)]
    place: CachePlace,
    /// Compile, whatever the cache has, and keep nothing in it
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,
}

/// Where the cache is.
#[derive(clap::Args)]
#[command(next_help_heading = "Cache")]
pub(crate) struct CachePlace {
    /// The folder with the cache of compiled code [default: $XDG_CACHE_HOME/tollgate or ~/.cache/tollgate]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

impl CacheOpts {
    /// The cache, if there is one. A default one that cannot be used is done without, and `tell` says so.
    pub(crate) fn open(&self, ui: &Ui, tell: bool) -> Result<Option<Cache>, Stop> {
        if self.no_cache {
            return Ok(None);
        }
        match self.place.open() {
            Some(Err(error)) if self.place.cache.is_none() => {
                if tell {
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

    /// The cache, by a command that is of no use without one.
    pub(crate) fn require(&self) -> Result<Cache, Stop> {
        if self.no_cache {
            let text = "--no-cache leaves this command nothing to do";
            return Err(Stop::Usage(text.to_owned()));
        }
        self.place.require()
    }
}

impl CachePlace {
    /// The cache that is named, or the user's own.
    pub(crate) fn require(&self) -> Result<Cache, Stop> {
        let opened = self.open().ok_or_else(|| {
            Stop::Usage("there is no home folder for a cache; name one with --cache DIR".to_owned())
        })?;
        opened.map_err(unusable)
    }

    /// The same by a command that looks at what is there: a name that was mistyped is not made a folder.
    pub(crate) fn existing(&self) -> Result<Cache, Stop> {
        match &self.cache {
            Some(named) if !named.exists() => {
                let named = text::path(named);
                Err(Stop::Usage(format!("--cache: there is no {named}")))
            }
            _ => self.require(),
        }
    }

    /// None when there is neither a name nor a home.
    fn open(&self) -> Option<Result<Cache, CacheError>> {
        let folder = match &self.cache {
            Some(named) => named.clone(),
            None => default_folder(|name| std::env::var_os(name))?,
        };
        Some(Cache::open(folder, Cache::DEFAULT_SIZE))
    }
}

fn unusable(error: CacheError) -> Stop {
    let text = error.to_string();
    Stop::Usage(format!("--cache: {}", tollgate::escape::line(&text)))
}

/// As the XDG base directories have it, to which relative paths are none.
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
