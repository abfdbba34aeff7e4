//! The providers that serve, as OpenAPI 3.1.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use tollgate::Provider;
use tollgate::value::{Function, Type};

use crate::list::{MAX_DOCS, obstacle, text};
use crate::problem::{Answer, kept_answer};
use crate::schema::Schemas;
use crate::view::View;

/// Bytes of the schemas of one provider, about: a component chooses its types and their names.
const MAX_SCHEMAS: usize = 1 << 20;

/// Functions of one provider, and of all.
const MAX_FUNCTIONS: usize = 500;
const MAX_ALL: usize = 5_000;

/// A path has all other characters as they are.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

pub(crate) fn answer(view: View<'_>) -> Answer {
    kept_answer(view.documents().openapi.of(&view, document))
}

fn document(providers: &[(Arc<str>, Provider)]) -> String {
    let mut paths = Map::new();
    let mut tags = Vec::new();
    for (name, provider) in providers {
        let mut schemas = Schemas::new(MAX_SCHEMAS);
        let mut docs_left = MAX_DOCS;
        let functions = provider
            .functions()
            .filter(|function| obstacle(function).is_none());
        let about = provider.docs().world().filter(|_| paths.len() < MAX_ALL);
        if let Some(about) = text(about, &mut docs_left) {
            tags.push(json!({ "name": **name, "description": about }));
        }
        let most = MAX_FUNCTIONS.min(MAX_ALL.saturating_sub(paths.len()));
        for function in functions.take(most) {
            let export = function.full_name();
            let [of, called] =
                [&**name, &export].map(|part| utf8_percent_encode(part, IN_PATH).to_string());
            let mut operation = operation(name, &export, function, &mut schemas);
            let docs = text(provider.docs().function(function), &mut docs_left);
            if let (Some(docs), Value::Object(members)) = (docs, &mut operation) {
                members.insert("description".to_owned(), json!(docs));
            }
            paths.insert(
                format!("/v1/providers/{of}/{called}"),
                json!({ "post": operation }),
            );
        }
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": { "title": "Tollgate", "version": env!("CARGO_PKG_VERSION") },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "tags": tags,
        "paths": paths,
        "components": { "schemas": { "problem": problem() } },
    });
    document.to_string()
}

fn operation(name: &str, export: &str, function: &Function, schemas: &mut Schemas) -> Value {
    // The `err` of a result is a problem.
    let result = match &function.result {
        Some(Type::Result(ok, _)) => ok.as_deref(),
        other => other.as_ref(),
    };
    let result = result.map_or_else(|| json!({ "type": "null" }), |ty| schemas.of(ty));
    json!({
        "operationId": format!("{name}.{export}"),
        "tags": [name],
        "parameters": [{ "name": "Tollgate-Report", "in": "header", "schema": { "type": "boolean" } }],
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": schemas.arguments(&function.params) } },
        },
        "responses": {
            "200": {
                "description": "the provider returned",
                "content": { "application/json": { "schema": {
                    "type": "object",
                    "properties": { "result": result, "report": { "type": "object" } },
                    "required": ["result"],
                } } },
            },
            "default": {
                "description": "no result: 422 is the provider's own error, 502 a fault",
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/problem" } } },
            },
        },
    })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "properties": {
            "title": { "type": "string" }, "status": { "type": "integer" }, "kind": { "type": "string" },
            "detail": { "type": "string" }, "error": true, "report": { "type": "object" },
        },
        "required": ["title", "status", "kind", "detail"],
    })
}
