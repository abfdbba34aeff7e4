//! Things that are kept while they are asked for, up to a number of them and a number of bytes.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use tokio::sync::OnceCell;

/// The place of a thing and the bytes that it counts, which are known once it is there. One maker at a time.
pub(crate) type Place<T> = Arc<OnceCell<(T, u64)>>;

/// Things by keys. The one that was asked for longest ago goes first.
pub(crate) struct Kept<K, T> {
    most: usize,
    most_bytes: u64,
    of: HashMap<K, (Place<T>, u64)>,
    /// The number of times that one was asked for.
    asked: u64,
}

impl<K: Clone + Eq + Hash, T> Kept<K, T> {
    pub(crate) fn new(most: usize, most_bytes: u64) -> Kept<K, T> {
        Kept {
            most,
            most_bytes,
            of: HashMap::new(),
            asked: 0,
        }
    }

    /// The place of a key, which may be empty. For a new one, others make room.
    pub(crate) fn place(&mut self, key: &K) -> Place<T> {
        self.asked = self.asked.wrapping_add(1);
        let now = self.asked;
        if !self.of.contains_key(key) {
            while self.of.len() >= self.most || self.bytes() > self.most_bytes {
                let oldest = self.of.iter().min_by_key(|(_, (_, asked))| *asked);
                let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                    break;
                };
                self.of.remove(&oldest);
            }
        }
        let (place, asked) = self.of.entry(key.clone()).or_default();
        *asked = now;
        Arc::clone(place)
    }

    fn bytes(&self) -> u64 {
        let of_place = |(place, _): &(Place<T>, u64)| place.get().map_or(0, |(_, bytes)| *bytes);
        self.of.values().map(of_place).fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(kept: &mut Kept<u32, u32>, key: u32, bytes: u64) {
        let _ = kept.place(&key).set((key, bytes));
    }

    fn has(kept: &Kept<u32, u32>, key: u32) -> bool {
        kept.of.contains_key(&key)
    }

    #[test]
    fn the_one_that_was_asked_for_longest_ago_goes_first() {
        let mut kept = Kept::new(3, u64::MAX);
        for key in 0..3 {
            put(&mut kept, key, 1);
        }
        assert_eq!(kept.place(&0).get(), Some(&(0, 1)));
        put(&mut kept, 3, 1);
        assert!(has(&kept, 0) && !has(&kept, 1));
        assert_eq!(kept.of.len(), 3);
    }

    #[test]
    fn large_ones_make_room_before_there_are_many() {
        let mut kept = Kept::new(100, 1_000);
        for key in 0..10 {
            put(&mut kept, key, 600);
        }
        // The one that came last was not counted when it came.
        assert!(kept.of.len() <= 2, "{}", kept.of.len());
        assert!(has(&kept, 9));
    }
}
