//! Values in bytes, by their type: the reader knows the type that has to come, so that no process gives the host a
//! value that the function does not return, or more of it than a result may have.

use std::sync::Arc;

use tollgate_capability::Meter;
use tollgate_component::value::{Case, Field, Type, Value};
use tollgate_policy::Limits;
use wasmtime::component::Val;

/// The room that is left to the reader, counted as the engine counts a result that it reads (wasmtime 48,
/// `component/values.rs`): a value that passed there passes here.
#[derive(Clone, Copy)]
pub(super) struct Room(u64);

impl Room {
    /// The room of a result under these limits: the one that the engine has in a store that holds nothing yet. `weight` is
    /// that of the result's type.
    pub(super) fn of(limits: &Arc<Limits>, weight: u64) -> Room {
        let mut meter = Meter::new(Arc::clone(limits));
        meter.result_weight = weight;
        Room(meter.result_cap().0)
    }

    /// No bound: for the arguments of a caller, which exist already.
    pub(super) const ANY: Room = Room(u64::MAX);

    fn take(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.checked_sub(bytes as u64)?;
        Some(())
    }

    /// Elements, fields or a payload.
    fn take_values(&mut self, count: usize) -> Option<()> {
        self.take(count.checked_mul(size_of::<Val>())?)
    }

    /// Whether these bytes fit.
    pub(super) fn fits(mut self, bytes: &[u8]) -> bool {
        self.take(bytes.len()).is_some()
    }

    /// Whether this text does. The engine counts the bytes that the guest has for it: of Latin-1 text, half of ours.
    pub(super) fn fits_text(mut self, text: &str) -> bool {
        self.take_text(text.len()).is_some()
    }

    fn take_text(&mut self, bytes: usize) -> Option<()> {
        self.take(bytes.div_ceil(2))
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
            let at = |name| names.iter().position(|known| known == name);
            let mut set = set.iter().map(at).collect::<Option<Vec<_>>>()?;
            // The engine gives them in order, and each once.
            set.sort_unstable();
            set.dedup();
            number(out, set.len())?;
            for at in set {
                number(out, at)?;
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

/// The payload of a value, if its type has one.
fn read_boxed(from: &mut &[u8], ty: Option<&Type>, room: &mut Room) -> Option<Option<Box<Value>>> {
    room.take_values(usize::from(ty.is_some()))?;
    Some(read_held(from, ty, room)?.map(Box::new))
}

/// Reads a value of the type; types nest as deep as the component's do, which the engine bounds.
pub(super) fn read(from: &mut &[u8], ty: &Type, room: &mut Room) -> Option<Value> {
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
            room.take_text(length)?;
            let (text, rest) = from.split_at_checked(length)?;
            *from = rest;
            Value::String(std::str::from_utf8(text).ok()?.to_owned())
        }
        Type::List(of) => {
            let count = read_number(from)?;
            room.take_values(count)?;
            let mut values = Vec::new();
            for _ in 0..count {
                values.push(read(from, of, room)?);
            }
            Value::List(values)
        }
        Type::Tuple(types) => {
            room.take_values(types.len())?;
            let values = types.iter().map(|ty| read(from, ty, room));
            Value::Tuple(values.collect::<Option<_>>()?)
        }
        Type::Record(fields) => {
            room.take_values(fields.len())?;
            let values = fields.iter().map(|Field { name, ty }| {
                room.take(name.len())?;
                Some((name.clone(), read(from, ty, room)?))
            });
            Value::Record(values.collect::<Option<_>>()?)
        }
        Type::Variant(cases) => {
            let Case { name, ty } = cases.get(read_number(from)?)?;
            room.take(name.len())?;
            Value::Variant(name.clone(), read_boxed(from, ty.as_ref(), room)?)
        }
        Type::Enum(names) => {
            let name = names.get(read_number(from)?)?;
            room.take(name.len())?;
            Value::Enum(name.clone())
        }
        Type::Option(of) => Value::Option(match flag(from)? {
            true => read_boxed(from, Some(of), room)?,
            false => None,
        }),
        Type::Result(ok, err) => Value::Result(match flag(from)? {
            false => Ok(read_boxed(from, ok.as_deref(), room)?),
            true => Err(read_boxed(from, err.as_deref(), room)?),
        }),
        Type::Flags(names) => {
            let mut flags = Vec::new();
            let mut left = names.iter().enumerate();
            for _ in 0..read_number(from)? {
                // A field that came before is not left any more.
                let at = read_number(from)?;
                let (_, name) = left.find(|(known, _)| *known == at)?;
                room.take(name.len())?;
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
#[path = "values_tests.rs"]
mod tests;
