//! `[[grants.http]]` → [`HttpGrant`].

use std::path::Path;

use crate::error::PolicyError;
use crate::grants::http::{self, Credential, HttpGrant, SecretSource};
use crate::grants::{Grants, url_pattern};

use super::document::Node;
use super::key::{Key, KeyDefault, KeyRange, Table};
use super::names;
use super::units::Unit;

/// The keys of one `[[grants.http]]`.
#[rustfmt::skip]
pub(super) const HTTP: Table = Table {
    header: "[[grants.http]]",
    meaning: "Grants requests to the URLs that match a pattern.",
    keys: &[
        Key {
            name: "url", kind: "string", range: None,
            default: KeyDefault::Required, example: "\"https://example.com/**\"",
            meaning: "`https://host[:port]/pattern`. The host is exact or `*.name.tld`; in the pattern `*` is one part of \
                      the path, with a visible character of ASCII before any `;` (a server could drop another), and `**` at \
                      its end is everything that follows.",
        },
        Key {
            name: "methods", kind: "list of strings in upper case", range: None,
            default: KeyDefault::Value("[\"GET\", \"HEAD\"]"), example: "[\"GET\", \"POST\"]",
            meaning: "The methods: any of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS. GET, HEAD and OPTIONS have no \
                      body.",
        },
        Key {
            name: "headers", kind: "list of strings in lower case", range: None,
            default: KeyDefault::Text("any header that is not reserved and no override"), example: "[\"accept\"]",
            meaning: "The only request headers that the provider may set. It never sets a reserved header or the header of \
                      a credential, in any spelling that servers take for it. An override, such as \
                      `x-http-method-override`, `x-original-url` or `x-forwarded-host`, asks the server to take the \
                      request for another; it is sent only if it is listed.",
        },
        Key {
            name: "escaped-slashes", kind: "boolean", range: None,
            default: KeyDefault::Value("false"), example: "true",
            meaning: "Whether a part of the path may have an escaped `/` (`%2F`), as in `/projects/group%2Fname`. Only for a \
                      server that keeps it inside the part: one that reads a separator reads another path, which the \
                      pattern may not match.",
        },
        Key {
            name: "max-body", kind: "size", range: Some(KeyRange { unit: Unit::Bytes, min: 1, max: 1 << 30 }),
            default: KeyDefault::Value("\"8MiB\""), example: "\"2MiB\"",
            meaning: "Bytes of one body, of a request or of a response.",
        },
        Key {
            name: "max-requests", kind: "number", range: Some(KeyRange { unit: Unit::Count, min: 1, max: 1_000_000 }),
            default: KeyDefault::Value("100"), example: "3",
            meaning: "Requests of one call by this grant; each redirect counts.",
        },
        Key {
            name: "max-connections", kind: "number", range: Some(KeyRange { unit: Unit::Count, min: 1, max: 64 }),
            default: KeyDefault::Value("6"), example: "4",
            meaning: "Connections of one call by this grant that are open at the same time.",
        },
        Key {
            name: "networks", kind: "list of strings", range: None,
            default: KeyDefault::Value("[]"), example: "[\"loopback\", \"10.1.0.0/16\"]",
            meaning: "The networks beside the public internet that the host's addresses may belong to. `loopback` is 127.0.0.0/8 \
                      and ::1. `private` is 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 (RFC 1918), fc00::/7 (RFC 4193) and \
                      the shared addresses 100.64.0.0/10 (RFC 6598). `link-local` is 169.254.0.0/16 and fe80::/10. A block \
                      inside of these is written as in `10.1.0.0/16`. The address of a cloud's metadata service belongs to \
                      none of them: it is reached by its own block alone, such as `169.254.169.254/32`. A credential \
                      that is sent by `http://` goes to these networks only.",
        },
        Key {
            name: "credential", kind: "table: `[grants.http.credential]`", range: None,
            default: KeyDefault::Text("none"), example: "{ header = \"authorization\", from-env = \"API_TOKEN\" }",
            meaning: "A header with a secret that the host adds to each request; the provider never sees it. A response \
                      of a host for which the policy has a credential, to a request by whichever grant, is asked for whole and \
                      uncompressed, read to its end before the provider gets any of its body, and withheld if it contains \
                      the secret or cannot be searched.",
        },
    ],
};

/// The keys of a credential.
#[rustfmt::skip]
pub(super) const CREDENTIAL: Table = Table {
    header: "[grants.http.credential]",
    meaning: "The header that the host adds to the requests of the `[[grants.http]]` above it. Exactly one of `from-env` \
              and `from-file` says where the secret is.",
    keys: &[
        Key {
            name: "header", kind: "string in lower case", range: None,
            default: KeyDefault::Required, example: "\"authorization\"",
            meaning: "The name of the header.",
        },
        Key {
            name: "from-env", kind: "string", range: None,
            default: KeyDefault::Text("`from-file`"), example: "\"API_TOKEN\"",
            meaning: "The variable of the host's environment that holds the secret. `grants.wasi.env-from-host` may not name it.",
        },
        Key {
            name: "from-file", kind: "string", range: None,
            default: KeyDefault::Text("`from-env`"), example: "\"./token\"",
            meaning: "The file that holds the secret; a relative path starts at the policy's directory, and a line end at \
                      the end of the file is not part of the secret. No root of `grants.files` may hold it.",
        },
        Key {
            name: "prefix", kind: "string of printable ASCII", range: None,
            default: KeyDefault::Value("\"\""), example: "\"Bearer \"",
            meaning: "The text in front of the secret in the header.",
        },
    ],
};

/// The cure for a key of earlier policies.
const FORMER_PRIVATE: &str = "is no key any more: networks are named one by one; write those that are meant of \
                              `networks = [\"loopback\", \"private\", \"link-local\"]`, or delete the line if it is `false`";

pub(super) fn read(node: &Node<'_>, base: &Path, grants: &mut Grants) -> Result<(), PolicyError> {
    for node in node.array("a list: `[[grants.http]]`, with two brackets")? {
        let wanted = "a table such as { url = \"https://host/**\" }";
        node.reject_former("private", wanted, FORMER_PRIVATE)?;
        let entries = node.table(&HTTP.names(), wanted)?;
        let url = node.required(&entries, "url")?;
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
                "escaped-slashes" => grant.escaped_slashes = node.boolean()?,
                "max-body" => {
                    grant.max_body = node.number(Unit::Bytes)?;
                    http::check_max_body(grant.max_body).map_err(node.refused())?;
                }
                "max-requests" => {
                    let requests = node.number(Unit::Count)?;
                    grant.max_requests =
                        http::check_max_requests(requests).map_err(node.refused())?;
                }
                "max-connections" => {
                    let connections = node.number(Unit::Count)?;
                    grant.max_connections =
                        http::check_max_connections(connections).map_err(node.refused())?;
                }
                "networks" => {
                    let nodes = node.array("a list such as [\"loopback\", \"10.1.0.0/16\"]")?;
                    for node in nodes {
                        let text = node.string("a string such as \"loopback\"")?;
                        let network = text.parse().map_err(node.refused())?;
                        grant.add_network(network).map_err(node.refused())?;
                    }
                }
                "credential" => grant.credential = Some(read_credential(node, base)?),
                _ => {}
            }
        }
        // The credential may be written below the list.
        for (header, node) in headers {
            grant.check_not_own(header).map_err(node.refused())?;
        }
        grants.add_http(grant).map_err(url.refused())?;
    }
    Ok(())
}

fn read_credential(node: &Node<'_>, base: &Path) -> Result<Credential, PolicyError> {
    let wanted = "a table such as { header = \"authorization\", from-env = \"API_TOKEN\" }";
    let entries = node.table(&CREDENTIAL.names(), wanted)?;
    let text = |name: &str| -> Result<Option<(&Node<'_>, &str)>, PolicyError> {
        match entries.iter().find(|(key, _)| *key == name) {
            Some((_, node)) => Ok(Some((node, node.string("a string")?))),
            None => Ok(None),
        }
    };
    let header = node.required(&entries, "header")?;
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
                "needs exactly one of `from-env` and `from-file`: it says where the secret is; write one",
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
