//! Arguments in WAVE notation as values of the engine. Beyond WAVE itself, a string stands for its UTF-8 bytes where a
//! `list<u8>` is expected: WAVE has no other meaning for a string there.

use tollgate_component::escape;
use wasmtime::component::wasm_wave::ast::{Node, NodeType};
use wasmtime::component::wasm_wave::parser::ParserError;
use wasmtime::component::wasm_wave::untyped::UntypedFuncCall;
use wasmtime::component::{Type, Val};

/// A mistake in arguments, with its place in their text.
pub(super) struct Misfit {
    pub(super) at: usize,
    pub(super) what: String,
}

impl From<ParserError> for Misfit {
    fn from(error: ParserError) -> Misfit {
        let detail = error.detail().map(|detail| format!(": {detail}"));
        Misfit {
            at: error.span().start,
            what: format!("{}{}", error.kind(), detail.unwrap_or_default()),
        }
    }
}

/// The arguments of a call as values of these types. Options at the end may be left out.
pub(super) fn arguments(call: &UntypedFuncCall<'_>, types: &[Type]) -> Result<Vec<Val>, Misfit> {
    let source = call.source();
    let misfit = |at, what: &str| Misfit {
        at,
        what: format!("invalid params: {what}"),
    };
    let nodes: Vec<&Node> = match call.params_node() {
        Some(params) => params.as_tuple()?.collect(),
        None => Vec::new(),
    };
    if let Some(extra) = nodes.get(types.len()) {
        return Err(misfit(extra.span().start, "more param(s) than expected"));
    }
    let values = types
        .iter()
        .enumerate()
        .map(|(at, ty)| match nodes.get(at) {
            Some(node) => value(node, ty, source),
            None if matches!(ty, Type::Option(_)) => Ok(Val::Option(None)),
            None => {
                let end = source.trim_end().len().saturating_sub(1);
                Err(misfit(end, "missing required param(s)"))
            }
        });
    values.collect()
}

/// The value of a node. A node that has another form than the type is left to WAVE's own parser, which says so.
fn value(node: &Node, ty: &Type, source: &str) -> Result<Val, Misfit> {
    let inner = |node: &Node, ty: &Type| value(node, ty, source).map(|value| Some(Box::new(value)));
    let form = node.ty();
    Ok(match ty {
        Type::List(of) if is_string(form) && of.ty() == Type::U8 => {
            let mut bytes = Vec::new();
            for part in node.iter_str(source)? {
                bytes.extend(part?.bytes().map(Val::U8));
            }
            Val::List(bytes)
        }
        Type::List(of) if form == NodeType::List => {
            let of = of.ty();
            let items = node.as_list()?.map(|item| value(item, &of, source));
            Val::List(items.collect::<Result<_, _>>()?)
        }
        Type::Tuple(of)
            if form == NodeType::Tuple && node.as_tuple()?.len() == of.types().len() =>
        {
            let items = node.as_tuple()?.zip(of.types());
            let items = items.map(|(item, ty)| value(item, &ty, source));
            Val::Tuple(items.collect::<Result<_, _>>()?)
        }
        Type::Record(of) if form == NodeType::Record => {
            let mut fields = Vec::new();
            for field in of.fields() {
                let given = node
                    .as_record(source)?
                    .filter(|(name, _)| *name == field.name);
                let value = match (given.last(), &field.ty) {
                    (Some((_, node)), ty) => value(node, ty, source)?,
                    (None, Type::Option(_)) => Val::Option(None),
                    (None, _) => {
                        return Err(Misfit {
                            at: node.span().start,
                            what: format!(
                                "a record without its field `{}`",
                                escape::line(field.name)
                            ),
                        });
                    }
                };
                fields.push((field.name.to_owned(), value));
            }
            Val::Record(fields)
        }
        Type::Variant(of) if form == NodeType::VariantWithPayload => {
            let (label, payload) = node.as_variant(source)?;
            let case = of.cases().find(|case| case.name == label);
            match (case.and_then(|case| case.ty), payload) {
                (Some(ty), Some(payload)) => Val::Variant(label.to_owned(), inner(payload, &ty)?),
                _ => return Ok(node.to_wasm_value(ty, source)?),
            }
        }
        Type::Option(of) if form == NodeType::OptionSome => match node.as_option()? {
            Some(payload) => Val::Option(inner(payload, &of.ty())?),
            None => return Ok(node.to_wasm_value(ty, source)?),
        },
        // As WAVE has it, `some(…)` and `ok(…)` may be left out.
        Type::Option(of) if form != NodeType::OptionNone && may_be_bare(&of.ty()) => {
            Val::Option(inner(node, &of.ty())?)
        }
        Type::Result(of) => match (form, of.ok(), of.err()) {
            (NodeType::ResultOk, Some(of), _) | (NodeType::ResultErr, _, Some(of)) => {
                match node.as_result()? {
                    Ok(Some(payload)) => Val::Result(Ok(inner(payload, &of)?)),
                    Err(Some(payload)) => Val::Result(Err(inner(payload, &of)?)),
                    _ => return Ok(node.to_wasm_value(ty, source)?),
                }
            }
            (form, Some(ty), _)
                if form != NodeType::ResultOk
                    && form != NodeType::ResultErr
                    && may_be_bare(&ty) =>
            {
                Val::Result(Ok(inner(node, &ty)?))
            }
            _ => return Ok(node.to_wasm_value(ty, source)?),
        },
        _ => return Ok(node.to_wasm_value(ty, source)?),
    })
}

fn is_string(form: NodeType) -> bool {
    matches!(form, NodeType::String | NodeType::MultilineString)
}

fn may_be_bare(ty: &Type) -> bool {
    !matches!(ty, Type::Option(_) | Type::Result(_))
}
