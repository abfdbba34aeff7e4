//! Host names and paths that providers of `wasi:http` answer at.

use std::fmt;
use std::str::FromStr;

use http::uri::{Authority, PathAndQuery};
use thiserror::Error;
use tollgate::escape;

/// Paths of the server's own, at which no route begins: it would never be reached.
const OWN: [&str; 8] = [
    "/healthz",
    "/http",
    "/mcp",
    "/metrics",
    "/openapi.json",
    "/readyz",
    "/style.css",
    "/v1",
];

/// A place of a provider: a host name, the beginning of a path, or both. Written as `blog.example.com=blog`, `/shop=shop`,
/// `api.example.com/v2=api`.
///
/// A path alone is at each host name that has no routes of its own. The root is the server's there, and so are some paths.
///
/// ```
/// use tollgate_serve::Route;
///
/// let route: Route = "api.example.com/v2=api".parse()?;
/// assert_eq!(route.to_string(), "api.example.com/v2=api");
/// assert!("/v1=api".parse::<Route>().is_err());
/// # Ok::<(), tollgate_serve::RouteError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// In small letters, without a port. `None` is any host name that has no routes of its own.
    host: Option<String>,
    /// Without a slash at its end: empty for all paths.
    prefix: String,
    provider: String,
}

/// The reason why a text is no route.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct RouteError(String);

impl Route {
    /// The name of the provider.
    pub(crate) fn provider(&self) -> &str {
        &self.provider
    }

    /// The beginning of the path, which the guest does not see.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether it is of a host name.
    pub(crate) fn has_host(&self) -> bool {
        self.host.is_some()
    }

    fn is_of(&self, path: &str) -> bool {
        let rest = path.strip_prefix(&*self.prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromStr for Route {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Route, RouteError> {
        let failed = |why: &str| RouteError(format!("{}: {why}", escape::line(text)));
        let form = "write `HOST=NAME`, `/PREFIX=NAME` or `HOST/PREFIX=NAME`";
        let (place, provider) = text
            .split_once('=')
            .ok_or_else(|| failed(&format!("no provider; {form}")))?;
        if place.is_empty() || provider.is_empty() {
            return Err(failed(&format!("a part is empty; {form}")));
        }
        let (host, path) = match place.split_once('/') {
            Some((host, path)) => (host, path),
            None => (place, ""),
        };
        let host = match host {
            "" => None,
            host => {
                let parsed = host.parse::<Authority>();
                let is_host = parsed.is_ok_and(|it| it.host() == host);
                if !is_host {
                    return Err(failed("the host name is none; write it without a port"));
                }
                Some(host.to_ascii_lowercase())
            }
        };
        let path = path.strip_suffix('/').unwrap_or(path);
        let prefix = match path {
            "" => String::new(),
            path => format!("/{path}"),
        };
        let is_path = prefix.is_empty() || prefix.parse::<PathAndQuery>().is_ok();
        let is_part = |part: &str| !matches!(part, "" | "." | "..");
        let parts = path.is_empty() || path.split('/').all(is_part);
        if !is_path || !parts || prefix.contains(['?', '#', '%', '\\']) {
            let why = "the prefix is no path of whole, plain parts, such as `/shop` or `/api/v2`";
            return Err(failed(why));
        }
        let first = prefix.split('/').nth(1).unwrap_or_default();
        let is_own = first.is_empty() || OWN.iter().any(|own| own.strip_prefix('/') == Some(first));
        if host.is_none() && is_own {
            let why = format!("`/{first}` is the server's own; choose another, or name a host");
            return Err(failed(&why));
        }
        Ok(Route {
            host,
            prefix,
            provider: provider.to_owned(),
        })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_deref().unwrap_or_default();
        let prefix = &self.prefix;
        write!(f, "{host}{prefix}={}", escape::line(&self.provider))
    }
}

/// The routes of a server, each of another place.
#[derive(Clone, Debug, Default)]
pub struct Routes(Vec<Route>);

impl Routes {
    /// Adds a route.
    ///
    /// # Errors
    ///
    /// Another route has its host and its prefix.
    pub fn add(&mut self, route: Route) -> Result<(), RouteError> {
        let same = |it: &&Route| it.host == route.host && it.prefix == route.prefix;
        match self.0.iter().find(same) {
            Some(other) => Err(RouteError(format!(
                "{route}: {other} is at the same place; leave one out"
            ))),
            None => {
                self.0.push(route);
                Ok(())
            }
        }
    }

    /// Whether a host name, in small letters, is one of a route.
    pub(crate) fn have(&self, host: &str) -> bool {
        self.0
            .iter()
            .any(|route| route.host.as_deref() == Some(host))
    }

    /// The route with the longest prefix for a path: of those of a host name, or of those of none.
    pub(crate) fn find(&self, host: Option<&str>, path: &str) -> Option<&Route> {
        let of_path = self
            .0
            .iter()
            .filter(|route| route.host.as_deref() == host && route.is_of(path));
        of_path.max_by_key(|route| route.prefix.len())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says so by failing")]

    use super::*;

    fn routes(texts: &[&str]) -> Routes {
        let mut routes = Routes::default();
        for text in texts {
            routes.add(text.parse().unwrap()).unwrap();
        }
        routes
    }

    #[test]
    fn the_longest_prefix_of_whole_parts_is_found() {
        let routes = routes(&["/shop=shop", "/shop/old=old", "a.test/x=x", "a.test=all"]);
        let found = |host, path| routes.find(host, path).map(Route::provider);
        assert_eq!(found(None, "/shop"), Some("shop"));
        assert_eq!(found(None, "/shop/"), Some("shop"));
        assert_eq!(found(None, "/shop/old/1"), Some("old"));
        assert_eq!(found(None, "/shop/older"), Some("shop"));
        assert_eq!(found(None, "/shopping"), None);
        assert_eq!(found(Some("a.test"), "/x/y"), Some("x"));
        // A host name that has routes has no others.
        assert_eq!(found(Some("a.test"), "/shop"), Some("all"));
    }

    #[test]
    fn a_text_that_is_no_route_is_refused() {
        for text in [
            "",
            "=",
            "blog",
            "=blog",
            "/shop=",
            "a b=x",
            "host:80=x",
            "u@host=x",
            "/a//b=x",
            "/../b=x",
            "/a?b=x",
            "/%61=x",
            "/=x",
            "/v1=x",
            "/v1/a=x",
            "/http=x",
            "//=x",
        ] {
            assert!(text.parse::<Route>().is_err(), "{text}");
        }
        let mut twice = routes(&["A.test/x=a"]);
        assert!(twice.add("a.TEST/x/=b".parse().unwrap()).is_err());
    }
}
