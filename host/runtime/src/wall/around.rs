//! The wall of a program, made of its providers.

use super::Wall;
use crate::call::provider::Provider;

impl Wall {
    /// A wall around a process that calls these providers and opens nothing else. Files for later requests, such as the
    /// certificate authorities, are read now.
    pub fn around<'p>(providers: impl IntoIterator<Item = &'p Provider>) -> Wall {
        let mut wall = Wall::default();
        for provider in providers {
            wall.leave(&provider.shared.granted);
        }
        wall
    }
}
