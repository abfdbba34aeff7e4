//! Results of calls, which come as WAVE text: with bytes shown as text where they are text, and as values, for JSON.

use tollgate::Provider;
use tollgate::value::{Type, Value};
use tollgate::wasmtime::component::wasm_wave::ast::{Node, NodeType};
use tollgate::wasmtime::component::wasm_wave::untyped::UntypedValue;

/// The type of the result of the function that an expression calls, if it has one.
pub(crate) fn result_type<'p>(expression: &str, provider: &'p Provider) -> Option<&'p Type> {
    let (name, _) = expression.split_once('(')?;
    provider.function(name.trim()).ok()?.result.as_ref()
}

/// The result with each `list<u8>` that is printable UTF-8 as a string. Other results, and an empty list, stay as they are.
pub(crate) fn with_text(wave: &str, ty: &Type) -> String {
    let shown = || {
        if !has_bytes(ty) {
            return None;
        }
        let parsed = UntypedValue::parse(wave).ok()?;
        let mut texts = Vec::new();
        find_texts(parsed.node(), ty, wave, &mut texts);
        let (mut done, mut end) = (String::new(), 0);
        for (node, text) in texts {
            let span = node.span();
            done.push_str(wave.get(end..span.start)?);
            done.push_str(&quoted(&text));
            end = span.end;
        }
        done.push_str(wave.get(end..)?);
        Some(done)
    };
    shown().unwrap_or_else(|| wave.to_owned())
}

/// The result as a value, which is written as JSON; `None` if it is not of that type.
pub(crate) fn parse(wave: &str, ty: &Type) -> Option<Value> {
    let parsed = UntypedValue::parse(wave).ok()?;
    value_of(parsed.node(), ty, wave)
}

fn has_bytes(ty: &Type) -> bool {
    match ty {
        Type::List(of) => **of == Type::U8 || has_bytes(of),
        Type::Option(of) => has_bytes(of),
        Type::Record(fields) => fields.iter().any(|field| has_bytes(&field.ty)),
        Type::Tuple(types) => types.iter().any(has_bytes),
        Type::Variant(cases) => cases
            .iter()
            .any(|case| case.ty.as_ref().is_some_and(has_bytes)),
        Type::Result(ok, err) => [ok, err].into_iter().flatten().any(|of| has_bytes(of)),
        _ => false,
    }
}

/// The nodes within this one that are values of their own, each with its type, in the order of the text.
fn parts<'n, 't>(node: &'n Node, ty: &'t Type, source: &str) -> Vec<(&'n Node, &'t Type)> {
    let found = || {
        Some(match ty {
            Type::List(of) => node.as_list().ok()?.map(|node| (node, &**of)).collect(),
            Type::Tuple(types) => node.as_tuple().ok()?.zip(types).collect(),
            Type::Record(fields) => {
                let given = node.as_record(source).ok()?;
                let typed = given.filter_map(|(name, node)| {
                    let field = fields.iter().find(|field| field.name == name)?;
                    Some((node, &field.ty))
                });
                typed.collect()
            }
            Type::Variant(cases) => {
                let (label, payload) = node.as_variant(source).ok()?;
                let case = cases.iter().find(|case| case.name == label)?;
                payload.zip(case.ty.as_ref()).into_iter().collect()
            }
            Type::Option(of) => match node.as_option() {
                Ok(payload) => payload.map(|node| (node, &**of)).into_iter().collect(),
                Err(_) => vec![(node, &**of)],
            },
            Type::Result(ok, err) => match node.as_result() {
                Ok(Ok(payload)) => payload.zip(ok.as_deref()).into_iter().collect(),
                Ok(Err(payload)) => payload.zip(err.as_deref()).into_iter().collect(),
                Err(_) => ok.as_deref().map(|ok| (node, ok)).into_iter().collect(),
            },
            _ => Vec::new(),
        })
    };
    found().unwrap_or_default()
}

fn find_texts<'n>(node: &'n Node, ty: &Type, source: &str, texts: &mut Vec<(&'n Node, String)>) {
    if matches!(ty, Type::List(of) if **of == Type::U8) {
        texts.extend(text_of(node, source).map(|text| (node, text)));
        return;
    }
    for (node, ty) in parts(node, ty, source) {
        find_texts(node, ty, source, texts);
    }
}

/// The bytes of a list as text, if they are printable: no control character but those that end lines and columns.
fn text_of(node: &Node, source: &str) -> Option<String> {
    let bytes = node.as_list().ok()?.map(|byte| byte.as_number(source).ok());
    let text = String::from_utf8(bytes.collect::<Option<_>>()?).ok()?;
    let printable = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    (!text.is_empty() && text.chars().all(printable)).then_some(text)
}

/// A string of WAVE, equal to the notation of the same text as an argument.
fn quoted(text: &str) -> String {
    let mut done = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => done.push_str("\\\""),
            '\\' => done.push_str("\\\\"),
            '\n' => done.push_str("\\n"),
            '\r' => done.push_str("\\r"),
            '\t' => done.push_str("\\t"),
            c => done.push(c),
        }
    }
    done.push('"');
    done
}

fn value_of(node: &Node, ty: &Type, source: &str) -> Option<Value> {
    macro_rules! number {
        ($case:ident) => {
            Value::$case(node.as_number(source).ok()?)
        };
    }
    let values = || {
        let parts = parts(node, ty, source).into_iter();
        let values = parts.map(|(node, ty)| value_of(node, ty, source));
        values.collect::<Option<Vec<Value>>>()
    };
    let one = || Some(values()?.pop().map(Box::new));
    Some(match ty {
        Type::Bool => Value::Bool(node.as_bool().ok()?),
        Type::S8 => number!(S8),
        Type::U8 => number!(U8),
        Type::S16 => number!(S16),
        Type::U16 => number!(U16),
        Type::S32 => number!(S32),
        Type::U32 => number!(U32),
        Type::S64 => number!(S64),
        Type::U64 => number!(U64),
        Type::F32 => number!(F32),
        Type::F64 => number!(F64),
        Type::Char => Value::Char(node.as_char(source).ok()?),
        Type::String => Value::String(node.as_str(source).ok()?.into_owned()),
        Type::List(_) => Value::List(values()?),
        Type::Tuple(_) => Value::Tuple(values()?),
        Type::Record(fields) => {
            let given: Vec<(&str, &Node)> = node.as_record(source).ok()?.collect();
            let fields = fields.iter().map(|field| {
                let found = given.iter().find(|(name, _)| *name == field.name);
                let value = found.map(|(_, node)| value_of(node, &field.ty, source));
                // WAVE leaves out fields that are `none`.
                Some((
                    field.name.clone(),
                    value.unwrap_or(Some(Value::Option(None)))?,
                ))
            });
            Value::Record(fields.collect::<Option<_>>()?)
        }
        Type::Enum(_) => Value::Enum(node.as_enum(source).ok()?.to_owned()),
        Type::Variant(_) => {
            let (label, _) = node.as_variant(source).ok()?;
            Value::Variant(label.to_owned(), one()?)
        }
        Type::Option(_) => Value::Option(one()?),
        Type::Result(..) if node.ty() == NodeType::ResultErr => Value::Result(Err(one()?)),
        Type::Result(..) => Value::Result(Ok(one()?)),
        Type::Flags(_) => {
            let names = node.as_flags(source).ok()?;
            Value::Flags(names.map(str::to_owned).collect())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tollgate::value::json::Json;
    use tollgate::value::{Case, Field};

    fn bytes() -> Type {
        Type::List(Box::new(Type::U8))
    }

    #[test]
    fn bytes_are_text_where_they_are_printable() {
        for (wave, shown) in [
            ("[104, 105, 10]", r#""hi\n""#),
            ("[34, 92]", r#""\"\\""#),
            ("[]", "[]"),
            ("[104, 0]", "[104, 0]"),
            ("[27, 91, 50, 74]", "[27, 91, 50, 74]"),
            ("[255]", "[255]"),
            ("not wave", "not wave"),
        ] {
            assert_eq!(with_text(wave, &bytes()), shown, "{wave}");
        }
        let nested = Type::Result(
            Some(Box::new(Type::Record(vec![Field {
                name: "a".to_owned(),
                ty: Type::Tuple(vec![bytes(), Type::List(Box::new(Type::U16))]),
            }]))),
            Some(Box::new(Type::Variant(vec![Case {
                name: "raw".to_owned(),
                ty: Some(Type::Option(Box::new(bytes()))),
            }]))),
        );
        for (wave, shown) in [
            ("ok({a: ([104], [104])})", "ok({a: (\"h\", [104])})"),
            ("err(raw(some([104])))", "err(raw(some(\"h\")))"),
            ("err(raw(none))", "err(raw(none))"),
        ] {
            assert_eq!(with_text(wave, &nested), shown, "{wave}");
        }
    }

    #[test]
    fn values_are_json() {
        let option = |of| Type::Option(Box::new(of));
        for (wave, ty, wanted) in [
            ("[104, 105]", bytes(), json!([104, 105])),
            ("18446744073709551615", Type::U64, json!(u64::MAX)),
            ("-1", Type::S8, json!(-1)),
            ("nan", Type::F32, json!("NaN")),
            ("0.5", Type::F64, json!(0.5)),
            ("'x'", Type::Char, json!("x")),
            ("\"a\\n\"", Type::String, json!("a\n")),
            ("none", option(Type::U8), json!(null)),
            ("some(1)", option(Type::U8), json!(1)),
            (
                "some(none)",
                option(option(Type::U8)),
                json!({ "some": null }),
            ),
            ("ok", Type::Result(None, None), json!({ "ok": null })),
            (
                "err(1)",
                Type::Result(None, Some(Box::new(Type::U8))),
                json!({ "err": 1 }),
            ),
            (
                "{b}",
                Type::Flags(vec!["a".to_owned(), "b".to_owned()]),
                json!(["b"]),
            ),
            ("a", Type::Enum(vec!["a".to_owned()]), json!("a")),
        ] {
            let value = parse(wave, &ty).unwrap();
            assert_eq!(
                serde_json::to_value(Json(&value)).unwrap(),
                wanted,
                "{wave}"
            );
        }
        assert_eq!(parse("true", &Type::U8), None);
    }
}
