//! Receipts: what verifies, and that nothing else does.

use casemate_cose::{Digest, SigningKey, UnixTime};
use casemate_ledger::{
    BodyError, CheckpointError, Comparison, Event, Log, Origin, Receipt, ReceiptBody, ReceiptError, TreeError,
    Witnessing, commitment, compare, open_checkpoint, sign_checkpoint,
};

use crate::tree::append;

/// A broker's log in memory, that does as its attacker likes.
#[derive(Clone)]
struct Broker {
    key: SeededKey,
    hashes: Vec<Digest>,
    size: u64,
}

#[derive(Clone, Copy)]
struct SeededKey(u8);

impl SeededKey {
    fn key(self) -> SigningKey {
        SigningKey::from_seed(&[self.0; 32])
    }

    fn origin(self) -> Origin {
        Origin::of_key(&self.key().public())
    }
}

impl Broker {
    fn new(seed: u8) -> Self {
        Self { key: SeededKey(seed), hashes: Vec::new(), size: 0 }
    }

    fn log(&mut self, body: &[u8], salt: [u8; 32]) -> Receipt {
        append(&mut self.hashes, self.size, &commitment(&salt, body));
        self.size += 1;
        self.receipt(body, salt, self.size - 1)
    }

    fn receipt(&self, body: &[u8], salt: [u8; 32], index: u64) -> Receipt {
        let log = Log::new(self.size, &self.hashes).unwrap();
        Receipt {
            body: body.to_vec(),
            salt,
            index,
            proof: log.inclusion(index).unwrap(),
            checkpoint: self.checkpoint(),
        }
    }

    fn checkpoint(&self) -> String {
        let root = Log::new(self.size, &self.hashes).unwrap().root().unwrap();
        sign_checkpoint(&self.key.origin(), self.size, &root, &self.key.key())
    }
}

fn refusal(why: &str) -> Vec<u8> {
    let body = ReceiptBody::new(Event::Refusal, "clinic", UnixTime(1_795_312_496));
    ReceiptBody { reasons: vec![why.into()], ..body }.to_bytes().unwrap()
}

/// A log of ten entries and the receipt of the sixth.
fn sixth() -> (Broker, Receipt) {
    let mut broker = Broker::new(1);
    for number in 0..10 {
        broker.log(&refusal(&format!("refusal {number}")), [number; 32]);
    }
    let receipt = broker.receipt(&refusal("refusal 5"), [5; 32], 5);
    (broker, receipt)
}

#[test]
fn verifies_with_the_public_key_alone_and_says_that_nobody_witnessed_it() {
    let (broker, receipt) = sixth();
    let key = broker.key.key().public();
    let verified = Receipt::from_bytes(&receipt.to_bytes()).unwrap().verify(&Origin::of_key(&key), &key).unwrap();
    assert_eq!((verified.index(), verified.checkpoint().size()), (5, 10));
    assert_eq!(verified.body().reasons, ["refusal 5"]);
    assert_eq!(verified.witnessing(), Witnessing::None);
    assert_eq!(verified.witnessing().to_string(), "signed, not witnessed");
}

#[test]
fn refuses_each_field_changed() {
    let (broker, receipt) = sixth();
    let (origin, key) = (broker.key.origin(), broker.key.key().public());
    assert!(receipt.verify(&origin, &key).is_ok(), "unchanged, it verifies");
    let not_held = ReceiptError::Inclusion(TreeError::Proof);
    let crimes = [
        ("body", Receipt { body: refusal("refusal 6"), ..receipt.clone() }, not_held.clone()),
        ("salt", Receipt { salt: [6; 32], ..receipt.clone() }, not_held.clone()),
        ("index", Receipt { index: 4, ..receipt.clone() }, not_held.clone()),
        (
            "index outside",
            Receipt { index: 10, ..receipt.clone() },
            ReceiptError::Inclusion(TreeError::Entry { index: 10, size: 10 }),
        ),
        ("proof shortened", Receipt { proof: receipt.proof[1..].to_vec(), ..receipt.clone() }, not_held.clone()),
        (
            "proof lengthened",
            Receipt { proof: [receipt.proof.clone(), vec![Digest::of(b"")]].concat(), ..receipt.clone() },
            not_held.clone(),
        ),
        ("proof emptied", Receipt { proof: vec![], ..receipt.clone() }, not_held.clone()),
        ("proof endless", Receipt { proof: vec![Digest::of(b""); 10_000], ..receipt.clone() }, not_held.clone()),
        (
            "proof reversed",
            Receipt { proof: receipt.proof.iter().rev().copied().collect(), ..receipt.clone() },
            not_held,
        ),
        (
            "checkpoint's size",
            Receipt { checkpoint: receipt.checkpoint.replace("\n10\n", "\n11\n"), ..receipt.clone() },
            ReceiptError::Checkpoint(CheckpointError::Signature(key)),
        ),
    ];
    for (field, changed, expected) in crimes {
        assert_eq!(changed.verify(&origin, &key).map(drop), Err(expected), "{field}");
    }
}

#[test]
fn refuses_every_bit_flip_and_truncation_of_the_file() {
    let (broker, receipt) = sixth();
    let (origin, key) = (broker.key.origin(), broker.key.key().public());
    let verify = |bytes: &[u8]| Receipt::from_bytes(bytes).and_then(|receipt| receipt.verify(&origin, &key));
    let bytes = receipt.to_bytes();
    assert!(verify(&bytes).is_ok());
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&flipped).is_err(), "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert!(verify(&bytes[..length]).is_err(), "{length} bytes");
    }
    assert!(verify(&[bytes, vec![0]].concat()).is_err());
}

#[test]
fn refuses_the_receipt_of_another_log_origin_or_key() {
    let (broker, receipt) = sixth();
    let (origin, key) = (broker.key.origin(), broker.key.key().public());
    let other = Broker::new(2);
    let (other_origin, other_key) = (other.key.origin(), other.key.key().public());
    let refused = |error| Err(ReceiptError::Checkpoint(error));
    let verify = |origin, key| receipt.verify(origin, key).map(drop);
    assert_eq!(verify(&other_origin, &other_key), refused(CheckpointError::Origin(other_origin.clone())));
    assert_eq!(verify(&other_origin, &key), refused(CheckpointError::Origin(other_origin.clone())));
    assert_eq!(verify(&origin, &other_key), refused(CheckpointError::Key { origin: origin.clone(), key: other_key }));

    // A forger who names the victim's log but holds another key.
    let root = Digest::of(b"");
    let forged = Receipt { checkpoint: sign_checkpoint(&origin, 10, &root, &other.key.key()), ..receipt.clone() };
    assert_eq!(forged.verify(&origin, &key).map(drop), refused(CheckpointError::Key { origin: origin.clone(), key }));

    // A genuine checkpoint of the same log that does not hold the entry yet.
    let mut young = Broker::new(1);
    young.log(&refusal("refusal 0"), [0; 32]);
    let early = Receipt { checkpoint: young.checkpoint(), ..receipt.clone() };
    let expected = Err(ReceiptError::Inclusion(TreeError::Entry { index: 5, size: 1 }));
    assert_eq!(early.verify(&origin, &key).map(drop), expected);
}

#[test]
fn refuses_a_logged_body_that_is_none() {
    let mut broker = Broker::new(1);
    let receipt = broker.log(b"not a body", [0; 32]);
    let refused = receipt.verify(&broker.key.origin(), &broker.key.key().public());
    assert!(matches!(refused, Err(ReceiptError::Body(BodyError::Cbor(_)))), "{refused:?}");
}

#[test]
fn a_split_view_verifies_alone_and_shows_when_checkpoints_meet() {
    let mut shown_to_auditor = Broker::new(1);
    shown_to_auditor.log(&refusal("first"), [0; 32]);
    let common = shown_to_auditor.checkpoint();
    let mut shown_to_owner = shown_to_auditor.clone();
    let one = shown_to_auditor.log(&refusal("harmless"), [1; 32]);
    let other = shown_to_owner.log(&refusal("what the auditor must not see"), [2; 32]);

    // The attack: the same broker shows two histories, and both receipts verify, being signed and not witnessed.
    let (origin, key) = (shown_to_owner.key.origin(), shown_to_owner.key.key().public());
    let one = one.verify(&origin, &key).unwrap();
    let other = other.verify(&origin, &key).unwrap();
    assert_eq!((one.index(), other.index()), (1, 1));

    // The two signed checkpoints of one size and two roots are the proof.
    assert_eq!(compare(one.checkpoint(), other.checkpoint(), &[]), Ok(Comparison::SplitView));
    assert_eq!(compare(one.checkpoint(), one.checkpoint(), &[]), Ok(Comparison::Consistent));

    // Growing one of them does not hide it: no consistency proof leads from the other.
    shown_to_owner.log(&refusal("later"), [3; 32]);
    let grown = open_checkpoint(&shown_to_owner.checkpoint(), &origin, &key).unwrap();
    let proof = Log::new(3, &shown_to_owner.hashes).unwrap().consistency(2).unwrap();
    assert_eq!(compare(other.checkpoint(), &grown, &proof), Ok(Comparison::Consistent));
    assert_eq!(compare(&grown, other.checkpoint(), &proof), Ok(Comparison::Consistent), "in either order");
    assert_eq!(compare(one.checkpoint(), &grown, &proof), Err(TreeError::Proof));
    let common = open_checkpoint(&common, &origin, &key).unwrap();
    let proof = Log::new(3, &shown_to_owner.hashes).unwrap().consistency(1).unwrap();
    assert_eq!(compare(&common, &grown, &proof), Ok(Comparison::Consistent));
}

#[test]
fn the_log_tells_nothing_of_a_guessable_body() {
    let mut broker = Broker::new(1);
    let body = refusal("a body that a reader of the log may guess");
    broker.log(&body, [9; 32]);
    let published = &broker.hashes[0];
    let guesses = [Digest::of(&body), commitment(&[0; 32], &body), Digest::of_parts(&[&[0], &body])];
    assert!(guesses.iter().all(|guess| guess != published && casemate_ledger::leaf_hash(guess) != *published));
}
