//! Values as they cross to and from the process of a provider.

use super::*;

fn ty() -> Type {
    let field = |name: &str, ty| Field {
        name: name.into(),
        ty,
    };
    let case = |name: &str, ty| Case {
        name: name.into(),
        ty,
    };
    Type::Record(vec![
        field("a", Type::List(Box::new(Type::S16))),
        field("b", Type::Option(Box::new(Type::String))),
        field(
            "c",
            Type::Variant(vec![case("none", None), case("some", Some(Type::Char))]),
        ),
        field("d", Type::Flags(vec!["x".into(), "y".into(), "z".into()])),
        field(
            "e",
            Type::Result(None, Some(Box::new(Type::Enum(vec!["bad".into()])))),
        ),
        field("f", Type::Tuple(vec![Type::F64, Type::Bool, Type::U64])),
    ])
}

fn value() -> Value {
    let field = |name: &str, value| (name.to_owned(), value);
    Value::Record(vec![
        field("a", Value::List(vec![Value::S16(-1), Value::S16(300)])),
        field("b", Value::Option(Some(Box::new(Value::from("text"))))),
        field(
            "c",
            Value::Variant("some".into(), Some(Box::new(Value::Char('é')))),
        ),
        field("d", Value::Flags(vec!["x".into(), "z".into()])),
        field(
            "e",
            Value::Result(Err(Some(Box::new(Value::Enum("bad".into()))))),
        ),
        field(
            "f",
            Value::Tuple(vec![
                Value::F64(f64::MIN),
                Value::Bool(true),
                Value::U64(u64::MAX),
            ]),
        ),
    ])
}

fn written() -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, &value(), &ty()).unwrap();
    out
}

#[test]
fn a_value_is_read_as_it_was_written_and_no_part_of_it_is() {
    let bytes = written();
    let all = |bytes: &[u8]| read_all(bytes, Some(&ty()), Room(1 << 20));
    assert_eq!(all(&bytes), Some(Some(value())));
    for end in 0..bytes.len() {
        assert_eq!(all(&bytes[..end]), None, "{end} bytes");
    }
    assert_eq!(all(&[&bytes[..], b"."].concat()), None);
    assert_eq!(read_all(b"", None, Room(0)), Some(None));
    assert_eq!(read_all(b".", None, Room(0)), None);
    // For every change of the bytes, the value that is read has the type.
    for at in 0..bytes.len() {
        for to in [0, 1, 2, 0x7f, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] = to;
            if let Some(Some(value)) = all(&changed) {
                assert_eq!(ty().check(&value), Ok(()));
            }
        }
    }
}

#[test]
fn a_value_of_another_type_is_not_written() {
    let mut out = Vec::new();
    assert_eq!(write(&mut out, &Value::U8(1), &Type::S8), None);
    assert_eq!(write(&mut out, &value(), &Type::Tuple(Vec::new())), None);
    assert_eq!(write_held(&mut out, None, Some(&Type::U8)), None);
}

/// The room that the engine counts for each kind of value, and not a byte more: by its source, with 40 bytes for an
/// element.
#[test]
fn a_value_takes_the_room_that_the_engine_counts() {
    const EACH: u64 = size_of::<Val>() as u64;
    let list = |of| Type::List(Box::new(of));
    let boxed = |value| Some(Box::new(value));
    for (ty, value, counted) in [
        (list(Type::U8), Value::from(&[7; 100][..]), 100 * EACH),
        (Type::String, Value::from("é".repeat(50).as_str()), 50),
        (Type::U64, Value::U64(1), 0),
        (ty(), value(), {
            // Six fields with names of a letter; two elements; the payloads of b, c and e; their text and names; a tuple.
            6 * EACH + 6 + 2 * EACH + (EACH + 2) + (EACH + 4) + 2 + (EACH + 3) + 3 * EACH
        }),
        (
            Type::Option(Box::new(Type::U8)),
            Value::Option(boxed(Value::U8(1))),
            EACH,
        ),
        (
            Type::Option(Box::new(Type::U8)),
            Value::Option(None),
            // The reader looks before it counts.
            0,
        ),
        (
            list(Type::Flags(vec!["x".into()])),
            Value::List(vec![Value::Flags(vec!["x".into()]); 100]),
            100 * (EACH + 1),
        ),
    ] {
        let mut bytes = Vec::new();
        write(&mut bytes, &value, &ty).unwrap();
        let read = |room| read_all(&bytes, Some(&ty), Room(room));
        assert_eq!(read(counted), Some(Some(value)), "{ty}");
        if let Some(less) = counted.checked_sub(1) {
            assert_eq!(read(less), None, "{ty}");
        }
    }
}

#[test]
fn the_room_of_a_result_is_what_the_meter_leaves_it() {
    let room = |output, host_data, host_memory, weight| {
        let limits = Limits {
            output,
            host_data,
            host_memory,
            ..Limits::default()
        };
        Room::of(&Arc::new(limits), weight).0
    };
    assert_eq!(room(10, 1_000, 1_000, 1), 10);
    assert_eq!(room(1_000, 10, 1_000, 1), 10);
    assert_eq!(room(1_000, 1_000, 1_000, 81), 12);
}

/// A set has each of its flags once, and so takes no more memory than the names of its type.
#[test]
fn a_flag_is_set_once() {
    let ty = Type::Flags(vec!["a".into(), "b".into(), "c".into()]);
    let set = |names: &[&str]| Value::Flags(names.iter().map(|&it| it.to_owned()).collect());
    let mut bytes = Vec::new();
    write(&mut bytes, &set(&["c", "a", "c"]), &ty).unwrap();
    let read = |bytes: &[u8]| read_all(bytes, Some(&ty), Room::ANY);
    assert_eq!(read(&bytes), Some(Some(set(&["a", "c"]))));
    assert_eq!(read(&[2, 0, 0]), None);
    assert_eq!(read(&[2, 2, 0]), None);
    assert_eq!(read(&[1, 3]), None);
}
