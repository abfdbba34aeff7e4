use proptest::prelude::*;
use serde_json::json;

use super::super::{Case, Field, Type, Value};
use super::{Json, JsonError, read};

const MOST: u64 = 1 << 20;

fn text(value: &Value) -> String {
    serde_json::to_string(&Json(value)).unwrap()
}

fn refused(json: &str, ty: &Type) -> String {
    read(json.as_bytes(), ty, MOST).unwrap_err().to_string()
}

fn boxed(ty: Type) -> Box<Type> {
    Box::new(ty)
}

fn field(name: &str, ty: Type) -> Field {
    Field {
        name: name.to_owned(),
        ty,
    }
}

fn case(name: &str, ty: Option<Type>) -> Case {
    Case {
        name: name.to_owned(),
        ty,
    }
}

/// Names that differ, of which some need escapes in JSON or are those of the notation itself.
fn names() -> impl Strategy<Value = Vec<String>> {
    let name = prop_oneof![
        "[a-z]{1,5}",
        Just("some".to_owned()),
        Just("ok".to_owned()),
        Just("ü\"\\".to_owned())
    ];
    proptest::collection::btree_set(name, 1..4).prop_map(|names| names.into_iter().collect())
}

fn types() -> impl Strategy<Value = Type> {
    use Type::*;
    let leaf = prop_oneof![
        Just(Bool),
        Just(S8),
        Just(U8),
        Just(S16),
        Just(U16),
        Just(S32),
        Just(U32),
        Just(S64),
        Just(U64),
        Just(F32),
        Just(F64),
        Just(Char),
        Just(String),
        names().prop_map(Enum),
        names().prop_map(Flags)
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let inner = inner.boxed();
        let maybe = || proptest::option::of(inner.clone());
        let many = || proptest::collection::vec(inner.clone(), 3);
        prop_oneof![
            inner.clone().prop_map(|of| List(boxed(of))),
            inner.clone().prop_map(|of| Option(boxed(of))),
            inner
                .clone()
                .prop_map(|of| Option(boxed(Option(boxed(of))))),
            many().prop_map(Tuple),
            (names(), many()).prop_map(|(names, types)| Record(
                names
                    .iter()
                    .zip(types)
                    .map(|(name, ty)| field(name, ty))
                    .collect()
            )),
            (names(), proptest::collection::vec(maybe(), 3)).prop_map(|(names, types)| Variant(
                names
                    .iter()
                    .zip(types)
                    .map(|(name, ty)| case(name, ty))
                    .collect()
            )),
            (maybe(), maybe()).prop_map(|(ok, err)| Result(ok.map(boxed), err.map(boxed))),
        ]
    })
}

fn values(ty: &Type) -> BoxedStrategy<Value> {
    fn payload(ty: Option<&Type>) -> BoxedStrategy<Option<Box<Value>>> {
        match ty {
            Some(ty) => values(ty).prop_map(|value| Some(Box::new(value))).boxed(),
            None => Just(None).boxed(),
        }
    }
    fn all(values: Vec<BoxedStrategy<Value>>) -> BoxedStrategy<Vec<Value>> {
        values.boxed()
    }
    match ty {
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::S8 => any::<i8>().prop_map(Value::S8).boxed(),
        Type::U8 => any::<u8>().prop_map(Value::U8).boxed(),
        Type::S16 => any::<i16>().prop_map(Value::S16).boxed(),
        Type::U16 => any::<u16>().prop_map(Value::U16).boxed(),
        Type::S32 => any::<i32>().prop_map(Value::S32).boxed(),
        Type::U32 => any::<u32>().prop_map(Value::U32).boxed(),
        Type::S64 => any::<i64>().prop_map(Value::S64).boxed(),
        Type::U64 => any::<u64>().prop_map(Value::U64).boxed(),
        // NaN differs from itself, and has a test of its own.
        Type::F32 => any::<u32>()
            .prop_map(f32::from_bits)
            .prop_filter("NaN", |it| !it.is_nan())
            .prop_map(Value::F32)
            .boxed(),
        Type::F64 => any::<u64>()
            .prop_map(f64::from_bits)
            .prop_filter("NaN", |it| !it.is_nan())
            .prop_map(Value::F64)
            .boxed(),
        Type::Char => any::<char>().prop_map(Value::Char).boxed(),
        Type::String => any::<String>().prop_map(Value::String).boxed(),
        Type::List(of) => proptest::collection::vec(values(of), 0..4)
            .prop_map(Value::List)
            .boxed(),
        Type::Tuple(types) => all(types.iter().map(values).collect())
            .prop_map(Value::Tuple)
            .boxed(),
        Type::Record(fields) => {
            let names: Vec<_> = fields.iter().map(|field| field.name.clone()).collect();
            let parts = all(fields.iter().map(|field| values(&field.ty)).collect());
            parts
                .prop_map(move |parts| Value::Record(names.iter().cloned().zip(parts).collect()))
                .boxed()
        }
        Type::Variant(cases) => {
            let each = cases.iter().map(|case| {
                let name = case.name.clone();
                let value = payload(case.ty.as_ref());
                value
                    .prop_map(move |value| Value::Variant(name.clone(), value))
                    .boxed()
            });
            proptest::strategy::Union::new(each).boxed()
        }
        Type::Enum(names) => proptest::sample::select(names.clone())
            .prop_map(Value::Enum)
            .boxed(),
        Type::Option(of) => proptest::option::of(values(of).prop_map(Box::new))
            .prop_map(Value::Option)
            .boxed(),
        Type::Result(ok, err) => prop_oneof![
            payload(ok.as_deref()).prop_map(|value| Value::Result(Ok(value))),
            payload(err.as_deref()).prop_map(|value| Value::Result(Err(value))),
        ]
        .boxed(),
        Type::Flags(names) => proptest::sample::subsequence(names.clone(), 0..=names.len())
            .prop_map(Value::Flags)
            .boxed(),
        Type::Opaque(_) => unreachable!(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_value_is_the_same_after_json((ty, value) in types().prop_flat_map(|ty| (Just(ty.clone()), values(&ty)))) {
        let text = text(&value);
        prop_assert_eq!(read(text.as_bytes(), &ty, MOST), Ok(value.clone()), "{}", text);
        prop_assert!(ty.check(&value).is_ok());
    }

    #[test]
    fn no_text_panics(text in "[\\[\\]{}\":,a-e0-9.\\\\un -]{0,40}", ty in types()) {
        let _ = read(text.as_bytes(), &ty, MOST);
    }
}

#[test]
fn values_have_the_notation_of_the_guide() {
    let option = |of| Type::Option(boxed(of));
    let bytes = || Type::List(boxed(Type::U8));
    for (value, ty, wanted) in [
        (Value::U64(u64::MAX), Type::U64, json!(u64::MAX)),
        (Value::S64(i64::MIN), Type::S64, json!(i64::MIN)),
        (Value::Char('ß'), Type::Char, json!("ß")),
        (Value::F64(f64::NEG_INFINITY), Type::F64, json!("-inf")),
        (Value::Option(None), option(Type::U8), json!(null)),
        (
            Value::Option(Some(Box::new(Value::U8(1)))),
            option(Type::U8),
            json!(1),
        ),
        (
            Value::Option(Some(Box::new(Value::Option(None)))),
            option(option(Type::U8)),
            json!({ "some": null }),
        ),
        (
            Value::Result(Ok(None)),
            Type::Result(None, None),
            json!({ "ok": null }),
        ),
        (Value::from(&b"hi"[..]), bytes(), json!([104, 105])),
        (
            Value::Flags(vec!["b".into()]),
            Type::Flags(vec!["a".into(), "b".into()]),
            json!(["b"]),
        ),
    ] {
        assert_eq!(serde_json::to_value(Json(&value)).unwrap(), wanted);
        assert_eq!(read(wanted.to_string().as_bytes(), &ty, MOST), Ok(value));
    }
    assert_eq!(text(&Value::F32(0.1)), "0.1");
    for (json, ty, wanted) in [
        ("\"18446744073709551615\"", Type::U64, Value::U64(u64::MAX)),
        (
            "\"-9007199254740993\"",
            Type::S64,
            Value::S64(-9_007_199_254_740_993),
        ),
        (
            "9007199254740993",
            Type::S64,
            Value::S64(9_007_199_254_740_993),
        ),
        ("0.30000000000000004", Type::F64, Value::F64(0.1 + 0.2)),
        ("\"hi\"", bytes(), Value::from(&b"hi"[..])),
        ("{\"base64\": \"aGk=\"}", bytes(), Value::from(&b"hi"[..])),
        (
            "{}",
            Type::Record(vec![field("a", option(Type::U8))]),
            Value::Record(vec![("a".into(), Value::Option(None))]),
        ),
    ] {
        assert_eq!(read(json.as_bytes(), &ty, MOST), Ok(wanted));
    }
    let nan = read(b"\"NaN\"", &Type::F32, MOST);
    assert!(matches!(nan, Ok(Value::F32(it)) if it.is_nan()));
    assert_eq!(text(&Value::F32(f32::NAN)), "\"NaN\"");
}

#[test]
fn json_that_fits_no_value_is_refused_with_its_place() {
    let record = || {
        Type::Record(vec![
            field("os", Type::String),
            field("n", Type::List(boxed(Type::U8))),
        ])
    };
    for (json, ty, told) in [
        ("256", Type::U8, "``: it is the number 256; pass u8"),
        ("-1", Type::U64, "``: it is the number -1; pass u64"),
        (
            "18446744073709551616",
            Type::U64,
            "``: it is the number 18446744073709551616; pass u64",
        ),
        ("1.0", Type::U8, "``: it is the number 1.0; pass u8"),
        ("1e400", Type::F64, "``: it is the number 1e400; pass f64"),
        ("1e39", Type::F32, "``: it is the number 1e39; pass f32"),
        (
            "NaN",
            Type::F64,
            "line 1, column 1: no JSON: expected value",
        ),
        (
            "\"ab\"",
            Type::Char,
            "``: it is another string; pass a string of one character",
        ),
        (
            "{\"os\":\"a\",\"n\":[1,300]}",
            record(),
            "`n[1]`: it is the number 300; pass u8",
        ),
        (
            "{\"os\":\"a\",\"\\u006fs\":\"b\",\"n\":[]}",
            record(),
            "``: it is with the field `os` twice; pass each field once",
        ),
        (
            "{\"os\":\"a\"}",
            record(),
            "``: it is without the field `n`; pass `n: list<u8>` as well",
        ),
        (
            "{\"z\":1}",
            record(),
            "``: it is with a field `z` that its type does not have; pass fields of os, n",
        ),
        (
            "{\"ok\":null,\"err\":null}",
            Type::Result(None, None),
            "``: it is an object of more; pass an object of the field `ok` or `err`",
        ),
        (
            "{\"ok\":1}",
            Type::Result(None, None),
            "``: it is int; pass null",
        ),
        (
            "[\"a\",\"a\"]",
            Type::Flags(vec!["a".into()]),
            "``: it is with the flag `a` twice; pass each flag once",
        ),
        (
            "\"z\"",
            Type::Enum(vec!["a".into()]),
            "``: it is the case `z`; pass one of a",
        ),
        (
            "[1]",
            Type::Tuple(vec![Type::U8, Type::U8]),
            "``: it is an array of 1; pass 2 elements",
        ),
        (
            "[1,2,3]",
            Type::Tuple(vec![Type::U8, Type::U8]),
            "``: it is an array of more than 2; pass 2 elements",
        ),
        (
            "1",
            Type::Opaque("a resource"),
            "``: it is a number; pass nothing, as no JSON is a resource",
        ),
        (
            "1 2",
            Type::U8,
            "line 1, column 3: no JSON: trailing characters",
        ),
        (
            "\"\\ud800\"",
            Type::String,
            "line 1, column 8: no JSON: unexpected end of hex escape",
        ),
    ] {
        assert_eq!(refused(json, &ty), told, "{json}");
    }
    assert!(read(b"\"\xff\"", &Type::String, MOST).is_err());
    let deep = "[".repeat(1_000_000);
    let told = refused(&deep, &Type::List(boxed(Type::List(boxed(Type::U8)))));
    assert_eq!(told, "`[0][0]`: it is an array; pass u8");
}

#[test]
fn values_are_paid_for_in_memory() {
    let full = |json: &str, ty: &Type, most| {
        read(json.as_bytes(), ty, most) == Err(JsonError::TooLarge { most })
    };
    let numbers = format!("[{}0]", "0,".repeat(999));
    let list = Type::List(boxed(Type::U8));
    assert!(full(&numbers, &list, 10_000));
    assert!(!full(&numbers, &list, 40_000));
    assert!(full(&format!("\"{}\"", "x".repeat(999)), &list, 10_000));
    // A name of the type counts wherever it would be.
    let long = Type::List(boxed(Type::Record(vec![field(
        &"n".repeat(5_000),
        Type::Option(boxed(Type::U8)),
    )])));
    assert!(full("[{},{},{}]", &long, 10_000));
}

#[test]
fn searches_among_names_have_an_end() {
    let names: Vec<String> = (0..5_000).map(|n| n.to_string()).collect();
    let cases = names.iter().map(|name| Case {
        name: name.clone(),
        ty: None,
    });
    for ty in [Type::Enum(names.clone()), Type::Variant(cases.collect())] {
        let list = Type::List(boxed(ty));
        let of = |count: usize| format!("[{}\"1\"]", "\"1\",".repeat(count - 1));
        assert!(read(of(10_000).as_bytes(), &list, u64::MAX).is_ok());
        let refused = read(of(20_000).as_bytes(), &list, u64::MAX);
        assert_eq!(refused, Err(JsonError::TooManyNames));
    }
}
