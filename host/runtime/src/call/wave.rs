//! Any export, called by a line of text: the WAVE notation of `tollgate call`.

use tollgate_component::value::{Type, Value};
use wasmtime::component::Val;
use wasmtime::component::wasm_wave::parser::ParserError;
use wasmtime::component::wasm_wave::untyped::UntypedFuncCall;
use wasmtime::component::wasm_wave::wasm::DisplayFunc;

use crate::call::exports::{ExportedFunction, find};
use crate::call::invoke::to_engine;
use crate::call::report::{ErrorReport, Outcome, Report};
use crate::call::session::Session;
use crate::error::{CallError, HostError};

/// An `err(…)` that the export returned, as WAVE text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaveError {
    /// The case of the error, when it is a variant or an enumeration; else `error`.
    pub kind: String,
    /// The whole result, `err(…)`.
    pub text: String,
}

impl ErrorReport for WaveError {
    fn kind(&self) -> String {
        self.kind.clone()
    }

    fn message(&self) -> String {
        self.text.clone()
    }
}

impl Session {
    /// Calls an export by text: `resolve("1.0", "linux/x86_64")`, or with its interface,
    /// `tollgate:releases/resolve.resolve("1.0", "linux/x86_64")`. The result is WAVE text.
    ///
    /// # Errors
    ///
    /// [`CallError::Refused`] when no export, or more than one, has that name;
    /// [`CallError::Arguments`] when the text does not parse or does not fit the parameters.
    pub async fn wave(&mut self, expression: &str) -> Result<Report<String, WaveError>, CallError> {
        let call = Call::parse(expression)?;
        let provider = self.provider().clone();
        let exported = find(provider.exported_functions(), call.name)?;
        let types: Vec<_> = exported.ty.params().map(|(_, ty)| ty).collect();
        let arguments: Vec<Val> = call.parsed.to_wasm_params(&types).map_err(|error| {
            let place = place(call.expression, call.name, &error);
            CallError::Arguments(format!("{place}; it is `{}`", signature(exported)))
        })?;
        let report = self.invoke_exported(exported, arguments).await?;
        let mut report = report.map(
            |value| match (&exported.function.result, value) {
                (Some(Type::Result(..)), value) => text(Value::Result(Ok(value.map(Box::new)))),
                (_, Some(value)) => text(value),
                (_, None) => Ok(String::new()),
            },
            |error| WaveError {
                kind: error.kind(),
                text: error.message(),
            },
        )?;
        report.usage.output_bytes = Some(match &report.outcome {
            Outcome::Returned(text) => text.len() as u64,
            Outcome::Failed(error) => error.text.len() as u64,
            Outcome::Faulted(_) => 0,
        });
        Ok(report)
    }
}

/// A value as WAVE text.
pub(crate) fn text(value: Value) -> Result<String, HostError> {
    to_engine(value).to_wave().map_err(HostError::new)
}

/// The type of a function in the words of WAVE.
fn signature(exported: &ExportedFunction) -> String {
    let ty = DisplayFunc(exported.ty.clone());
    let text = format!("{}: {ty}", exported.function.name);
    tollgate_component::escape::line(&text).into_owned()
}

/// Whether `expression` is a call at all, whatever component it is for.
///
/// # Errors
///
/// [`CallError::Arguments`], as of [`Session::wave`].
pub fn check_expression(expression: &str) -> Result<(), CallError> {
    Call::parse(expression).map(|_| ())
}

/// `name(arguments)` in its parts.
struct Call<'e> {
    expression: &'e str,
    name: &'e str,
    parsed: UntypedFuncCall<'static>,
}

impl<'e> Call<'e> {
    fn parse(expression: &'e str) -> Result<Call<'e>, CallError> {
        let expression = expression.trim();
        let at = expression.find('(').filter(|at| *at > 0);
        let (name, arguments) = at.map(|at| expression.split_at(at)).ok_or_else(|| {
            let shown = tollgate_component::escape::line(expression);
            CallError::Arguments(format!(
                "`{shown}` is not a call; write it as `name(argument, …)`"
            ))
        })?;
        // WAVE names a call by a plain identifier; which function it is is settled by the name.
        let parsed = UntypedFuncCall::parse(&format!("f{arguments}"))
            .map(UntypedFuncCall::into_owned)
            .map_err(|error| CallError::Arguments(place(expression, name, &error)))?;
        Ok(Call {
            expression,
            name,
            parsed,
        })
    }
}

/// What is wrong with an expression, and where.
fn place(expression: &str, name: &str, error: &ParserError) -> String {
    let at = error.span().start.saturating_sub(1) + name.len();
    let detail = error.detail().map(|detail| format!(": {detail}"));
    format!(
        "`{}`, at character {at}: {}{}",
        tollgate_component::escape::line(expression),
        error.kind(),
        detail.unwrap_or_default()
    )
}
