//! `[[grants.http]]` → [`HttpGrant`].

use std::path::Path;

use crate::grants::http::{self, Credential, HttpGrant, SecretSource};
use crate::grants::{Grants, url_pattern};

use super::document::Node;
use super::key::{Key, KeyDefault, KeyRange, Table, ValueType};
use super::mistakes::Flaw;
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
            value: ValueType::String,
            default: KeyDefault::Required, example: "\"https://example.com/**\"",
            meaning: "`https://host[:port]/pattern`. The host is exact or `*.name.tld`; in the pattern `*` is one part of \
                      the path, with a visible character of ASCII before any `;` (a server could drop another), and `**` at \
                      its end is everything that follows.",
        },
        Key {
            name: "methods", kind: "list of strings in upper case", range: None,
            value: ValueType::List(&ValueType::String),
            default: KeyDefault::Value("[\"GET\", \"HEAD\"]"), example: "[\"GET\", \"POST\"]",
            meaning: "The methods: any of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS. GET, HEAD and OPTIONS have no \
                      body.",
        },
        Key {
            name: "headers", kind: "list of strings in lower case", range: None,
            value: ValueType::List(&ValueType::String),
            default: KeyDefault::Text("any header that is not reserved and no override"), example: "[\"accept\"]",
            meaning: "The only request headers that the provider may set. It never sets a reserved header or the header of \
                      a credential, in any spelling that servers take for it. An override, such as \
                      `x-http-method-override`, `x-original-url` or `x-forwarded-host`, asks the server to take the \
                      request for another; it is sent only if it is listed. Every name that begins with `x-forwarded`, `x-http-`, \
                      `x-original-`, `x-rewrite-` or `x-envoy-original-` is one.",
        },
        Key {
            name: "escaped-slashes", kind: "boolean", range: None,
            value: ValueType::Boolean,
            default: KeyDefault::Value("false"), example: "true",
            meaning: "Whether a part of the path may have an escaped `/` (`%2F`), as in `/projects/group%2Fname`. Only for a \
                      server that keeps it inside the part: one that reads a separator reads another path, which the \
                      pattern may not match.",
        },
        Key {
            name: "max-body", kind: "size", range: Some(KeyRange { unit: Unit::Bytes, min: 1, max: 1 << 30 }),
            value: ValueType::Number(Unit::Bytes),
            default: KeyDefault::Value("\"8MiB\""), example: "\"2MiB\"",
            meaning: "Bytes of one body, of a request or of a response.",
        },
        Key {
            name: "max-requests", kind: "number", range: Some(KeyRange { unit: Unit::Count, min: 1, max: 1_000_000 }),
            value: ValueType::Number(Unit::Count),
            default: KeyDefault::Value("100"), example: "3",
            meaning: "Requests of one call by this grant; each redirect counts.",
        },
        Key {
            name: "max-connections", kind: "number", range: Some(KeyRange { unit: Unit::Count, min: 1, max: 64 }),
            value: ValueType::Number(Unit::Count),
            default: KeyDefault::Value("6"), example: "4",
            meaning: "Connections of one call by this grant that are open at the same time.",
        },
        Key {
            name: "networks", kind: "list of strings", range: None,
            value: ValueType::List(&ValueType::String),
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
            value: ValueType::Table(CREDENTIAL.header),
            default: KeyDefault::Text("none"), example: "{ header = \"authorization\", from-env = \"API_TOKEN\" }",
            meaning: "A header with a secret that the host adds to each request; the provider never sees it. A response \
                      of a host for which the policy has a credential, to a request by whichever grant, is asked for whole and \
                      uncompressed, read to its end before the provider gets any of its body, and withheld if it contains \
                      the secret or cannot be searched.",
        },
        Key {
            name: "ask", kind: "boolean", range: None,
            value: ValueType::Boolean,
            default: KeyDefault::Value("false"), example: "true",
            meaning: "Whether an approver is asked before each request, redirects included, that this rule allows, unless a rule without `ask` allows it \
                      too. Where nobody can be asked, it is denied as `not-approved`. A request that the rule does not allow is \
                      denied without a question.",
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
            value: ValueType::String,
            default: KeyDefault::Required, example: "\"authorization\"",
            meaning: "The name of the header.",
        },
        Key {
            name: "from-env", kind: "string", range: None,
            value: ValueType::String,
            default: KeyDefault::Text("`from-file`"), example: "\"API_TOKEN\"",
            meaning: "The variable of the host's environment that holds the secret. `grants.wasi.env-from-host` may not name it.",
        },
        Key {
            name: "from-file", kind: "string", range: None,
            value: ValueType::String,
            default: KeyDefault::Text("`from-env`"), example: "\"./token\"",
            meaning: "The file that holds the secret; a relative path starts at the policy's directory, and a line end at \
                      the end of the file is not part of the secret. No root of `grants.files` may hold it.",
        },
        Key {
            name: "prefix", kind: "string of printable ASCII", range: None,
            value: ValueType::String,
            default: KeyDefault::Value("\"\""), example: "\"Bearer \"",
            meaning: "The text in front of the secret in the header.",
        },
    ],
};

/// The cure for a key of earlier policies.
const FORMER_PRIVATE: &str = "is no key any more: networks are named one by one; write those that are meant of \
                              `networks = [\"loopback\", \"private\", \"link-local\"]`, or delete the line if it is `false`";

pub(super) fn read(node: &Node<'_>, base: &Path, grants: &mut Grants) -> Result<(), Flaw> {
    for node in node.array("a list: `[[grants.http]]`, with two brackets")? {
        node.keep(read_one(&node, base, grants));
    }
    Ok(())
}

fn read_one(node: &Node<'_>, base: &Path, grants: &mut Grants) -> Result<(), Flaw> {
    let wanted = "a table such as { url = \"https://host/**\" }";
    let former = [("private", FORMER_PRIVATE)];
    let entries = node.table_after(&HTTP.names(), &former, wanted)?;
    let url = node.keep(node.required(&entries, "url"));
    let text = url.and_then(|node| node.keep(read_url(node)));
    let mut grant = HttpGrant::new(text.unwrap_or_default());
    let mut headers = Vec::new();
    for (name, node) in &entries {
        node.keep(read_key(name, node, base, &mut grant, &mut headers));
    }
    // The credential may be written below the list.
    for (header, node) in headers {
        node.keep(grant.check_not_own(header).map_err(node.refused()));
    }
    match (url, text) {
        (Some(url), Some(_)) => grants.add_http(grant).map_err(url.refused()),
        _ => Err(Flaw::Told),
    }
}

fn read_url<'d>(node: &Node<'d>) -> Result<&'d str, Flaw> {
    let text = node.string("a string such as \"https://host/**\"")?;
    url_pattern::check(text).map_err(node.refused())?;
    Ok(text)
}

/// Reads one key but `url`. The headers are returned with their nodes.
fn read_key<'d>(
    name: &str,
    node: &Node<'d>,
    base: &Path,
    grant: &mut HttpGrant,
    headers: &mut Vec<(&'d str, Node<'d>)>,
) -> Result<(), Flaw> {
    match name {
        "methods" => {
            let methods = node.array("a list such as [\"GET\", \"POST\"]")?;
            let methods = methods.iter();
            let methods = methods.map(|node| node.keep(node.string("a string such as \"GET\"")));
            let methods: Vec<Option<&str>> = methods.collect();
            let methods: Option<Vec<&str>> = methods.into_iter().collect();
            let methods = methods.ok_or(Flaw::Told)?.into_iter();
            grant.methods = methods.map(str::to_owned).collect();
            http::check_methods(&grant.methods).map_err(node.refused())?;
        }
        "headers" => {
            let nodes = node.array("a list such as [\"accept\", \"if-none-match\"]")?;
            grant.headers = Some(Vec::new());
            for node in nodes {
                let header = node.string("a string such as \"accept\"");
                let header = header.and_then(|header| {
                    let added = grant.add_header(header).map_err(node.refused());
                    added.map(|()| header)
                });
                if let Some(header) = node.keep(header) {
                    headers.push((header, node));
                }
            }
        }
        "ask" => grant.ask = node.boolean()?,
        "escaped-slashes" => grant.escaped_slashes = node.boolean()?,
        "max-body" => {
            let max_body = node.number(Unit::Bytes)?;
            http::check_max_body(max_body).map_err(node.refused())?;
            grant.max_body = max_body;
        }
        "max-requests" => {
            let requests = node.number(Unit::Count)?;
            grant.max_requests = http::check_max_requests(requests).map_err(node.refused())?;
        }
        "max-connections" => {
            let connections = node.number(Unit::Count)?;
            grant.max_connections =
                http::check_max_connections(connections).map_err(node.refused())?;
        }
        "networks" => {
            for node in node.array("a list such as [\"loopback\", \"10.1.0.0/16\"]")? {
                node.keep(read_network(&node, grant));
            }
        }
        "credential" => grant.credential = Some(read_credential(node, base)?),
        _ => {}
    }
    Ok(())
}

fn read_network(node: &Node<'_>, grant: &mut HttpGrant) -> Result<(), Flaw> {
    let text = node.string("a string such as \"loopback\"")?;
    let network = text.parse().map_err(node.refused())?;
    grant.add_network(network).map_err(node.refused())
}

/// The nodes that name a file of the host: those of credentials.
pub(super) fn files<'d>(node: &Node<'d>) -> Vec<Node<'d>> {
    let grants = node.array("a list").unwrap_or_default();
    let credentials = grants.iter().flat_map(|grant| parts(grant, "credential"));
    credentials
        .flat_map(|credential| parts(&credential, "from-file"))
        .collect()
}

/// The entries of this name of a table.
fn parts<'d>(table: &Node<'d>, name: &'static str) -> impl Iterator<Item = Node<'d>> + use<'d> {
    let entries = table.entries("a table").unwrap_or_default().into_iter();
    entries
        .filter(move |(key, _)| *key == name)
        .map(|(_, node)| node)
}

fn read_credential(node: &Node<'_>, base: &Path) -> Result<Credential, Flaw> {
    let wanted = "a table such as { header = \"authorization\", from-env = \"API_TOKEN\" }";
    let entries = node.table(&CREDENTIAL.names(), wanted)?;
    let header = node.keep(read_header(node, &entries));
    let source = node.keep(read_source(node, &entries, base));
    let prefix = match find(&entries, "prefix") {
        Some(node) => node.keep(read_prefix(node)),
        None => Some(""),
    };
    match (header, source, prefix) {
        (Some(header), Some(source), Some(prefix)) => Ok(Credential {
            header: header.to_owned(),
            source,
            prefix: prefix.to_owned(),
        }),
        _ => Err(Flaw::Told),
    }
}

fn find<'e, 'd>(entries: &'e [(&'d str, Node<'d>)], name: &str) -> Option<&'e Node<'d>> {
    let found = entries.iter().find(|(key, _)| *key == name);
    found.map(|(_, node)| node)
}

fn read_header<'d>(
    credential: &Node<'d>,
    entries: &[(&'d str, Node<'d>)],
) -> Result<&'d str, Flaw> {
    let node = credential.required(entries, "header")?;
    let text = node.string("a string such as \"authorization\"")?;
    http::check_header(text).map_err(node.refused())?;
    Ok(text)
}

fn read_source<'d>(
    credential: &Node<'d>,
    entries: &[(&'d str, Node<'d>)],
    base: &Path,
) -> Result<SecretSource, Flaw> {
    match (find(entries, "from-env"), find(entries, "from-file")) {
        (Some(node), None) => {
            let name = node.string("a string")?;
            http::check_env(name).map_err(node.refused())?;
            Ok(SecretSource::Env(name.to_owned()))
        }
        (None, Some(node)) => {
            let path = node.string("a string")?;
            names::path(Path::new(path)).map_err(node.refused())?;
            Ok(SecretSource::File(base.join(path)))
        }
        _ => Err(credential.error(
            "needs exactly one of `from-env` and `from-file`: it says where the secret is; write one",
        )),
    }
}

fn read_prefix<'d>(node: &Node<'d>) -> Result<&'d str, Flaw> {
    let prefix = node.string("a string")?;
    http::check_prefix(prefix).map_err(node.refused())?;
    Ok(prefix)
}
