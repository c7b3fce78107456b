//! The Merkle tree, held against the Certificate Transparency vectors and its own definition.

use evidence::tree::{
    ProofError, Tree, consistency_proof, inclusion_proof, leaf_hash, node_hash, root, root_of_hashes,
    verify_consistency, verify_inclusion,
};
use proptest::prelude::*;
use scope::Digest;

#[test]
fn reference_vectors() {
    let (mut data, mut leaves) = (Vec::new(), Vec::new());
    let roots = |leaves: &[Digest], size: u64| root_of_hashes(&leaves[..size as usize]);
    let mut seen = 0;
    for line in include_str!("../vectors/tree.txt").lines().filter(|line| !line.starts_with('#')) {
        let words = line.split(' ').collect::<Vec<_>>();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        let hashes = || words[3..].iter().map(|w| Digest::from_hex(w).unwrap()).collect::<Vec<_>>();
        match words[0] {
            "leaf" => {
                data.push(scope::digest::unhex(words[1].trim_matches('-')).unwrap());
                leaves.push(leaf_hash(data.last().unwrap()));
            }
            "root" => assert_eq!(root(&data[..number(1) as usize]).hex(), words[2], "{line}"),
            "inclusion" => {
                let (index, size, proof) = (number(1), number(2), hashes());
                let leaf = leaves[index as usize];
                assert_eq!(inclusion_proof(&leaves[..size as usize], index), Some(proof.clone()), "{line}");
                assert_eq!(verify_inclusion(&leaf, index, size, &proof, &roots(&leaves, size)), Ok(()));
            }
            "consistency" => {
                let (old, new, proof) = (number(1), number(2), hashes());
                let (a, b) = (roots(&leaves, old), roots(&leaves, new));
                assert_eq!(consistency_proof(&leaves[..new as usize], old), Some(proof.clone()), "{line}");
                assert_eq!(verify_consistency((old, &a), (new, &b), &proof), Ok(()), "{line}");
            }
            other => panic!("{other}"),
        }
        seen += 1;
    }
    assert_eq!(seen, 27);
}

/// RFC 6962, section 2.1, word for word.
fn defined(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(b""),
        [leaf] => *leaf,
        many => {
            let k = (0..).map(|bit| 1 << bit).take_while(|k| *k < many.len()).last().unwrap();
            node_hash(&defined(&many[..k]), &defined(&many[k..]))
        }
    }
}

fn leaves(count: usize) -> Vec<Digest> {
    (0..count).map(|i| leaf_hash(&i.to_le_bytes())).collect()
}

#[test]
fn streaming_is_the_definition() {
    let all = leaves(130);
    let mut tree = Tree::new();
    for (size, leaf) in all.iter().enumerate() {
        assert_eq!((tree.size(), tree.root()), (size as u64, defined(&all[..size])));
        tree.push_hash(*leaf);
    }
}

proptest! {
    #[test]
    fn proofs_hold_where_they_belong_and_nowhere_else(size in 1_usize..70, at in 0_usize..70, other in 0_usize..70) {
        let (all, at) = (leaves(size), at % size);
        let (n, i) = (size as u64, at as u64);
        let head = root_of_hashes(&all);

        let proof = inclusion_proof(&all, i).unwrap();
        prop_assert_eq!(verify_inclusion(&all[at], i, n, &proof, &head), Ok(()));
        let wrong = other % size;
        if wrong != at {
            prop_assert!(verify_inclusion(&all[wrong], i, n, &proof, &head).is_err());
            prop_assert!(verify_inclusion(&all[at], wrong as u64, n, &proof, &head).is_err());
        }
        tamper(&proof, |bad| verify_inclusion(&all[at], i, n, bad, &head))?;

        let (old, before) = ((at + 1) as u64, root_of_hashes(&all[..=at]));
        let proof = consistency_proof(&all, old).unwrap();
        prop_assert_eq!(verify_consistency((old, &before), (n, &head), &proof), Ok(()));
        prop_assert!(verify_consistency((old, &all[0]), (n, &head), &proof).is_err() || old == 1);
        prop_assert!(verify_consistency((old, &before), (n, &all[0]), &proof).is_err() || n == 1);
        tamper(&proof, |bad| verify_consistency((old, &before), (n, &head), bad))?;
    }
}

/// Every proof with a hash changed, added or taken away must fail.
fn tamper(
    proof: &[Digest],
    verify: impl Fn(&[Digest]) -> Result<(), ProofError>,
) -> Result<(), TestCaseError> {
    for at in 0..proof.len() {
        let mut bad = proof.to_vec();
        bad[at].0[7] ^= 1;
        prop_assert_eq!(verify(&bad), Err(ProofError::Root));
        bad.remove(at);
        prop_assert!(verify(&bad).is_err());
    }
    for at in 0..=proof.len() {
        let mut bad = proof.to_vec();
        bad.insert(at, leaf_hash(b"more"));
        prop_assert!(verify(&bad).is_err());
    }
    Ok(())
}

#[test]
fn the_edges() {
    let all = leaves(5);
    let (empty, head) = (Digest::of(b""), root_of_hashes(&all));
    assert_eq!(inclusion_proof(&all, 5), None);
    assert_eq!(consistency_proof(&all, 6), None);
    assert_eq!(consistency_proof(&all, 0), Some(vec![]));
    assert_eq!(verify_inclusion(&all[0], 5, 5, &[], &head), Err(ProofError::Index { index: 5, size: 5 }));
    assert_eq!(verify_consistency((0, &empty), (5, &head), &[]), Ok(()));
    assert_eq!(verify_consistency((0, &head), (5, &head), &[]), Err(ProofError::Root));
    assert_eq!(verify_consistency((0, &empty), (0, &head), &[]), Err(ProofError::Root));
    assert_eq!(verify_consistency((0, &empty), (5, &head), &[head]), Err(ProofError::Length { found: 1 }));
    assert_eq!(verify_consistency((5, &head), (5, &empty), &[]), Err(ProofError::Root));
    assert_eq!(verify_consistency((6, &head), (5, &head), &[]), Err(ProofError::Sizes { old: 6, new: 5 }));
    assert_eq!(
        verify_inclusion(&all[0], u64::MAX - 1, u64::MAX, &[], &head),
        Err(ProofError::Length { found: 0 })
    );
}
