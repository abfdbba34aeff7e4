//! `tollgate policy schema`: the keys of a policy as JSON Schema, made from the tables that policies are read with.

use serde_json::{Map, Value, json};
use tollgate::Limits;
use tollgate::policy::toml::{Key, KeyDefault, KeyRange, TABLES, Table, ValueType};
use tollgate::policy::{LimitKey, Unit};

use crate::output::report::pretty;
use crate::output::status::{ExitReason, RETURNED};
use crate::output::ui::Ui;

const AFTER_HELP: &str = "\
An editor that knows the schema completes keys and marks mistakes. It is looser than Tollgate, which also checks URLs,
paths, names and what one grant says of another.

Example: tollgate policy schema > policy.schema.json";

/// Print the JSON Schema (draft 2020-12) of policies, for editors
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Opts {}

pub(crate) fn run(ui: &Ui) -> Result<u8, ExitReason> {
    ui.result(pretty(&schema()))?;
    Ok(RETURNED)
}

/// The whole schema: a definition for each table.
fn schema() -> Value {
    let mut definitions = Map::new();
    definitions.insert("limits".to_owned(), limits());
    for each in TABLES {
        definitions.insert(path(each.header).to_owned(), table(each));
    }
    // Tables within others are reached by the keys of those.
    let top = definitions.keys().filter(|path| !path.contains('.'));
    let top: Map<String, Value> = top.map(|path| (path.clone(), reference(path))).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tollgate policy",
        "type": "object",
        "additionalProperties": false,
        "properties": top,
        "$defs": definitions,
    })
}

/// The dotted path of a header: `grants.http` of `[[grants.http]]`.
fn path(header: &str) -> &str {
    header.trim_matches(['[', ']'])
}

fn reference(path: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{path}") })
}

fn limits() -> Value {
    let limit = |key: &LimitKey| {
        let range = KeyRange {
            unit: key.unit,
            min: key.min,
            max: key.max,
        };
        let default = key.unit.show(key.default_value());
        let text = format!("{}. Default: {default}, {}.", key.help, key.reason);
        let value = described(number(key.unit, Some(range)), text);
        (key.name.to_owned(), value)
    };
    object(
        "The bounds on one call, and on loading.",
        Limits::KEYS.iter().map(limit).collect(),
        &[],
    )
}

fn table(table: &Table) -> Value {
    let property = |key: &Key| {
        let default = match key.default {
            KeyDefault::Required => "Required.".to_owned(),
            KeyDefault::Value(value) => format!("Default: {value}."),
            KeyDefault::Text(text) => format!("Default: {text}."),
        };
        let text = format!("{} {default} Example: {}", key.meaning, key.example);
        let value = described(value(&key.value, key.range), text);
        (key.name.to_owned(), value)
    };
    let required = table.keys.iter();
    let required = required.filter(|key| key.default == KeyDefault::Required);
    let required: Vec<&str> = required.map(|key| key.name).collect();
    let properties = table.keys.iter().map(property).collect();
    object(table.meaning, properties, &required)
}

fn object(meaning: &str, properties: Map<String, Value>, required: &[&str]) -> Value {
    json!({
        "description": meaning,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "required": required,
    })
}

fn described(mut schema: Value, text: String) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), Value::String(text));
    }
    schema
}

fn value(kind: &ValueType, range: Option<KeyRange>) -> Value {
    match kind {
        ValueType::Boolean => json!({ "type": "boolean" }),
        ValueType::String => json!({ "type": "string" }),
        ValueType::Word(words) => json!({ "enum": words }),
        ValueType::Number(unit) => number(*unit, range),
        ValueType::List(of) => json!({ "type": "array", "items": value(of, range) }),
        ValueType::Strings => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
        ValueType::Tables => {
            json!({ "type": "object", "additionalProperties": { "type": "object" } })
        }
        ValueType::Fields(fields) => {
            let property =
                |(name, kind): &(&str, ValueType)| ((*name).to_owned(), value(kind, None));
            let properties: Map<String, Value> = fields.iter().map(property).collect();
            let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
            json!({
                "type": "object",
                "additionalProperties": false,
                "properties": properties,
                "required": names,
            })
        }
        ValueType::Table(header) => reference(path(header)),
        ValueType::Either(kinds) => {
            let kinds: Vec<Value> = kinds.iter().map(|kind| value(kind, range)).collect();
            json!({ "anyOf": kinds })
        }
    }
}

/// A number, and the texts that stand for one. The range of a text is not part of the schema.
fn number(unit: Unit, range: Option<KeyRange>) -> Value {
    let mut integer = Map::new();
    integer.insert("type".to_owned(), json!("integer"));
    integer.insert(
        "minimum".to_owned(),
        json!(range.map_or(0, |range| range.min)),
    );
    // The largest value of the number's type is no bound.
    let max = range.map(|range| range.max);
    if let Some(max) = max.filter(|max| i64::try_from(*max).is_ok()) {
        integer.insert("maximum".to_owned(), json!(max));
    }
    let integer = Value::Object(integer);
    let digits = "[0-9]+(_[0-9]+)*";
    let suffixes = unit.suffixes().join("|");
    let text = |optional: &str| {
        let pattern = format!("^{digits}(\\.{digits})?({suffixes}){optional}$");
        json!({ "type": "string", "pattern": pattern })
    };
    match unit {
        Unit::Count => integer,
        Unit::Bytes => json!({ "anyOf": [integer, text("?")] }),
        Unit::Duration => text(""),
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
