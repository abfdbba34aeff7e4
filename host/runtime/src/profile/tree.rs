//! The tree of calls of a profile, of a bounded size.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tollgate_component::escape;
use wasmtime::{FrameInfo, WasmBacktrace};

use crate::call::names::demangled;
use crate::engine::PROFILED_FRAMES;
use crate::wire;

/// Nodes of a tree, each of some hundred bytes with its name: 4 MiB at most. A flame graph shows some hundreds.
const NODES: usize = 8_192;

/// Bytes of the name of a function.
const NAME: usize = 256;

/// One frame of a stack. Its text, by `Display`, is safe to show, and only a frame that is no function of the guest begins
/// with a bracket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Frame {
    /// A function of the guest: its name as in the source, cut after 256 bytes, or `wasm-function[12]` if the component has
    /// no names. It is text of the component: escape it before showing it.
    Guest(Arc<str>),
    /// A host call to this interface: the fuel is its price. Empty for an interface of the embedder.
    Host(&'static str),
    /// The engine's own data of an instance.
    Instance,
    /// Callers beyond the 127 innermost functions of a stack.
    Outer,
    /// Stacks for which there was no room.
    Merged,
    /// Fuel that was used after the last sample of a call.
    Rest,
}

/// One place in the tree of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// The function.
    pub frame: Frame,
    /// The index of its caller; `None` for the outermost frame of a stack.
    pub caller: Option<usize>,
    /// The fuel that it used itself, without that of the calls it made.
    pub fuel: u64,
}

/// Identifies a frame among the calls of one caller.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    /// The index of the function in its module, and a hash of its name, which may be long.
    Guest(u32, u64),
    Other(Frame),
}

/// A tree that the stores of a profile fill.
#[derive(Clone, Default)]
pub(crate) struct SharedTree(Arc<Mutex<Tree>>);

impl SharedTree {
    pub(super) fn lock(&self) -> MutexGuard<'_, Tree> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    calls: HashMap<(Option<usize>, Key), usize>,
    merged: u64,
}

impl Tree {
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) fn merged(&self) -> u64 {
        self.merged
    }

    /// Counts fuel at an outermost frame that is no function of the guest. There are few of them, so there is always room.
    pub(super) fn add(&mut self, frame: Frame, fuel: u64) {
        if fuel > 0 {
            let node = self.call(None, Key::Other(frame.clone()), usize::MAX, || frame);
            self.count(node, fuel);
        }
    }

    /// Counts fuel at the innermost function of a stack, or at a host call that it makes.
    pub(super) fn add_at(&mut self, stack: &WasmBacktrace, host: Option<&'static str>, fuel: u64) {
        // The engine tells one function more than is kept, if there are more.
        let frames = stack.frames();
        let is_cut = frames.len() >= PROFILED_FRAMES;
        let mut at = None;
        if is_cut {
            at = self.call(None, Key::Other(Frame::Outer), NODES, || Frame::Outer);
        }
        let mut has_room = at.is_some() || !is_cut;
        for frame in frames.iter().take(PROFILED_FRAMES - 1).rev() {
            if !has_room {
                break;
            }
            let next = self.call(at, key(frame), NODES, || Frame::Guest(name(frame)));
            has_room = next.is_some();
            at = next.or(at);
        }
        if let Some(interface) = host.filter(|_| has_room) {
            let frame = Frame::Host(interface);
            let next = self.call(at, Key::Other(frame.clone()), NODES, || frame);
            has_room = next.is_some();
            at = next.or(at);
        }
        if !has_room {
            self.merged = self.merged.saturating_add(fuel);
        }
        match at {
            Some(_) => self.count(at, fuel),
            None => self.add(Frame::Merged, fuel),
        }
    }

    /// The node of a call, made if there are fewer than `most`.
    fn call(
        &mut self,
        caller: Option<usize>,
        key: Key,
        most: usize,
        frame: impl FnOnce() -> Frame,
    ) -> Option<usize> {
        let index = self.nodes.len();
        match self.calls.entry((caller, key)) {
            Entry::Occupied(found) => Some(*found.get()),
            Entry::Vacant(_) if index >= most => None,
            Entry::Vacant(free) => {
                free.insert(index);
                self.nodes.push(Node {
                    frame: frame(),
                    caller,
                    fuel: 0,
                });
                Some(index)
            }
        }
    }

    fn count(&mut self, node: Option<usize>, fuel: u64) {
        if let Some(node) = node.and_then(|node| self.nodes.get_mut(node)) {
            node.fuel = node.fuel.saturating_add(fuel);
        }
    }
}

fn key(frame: &FrameInfo) -> Key {
    let mut hasher = DefaultHasher::new();
    frame.func_name().hash(&mut hasher);
    Key::Guest(frame.func_index(), hasher.finish())
}

fn name(frame: &FrameInfo) -> Arc<str> {
    match frame.func_name() {
        Some(name) => wire::cut(&demangled(name), NAME).into(),
        None => format!("wasm-function[{}]", frame.func_index()).into(),
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Frame::Guest(name) => {
                let mark = if name.starts_with('[') { "\\" } else { "" };
                write!(f, "{mark}{}", escape::line(name))
            }
            Frame::Host("") => f.write_str("[host]"),
            Frame::Host(interface) => write!(f, "[host] {interface}"),
            Frame::Instance => f.write_str("[instance]"),
            Frame::Outer => f.write_str("[outer functions]"),
            Frame::Merged => f.write_str("[merged]"),
            Frame::Rest => f.write_str("[after the last sample]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else a guest could show its own work as that of the host.
    #[test]
    fn a_function_of_the_guest_is_not_taken_for_the_host() {
        let shown = |frame: Frame| frame.to_string();
        assert_eq!(shown(Frame::Host("wasi:io/poll")), "[host] wasi:io/poll");
        let named = Frame::Guest("[host] wasi:io/poll\x1b[2J\n".into());
        assert_eq!(shown(named), "\\[host] wasi:io/poll\\u{1b}[2J\\n");
    }

    #[test]
    fn a_tree_has_a_bounded_size_and_keeps_all_fuel() {
        let mut tree = Tree::default();
        let mut at = None;
        for index in 0..NODES as u32 + 10 {
            let key = Key::Guest(index, 0);
            at = tree.call(None, key, NODES, || Frame::Guest("f".into()));
        }
        assert_eq!((tree.nodes().len(), at), (NODES, None));
        tree.add(Frame::Merged, 7);
        tree.add(Frame::Merged, 7);
        assert_eq!(tree.nodes().len(), NODES + 1);
        assert_eq!(tree.nodes().last().map(|node| node.fuel), Some(14));
    }
}
