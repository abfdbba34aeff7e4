//! Components: generated, made of the guests, bent.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::Result;
use arbitrary::Unstructured;
use wasm_mutate::WasmMutate;
use wasm_smith::{Config, Module};

use crate::random::Random;
use crate::sections::{MODULE, Section, join, split};

/// Larger guests take the compiler too long.
const LARGEST: usize = 200 << 10;

/// Half of the inputs are made of guests below this.
const SMALL: usize = 4 << 10;

/// The guests.
pub(crate) struct Components {
    all: Vec<Vec<u8>>,
    small: usize,
}

impl Components {
    pub(crate) fn read(folder: &Path) -> Result<Components> {
        let mut files: Vec<_> = fs::read_dir(folder)?.collect::<std::io::Result<_>>()?;
        // Sorted, so that the same seed gives the same inputs on every file system.
        files.sort_by_key(fs::DirEntry::file_name);
        let mut all = Vec::new();
        for file in files {
            let bytes = fs::read(file.path())?;
            if bytes.len() <= LARGEST && split(&bytes).is_some_and(|s| !s.is_empty()) {
                all.push(bytes);
            }
        }
        all.sort_by_key(Vec::len);
        let small = all.partition_point(|guest| guest.len() <= SMALL);
        anyhow::ensure!(
            small > 0,
            "no guests in {}: `just guests`",
            folder.display()
        );
        Ok(Components { all, small })
    }

    /// The next input.
    pub(crate) fn make(&self, random: &mut Random) -> Vec<u8> {
        let made = match random.below(10) {
            0 => generated(random),
            1 | 2 => self.with_generated_module(random),
            3..=5 => self.with_mutated_module(random),
            6 => self.shuffled(random),
            7 | 8 => self.bent_outside_of_modules(random),
            _ => None,
        };
        let mut made = made.unwrap_or_else(|| self.bent(random));
        if random.percent(5) {
            bend(random, &mut made);
        }
        made
    }

    fn guest(&self, random: &mut Random) -> &[u8] {
        let end = if random.percent(50) {
            self.small
        } else {
            self.all.len()
        };
        self.all.get(random.below(end)).map_or(&[], Vec::as_slice)
    }

    /// A guest with one of its core modules exchanged.
    fn exchange(
        &self,
        random: &mut Random,
        other: impl FnOnce(&mut Random, &[u8]) -> Option<Vec<u8>>,
    ) -> Option<Vec<u8>> {
        let mut sections = split(self.guest(random))?;
        let modules = sections.iter_mut().filter(|section| section.id == MODULE);
        let mut modules: Vec<&mut Section> = modules.collect();
        let chosen = random.below(modules.len().max(1));
        let module = modules.get_mut(chosen)?;
        module.bytes = other(random, &module.bytes)?;
        Some(join(&sections))
    }

    /// Any code, with the imports and exports of the module it stands for.
    fn with_generated_module(&self, random: &mut Random) -> Option<Vec<u8>> {
        self.exchange(random, |random, module| {
            let mut config = config(random);
            config.module_shape = Some(module.to_vec());
            config.allow_start_export = random.percent(10);
            let noise = noise(random, 4 << 10);
            quietly(|| {
                let module = Module::new(config, &mut Unstructured::new(&noise)).ok()?;
                Some(module.to_bytes())
            })
        })
    }

    fn with_mutated_module(&self, random: &mut Random) -> Option<Vec<u8>> {
        self.exchange(random, |random, module| {
            let mut module = module.to_vec();
            for _ in 0..=random.below(4) {
                let seed = random.next();
                let mutated = quietly(|| {
                    let mut mutate = WasmMutate::default();
                    let mut all = mutate.seed(seed).fuel(300).run(&module).ok()?;
                    all.next()?.ok()
                });
                module = mutated.unwrap_or(module);
            }
            Some(module)
        })
    }

    /// Sections removed, repeated, moved, or taken from another guest.
    fn shuffled(&self, random: &mut Random) -> Option<Vec<u8>> {
        let mut sections = split(self.guest(random))?;
        for _ in 0..=random.below(3) {
            let at = random.below(sections.len().max(1));
            let to = random.below(sections.len() + 1);
            match random.below(4) {
                0 if at < sections.len() => _ = sections.remove(at),
                1 => sections.insert(to, sections.get(at)?.clone()),
                2 if at < to => sections.get_mut(at..to)?.rotate_left(1),
                _ => {
                    let others = split(self.guest(random))?;
                    let other = others.get(random.below(others.len().max(1)))?;
                    sections.insert(to, other.clone());
                }
            }
        }
        Some(join(&sections))
    }

    /// The sections outside of core modules are small, and most mistakes of a component are in them.
    fn bent_outside_of_modules(&self, random: &mut Random) -> Option<Vec<u8>> {
        let mut sections = split(self.guest(random))?;
        let others = sections
            .iter_mut()
            .filter(|section| section.id != MODULE && section.id != 0);
        let mut others: Vec<&mut Section> = others.collect();
        let chosen = random.below(others.len().max(1));
        let section = others.get_mut(chosen)?;
        bend(random, &mut section.bytes);
        Some(join(&sections))
    }

    fn bent(&self, random: &mut Random) -> Vec<u8> {
        let mut guest = self.guest(random).to_vec();
        bend(random, &mut guest);
        guest
    }
}

/// A component of nothing that is known.
fn generated(random: &mut Random) -> Option<Vec<u8>> {
    let config = config(random);
    let noise = noise(random, 2 << 10);
    quietly(|| {
        let mut input = Unstructured::new(&noise);
        let component = wasm_smith::Component::new(config, &mut input).ok()?;
        Some(component.to_bytes())
    })
}

/// Some of the proposals, those that are off too.
fn config(random: &mut Random) -> Config {
    let odd = random.percent(10);
    Config {
        gc_enabled: odd,
        memory64_enabled: odd,
        exceptions_enabled: odd,
        threads_enabled: odd,
        relaxed_simd_enabled: odd,
        tail_call_enabled: odd,
        simd_enabled: random.percent(70),
        // Brings `externref`, which is off, as often as the types that are on.
        reference_types_enabled: random.percent(15),
        max_memories: 1 + random.below(3),
        max_tables: 1 + random.below(3),
        max_instructions: 10 + random.below(2_000),
        max_funcs: 200,
        ..Config::default()
    }
}

/// Runs a generator. Some generators panic on some inputs, and such a panic is no finding.
fn quietly<T>(work: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok().flatten()
}

fn noise(random: &mut Random, most: usize) -> Vec<u8> {
    let size = random.below(most) + 16;
    (0..size).map(|_| random.next() as u8).collect()
}

/// Changes bytes in one or more places.
fn bend(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len().max(1));
        let end = (at + random.below(16)).min(bytes.len());
        match random.below(8) {
            0 if random.percent(30) => bytes.truncate(at),
            1 if at < end => _ = bytes.drain(at..end),
            2 if at < end => {
                let again = bytes.get(at..end).unwrap_or_default().to_vec();
                bytes.splice(at..at, again);
            }
            3 => bytes.insert(at, random.pick(&[0, 1, 0x40, 0x7f, 0x80, 0xff])),
            4 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.pick(&[0, 1, 2, 0x40, 0x60, 0x6f, 0x70, 0x7f, 0x80, 0xff]);
                }
            }
            5 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = byte.wrapping_add(random.pick(&[1, 2, 0xfe, 0xff]));
                }
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
}
