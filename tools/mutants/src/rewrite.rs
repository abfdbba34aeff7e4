//! Writes the text of a file with mutants behind switches.
//!
//! `a + b` becomes `(if crate::tollgate_switch::on(7) { (a) - (b) } else { (a + b) })`. One switch is on at a time, so
//! the text of a mutant contains no switches, and the text behind its `else` contains those of its parts.

use std::{cmp::Reverse, collections::BTreeMap, ops::Range};

use crate::places::{Form, Place};

/// A mutant to write behind a switch.
pub(crate) struct Switch<'a> {
    pub(crate) id: u32,
    pub(crate) place: &'a Place,
    pub(crate) replacement: &'a str,
}

/// The text, and the mutants to which the compiler's complaints about it belong.
#[derive(Debug, Default)]
pub(crate) struct Rewritten {
    pub(crate) text: String,
    /// The text of each mutant.
    mutants: Vec<(Range<usize>, u32)>,
    /// The text of each place, and its mutants.
    places: Vec<(Range<usize>, Vec<u32>)>,
}

/// The mutants that a complaint of the compiler is about.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Blame {
    /// The text of this mutant does not compile.
    Mutant(u32),
    /// The text around these mutants does not compile: the switch is at fault.
    Switch(Vec<u32>),
}

impl Rewritten {
    /// The innermost mutant or place that contains this text.
    pub(crate) fn blame(&self, text: &Range<usize>) -> Option<Blame> {
        let has = |range: &Range<usize>| range.start <= text.start && text.end <= range.end;
        let of_mutant = self.mutants.iter().find(|(range, _)| has(range));
        if let Some((_, id)) = of_mutant {
            return Some(Blame::Mutant(*id));
        }
        self.places
            .iter()
            .filter(|(range, _)| has(range))
            .min_by_key(|(range, _)| range.len())
            .map(|(_, ids)| Blame::Switch(ids.clone()))
    }
}

/// `source` with all `switches` in it.
pub(crate) fn rewrite(source: &str, switches: &[Switch<'_>]) -> Rewritten {
    let mut by_place: BTreeMap<usize, Vec<&Switch<'_>>> = BTreeMap::new();
    for switch in switches {
        by_place.entry(switch.place.order).or_default().push(switch);
    }
    let mut nodes: Vec<Node<'_>> = by_place
        .into_values()
        .filter_map(|switches| {
            Some(Node {
                place: switches.first()?.place,
                switches,
            })
        })
        .collect();
    nodes.sort_by_key(|node| {
        let at = &node.place.at;
        (at.start, !at.is_empty(), Reverse(at.end), node.place.order)
    });
    let mut writer = Writer {
        source,
        out: Rewritten::default(),
    };
    writer.copy(0..source.len(), &nodes);
    writer.out
}

struct Node<'a> {
    place: &'a Place,
    switches: Vec<&'a Switch<'a>>,
}

struct Writer<'a> {
    source: &'a str,
    out: Rewritten,
}

impl<'a> Writer<'a> {
    fn slice(&self, range: Range<usize>) -> &'a str {
        self.source.get(range).unwrap_or_default()
    }

    /// Copies `range` with its nodes, outer ones first.
    fn copy(&mut self, range: Range<usize>, mut nodes: &[Node<'_>]) {
        let mut copied = range.start;
        while let Some((node, rest)) = nodes.split_first() {
            let at = &node.place.at;
            self.out.text.push_str(self.slice(copied..at.start));
            let inner = rest
                .iter()
                .take_while(|inner| inner.place.at.start < at.end)
                .count();
            let (inner, rest) = rest.split_at_checked(inner).unwrap_or((rest, &[]));
            let start = self.out.text.len();
            self.node(node, inner);
            let ids = node.switches.iter().map(|switch| switch.id).collect();
            self.out.places.push((start..self.out.text.len(), ids));
            copied = at.end;
            nodes = rest;
        }
        self.out.text.push_str(self.slice(copied..range.end));
    }

    fn node(&mut self, node: &Node<'_>, inner: &[Node<'_>]) {
        match &node.place.form {
            Form::Body => {
                for switch in &node.switches {
                    self.condition("if ", switch.id, " { ");
                    self.mutant(switch.id, &format!("return {};", switch.replacement));
                    self.out.text.push_str(" } ");
                }
            }
            Form::Arm => {
                for switch in &node.switches {
                    self.condition(" if !", switch.id, "");
                }
            }
            Form::Operator { left, right } => {
                let (left, right) = (self.slice(left.clone()), self.slice(right.clone()));
                self.choice(node, inner, |new| format!("({left}) {new} ({right})"));
            }
            Form::Cut(cut) => {
                let before = self.slice(node.place.at.start..cut.start);
                let after = self.slice(cut.end..node.place.at.end);
                self.choice(node, inner, |new| format!("({before}{new}{after})"));
            }
        }
    }

    fn choice(&mut self, node: &Node<'_>, inner: &[Node<'_>], mutant: impl Fn(&str) -> String) {
        self.out.text.push('(');
        for switch in &node.switches {
            self.condition("if ", switch.id, " { ");
            self.mutant(switch.id, &mutant(switch.replacement));
            self.out.text.push_str(" } else ");
        }
        self.out.text.push_str("{ (");
        self.copy(node.place.at.clone(), inner);
        self.out.text.push_str(") })");
    }

    fn condition(&mut self, before: &str, id: u32, after: &str) {
        self.out
            .text
            .push_str(&format!("{before}crate::tollgate_switch::on({id}){after}"));
    }

    fn mutant(&mut self, id: u32, text: &str) {
        let start = self.out.text.len();
        self.out.text.push_str(text);
        self.out.mutants.push((start..self.out.text.len(), id));
    }
}
