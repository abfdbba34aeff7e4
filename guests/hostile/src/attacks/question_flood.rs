//! `question-flood ROOT,… COUNT`: asks for the kind of COUNT files of each root, one after the other, whatever the answers
//! are.
//!
//! Answers with how often each answer came.

use std::collections::BTreeMap;

use crate::{Answer, argument, tollgate::provider::files};

pub(super) fn run(argument: &str) -> Answer {
    let (roots, count) = argument::first_word(argument);
    let count: u32 = argument::number(count, 20)?;
    let mut answers = BTreeMap::new();
    for root in roots.split(',') {
        for number in 0..count {
            let answer = format!("{:?}", files::stat(root, &format!("flood-{number}")).err());
            *answers.entry(answer).or_insert(0_u32) += 1;
        }
    }
    argument::shown(answers)
}
