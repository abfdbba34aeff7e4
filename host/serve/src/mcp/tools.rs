//! Tools: each function of each provider, under a name of the protocol.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use rmcp::model::{ErrorData, JsonObject, ListToolsResult, MetaObject, Tool};
use serde_json::{Value, json};
use tollgate::value::{Function, Type};
use tollgate::{Catalog, Provider, escape};

use crate::list::obstacle;
use crate::schema::Schemas;

/// The longest name. The protocol has 128, and clients put the name of the server before it.
const MAX_NAME: usize = 64;

/// Hexadecimal digits of the digest in a name that cannot be written out; characters of its provider and its function.
const DIGITS: usize = 16;
const STEM: usize = 24;
const OWN: usize = MAX_NAME - STEM - DIGITS - 2;

/// Bytes of the schemas of one tool, about.
const MAX_SCHEMAS: usize = 64 << 10;

/// Bytes of the schemas and descriptions of one page, about, and its tools.
const PAGE: (usize, usize) = (2 << 20, 500);

/// A function under its name as a tool.
pub(super) struct Named {
    pub(super) tool: String,
    pub(super) name: Arc<str>,
    pub(super) provider: Provider,
    /// The place of the function among those of its provider.
    at: usize,
}

impl Named {
    pub(super) fn function(&self) -> Option<&Function> {
        self.provider.functions().nth(self.at)
    }
}

/// The tool of this name, if there is one.
pub(super) fn find(catalog: &dyn Catalog, tool: &str) -> Option<Named> {
    let (stem, _) = tool.split_once('.')?;
    let providers = catalog.list().into_iter();
    providers
        .filter(|(name, _)| **name == *stem || stem_of(name) == stem)
        .flat_map(|(name, provider)| of(&name, &provider))
        .find(|named| named.tool == tool)
}

/// A page of the tools, those behind the tool that `after` names.
pub(super) fn page(catalog: &dyn Catalog, after: Option<&str>) -> ListToolsResult {
    let providers = catalog.list().into_iter();
    let mut all: Vec<Named> = providers
        .flat_map(|(name, provider)| of(&name, &provider))
        .filter(|named| after.is_none_or(|after| *named.tool > *after))
        .collect();
    all.sort_by(|one, other| one.tool.cmp(&other.tool));
    let (bytes, most) = PAGE;
    let mut left = bytes;
    let mut tools: Vec<Tool> = Vec::new();
    let mut next = None;
    for named in all {
        if left == 0 || tools.len() == most {
            next = tools.last().map(|tool| tool.name.to_string());
            break;
        }
        let Some(function) = named.function() else {
            continue;
        };
        let mut schemas = Schemas::new(MAX_SCHEMAS);
        let tool = described(&named, function, &mut schemas);
        let text = tool.description.as_deref().map_or(0, str::len);
        tools.push(tool);
        let schemas = MAX_SCHEMAS.saturating_sub(schemas.left());
        left = left.saturating_sub(schemas.saturating_add(text));
    }
    let mut page = ListToolsResult::with_all_items(tools);
    page.next_cursor = next;
    page
}

fn described(named: &Named, function: &Function, schemas: &mut Schemas) -> Tool {
    let input = schemas.named(&function.params);
    // The `err` of a result is an error of the tool.
    let result = match &function.result {
        Some(Type::Result(ok, _)) => ok.as_deref(),
        other => other.as_ref(),
    };
    let result = result.map_or_else(|| json!({ "type": "null" }), |ty| schemas.of(ty));
    let output = json!({
        "type": "object", "properties": { "result": result }, "required": ["result"],
    });
    let mut text = escape::line(&function.to_string()).into_owned();
    if let Some(docs) = named.provider.docs().function(function) {
        text = format!("{text}\n\n{}", escape::lines(docs));
    }
    let meta = json!({
        "tollgate/provider": *named.name, "tollgate/export": function.full_name(),
    });
    Tool::new(named.tool.clone(), text, object(input))
        .with_raw_output_schema(object(output))
        .with_meta(MetaObject(Arc::unwrap_or_clone(object(meta))))
}

pub(super) fn object(value: Value) -> Arc<JsonObject> {
    match value {
        Value::Object(members) => Arc::new(members),
        _ => Arc::default(),
    }
}

/// The error of a tool that is not there.
pub(super) fn missing(tool: &str) -> ErrorData {
    let detail = format!("no tool `{tool}` serves");
    ErrorData::invalid_params(escape::line(&detail).into_owned(), None)
}

/// The functions of a provider that can be called with JSON.
fn of(name: &Arc<str>, provider: &Provider) -> Vec<Named> {
    let functions = provider.functions().enumerate();
    let functions: Vec<(usize, &Function)> = functions
        .filter(|(_, function)| obstacle(function).is_none())
        .collect();
    let mut times: HashMap<String, usize> = HashMap::new();
    for (_, function) in &functions {
        for short in shorts(function) {
            let times = times.entry(short).or_default();
            *times = times.saturating_add(1);
        }
    }
    let named = functions.into_iter().map(|(at, function)| Named {
        tool: tool_name(name, function, |short| times.get(short) == Some(&1)),
        name: Arc::clone(name),
        provider: provider.clone(),
        at,
    });
    named.collect()
}

/// `PROVIDER.FUNCTION`, or with the last part of its interface `PROVIDER.INTERFACE.FUNCTION`; for all others one with a
/// digest. A name depends on its own provider alone. Names that are written out have no dot in the part of the provider,
/// and no `_` behind it; those with a digest have one. So no component takes the name of another provider's tool.
fn tool_name(provider: &str, function: &Function, is_unique: impl Fn(&str) -> bool) -> String {
    let is_written_out = provider.chars().all(is_of_stem);
    let mut names = shorts(function)
        .filter(|short| is_written_out && is_unique(short) && short.chars().all(is_of_short))
        .map(|short| format!("{provider}.{short}"))
        .filter(|tool| tool.len() <= MAX_NAME);
    names.next().unwrap_or_else(|| digested(provider, function))
}

/// The short names of a function: its own, and with its interface.
fn shorts(function: &Function) -> impl Iterator<Item = String> {
    let interface = function.interface.as_deref().map(|interface| {
        let (path, _version) = interface.split_once('@').unwrap_or((interface, ""));
        let (_package, last) = path.rsplit_once('/').unwrap_or(("", path));
        format!("{last}.{}", function.name)
    });
    [Some(function.name.to_string()), interface]
        .into_iter()
        .flatten()
}

fn digested(provider: &str, function: &Function) -> String {
    let export = function.full_name();
    let hash = digest(&SHA256, format!("{provider}\0{export}").as_bytes());
    let mut digits = String::new();
    for byte in hash.as_ref().iter().take(DIGITS / 2) {
        let _ = write!(digits, "{byte:02x}");
    }
    let own = function.name.chars().filter(|c| is_of_short(*c));
    let own: String = own.take(OWN).collect();
    format!("{}.{own}_{digits}", stem_of(provider))
}

/// The name of a provider in a name with a digest.
fn stem_of(provider: &str) -> String {
    let plain = provider.chars().map(|c| match is_of_stem(c) {
        true => c,
        false => '_',
    });
    plain.take(STEM).collect()
}

fn is_of_stem(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

fn is_of_short(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(interface: Option<&str>, name: &str) -> Function {
        Function::new(interface.map(Arc::from), name.into(), Vec::new(), None)
    }

    fn named(provider: &str, function: &Function, unique: &[&str]) -> String {
        let tool = tool_name(provider, function, |short| unique.contains(&short));
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        assert!(tool.chars().all(is_allowed), "{tool}");
        assert!((1..=MAX_NAME).contains(&tool.len()), "{tool}");
        tool
    }

    #[test]
    fn a_name_is_as_short_as_it_can_be() {
        let plain = function(None, "run");
        assert_eq!(named("echo", &plain, &["run"]), "echo.run");
        let hook = function(Some("acme:hooks/start@1.2.3"), "run");
        assert_eq!(named("echo", &hook, &["run", "start.run"]), "echo.run");
        assert_eq!(named("echo", &hook, &["start.run"]), "echo.start.run");
    }

    #[test]
    fn names_that_cannot_be_written_out_have_a_digest() {
        let [one, other] = ["acme:hooks/start@1.0.0", "acme:hooks/start@2.0.0"]
            .map(|interface| named("echo", &function(Some(interface), "run"), &[]));
        assert!(one.starts_with("echo.run_"), "{one}");
        assert_ne!(one, other);
        let run = function(None, "run");
        let names = [
            "a.b",
            "a/b",
            "a b",
            "a_b",
            "ü",
            &"p".repeat(63),
            &"p".repeat(64),
        ]
        .map(|provider| named(provider, &run, &["run"]));
        let distinct: std::collections::HashSet<&String> = names.iter().collect();
        assert_eq!(distinct.len(), names.len(), "{names:?}");
        let long = "f".repeat(60);
        let [one, other] =
            ["echo", "eche"].map(|provider| named(provider, &function(None, &long), &[&long]));
        assert_ne!(one, other);
    }

    /// A component chooses the names of its functions, and not that of its provider.
    #[test]
    fn no_component_takes_the_name_of_another_tool() {
        let wanted = named("a.b", &function(None, "run"), &["run"]);
        let (_, name) = wanted.split_once('.').unwrap();
        assert_ne!(named("a_b", &function(None, name), &[name]), wanted);
        // As the interface `b` of a provider `a` would be written.
        let other = named("a", &function(Some("x:y/b"), "run"), &["b.run"]);
        assert_eq!(other, "a.b.run");
        assert_ne!(wanted, other);
    }
}
