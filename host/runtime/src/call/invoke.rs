//! Calls of any export with values of our own: the way in for notations, of which WAVE is one.

use std::fmt;
use std::sync::Arc;

use tollgate_capability::HostFailure;
use tollgate_component::escape;
use tollgate_component::value::{Function, Type, Value};
use tollgate_policy::Limits;
use wasmtime::component::Val;

use crate::call::arguments::of_value;
use crate::call::exports::{ExportedFunction, find};
use crate::call::report::{ErrorReport, Outcome, Report};
use crate::call::session::{Guest, Session};
use crate::call::wave;
use crate::error::CallError;

/// An `err(…)` that an export returned.
#[derive(Clone, Debug, PartialEq)]
pub struct ReturnedError {
    /// The value in it, if it holds one.
    pub value: Option<Value>,
}

impl ErrorReport for ReturnedError {
    /// The case of the error when it is a variant or an enumeration; else `error`.
    fn kind(&self) -> String {
        match &self.value {
            Some(Value::Variant(case, _) | Value::Enum(case)) => case.clone(),
            _ => "error".to_owned(),
        }
    }

    /// The whole result as WAVE text.
    fn message(&self) -> String {
        let value = self.value.clone().map(Box::new);
        let value = to_engine(Value::Result(Err(value)));
        wave::text(&value, usize::MAX).unwrap_or_else(|_| "err".to_owned())
    }
}

/// As WAVE text on one line, escaped.
impl fmt::Display for ReturnedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape::line(&self.message()))
    }
}

impl std::error::Error for ReturnedError {}

impl Session {
    /// Calls an export by its name, with values: `resolve`, or with its interface,
    /// `tollgate:releases/resolve@0.1.0.resolve`. [`Provider::functions`](crate::Provider::functions) lists names and
    /// types. The `ok` of an export that returns a `result` is returned, and its `err` is the provider's own error.
    ///
    /// ```
    /// use tollgate::value::Value;
    /// use tollgate::{Limits, Policy, Source, blocking::Runtime};
    ///
    /// # let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests/echo.wasm"));
    /// let source = Source::file(path, &Limits::default())?;
    /// let provider = Runtime::new().load(&source, &Policy::default())?;
    /// for function in provider.as_async().functions() {
    ///     println!("{function}"); // run: func(input: list<u8>) -> result<list<u8>, …>
    /// }
    /// let report = provider.session().invoke("run", &[Value::from(&b"hello"[..])])?;
    /// assert_eq!(report.outcome.returned(), Some(Some(Value::from(&b"hello"[..]))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CallError::Refused`] when no export, or more than one, has that name; [`CallError::Arguments`] when the values
    /// do not fit the parameters, or when the function takes or gives a resource, which no value can be, or a type too large
    /// to be described. No code of the guest has run then.
    pub async fn invoke(
        &mut self,
        function: &str,
        arguments: &[Value],
    ) -> Result<Report<Option<Value>, ReturnedError>, CallError> {
        let provider = self.provider().clone();
        let exported = find(provider.exported_functions(), function)?;
        callable(exported)?;
        exported.function.check(arguments).map_err(|mismatch| {
            let name = escape::line(&exported.function.name);
            CallError::Arguments(format!("{name}: {mismatch}"))
        })?;
        let bytes = arguments.iter().map(of_value).sum();
        #[cfg(target_os = "linux")]
        if self.is_there() {
            return self.invoke_there(exported, arguments, bytes).await;
        }
        let arguments = arguments.iter().cloned().map(to_engine).collect();
        let finish = |value: Option<Val>, _: &Limits| {
            let value = value.map(from_engine).transpose()?;
            Ok(match value {
                Some(Value::Result(Ok(value))) => Ok(value.map(|value| *value)),
                Some(Value::Result(Err(value))) => Err(ReturnedError {
                    value: value.map(|value| *value),
                }),
                value => Ok(value),
            })
        };
        self.invoke_exported(exported, (arguments, bytes), finish, |_| None)
            .await
    }

    /// Calls a function with arguments that fit its parameters, and their size in bytes. `finish` makes the outcome
    /// of its result, as a part of the call and under its deadline; `measure` gives the size of the outcome in bytes.
    pub(super) async fn invoke_exported<T, E>(
        &mut self,
        exported: &ExportedFunction,
        (arguments, bytes): (Vec<Val>, u64),
        finish: impl FnOnce(Option<Val>, &Limits) -> wasmtime::Result<Result<T, E>>,
        measure: impl FnOnce(&Outcome<T, E>) -> Option<u64>,
    ) -> Result<Report<T, E>, CallError> {
        let results = exported.ty.results().len();
        let limits = Arc::clone(&self.provider().limits);
        let work = async |guest: &mut Guest<'_>| {
            let Some(func) = guest.instance.get_func(&mut *guest.store, exported.index) else {
                return Err(HostFailure("the export is gone".to_owned()).into());
            };
            guest.store.data_mut().call.meter.result_weight = exported.weight;
            let mut values = vec![Val::Bool(false); results];
            func.call_async(&mut *guest.store, &arguments, &mut values)
                .await?;
            finish(values.pop(), &limits)
        };
        self.measured_call(bytes, work, measure).await
    }
}

/// Refuses a function that takes or gives something other than values, before its arguments are looked at.
pub(super) fn callable(exported: &ExportedFunction) -> Result<(), CallError> {
    let Function { params, result, .. } = &exported.function;
    let types = params.iter().map(|param| &param.ty).chain(result);
    match types.into_iter().find_map(Type::opaque) {
        None => Ok(()),
        Some(what) => Err(CallError::Arguments(format!(
            "`{}` takes or gives {what}, and so is not called with values; call it through generated bindings",
            escape::line(&exported.function.name)
        ))),
    }
}

/// Our value as the engine's.
pub(crate) fn to_engine(value: Value) -> Val {
    let boxed = |value: Box<Value>| Box::new(to_engine(*value));
    let all = |values: Vec<Value>| values.into_iter().map(to_engine).collect();
    match value {
        Value::Bool(it) => Val::Bool(it),
        Value::S8(it) => Val::S8(it),
        Value::U8(it) => Val::U8(it),
        Value::S16(it) => Val::S16(it),
        Value::U16(it) => Val::U16(it),
        Value::S32(it) => Val::S32(it),
        Value::U32(it) => Val::U32(it),
        Value::S64(it) => Val::S64(it),
        Value::U64(it) => Val::U64(it),
        Value::F32(it) => Val::Float32(it),
        Value::F64(it) => Val::Float64(it),
        Value::Char(it) => Val::Char(it),
        Value::String(it) => Val::String(it),
        Value::List(values) => Val::List(all(values)),
        Value::Tuple(values) => Val::Tuple(all(values)),
        Value::Record(fields) => {
            let fields = fields.into_iter();
            Val::Record(fields.map(|(name, it)| (name, to_engine(it))).collect())
        }
        Value::Variant(case, value) => Val::Variant(case, value.map(boxed)),
        Value::Enum(case) => Val::Enum(case),
        Value::Option(value) => Val::Option(value.map(boxed)),
        Value::Result(Ok(value)) => Val::Result(Ok(value.map(boxed))),
        Value::Result(Err(value)) => Val::Result(Err(value.map(boxed))),
        Value::Flags(names) => Val::Flags(names),
    }
}

/// The engine's value as ours.
pub(crate) fn from_engine(value: Val) -> wasmtime::Result<Value> {
    type Boxed = wasmtime::Result<Option<Box<Value>>>;
    let boxed = |value: Option<Box<Val>>| -> Boxed {
        let value = value.map(|value| from_engine(*value)).transpose()?;
        Ok(value.map(Box::new))
    };
    let all = |values: Vec<Val>| {
        values
            .into_iter()
            .map(from_engine)
            .collect::<Result<_, _>>()
    };
    Ok(match value {
        Val::Bool(it) => Value::Bool(it),
        Val::S8(it) => Value::S8(it),
        Val::U8(it) => Value::U8(it),
        Val::S16(it) => Value::S16(it),
        Val::U16(it) => Value::U16(it),
        Val::S32(it) => Value::S32(it),
        Val::U32(it) => Value::U32(it),
        Val::S64(it) => Value::S64(it),
        Val::U64(it) => Value::U64(it),
        Val::Float32(it) => Value::F32(it),
        Val::Float64(it) => Value::F64(it),
        Val::Char(it) => Value::Char(it),
        Val::String(it) => Value::String(it),
        Val::List(values) => Value::List(all(values)?),
        Val::Tuple(values) => Value::Tuple(all(values)?),
        Val::Record(fields) => {
            let fields = fields.into_iter();
            let fields = fields.map(|(name, it)| Ok((name, from_engine(it)?)));
            Value::Record(fields.collect::<wasmtime::Result<_>>()?)
        }
        Val::Variant(case, value) => Value::Variant(case, boxed(value)?),
        Val::Enum(case) => Value::Enum(case),
        Val::Option(value) => Value::Option(boxed(value)?),
        Val::Result(Ok(value)) => Value::Result(Ok(boxed(value)?)),
        Val::Result(Err(value)) => Value::Result(Err(boxed(value)?)),
        Val::Flags(names) => Value::Flags(names),
        // A function whose types hold one of these is not called this way.
        Val::Map(_)
        | Val::Resource(_)
        | Val::Future(_)
        | Val::Stream(_)
        | Val::ErrorContext(_)
        | Val::FixedLengthList(_) => {
            return Err(wasmtime::Error::msg(
                "a value of a type that no value can be",
            ));
        }
    })
}
