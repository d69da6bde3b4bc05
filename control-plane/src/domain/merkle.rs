//! Merkle trees of RFC 9162 §2.1 over SHA-256: a leaf is H(0x00 ‖ entry), an inner node H(0x01 ‖ left ‖ right). A tree
//! that only grows is kept as its [`Frontier`]; proofs are made in one pass over the leaves and checked without them.

use std::collections::HashMap;
use std::ops::Range;

use aws_lc_rs::digest::{Context, SHA256, digest};

/// SHA-256.
pub type Hash = [u8; HASH_LEN];
pub const HASH_LEN: usize = 32;

#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    hash_of(&[&[0], entry])
}

#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    hash_of(&[&[1], left, right])
}

fn hash_of(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    bytes_of(context.finish().as_ref())
}

fn bytes_of(digest: &[u8]) -> Hash {
    digest.try_into().expect("SHA-256 has 32 bytes")
}

/// A tree of `size` leaves, as the roots of its full subtrees: all that appending needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Largest subtree first: one for every bit of `size` that is set.
    roots: Vec<Hash>,
}

impl Frontier {
    /// From [`to_bytes`](Self::to_bytes); `None` when there are too many or too few hashes for the size.
    #[must_use]
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        let (hashes, rest) = bytes.as_chunks::<HASH_LEN>();
        let fits = rest.is_empty() && hashes.len() == size.count_ones() as usize;
        fits.then(|| Self { size, roots: hashes.to_vec() })
    }

    /// The hashes one after the other.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.roots.concat()
    }

    /// Leaves so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    pub fn append(&mut self, leaf: Hash) {
        self.append_and_tell(leaf, |_, _| {});
    }

    /// Adds a full subtree of so many leaves. `None`: the number is no power of two, or no subtree of it begins here.
    pub fn append_subtree(&mut self, root: Hash, leaves: u64) -> Option<()> {
        let end = self.size.checked_add(leaves)?;
        if !leaves.is_power_of_two() || !self.size.is_multiple_of(leaves) {
            return None;
        }
        let mut node = root;
        for _ in 0..(self.size / leaves).trailing_ones() {
            node = node_hash(&self.roots.pop()?, &node);
        }
        self.roots.push(node);
        self.size = end;
        Some(())
    }

    /// Which leaves each full subtree covers, and its root.
    fn subtrees(&self) -> impl Iterator<Item = (Range<u64>, Hash)> {
        let mut start = 0;
        self.roots.iter().map(move |root| {
            let rest = self.size - start;
            let range = start..start + (1 << rest.ilog2());
            start = range.end;
            (range, *root)
        })
    }

    /// Tells of every full subtree that the leaf completes: which leaves it covers, and its root.
    fn append_and_tell(&mut self, leaf: Hash, mut completed: impl FnMut(Range<u64>, &Hash)) {
        let end = self.size + 1;
        let mut node = leaf;
        completed(self.size..end, &node);
        for level in 1..=self.size.trailing_ones() {
            let left = self.roots.pop().expect("a subtree per bit of the size");
            node = node_hash(&left, &node);
            completed(end - (1 << level)..end, &node);
        }
        self.roots.push(node);
        self.size = end;
    }

    /// H() for the tree without leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.root_of_last(self.roots.len()).unwrap_or_else(|| bytes_of(digest(&SHA256, &[]).as_ref()))
    }

    /// The root over the last `count` full subtrees.
    fn root_of_last(&self, count: usize) -> Option<Hash> {
        let mut smallest_first = self.roots.iter().rev().take(count);
        let last = *smallest_first.next()?;
        Some(smallest_first.fold(last, |right, left| node_hash(left, &right)))
    }
}

/// Collects the hashes of a proof while the leaves go by, whatever their number.
pub struct Prover {
    tree: Frontier,
    wanted: HashMap<Range<u64>, Option<Hash>>,
}

impl Prover {
    /// Will know the hashes of these ranges of leaves, as far as they are subtrees of `tree` or reach beyond it.
    pub fn after(tree: Frontier, ranges: impl IntoIterator<Item = Range<u64>>) -> Self {
        let mut wanted: HashMap<_, _> = ranges.into_iter().map(|range| (range, None)).collect();
        for (range, hash) in tree.subtrees() {
            if let Some(slot) = wanted.get_mut(&range) {
                *slot = Some(hash);
            }
        }
        Self { tree, wanted }
    }

    pub fn append(&mut self, leaf: Hash) {
        let wanted = &mut self.wanted;
        self.tree.append_and_tell(leaf, |range, hash| {
            if let Some(slot) = wanted.get_mut(&range) {
                *slot = Some(*hash);
            }
        });
    }

    /// The hashes of these ranges, after the last leaf. `None`: one was not announced, or reaches beyond the tree.
    #[must_use]
    pub fn hashes(&self, ranges: &[Range<u64>]) -> Option<Vec<Hash>> {
        ranges.iter().map(|range| self.hash(range)).collect()
    }

    fn hash(&self, range: &Range<u64>) -> Option<Hash> {
        if let Some(full) = *self.wanted.get(range)? {
            return Some(full);
        }
        // Not a full subtree, so one at the right edge: it ends where the tree ends.
        let count = (self.tree.size - range.start).count_ones() as usize;
        (range.end == self.tree.size).then(|| self.tree.root_of_last(count)).flatten()
    }

    #[must_use]
    pub fn root(&self) -> Hash {
        self.tree.root()
    }
}

/// The largest power of two below `size`, which is at least 2.
const fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// Which leaves the hashes of an inclusion proof cover, in its order (RFC 9162 §2.1.3.1). Empty unless `index < size`.
#[must_use]
pub fn inclusion_ranges(index: u64, size: u64) -> Vec<Range<u64>> {
    let (mut tree, mut path) = (0..size, Vec::new());
    while tree.contains(&index) && tree.end - tree.start > 1 {
        let middle = tree.start + split(tree.end - tree.start);
        if index < middle {
            path.push(middle..tree.end);
            tree.end = middle;
        } else {
            path.push(tree.start..middle);
            tree.start = middle;
        }
    }
    path.reverse();
    path
}

/// Which leaves the hashes of a consistency proof cover, in its order (RFC 9162 §2.1.4.1). Empty unless
/// `0 < old < size`.
#[must_use]
pub fn consistency_ranges(old: u64, size: u64) -> Vec<Range<u64>> {
    let (mut tree, mut path) = (0..size, Vec::new());
    if old == 0 || old >= size {
        return path;
    }
    while tree.end != old {
        let middle = tree.start + split(tree.end - tree.start);
        if old <= middle {
            path.push(middle..tree.end);
            tree.end = middle;
        } else {
            path.push(tree.start..middle);
            tree.start = middle;
        }
    }
    // The old tree itself is known to whoever asks; a part of it is not.
    if tree.start > 0 {
        path.push(tree);
    }
    path.reverse();
    path
}

/// Whether `leaf` is number `index` (from 0) of the tree of `size` leaves with this root (RFC 9162 §2.1.3.2).
#[must_use]
pub fn is_included(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            skip_levels_without_sibling(&mut node, &mut last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

fn skip_levels_without_sibling(node: &mut u64, last: &mut u64) {
    while *node & 1 == 0 && *node != 0 {
        *node >>= 1;
        *last >>= 1;
    }
}

/// A tree that somebody has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub size: u64,
    pub root: Hash,
}

/// Whether `new` only adds leaves to `old` (RFC 9162 §2.1.4.2). Every tree begins with the empty one.
#[must_use]
pub fn is_consistent(old: &Head, new: &Head, path: &[Hash]) -> bool {
    if old.size == 0 || old.size >= new.size {
        let same = old.size < new.size || old == new;
        return same && path.is_empty();
    }
    let mut path = path.iter();
    let (mut node, mut last) = (old.size - 1, new.size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let begin = if old.size.is_power_of_two() { Some(&old.root) } else { path.next() };
    let Some(begin) = begin else { return false };
    let (mut old_root, mut new_root) = (*begin, *begin);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_root = node_hash(sibling, &old_root);
            new_root = node_hash(sibling, &new_root);
            skip_levels_without_sibling(&mut node, &mut last);
        } else {
            new_root = node_hash(&new_root, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old_root == old.root && new_root == new.root
}

#[cfg(test)]
mod tests;
