//! Brings what workers finish in any order into the order of the disk.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::decode::digest::{ContentDigest, DigestKind, Hasher, Leaf};

/// A hasher behind a bounded queue.
///
/// Whoever delivers the chunk that is next hashes it and all that are ready behind it, while the others go on decoding. A worker
/// that is too far ahead waits; the one with the lowest number never does, so there is always one that works.
pub(super) struct InOrder {
    state: Mutex<State>,
    moved: Condvar,
    ahead: u64,
}

struct State {
    next: u64,
    ready: BTreeMap<u64, (u64, Leaf)>,
    /// `None` while a worker hashes.
    hasher: Option<Hasher>,
    given_up: bool,
}

impl InOrder {
    /// Returns an empty queue for chunks at most `ahead` numbers before the one that is next.
    pub(super) fn new(kind: DigestKind, size: u64, ahead: u64) -> Self {
        Self {
            state: Mutex::new(State {
                next: 0,
                ready: BTreeMap::new(),
                hasher: Some(Hasher::new(kind, size)),
                given_up: false,
            }),
            moved: Condvar::new(),
            ahead,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes chunk `number`; returns false when another worker has given up.
    pub(super) fn deliver(&self, number: u64, start: u64, leaf: Leaf) -> bool {
        let mut state = self.lock();
        // Ends when the worker before us delivers or gives up; each has only work that ends.
        while !state.given_up && number > state.next + self.ahead {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.given_up {
            return false;
        }
        state.ready.insert(number, (start, leaf));
        while let Some(mut hasher) = state.hasher.take() {
            let Some((start, leaf)) = Self::due(&mut state) else {
                state.hasher = Some(hasher);
                break;
            };
            drop(state);
            hasher.chunk(start, &leaf);
            state = self.lock();
            state.next += 1;
            state.hasher = Some(hasher);
            self.moved.notify_all();
        }
        true
    }

    fn due(state: &mut State) -> Option<(u64, Leaf)> {
        let next = state.next;
        state.ready.remove(&next)
    }

    /// Lets all workers end.
    pub(super) fn give_up(&self) {
        self.lock().given_up = true;
        self.moved.notify_all();
    }

    /// Returns the digest; all chunks were delivered.
    pub(super) fn finish(self) -> ContentDigest {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state
            .hasher
            .expect("every worker that takes the hasher puts it back before it ends")
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::disk::CHUNK_BYTES;

    proptest! {
        /// The digest does not depend on the order in which workers finish, nor on their number.
        #[test]
        fn any_order_gives_one_digest(order in Just((0_u64..12).collect::<Vec<_>>()).prop_shuffle(), gaps in prop::collection::vec(1_u64..4, 12)) {
            let mut place = 0;
            let starts: Vec<u64> = gaps.iter().map(|gap| { place += gap * CHUNK_BYTES; place }).collect();
            let size = place + CHUNK_BYTES + 512;
            let leaf = |number: u64| Leaf::Digest([u8::try_from(number).unwrap(); 32]);
            let mut straight = Hasher::new(DigestKind::Blake3Chunks, size);
            for number in 0..12 {
                straight.chunk(starts[number as usize], &leaf(number));
            }
            let queue = InOrder::new(DigestKind::Blake3Chunks, size, 20);
            std::thread::scope(|scope| {
                let (queue, starts) = (&queue, &starts);
                for part in order.chunks(5) {
                    scope.spawn(move || for number in part {
                        assert!(queue.deliver(*number, starts[*number as usize], leaf(*number)));
                    });
                }
            });
            prop_assert_eq!(queue.finish(), straight.finish());
        }
    }

    #[test]
    fn a_worker_ahead_of_one_that_gave_up_is_let_go() {
        let queue = InOrder::new(DigestKind::Blake3Chunks, 64 * CHUNK_BYTES, 2);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.deliver(9, 9 * CHUNK_BYTES, Leaf::Digest([0; 32])));
            queue.give_up();
            assert!(!waiting.join().unwrap());
        });
    }
}
