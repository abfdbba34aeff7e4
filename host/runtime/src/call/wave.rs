//! Any export, called by a line of text: the WAVE notation of `tollgate call`.

use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::wasm_wave::parser::ParserError;
use wasmtime::component::wasm_wave::untyped::UntypedFuncCall;
use wasmtime::component::wasm_wave::wasm::DisplayFunc;
use wasmtime::component::{ComponentExportIndex, Val};

use crate::call::provider::{Provider, missing};
use crate::call::report::{ErrorReport, Outcome, Report};
use crate::call::session::{Guest, Session};
use crate::error::CallError;
use tollgate_component::{Refusal, Remedy, split_version};

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

/// A function that a component exports.
struct Function {
    /// The interface it is in, if any, with its version.
    interface: Option<String>,
    name: String,
    ty: ComponentFunc,
    index: ComponentExportIndex,
}

impl Function {
    /// How it is called, as far as WAVE has words for its types.
    fn signature(&self) -> String {
        let text = format!("{}: {}", self.name, DisplayFunc(self.ty.clone()));
        tollgate_component::escape::line(&text).into_owned()
    }

    /// Whether `wanted` means this function: `f`, `ns:pkg/iface.f` or `ns:pkg/iface@1.2.3.f`.
    fn answers_to(&self, wanted: &str) -> bool {
        if wanted == self.name {
            return true;
        }
        let (Some(interface), Some(rest)) =
            (&self.interface, wanted.strip_suffix(self.name.as_str()))
        else {
            return false;
        };
        let Some(wanted) = rest.strip_suffix('.') else {
            return false;
        };
        wanted == interface || wanted == split_version(interface).0
    }

    fn full_name(&self) -> String {
        match &self.interface {
            Some(interface) => format!("{interface}.{}", self.name),
            None => self.name.clone(),
        }
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
        let function = find(self.provider(), call.name)?;
        let types: Vec<_> = function.ty.params().map(|(_, ty)| ty).collect();
        let params: Vec<Val> = call.parsed.to_wasm_params(&types).map_err(|error| {
            let place = place(call.expression, call.name, &error);
            CallError::Arguments(format!("{place}; it is `{}`", function.signature()))
        })?;
        let results = function.ty.results().len();

        let mut report = self
            .call(async |guest: &mut Guest<'_>| {
                let Some(func) = guest.instance.get_func(&mut *guest.store, function.index) else {
                    return Err(wasmtime::Error::msg("the export is gone"));
                };
                let mut values = vec![Val::Bool(false); results];
                func.call_async(&mut *guest.store, &params, &mut values)
                    .await?;
                answer(values.first())
            })
            .await?;
        report.usage.output_bytes = Some(match &report.outcome {
            Outcome::Returned(text) => text.len() as u64,
            Outcome::Failed(error) => error.text.len() as u64,
            Outcome::Faulted(_) => 0,
        });
        Ok(report)
    }
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

fn answer(value: Option<&Val>) -> wasmtime::Result<Result<String, WaveError>> {
    let Some(value) = value else {
        return Ok(Ok(String::new()));
    };
    let text = value.to_wave()?;
    Ok(match value {
        Val::Result(Err(error)) => Err(WaveError {
            kind: match error.as_deref() {
                Some(Val::Variant(case, _) | Val::Enum(case)) => case.clone(),
                _ => "error".to_owned(),
            },
            text,
        }),
        _ => Ok(text),
    })
}

fn find(provider: &Provider, wanted: &str) -> Result<Function, Refusal> {
    let mut functions = functions(provider);
    // The full name of one may be the short name of another.
    if let Some(exact) = functions.iter().position(|f| f.full_name() == wanted) {
        return Ok(functions.swap_remove(exact));
    }
    let mut matching = functions
        .into_iter()
        .filter(|function| function.answers_to(wanted));
    let Some(function) = matching.next() else {
        return Err(missing(&format!(
            "a function `{}`; its WIT shows what it exports",
            tollgate_component::escape::line(wanted)
        ))
        .with_remedy(Remedy::CallAnExport));
    };
    if let Some(other) = matching.next() {
        return Err(missing(&format!(
            "a single function `{wanted}`: write {} or {}",
            function.full_name(),
            other.full_name()
        )));
    }
    Ok(function)
}

fn functions(provider: &Provider) -> Vec<Function> {
    let engine = &provider.shared.unit.engine;
    let component = provider.shared.pre.component();
    let mut functions = Vec::new();
    for (name, export) in component.component_type().exports(engine) {
        match export.ty {
            ComponentItem::ComponentFunc(ty) => {
                if let Some(index) = component.get_export_index(None, name) {
                    functions.push(Function {
                        interface: None,
                        name: name.to_owned(),
                        ty,
                        index,
                    });
                }
            }
            ComponentItem::ComponentInstance(instance) => {
                let Some(interface) = component.get_export_index(None, name) else {
                    continue;
                };
                for (item, export) in instance.exports(engine) {
                    let ComponentItem::ComponentFunc(ty) = export.ty else {
                        continue;
                    };
                    if let Some(index) = component.get_export_index(Some(&interface), item) {
                        functions.push(Function {
                            interface: Some(name.to_owned()),
                            name: item.to_owned(),
                            ty,
                            index,
                        });
                    }
                }
            }
            _ => {}
        }
    }
    functions
}
