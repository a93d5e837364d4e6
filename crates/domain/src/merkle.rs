//! Merkle trees over digests, after RFC 6962 section 2.1: leaves and nodes are hashed apart, and every prefix of a list
//! has a tree of its own.

use sha2::{Digest as _, Sha256};

use crate::Digest;

/// Leaves in a tile: a complete subtree that is kept so that a proof needs no second look at all leaves.
pub const TILE: usize = 256;

/// A step of an audit path: the sibling, and on which side it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The sibling's hash.
    pub hash: Digest,
    /// Whether the sibling is on the left.
    pub left: bool,
}

/// The hash of a leaf: of an entity's id, its version and the digest of its document, so that a path speaks of all three,
/// also where the document is not known.
#[must_use]
pub fn leaf(id: &str, version: i64, digest: Digest) -> Digest {
    let mut hash = Sha256::new_with_prefix([0]);
    hash.update((id.len() as u64).to_be_bytes());
    hash.update(id.as_bytes());
    hash.update(version.to_be_bytes());
    hash.update(digest.0);
    Digest(hash.finalize().into())
}

fn node(left: Digest, right: Digest) -> Digest {
    Digest(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The root of no leaves: the hash of nothing.
#[must_use]
pub fn empty() -> Digest {
    Digest(Sha256::digest([]).into())
}

/// Builds a root from leaf hashes one after the other, in memory of the logarithm of their number.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Complete subtrees, largest first: their sizes and hashes.
    peaks: Vec<(u64, Digest)>,
}

impl Tree {
    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Digest) {
        let (mut size, mut hash) = (1, leaf);
        while let Some(&(other, left)) = self.peaks.last()
            && other == size
        {
            self.peaks.pop();
            hash = node(left, hash);
            size *= 2;
        }
        self.peaks.push((size, hash));
    }

    /// The root over all leaves so far.
    #[must_use]
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev().map(|(_, hash)| *hash);
        let Some(last) = peaks.next() else { return empty() };
        peaks.fold(last, |right, left| node(left, right))
    }
}

/// The root over leaf hashes (or over roots of complete tiles and of the last, incomplete one).
#[must_use]
pub fn root(hashes: &[Digest]) -> Digest {
    let mut tree = Tree::default();
    hashes.iter().for_each(|hash| tree.push(*hash));
    tree.root()
}

/// The audit path of one hash among others, from the leaf upwards.
///
/// # Panics
/// When there is no such place.
#[must_use]
pub fn path(hashes: &[Digest], place: usize) -> Vec<Step> {
    assert!(place < hashes.len(), "the place is among the hashes");
    if hashes.len() == 1 {
        return Vec::new();
    }
    let split = hashes.len().next_power_of_two() / 2;
    let (left, right) = hashes.split_at(split);
    let (mut steps, sibling) = if place < split {
        (path(left, place), Step { hash: root(right), left: false })
    } else {
        (path(right, place - split), Step { hash: root(left), left: true })
    };
    steps.push(sibling);
    steps
}

/// On which sides the siblings of a place stand in a tree of so many leaves, from the leaf upwards: whether on the left. None
/// when there is no such place, or no such tree could be.
#[must_use]
pub fn turns(mut place: u64, mut count: u64) -> Option<Vec<bool>> {
    if place >= count {
        return None;
    }
    let mut turns = Vec::new();
    while count > 1 {
        let split = count.checked_next_power_of_two()? / 2;
        let right = place >= split;
        turns.push(right);
        (place, count) = if right { (place - split, count - split) } else { (place, split) };
    }
    turns.reverse();
    Some(turns)
}

/// Climbs from a leaf's hash along its path.
#[must_use]
pub fn climb(leaf: Digest, steps: &[Step]) -> Digest {
    steps.iter().fold(leaf, |hash, step| if step.left { node(step.hash, hash) } else { node(hash, step.hash) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leaves(count: usize) -> Vec<Digest> {
        (0..count).map(|n| leaf(&n.to_string(), 1, Digest(Sha256::digest(n.to_be_bytes()).into()))).collect()
    }

    #[test]
    fn the_trees_of_rfc_6962_come_out() {
        assert_eq!(empty().to_hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let three = leaves(3);
        assert_eq!(root(&three), node(node(three[0], three[1]), three[2]));
        let five = leaves(5);
        let four = node(node(five[0], five[1]), node(five[2], five[3]));
        assert_eq!(root(&five), node(four, five[4]));
    }

    #[test]
    fn a_leaf_is_of_its_id_its_version_and_its_digest() {
        let digest = |text: &str| Digest(Sha256::digest(text).into());
        let one = leaf("a", 1, digest("x"));
        for other in [leaf("b", 1, digest("x")), leaf("a", 2, digest("x")), leaf("a", 1, digest("y"))] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn tiles_make_the_same_tree() {
        for count in [1, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 3000] {
            let all = leaves(count);
            let tiles: Vec<Digest> = all.chunks(TILE).map(root).collect();
            assert_eq!(root(&tiles), root(&all), "{count}");
        }
    }

    #[test]
    fn a_place_that_is_not_there_has_no_turns() {
        assert_eq!(turns(0, 0), None);
        assert_eq!(turns(5, 5), None);
        assert_eq!(turns(0, 1), Some(Vec::new()));
        assert_eq!(turns(0, u64::MAX), None, "no tree has so many leaves");
    }

    proptest! {
        #[test]
        fn every_path_climbs_to_the_root(count in 1_usize..700, place in 0_usize..700) {
            let (all, place) = (leaves(count), place % count);
            prop_assert_eq!(climb(all[place], &path(&all, place)), root(&all));
            let sides: Vec<bool> = path(&all, place).iter().map(|step| step.left).collect();
            prop_assert_eq!(turns(place as u64, count as u64), Some(sides));
            let tiles: Vec<&[Digest]> = all.chunks(TILE).collect();
            let roots: Vec<Digest> = tiles.iter().map(|tile| root(tile)).collect();
            let mut steps = path(tiles[place / TILE], place % TILE);
            steps.extend(path(&roots, place / TILE));
            prop_assert_eq!(climb(all[place], &steps), root(&all));
            let sides: Vec<bool> = steps.iter().map(|step| step.left).collect();
            prop_assert_eq!(turns(place as u64, count as u64), Some(sides));
        }

        #[test]
        fn another_leaf_climbs_elsewhere(count in 2_usize..300, place in 0_usize..300) {
            let (all, place) = (leaves(count), place % count);
            prop_assert_ne!(climb(all[(place + 1) % count], &path(&all, place)), root(&all));
        }
    }
}
