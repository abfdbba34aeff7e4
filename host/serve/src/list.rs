//! The providers that serve, as a list.

use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tollgate::value::{Function, Type};
use tollgate::{Catalog, Provider};

use crate::problem::{Answer, json_answer};

/// Bytes of the signatures of one provider. A type takes up to a megabyte, and the list is made anew for each request.
const MAX_SIGNATURES: usize = 256 << 10;

/// All that has a meaning in a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

pub(crate) fn answer(catalog: &dyn Catalog) -> Answer {
    let providers = catalog.list();
    let providers = providers
        .iter()
        .map(|(name, provider)| described(name, provider));
    let list = json!({ "providers": providers.collect::<Vec<Value>>() });
    json_answer(StatusCode::OK, list.to_string())
}

/// A type of the function that JSON cannot express, in words. `None` if the function can be called with JSON.
pub(crate) fn obstacle(function: &Function) -> Option<&'static str> {
    let types = function.params.iter().map(|param| &param.ty);
    types.chain(&function.result).find_map(Type::opaque)
}

fn described(name: &str, provider: &Provider) -> Value {
    let info = provider.info();
    let mut left = MAX_SIGNATURES;
    let mut functions = Vec::new();
    for function in provider.functions() {
        let signature = function.to_string();
        let export = function.full_name();
        let bytes = signature.len().saturating_add(export.len());
        let Some(rest) = left.checked_sub(bytes) else {
            break;
        };
        left = rest;
        let mut described = json!({ "export": export, "signature": signature });
        if let (Some(obstacle), Value::Object(members)) = (obstacle(function), &mut described) {
            members.insert(
                "not-callable".to_owned(),
                json!(format!("it takes or gives {obstacle}")),
            );
        }
        functions.push(described);
    }
    let left_out = provider.functions().len().saturating_sub(functions.len());
    let at = provider
        .serves_http()
        .then(|| format!("/http/{}/", utf8_percent_encode(name, SEGMENT)));
    json!({
        "name": name, "digest": info.digest, "size": info.size, "world": info.world, "http": at,
        "functions": functions, "functions-left-out": left_out,
    })
}
