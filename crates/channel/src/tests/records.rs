//! Whoever carries the bytes may change, drop, repeat, reorder, replay or reflect any TLS record, and gets no key out of it.
//!
//! Two things may be changed unnoticed, because they mean nothing in TLS 1.3: `change_cipher_spec` records, which both sides
//! drop, and the outer type of an encrypted record, whose real type is inside [RFC 8446 §5]. The keys arrive then as they
//! were sent; the test says where it meets one.

use std::{cell::RefCell, rc::Rc};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, duplex, split};

use super::rig::*;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ENCRYPTED: u8 = 23;

/// What happens to one record.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Crime {
    /// The record is gone.
    Drop,
    /// The connection ends instead.
    End,
    /// A bit of the body's first byte differs.
    FlipFirst,
    /// A bit of the body's last byte differs.
    FlipLast,
    /// A bit in the body's middle differs.
    FlipMiddle,
    /// The record before comes once more, first.
    Repeat,
    /// The record at this place in an earlier session comes instead.
    Replay,
    /// The last record of the other direction comes instead.
    Reflect,
    /// The record comes after the next.
    Swap,
    /// The record says that it is of another type.
    Type,
}

const CRIMES: [Crime; 10] = [
    Crime::Drop,
    Crime::End,
    Crime::FlipFirst,
    Crime::FlipLast,
    Crime::FlipMiddle,
    Crime::Repeat,
    Crime::Replay,
    Crime::Reflect,
    Crime::Swap,
    Crime::Type,
];

/// Records seen so far, by direction: 0 from the keep, 1 from the broker.
type Transcript = Rc<RefCell<[Vec<Vec<u8>>; 2]>>;

/// One crime at one record.
#[derive(Clone, Copy, Debug)]
struct Plan {
    direction: usize,
    index: usize,
    crime: Crime,
}

/// What came of a session through the carrier.
struct Outcome {
    transcript: [Vec<Vec<u8>>; 2],
    /// The broker let the key go.
    sent: bool,
    /// The keep got it.
    arrived: bool,
}

#[tokio::test(start_paused = true)]
async fn no_crime_on_any_record_yields_a_key() {
    let honest = session(None, &[vec![], vec![]]).await;
    assert!(honest.sent && honest.arrived, "untouched, the keys arrive");
    let (mut refused, mut spared) = (0, Vec::new());
    for direction in 0..2 {
        // Hello, the encrypted rest of the handshake, and two messages at least; else the carrier misses what to attack.
        assert!(honest.transcript[direction].len() >= 4, "{}", honest.transcript[direction].len());
        for index in 0..honest.transcript[direction].len() {
            for crime in CRIMES {
                let plan = Plan { direction, index, crime };
                let outcome = session(Some(plan), &honest.transcript).await;
                // A crime on what the broker hears must stop it from sending. One on what it says may come too late for that.
                let sent_unasked = outcome.sent && direction == 0;
                if !outcome.arrived && !sent_unasked {
                    refused += 1;
                    continue;
                }
                assert!(is_without_meaning(plan, &honest.transcript[direction]), "{plan:?} yields a key");
                spared.push(plan);
            }
        }
    }
    assert!(refused > 70 && spared.len() < 30, "{refused} refused, spared {spared:?}");
}

/// Whether the crime changed only what means nothing, or had nothing to work with.
fn is_without_meaning(Plan { index, crime, .. }: Plan, records: &[Vec<u8>]) -> bool {
    let is_empty_word = |index: usize| records.get(index).is_some_and(|record| record[0] == CHANGE_CIPHER_SPEC);
    match crime {
        Crime::Drop => is_empty_word(index),
        Crime::Replay => is_empty_word(index),
        Crime::Repeat => index == 0 || is_empty_word(index - 1),
        Crime::Swap => is_empty_word(index) || is_empty_word(index + 1),
        Crime::Reflect => is_empty_word(index),
        Crime::Type => records.get(index).is_some_and(|record| record[0] == ENCRYPTED),
        Crime::End | Crime::FlipFirst | Crime::FlipLast | Crime::FlipMiddle => false,
    }
}

/// An honest keep and an honest broker with the carrier between them.
async fn session(plan: Option<Plan>, earlier: &[Vec<Vec<u8>>; 2]) -> Outcome {
    let (keep_end, carrier_keep) = duplex(1 << 16);
    let (broker_end, carrier_broker) = duplex(1 << 16);
    let transcript = Transcript::default();
    let (from_keep, to_keep) = split(carrier_keep);
    let (from_broker, to_broker) = split(carrier_broker);
    let crime = |direction| plan.filter(|plan| plan.direction == direction);
    let (sent, keys, (), ()) = tokio::join!(
        // Each end is dropped as soon as it is done, so that the other one hears of it.
        async { broker(broker_end).await.is_ok() },
        async { keep(keep_end).await.map(|mut keep| keep.take_keys()).unwrap_or_default() },
        carry(from_keep, to_broker, 0, crime(0), transcript.clone(), &earlier[0]),
        carry(from_broker, to_keep, 1, crime(1), transcript.clone(), &earlier[1]),
    );
    Outcome { transcript: transcript.take(), sent, arrived: keys.iter().any(|key| key.key == DATA_KEY) }
}

/// Carries records one way, with at most one crime, until one side ends.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    direction: usize,
    plan: Option<Plan>,
    transcript: Transcript,
    earlier: &[Vec<u8>],
) {
    let mut index = 0;
    let mut held: Option<Vec<u8>> = None;
    while let Some(record) = record(&mut from).await {
        let before = transcript.borrow()[direction].last().cloned();
        let other = transcript.borrow()[1 - direction].last().cloned();
        transcript.borrow_mut()[direction].push(record.clone());
        let crime = plan.filter(|plan| plan.index == index).map(|plan| plan.crime);
        index += 1;
        let mut out = match crime {
            None => vec![record],
            Some(Crime::End) => break,
            Some(Crime::Drop) => vec![],
            Some(Crime::FlipFirst) => vec![flipped(record, 5)],
            Some(Crime::FlipMiddle) => {
                let middle = 5 + (record.len() - 5) / 2;
                vec![flipped(record, middle)]
            }
            Some(Crime::FlipLast) => {
                let last = record.len() - 1;
                vec![flipped(record, last)]
            }
            Some(Crime::Type) => vec![flipped(record, 0)],
            Some(Crime::Repeat) => before.into_iter().chain([record]).collect(),
            Some(Crime::Reflect) => other.into_iter().collect(),
            Some(Crime::Replay) => earlier.get(index - 1).cloned().into_iter().collect(),
            Some(Crime::Swap) => {
                held = Some(record);
                continue;
            }
        };
        out.extend(held.take());
        for record in out {
            if to.write_all(&record).await.is_err() {
                return;
            }
        }
    }
    let _ = to.shutdown().await;
}

/// The next record, header and body, or nothing at the end of the connection.
async fn record(from: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut record = vec![0; 5];
    from.read_exact(&mut record).await.ok()?;
    let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
    record.resize(5 + length, 0);
    from.read_exact(&mut record[5..]).await.ok()?;
    Some(record)
}

fn flipped(mut record: Vec<u8>, at: usize) -> Vec<u8> {
    record[at] ^= 1;
    record
}
