//! wasmi, with the module parsed on every call, as in a host that keeps nothing and has no compiler to wait for.
//!
//! It knows no components, so it gets the core module of the same guest and is called by hand as the canonical ABI
//! says.

use anyhow::{Context, Result, ensure};
use wasmi::{Engine, Linker, Module, Store};

/// The interpreter.
#[derive(Default)]
pub struct Interpreter(Engine);

/// A core module that is parsed.
pub struct Parsed {
    engine: Engine,
    module: Module,
}

impl Interpreter {
    /// Parses the core module of a component of the provider world.
    pub fn parse(&self, module: &[u8]) -> Result<Parsed> {
        Ok(Parsed {
            engine: self.0.clone(),
            module: Module::new(&self.0, module)?,
        })
    }
}

impl Parsed {
    /// Makes an instance and calls it.
    pub fn call(&self, input: &[u8]) -> Result<Vec<u8>> {
        call(&self.engine, &self.module, input)
    }
}

fn call(engine: &Engine, module: &Module, input: &[u8]) -> Result<Vec<u8>> {
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine).instantiate_and_start(&mut store, module)?;
    let memory = instance.get_memory(&store, "memory").context("no memory")?;
    let realloc = instance.get_typed_func::<(u32, u32, u32, u32), u32>(&store, "cabi_realloc")?;
    let run = instance.get_typed_func::<(u32, u32), u32>(&store, "run")?;
    let post_return = instance.get_typed_func::<u32, ()>(&store, "cabi_post_run")?;

    let length = u32::try_from(input.len())?;
    let start = realloc.call(&mut store, (0, 0, 1, length))?;
    memory.write(&mut store, start as usize, input)?;
    let result = run.call(&mut store, (start, length))?;
    // A result<list<u8>, error>: which of them, and then where and how long.
    let mut fields = [0; 12];
    memory.read(&store, result as usize, &mut fields)?;
    let [case, _, _, _, a, b, c, d, length @ ..] = fields;
    ensure!(case == 0, "the guest said no");
    let mut output = vec![0; u32::from_le_bytes(length) as usize];
    memory.read(
        &store,
        u32::from_le_bytes([a, b, c, d]) as usize,
        &mut output,
    )?;
    post_return.call(&mut store, result)?;
    Ok(output)
}
