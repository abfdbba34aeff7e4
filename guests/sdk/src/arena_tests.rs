//! Pieces of an arena are aligned and apart from each other, and keep the bytes that are written to them, for
//! requests of all sizes in all orders.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use super::*;

/// A piece that is out, with the bytes that were written to it.
struct Piece {
    at: *mut u8,
    layout: Layout,
    mark: u8,
}

impl Piece {
    fn holds(&self, size: usize) -> bool {
        // SAFETY: the piece is out and at least so long.
        unsafe { std::slice::from_raw_parts(self.at, size) }
            .iter()
            .all(|byte| *byte == self.mark)
    }

    fn write(&self) {
        // SAFETY: the piece is out and so long.
        unsafe { self.at.write_bytes(self.mark, self.layout.size()) };
    }
}

/// The next of a row of numbers that look random and are the same each time.
fn next(seed: &mut u64) -> usize {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    usize::try_from(*seed >> 16).unwrap()
}

fn inside<const SIZE: usize>(arena: &Arena<SIZE>, at: *mut u8) -> bool {
    (arena.start().addr()..arena.start().addr() + SIZE).contains(&at.addr())
}

/// Plays `steps` requests, and checks after each that every piece still holds its bytes: pieces that
/// overlap would not.
fn play<const SIZE: usize>(mut seed: u64, steps: usize, longest: usize) {
    let arena = Arena::<SIZE>::new();
    let mut out: Vec<Piece> = Vec::new();
    let (mut ours, mut others) = (0, 0);
    for step in 0..steps {
        let mark = u8::try_from(step % 251).unwrap();
        match next(&mut seed) % 4 {
            kind @ (0 | 1) => {
                let size = 1 + next(&mut seed) % longest;
                let layout = Layout::from_size_align(size, 1 << (next(&mut seed) % 9)).unwrap();
                // SAFETY: the layout is not empty.
                let at = unsafe {
                    if kind == 0 {
                        arena.alloc(layout)
                    } else {
                        arena.alloc_zeroed(layout)
                    }
                };
                assert!(at.addr().is_multiple_of(layout.align()) && !at.is_null());
                let piece = Piece {
                    at,
                    layout,
                    mark: 0,
                };
                assert!(kind == 0 || piece.holds(size), "not zero");
                let piece = Piece { mark, ..piece };
                piece.write();
                *(if inside(&arena, at) {
                    &mut ours
                } else {
                    &mut others
                }) += 1;
                out.push(piece);
            }
            2 if !out.is_empty() => {
                let index = next(&mut seed) % out.len();
                let piece = &mut out[index];
                let size = 1 + next(&mut seed) % longest;
                let kept = size.min(piece.layout.size());
                // SAFETY: the piece is out, with this layout.
                piece.at = unsafe { arena.realloc(piece.at, piece.layout, size) };
                assert!(piece.holds(kept), "what was written is lost");
                piece.layout = Layout::from_size_align(size, piece.layout.align()).unwrap();
                assert!(piece.at.addr().is_multiple_of(piece.layout.align()));
                piece.write();
            }
            // The last one more often than others, as programs do.
            _ if !out.is_empty() => {
                let last = out.len() - 1;
                let index = if next(&mut seed).is_multiple_of(2) {
                    last
                } else {
                    next(&mut seed) % out.len()
                };
                let piece = out.remove(index);
                // SAFETY: the piece is out, with this layout.
                unsafe { arena.dealloc(piece.at, piece.layout) };
            }
            _ => {}
        }
        assert!(
            out.iter().all(|piece| piece.holds(piece.layout.size())),
            "step {step}"
        );
    }
    assert!(
        ours > 0 && others > 0,
        "{ours} and {others}: not both were tried"
    );
    for piece in out.drain(..) {
        // SAFETY: the piece is out, with this layout.
        unsafe { arena.dealloc(piece.at, piece.layout) };
    }
    // All have come back, so all of it is free again.
    let all = Layout::from_size_align(SIZE, 1).unwrap();
    // SAFETY: the layout is not empty, and the allocation is given back.
    unsafe {
        let at = arena.alloc(all);
        assert_eq!(at, arena.start());
        arena.dealloc(at, all);
    }
}

#[test]
fn pieces_are_aligned_and_apart() {
    for seed in 1..200 {
        play::<4096>(seed * 0x9E37_79B9, 400, 600);
    }
}

#[test]
fn tiny_arenas_fall_through() {
    for seed in 1..50 {
        play::<24>(seed * 0x9E37_79B9, 300, 40);
    }
}

#[test]
fn what_is_larger_than_the_arena_is_the_default_allocators() {
    let arena = Arena::<64>::new();
    let layout = Layout::from_size_align(65, 1).unwrap();
    // SAFETY: the layout is not empty, and the allocation is given back.
    unsafe {
        let at = arena.alloc(layout);
        assert!(!inside(&arena, at));
        arena.dealloc(at, layout);
    }
}

#[test]
fn the_last_piece_grows_where_it_is_and_its_room_is_used_again() {
    let arena = Arena::<64>::new();
    let eight = Layout::from_size_align(8, 1).unwrap();
    // SAFETY: layouts are not empty, and are those of the pieces.
    unsafe {
        let first = arena.alloc(eight);
        let second = arena.alloc(eight);
        let grown = arena.realloc(second, eight, 56);
        assert_eq!(grown, second);
        let moved = arena.realloc(grown, Layout::from_size_align(56, 1).unwrap(), 57);
        assert!(!inside(&arena, moved), "one byte more than there is");
        assert_eq!(arena.alloc(eight), second, "the room of the one that moved");
        arena.dealloc(moved, Layout::from_size_align(57, 1).unwrap());
        arena.dealloc(first, eight);
    }
}

#[test]
fn sizes_that_overflow_are_refused() {
    let mut bump = Bump::new();
    let huge = Layout::from_size_align(isize::MAX as usize, 1).unwrap();
    assert_eq!(bump.at(usize::MAX - 64, 64).take(huge), None);
    let wide = Layout::from_size_align(1, 1 << 62).unwrap();
    assert_eq!(bump.at(usize::MAX - 64, 64).take(wide), None);
    assert_eq!(
        bump.at(64, 64)
            .take(Layout::from_size_align(64, 1).unwrap()),
        Some(0)
    );
    assert_eq!(bump.take(Layout::from_size_align(1, 1).unwrap()), None);
}
