//! The providers that serve, as a list.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tollgate::value::{Function, Type};
use tollgate::{Provider, escape};

use crate::problem::{Answer, kept_answer};
use crate::view::View;

/// Bytes of the signatures of one provider. A type takes up to a megabyte.
const MAX_SIGNATURES: usize = 256 << 10;

/// Bytes of the documentation of one provider.
pub(crate) const MAX_DOCS: usize = 256 << 10;

/// All that has a meaning in a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Bytes of the signatures and the documentation of all providers.
const MAX_LIST: usize = 8 << 20;

pub(crate) fn answer(view: View<'_>) -> Answer {
    let list = view.documents().list.of(&view, |providers| {
        let mut left = MAX_LIST;
        let described =
            |(name, provider): &(Arc<str>, Provider)| described(name, provider, &mut left);
        let providers: Vec<Value> = providers.iter().map(described).collect();
        json!({ "providers": providers }).to_string()
    });
    kept_answer(list)
}

/// A type of the function that JSON cannot express, in words. `None` if the function can be called with JSON.
pub(crate) fn obstacle(function: &Function) -> Option<&'static str> {
    let types = function.params.iter().map(|param| &param.ty);
    types.chain(&function.result).find_map(Type::opaque)
}

/// A text of the provider's author, escaped, if there is room for it.
pub(crate) fn text(docs: Option<&str>, left: &mut usize) -> Option<String> {
    let text = escape::lines(docs?);
    *left = left.checked_sub(text.len())?;
    Some(text)
}

fn described(name: &str, provider: &Provider, all: &mut usize) -> Value {
    let info = provider.info();
    let most = MAX_SIGNATURES.min(*all);
    let mut left = most;
    let all_docs = MAX_DOCS.min(all.saturating_sub(most));
    let mut docs_left = all_docs;
    let about = text(provider.docs().world(), &mut docs_left);
    let mut functions = Vec::new();
    for function in provider.functions() {
        let signature = function.to_string();
        let export = function.full_name();
        let bytes = signature.len().saturating_add(export.len());
        let Some(rest) = left.checked_sub(bytes) else {
            break;
        };
        left = rest;
        let docs = text(provider.docs().function(function), &mut docs_left);
        let mut described = json!({ "export": export, "signature": signature });
        if let Value::Object(members) = &mut described {
            if let Some(docs) = docs {
                members.insert("docs".to_owned(), json!(docs));
            }
            if let Some(obstacle) = obstacle(function) {
                members.insert(
                    "not-callable".to_owned(),
                    json!(format!("it takes or gives {obstacle}")),
                );
            }
        }
        functions.push(described);
    }
    let docs = all_docs.saturating_sub(docs_left);
    *all = all.saturating_sub(most.saturating_sub(left).saturating_add(docs));
    let left_out = provider.functions().len().saturating_sub(functions.len());
    let at = provider
        .serves_http()
        .then(|| format!("/http/{}/", utf8_percent_encode(name, SEGMENT)));
    json!({
        "name": name, "digest": info.digest, "size": info.size, "world": info.world, "http": at,
        "functions": functions, "functions-left-out": left_out, "docs": about,
    })
}
