//! The size of the arguments of a call: bytes that the caller gives to the guest, in each notation. `host-data` bounds
//! them for each door, and the meter holds them until the export has returned.

use tollgate_component::value::Value;
use tollgate_policy::Limits;
use wasmtime::component::Val;

use crate::error::CallError;

/// Refuses arguments of more bytes than `host-data` allows. They are the caller's mistake, so no call begins.
///
/// # Errors
///
/// [`CallError::Arguments`].
pub(crate) fn admit(bytes: u64, limits: &Limits) -> Result<(), CallError> {
    match bytes <= limits.host_data {
        true => Ok(()),
        false => Err(CallError::Arguments(format!(
            "the arguments have {bytes} bytes, and the policy's `limits.host-data` allows {}; pass less, or raise it",
            limits.host_data
        ))),
    }
}

/// The length of a string or a list as the guest gets it, beside the elements: an address and a number.
const LENGTH: u64 = 8;

/// Bytes of the arguments of a command, with the length of each.
pub(crate) fn command_bytes(args: &[String]) -> u64 {
    args.iter().map(|arg| arg.len() as u64 + LENGTH).sum()
}

macro_rules! size {
    ($name:ident, $value:ident, $f32:ident, $f64:ident, { $($rest:tt)* }) => {
        /// The bytes of a value in the memory of the guest, without padding.
        pub(crate) fn $name(value: &$value) -> u64 {
            let all = |values: &[$value]| values.iter().map($name).sum::<u64>();
            let boxed = |value: &Option<Box<$value>>| value.as_deref().map_or(0, $name);
            match value {
                $value::Bool(_) | $value::S8(_) | $value::U8(_) | $value::Enum(_) => 1,
                $value::S16(_) | $value::U16(_) => 2,
                $value::S32(_) | $value::U32(_) | $value::$f32(_) | $value::Char(_) => 4,
                $value::S64(_) | $value::U64(_) | $value::$f64(_) => 8,
                $value::String(text) => text.len() as u64 + LENGTH,
                $value::List(values) => all(values).saturating_add(LENGTH),
                $value::Tuple(values) => all(values),
                $value::Record(fields) => fields.iter().map(|(_, value)| $name(value)).sum(),
                $value::Variant(_, value) | $value::Option(value) => boxed(value).saturating_add(1),
                $value::Result(Ok(value) | Err(value)) => boxed(value).saturating_add(1),
                $value::Flags(names) => names.len() as u64 / 8 + 1,
                $($rest)*
            }
        }
    };
}

size!(of_value, Value, F32, F64, {});
size!(of_val, Val, Float32, Float64, {
    // A handle, which no value of ours can be.
    _ => 4,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_the_bytes_that_the_guest_gets() {
        let bytes = Value::from(&[0_u8; 1_000][..]);
        let record = Value::Record(vec![
            ("long-name".to_owned(), Value::String("four".to_owned())),
            ("x".to_owned(), Value::Option(Some(Box::new(Value::U64(1))))),
        ]);
        for (value, size) in [(bytes, 1_008), (record, 12 + 9), (Value::Bool(true), 1)] {
            assert_eq!(of_value(&value), size);
            assert_eq!(of_val(&crate::call::invoke::to_engine(value)), size);
        }
    }
}
