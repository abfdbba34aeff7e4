//! Values in bytes, by their type: the reader knows what has to come, so that no process gives the host a value that the
//! function does not return, or more of it than a result may have.

use tollgate_component::value::{Case, Field, Type, Value};

/// The bytes that the reader may still take in memory.
pub(super) struct Room(u64);

impl Room {
    /// Twice the bytes that the engine lets a result have, since it counts the same parts in its own sizes.
    pub(super) fn of(output: u64) -> Room {
        Room(output.saturating_mul(2).saturating_add(1 << 10))
    }

    /// No bound: for the arguments of a caller, who holds them already.
    pub(super) const ANY: Room = Room(u64::MAX);

    fn take(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.checked_sub(bytes as u64)?;
        Some(())
    }
}

/// Writes `value`, which is of type `ty`. `None` if it is not.
pub(super) fn write(out: &mut Vec<u8>, value: &Value, ty: &Type) -> Option<()> {
    match (value, ty) {
        (Value::Bool(it), Type::Bool) => out.push(u8::from(*it)),
        (Value::S8(it), Type::S8) => out.extend(it.to_le_bytes()),
        (Value::U8(it), Type::U8) => out.push(*it),
        (Value::S16(it), Type::S16) => out.extend(it.to_le_bytes()),
        (Value::U16(it), Type::U16) => out.extend(it.to_le_bytes()),
        (Value::S32(it), Type::S32) => out.extend(it.to_le_bytes()),
        (Value::U32(it), Type::U32) => out.extend(it.to_le_bytes()),
        (Value::S64(it), Type::S64) => out.extend(it.to_le_bytes()),
        (Value::U64(it), Type::U64) => out.extend(it.to_le_bytes()),
        (Value::F32(it), Type::F32) => out.extend(it.to_bits().to_le_bytes()),
        (Value::F64(it), Type::F64) => out.extend(it.to_bits().to_le_bytes()),
        (Value::Char(it), Type::Char) => out.extend(u32::from(*it).to_le_bytes()),
        (Value::String(it), Type::String) => {
            number(out, it.len())?;
            out.extend_from_slice(it.as_bytes());
        }
        (Value::List(values), Type::List(of)) => {
            number(out, values.len())?;
            for value in values {
                write(out, value, of)?;
            }
        }
        (Value::Tuple(values), Type::Tuple(types)) => {
            if values.len() != types.len() {
                return None;
            }
            for (value, ty) in values.iter().zip(types) {
                write(out, value, ty)?;
            }
        }
        (Value::Record(values), Type::Record(fields)) => {
            if values.len() != fields.len() {
                return None;
            }
            for ((name, value), Field { name: known, ty }) in values.iter().zip(fields) {
                if name != known {
                    return None;
                }
                write(out, value, ty)?;
            }
        }
        (Value::Variant(name, value), Type::Variant(cases)) => {
            let at = cases.iter().position(|case| case.name == *name)?;
            number(out, at)?;
            write_held(out, value.as_deref(), cases.get(at)?.ty.as_ref())?;
        }
        (Value::Enum(name), Type::Enum(names)) => {
            number(out, names.iter().position(|known| known == name)?)?;
        }
        (Value::Option(value), Type::Option(of)) => {
            out.push(u8::from(value.is_some()));
            if let Some(value) = value {
                write(out, value, of)?;
            }
        }
        (Value::Result(value), Type::Result(ok, err)) => {
            out.push(u8::from(value.is_err()));
            let (value, ty) = match value {
                Ok(value) => (value, ok),
                Err(value) => (value, err),
            };
            write_held(out, value.as_deref(), ty.as_deref())?;
        }
        (Value::Flags(set), Type::Flags(names)) => {
            number(out, set.len())?;
            for name in set {
                number(out, names.iter().position(|known| known == name)?)?;
            }
        }
        _ => return None,
    }
    Some(())
}

/// Writes a value that may be there, or not, as its type says.
pub(super) fn write_held(
    out: &mut Vec<u8>,
    value: Option<&Value>,
    ty: Option<&Type>,
) -> Option<()> {
    match (value, ty) {
        (Some(value), Some(ty)) => write(out, value, ty),
        (None, None) => Some(()),
        _ => None,
    }
}

fn number(out: &mut Vec<u8>, number: usize) -> Option<()> {
    let mut left = u32::try_from(number).ok()?;
    loop {
        let low = (left & 0x7f) as u8;
        left >>= 7;
        if left == 0 {
            out.push(low);
            return Some(());
        }
        out.push(low | 0x80);
    }
}

/// Reads all of `bytes` as one value of the type; as none without a type. The outer `None` if they are not.
pub(super) fn read_all(bytes: &[u8], ty: Option<&Type>, mut room: Room) -> Option<Option<Value>> {
    let mut from = bytes;
    let value = read_held(&mut from, ty, &mut room)?;
    from.is_empty().then_some(value)
}

fn read_held(from: &mut &[u8], ty: Option<&Type>, room: &mut Room) -> Option<Option<Value>> {
    match ty {
        Some(ty) => read(from, ty, room).map(Some),
        None => Some(None),
    }
}

/// Reads a value of the type; types nest as deep as the component's do, which the engine bounds.
pub(super) fn read(from: &mut &[u8], ty: &Type, room: &mut Room) -> Option<Value> {
    room.take(size_of::<Value>())?;
    let boxed = |value: Option<Value>| value.map(Box::new);
    Some(match ty {
        Type::Bool => Value::Bool(flag(from)?),
        Type::S8 => Value::S8(i8::from_le_bytes(chunk(from)?)),
        Type::U8 => Value::U8(u8::from_le_bytes(chunk(from)?)),
        Type::S16 => Value::S16(i16::from_le_bytes(chunk(from)?)),
        Type::U16 => Value::U16(u16::from_le_bytes(chunk(from)?)),
        Type::S32 => Value::S32(i32::from_le_bytes(chunk(from)?)),
        Type::U32 => Value::U32(u32::from_le_bytes(chunk(from)?)),
        Type::S64 => Value::S64(i64::from_le_bytes(chunk(from)?)),
        Type::U64 => Value::U64(u64::from_le_bytes(chunk(from)?)),
        Type::F32 => Value::F32(f32::from_bits(u32::from_le_bytes(chunk(from)?))),
        Type::F64 => Value::F64(f64::from_bits(u64::from_le_bytes(chunk(from)?))),
        Type::Char => Value::Char(char::from_u32(u32::from_le_bytes(chunk(from)?))?),
        Type::String => {
            let length = read_number(from)?;
            room.take(length)?;
            let (text, rest) = from.split_at_checked(length)?;
            *from = rest;
            Value::String(std::str::from_utf8(text).ok()?.to_owned())
        }
        Type::List(of) => {
            let mut values = Vec::new();
            for _ in 0..read_number(from)? {
                values.push(read(from, of, room)?);
            }
            Value::List(values)
        }
        Type::Tuple(types) => {
            let values = types.iter().map(|ty| read(from, ty, room));
            Value::Tuple(values.collect::<Option<_>>()?)
        }
        Type::Record(fields) => {
            let values = fields.iter().map(|Field { name, ty }| {
                room.take(name.len())?;
                Some((name.clone(), read(from, ty, room)?))
            });
            Value::Record(values.collect::<Option<_>>()?)
        }
        Type::Variant(cases) => {
            let Case { name, ty } = cases.get(read_number(from)?)?;
            room.take(name.len())?;
            Value::Variant(name.clone(), boxed(read_held(from, ty.as_ref(), room)?))
        }
        Type::Enum(names) => {
            let name = names.get(read_number(from)?)?;
            room.take(name.len())?;
            Value::Enum(name.clone())
        }
        Type::Option(of) => Value::Option(match flag(from)? {
            true => boxed(Some(read(from, of, room)?)),
            false => None,
        }),
        Type::Result(ok, err) => Value::Result(match flag(from)? {
            false => Ok(boxed(read_held(from, ok.as_deref(), room)?)),
            true => Err(boxed(read_held(from, err.as_deref(), room)?)),
        }),
        Type::Flags(names) => {
            let mut flags = Vec::new();
            for _ in 0..read_number(from)? {
                let name = names.get(read_number(from)?)?;
                room.take(name.len().saturating_add(size_of::<String>()))?;
                flags.push(name.clone());
            }
            Value::Flags(flags)
        }
        // No value is of any other type.
        _ => return None,
    })
}

fn chunk<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*bytes)
}

fn flag(from: &mut &[u8]) -> Option<bool> {
    match chunk(from)? {
        [0] => Some(false),
        [1] => Some(true),
        [_] => None,
    }
}

fn read_number(from: &mut &[u8]) -> Option<usize> {
    let mut number = 0u64;
    for shift in [0, 7, 14, 21, 28] {
        let [byte] = chunk(from)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return usize::try_from(u32::try_from(number).ok()?).ok();
        }
    }
    None
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod tests {
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
        let all = |bytes: &[u8]| read_all(bytes, Some(&ty()), Room::of(1 << 20));
        assert_eq!(all(&bytes), Some(Some(value())));
        for end in 0..bytes.len() {
            assert_eq!(all(&bytes[..end]), None, "{end} bytes");
        }
        assert_eq!(all(&[&bytes[..], b"."].concat()), None);
        assert_eq!(read_all(b"", None, Room::of(0)), Some(None));
        assert_eq!(read_all(b".", None, Room::of(0)), None);
        // Whatever is changed, what is read is of the type.
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

    /// A list of small numbers takes thirty times its bytes in memory, and counts as much.
    #[test]
    fn no_more_is_read_than_there_is_room_for() {
        let ty = Type::List(Box::new(Type::U8));
        let list = |length: usize| {
            let mut out = Vec::new();
            write(&mut out, &Value::from(&vec![7; length][..]), &ty).unwrap();
            out
        };
        let read = |length: usize| read_all(&list(length), Some(&ty), Room::of(16 << 10));
        let fits = ((32 << 10) + (1 << 10)) / size_of::<Value>() - 1;
        assert!(read(fits).is_some());
        assert!(read(fits + 1).is_none());
    }
}
