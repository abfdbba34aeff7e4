//! The part of a policy file that grants HTTP: `[[grants.http]]` → `HttpGrant`.

use std::path::Path;

use crate::error::PolicyError;
use crate::grants::http::{self, Credential, HttpGrant, SecretSource};
use crate::grants::{Grants, url_pattern};

use super::document::{Node, required};
use super::names;
use super::read::read_unit;
use super::units::Unit;

/// The keys of one `[[grants.http]]`.
const HTTP: &[&str] = &[
    "url",
    "methods",
    "headers",
    "max-body",
    "max-requests",
    "max-connections",
    "private",
    "credential",
];

pub(crate) fn read(node: &Node<'_>, base: &Path, grants: &mut Grants) -> Result<(), PolicyError> {
    for node in node.array("a list: `[[grants.http]]`, with two brackets")? {
        let entries = node.table(HTTP, "a table such as { url = \"https://host/**\" }")?;
        let url = required(&node, &entries, "url")?;
        let text = url.string("a string such as \"https://host/**\"")?;
        url_pattern::check(text).map_err(url.refused())?;
        let (mut grant, mut headers) = (HttpGrant::new(text), Vec::new());
        for (name, node) in &entries {
            match *name {
                "methods" => {
                    let methods = node.array("a list such as [\"GET\", \"POST\"]")?;
                    let methods = methods.iter().map(|m| m.string("a string such as \"GET\""));
                    grant.methods = methods
                        .map(|method| method.map(str::to_owned))
                        .collect::<Result<_, _>>()?;
                    http::check_methods(&grant.methods).map_err(node.refused())?;
                }
                "headers" => {
                    let nodes = node.array("a list such as [\"accept\", \"if-none-match\"]")?;
                    grant.headers = Some(Vec::new());
                    for node in nodes {
                        let header = node.string("a string such as \"accept\"")?;
                        grant.add_header(header).map_err(node.refused())?;
                        headers.push((header, node));
                    }
                }
                "max-body" => {
                    grant.max_body = read_unit(node, Unit::Bytes)?;
                    http::check_max_body(grant.max_body).map_err(node.refused())?;
                }
                "max-requests" => {
                    let requests = read_unit(node, Unit::Count)?;
                    grant.max_requests =
                        http::check_max_requests(requests).map_err(node.refused())?;
                }
                "max-connections" => {
                    let connections = read_unit(node, Unit::Count)?;
                    grant.max_connections =
                        http::check_max_connections(connections).map_err(node.refused())?;
                }
                "private" => grant.private = node.boolean()?,
                "credential" => grant.credential = Some(read_credential(node, base)?),
                _ => {}
            }
        }
        // The credential may stand after the list.
        for (header, node) in headers {
            grant.check_not_own(header).map_err(node.refused())?;
        }
        grants.add_http(grant).map_err(url.refused())?;
    }
    Ok(())
}

fn read_credential(node: &Node<'_>, base: &Path) -> Result<Credential, PolicyError> {
    let wanted = "a table such as { header = \"authorization\", from-env = \"API_TOKEN\" }";
    let entries = node.table(&["header", "from-env", "from-file", "prefix"], wanted)?;
    let text = |name: &str| -> Result<Option<(&Node<'_>, &str)>, PolicyError> {
        match entries.iter().find(|(key, _)| *key == name) {
            Some((_, node)) => Ok(Some((node, node.string("a string")?))),
            None => Ok(None),
        }
    };
    let header = required(node, &entries, "header")?;
    let header_text = header.string("a string such as \"authorization\"")?;
    http::check_header(header_text).map_err(header.refused())?;
    let source = match (text("from-env")?, text("from-file")?) {
        (Some((env, name)), None) => {
            http::check_env(name).map_err(env.refused())?;
            SecretSource::Env(name.to_owned())
        }
        (None, Some((file, path))) => {
            names::written_path(path).map_err(file.refused())?;
            SecretSource::File(base.join(path))
        }
        _ => {
            return Err(node.error(
                "needs one of `from-env` and `from-file`: the policy names where the secret is",
            ));
        }
    };
    let prefix = match text("prefix")? {
        Some((node, prefix)) => {
            http::check_prefix(prefix).map_err(node.refused())?;
            prefix
        }
        None => "",
    };
    Ok(Credential {
        header: header_text.to_owned(),
        source,
        prefix: prefix.to_owned(),
    })
}
