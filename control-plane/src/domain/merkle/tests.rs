use proptest::prelude::*;

use super::*;

/// Leaves and hashes of the Certificate Transparency reference implementation (RFC 6962, unchanged in RFC 9162).
const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
const INCLUSION: [(u64, u64, &[&str]); 5] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];
const CONSISTENCY: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

fn hash(text: &str) -> Hash {
    hex::decode(text).unwrap().try_into().unwrap()
}

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| hash(text)).collect()
}

fn published_leaves() -> Vec<Hash> {
    LEAVES.iter().map(|leaf| leaf_hash(&hex::decode(leaf).unwrap())).collect()
}

/// MTH of the RFC, word for word.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => hash(ROOTS[0]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().div_ceil(2).next_power_of_two());
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

fn proof(leaves: &[Hash], ranges: &[Range<u64>]) -> Vec<Hash> {
    let mut prover = Prover::after(Frontier::default(), ranges.iter().cloned());
    for leaf in leaves {
        prover.append(*leaf);
    }
    prover.hashes(ranges).unwrap()
}

#[test]
fn published_roots() {
    let mut tree = Frontier::default();
    assert_eq!(tree.root(), hash(ROOTS[0]));
    for (leaf, root) in published_leaves().into_iter().zip(&ROOTS[1..]) {
        tree.append(leaf);
        assert_eq!(tree.root(), hash(root));
    }
}

#[test]
fn published_inclusion_proofs() {
    let leaves = published_leaves();
    for (index, size, path) in INCLUSION {
        let (path, root) = (hashes(path), hash(ROOTS[size as usize]));
        let ranges = inclusion_ranges(index, size);
        assert_eq!(proof(&leaves[..size as usize], &ranges), path, "{index} of {size}");
        assert!(is_included(&leaves[index as usize], index, size, &path, &root), "{index} of {size}");
    }
}

#[test]
fn published_consistency_proofs() {
    let leaves = published_leaves();
    for (old, size, path) in CONSISTENCY {
        let path = hashes(path);
        let head = |size: u64| Head { size, root: hash(ROOTS[size as usize]) };
        assert_eq!(proof(&leaves[..size as usize], &consistency_ranges(old, size)), path, "{old} to {size}");
        assert!(is_consistent(&head(old), &head(size), &path), "{old} to {size}");
    }
}

#[test]
fn every_tree_is_consistent_with_the_empty_one_and_with_no_larger_one() {
    let head = |size: u64| Head { size, root: hash(ROOTS[size as usize]) };
    assert!(is_consistent(&head(0), &head(5), &[]));
    assert!(!is_consistent(&head(5), &head(3), &[]));
    assert!(!is_consistent(&head(3), &Head { size: 3, ..head(4) }, &[]));
    assert!(!is_included(&[0; 32], 0, 0, &[], &hash(ROOTS[0])));
}

#[test]
fn a_frontier_comes_back_from_its_bytes_and_no_other_number_of_them() {
    let mut tree = Frontier::default();
    for leaf in published_leaves().into_iter().take(7) {
        tree.append(leaf);
    }
    let bytes = tree.to_bytes();
    assert_eq!(bytes.len(), 3 * HASH_LEN);
    assert_eq!(Frontier::from_bytes(7, &bytes), Some(tree));
    assert_eq!(Frontier::from_bytes(8, &bytes), None);
    assert_eq!(Frontier::from_bytes(7, &bytes[1..]), None);
}

/// Some leaves, and two positions in them.
fn trees() -> impl Strategy<Value = (Vec<Hash>, u64, u64)> {
    (1..200_u64).prop_flat_map(|size| {
        let leaves: Vec<_> = (0..size).map(|index| leaf_hash(&index.to_be_bytes())).collect();
        (Just(leaves), 0..size, 1..=size)
    })
}

proptest! {
    #[test]
    fn appending_gives_the_root_of_the_definition((leaves, _, _) in trees()) {
        let mut tree = Frontier::default();
        for leaf in &leaves {
            tree.append(*leaf);
        }
        prop_assert_eq!(tree.root(), naive_root(&leaves));
        prop_assert_eq!(Frontier::from_bytes(tree.size(), &tree.to_bytes()), Some(tree));
    }

    #[test]
    fn a_proof_of_inclusion_holds_for_its_own_leaf_place_and_tree_alone((leaves, index, other) in trees()) {
        let (size, root) = (leaves.len() as u64, naive_root(&leaves));
        let path = proof(&leaves, &inclusion_ranges(index, size));
        let leaf = leaves[index as usize];
        prop_assert!(is_included(&leaf, index, size, &path, &root));
        prop_assert!(path.len() <= size.next_power_of_two().ilog2() as usize);
        let other = other % size;
        if other != index {
            prop_assert!(!is_included(&leaf, other, size, &path, &root));
            prop_assert!(!is_included(&leaves[other as usize], index, size, &path, &root));
        }
        prop_assert!(!is_included(&leaf, index, size, &path, &leaf_hash(b"another root")));
        let mut longer = path.clone();
        longer.push(leaf);
        prop_assert!(!is_included(&leaf, index, size, &longer, &root));
        for at in 0..path.len() {
            let mut changed = path.clone();
            changed[at][0] ^= 1;
            prop_assert!(!is_included(&leaf, index, size, &changed, &root));
            prop_assert!(!is_included(&leaf, index, size, &path[..at], &root));
        }
    }

    #[test]
    fn a_proof_of_consistency_holds_for_its_own_two_trees_alone((leaves, index, old) in trees()) {
        let head = |leaves: &[Hash]| Head { size: leaves.len() as u64, root: naive_root(leaves) };
        let (before, after) = (head(&leaves[..old as usize]), head(&leaves));
        let path = proof(&leaves, &consistency_ranges(old, after.size));
        prop_assert!(is_consistent(&before, &after, &path));
        // The same log with one of the old leaves changed is another log.
        let mut forged = leaves.clone();
        forged[(index % old) as usize][0] ^= 1;
        let forged_path = proof(&forged, &consistency_ranges(old, after.size));
        prop_assert!(!is_consistent(&before, &head(&forged), &path));
        prop_assert!(!is_consistent(&before, &head(&forged), &forged_path));
        for at in 0..path.len() {
            let mut changed = path.clone();
            changed[at][0] ^= 1;
            prop_assert!(!is_consistent(&before, &after, &changed));
            prop_assert!(!is_consistent(&before, &after, &path[..at]));
        }
    }
}
