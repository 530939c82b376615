//! Roots and proofs against a Merkle tree written straight from RFC 6962 §2.1.

use casemate_cose::Digest;
use casemate_ledger::{
    HashReader as _, Log, PROOF_HASHES_MAX, SIZE_MAX, TreeError, leaf_hash, reads, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;

pub(crate) fn entry(number: u64) -> Digest {
    Digest::of(&number.to_be_bytes())
}

pub(crate) fn stored(size: u64) -> Vec<Digest> {
    let mut hashes = Vec::new();
    for number in 0..size {
        append(&mut hashes, number, &entry(number));
    }
    hashes
}

pub(crate) fn append(hashes: &mut Vec<Digest>, size: u64, entry: &Digest) {
    let new = Log::new(size, hashes).unwrap().append(entry).unwrap();
    assert_eq!(new[0].0, hashes.len() as u64, "the dense index has no holes");
    hashes.extend(new.into_iter().map(|(_, hash)| hash));
}

/// MTH(D[n]) as the RFC defines it.
fn naive_root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(b""),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Digest::of_parts(&[&[1], naive_root(left).as_bytes(), naive_root(right).as_bytes()])
        }
    }
}

/// PATH(m, D[n]).
fn naive_path(index: usize, leaves: &[Digest]) -> Vec<Digest> {
    if leaves.len() < 2 {
        return vec![];
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    if index < left.len() {
        [naive_path(index, left), vec![naive_root(right)]].concat()
    } else {
        [naive_path(index - left.len(), right), vec![naive_root(left)]].concat()
    }
}

/// SUBPROOF(m, D[n], b).
fn naive_subproof(old: usize, leaves: &[Digest], whole: bool) -> Vec<Digest> {
    if old == leaves.len() {
        return if whole { vec![] } else { vec![naive_root(leaves)] };
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    if old <= left.len() {
        [naive_subproof(old, left, whole), vec![naive_root(right)]].concat()
    } else {
        [naive_subproof(old - left.len(), right, false), vec![naive_root(left)]].concat()
    }
}

fn leaves(size: u64) -> Vec<Digest> {
    (0..size).map(|number| leaf_hash(&entry(number))).collect()
}

#[test]
fn every_root_up_to_600_is_the_naive_one() {
    let (hashes, leaves) = (stored(600), leaves(600));
    for size in 0..=600_usize {
        assert_eq!(Log::new(size as u64, &hashes).unwrap().root().unwrap(), naive_root(&leaves[..size]), "{size}");
    }
}

#[test]
fn every_proof_up_to_70_is_the_naive_one_and_verifies() {
    let (hashes, leaves) = (stored(70), leaves(70));
    for size in 1..=70_u64 {
        let log = Log::new(size, &hashes).unwrap();
        let (root, now) = (log.root().unwrap(), &leaves[..size as usize]);
        for index in 0..size {
            let proof = log.inclusion(index).unwrap();
            assert_eq!(proof, naive_path(index as usize, now));
            verify_inclusion(size, &root, index, &entry(index), &proof).unwrap();
            for other in (0..size).filter(|other| *other != index) {
                let moved = verify_inclusion(size, &root, other, &entry(index), &proof);
                assert_eq!(moved, Err(TreeError::Proof), "entry {index} passed off as {other} of {size}");
            }
        }
        for old in 1..=size {
            let proof = log.consistency(old).unwrap();
            assert_eq!(proof, naive_subproof(old as usize, now, true));
            let old_root = naive_root(&leaves[..old as usize]);
            verify_consistency((old, &old_root), (size, &root), &proof).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_proof_is_refused(size in 2_u64..700, index in any::<u64>(), hash in any::<usize>(), bit in 0_usize..256) {
        let hashes = stored(size);
        let log = Log::new(size, &hashes).unwrap();
        let (root, index) = (log.root().unwrap(), index % size);
        let proof = log.inclusion(index).unwrap();
        prop_assert_eq!(&proof, &naive_path(index as usize, &leaves(size)));
        prop_assert!(verify_inclusion(size, &root, index, &entry(index), &proof).is_ok());

        let mut changed = proof.clone();
        let at = hash % proof.len();
        changed[at] = flip(&proof[at], bit);
        prop_assert!(verify_inclusion(size, &root, index, &entry(index), &changed).is_err());
        prop_assert!(verify_inclusion(size, &root, index, &entry(index), &proof[1..]).is_err());
        prop_assert!(verify_inclusion(size, &root, index, &entry(index), &[proof.clone(), vec![root]].concat()).is_err());
        prop_assert!(verify_inclusion(size, &flip(&root, bit), index, &entry(index), &proof).is_err());
        prop_assert!(verify_inclusion(size, &root, index, &entry(size), &proof).is_err());
    }

    #[test]
    fn a_rewritten_history_is_inconsistent(size in 2_u64..400, old in any::<u64>(), rewritten in any::<u64>()) {
        let old = 1 + old % (size - 1);
        let rewritten = rewritten % old;
        let before = Log::new(old, &stored(old)).unwrap().root().unwrap();
        let mut hashes = Vec::new();
        for number in 0..size {
            append(&mut hashes, number, &if number == rewritten { entry(u64::MAX) } else { entry(number) });
        }
        let log = Log::new(size, &hashes).unwrap();
        let proof = log.consistency(old).unwrap();
        prop_assert!(verify_consistency((old, &before), (size, &log.root().unwrap()), &proof).is_err());
    }

    #[test]
    fn what_reads_names_is_enough(size in 1_u64..500, index in any::<u64>()) {
        let hashes = stored(size);
        let index = index % size;
        let only = |wanted: Vec<u64>| -> std::collections::BTreeMap<_, _> {
            wanted.into_iter().map(|number| (number, hashes.hash(number).unwrap())).collect()
        };
        let log = Log::new(size, &hashes).unwrap();
        let some = only(reads(size, |log| log.inclusion(index)).unwrap());
        prop_assert_eq!(Log::new(size, &some).unwrap().inclusion(index), log.inclusion(index));
        let some = only(reads(size, |log| log.consistency(index + 1)).unwrap());
        prop_assert_eq!(Log::new(size, &some).unwrap().consistency(index + 1), log.consistency(index + 1));
        // The peaks are enough for an append, the new root and the new entry's proof.
        let mut some = only(reads(size, |log| log.root()).unwrap());
        let new = Log::new(size, &some).unwrap().append(&entry(size)).unwrap();
        prop_assert_eq!(&new, &log.append(&entry(size)).unwrap());
        some.extend(new);
        let longer = stored(size + 1);
        let (one, other) = (Log::new(size + 1, &some).unwrap(), Log::new(size + 1, &longer).unwrap());
        prop_assert_eq!(one.root(), other.root());
        prop_assert_eq!(one.inclusion(size), other.inclusion(size));
    }
}

#[test]
fn sizes_at_the_edges_are_refused_without_a_panic() {
    let (empty, zero) = (Vec::new(), Digest::from_bytes([0; 32]));
    assert_eq!(Log::new(0, &empty).unwrap().root().unwrap(), Digest::of(b""));
    assert_eq!(Log::new(0, &empty).unwrap().inclusion(0), Err(TreeError::Entry { index: 0, size: 0 }));
    assert_eq!(Log::new(0, &empty).unwrap().consistency(0), Err(TreeError::OldSize { old: 0, new: 0 }));
    assert_eq!(Log::new(5, &empty).unwrap().root(), Err(TreeError::Missing));
    assert_eq!(Log::new(SIZE_MAX + 1, &empty).map(drop), Err(TreeError::Size(SIZE_MAX + 1)));
    for size in [SIZE_MAX, SIZE_MAX + 1, u64::MAX] {
        for proof in [vec![], vec![zero; PROOF_HASHES_MAX], vec![zero; PROOF_HASHES_MAX + 1]] {
            assert!(verify_inclusion(size, &zero, size - 1, &zero, &proof).is_err());
            assert!(verify_consistency((1, &zero), (size, &zero), &proof).is_err());
            assert!(verify_consistency((size - 1, &zero), (size, &zero), &proof).is_err());
        }
    }
    assert!(verify_consistency((0, &zero), (1, &zero), &[]).is_err(), "an empty log is no prefix to rely on");
    assert!(verify_consistency((2, &zero), (1, &zero), &[]).is_err());
}

fn flip(digest: &Digest, bit: usize) -> Digest {
    let mut bytes = *digest.as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    Digest::from_bytes(bytes)
}
