//! `kill -9` at any moment: no gap, no receipt handed out that is not in the log, nothing doubled, files written again.
//!
//! The test starts itself again as a child that works in a loop and prints each receipt that it got; it kills the child
//! after ever other delays, and looks.

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use casemate_cose::Digest;
use casemate_ledger::{Event, Receipt, ReceiptBody, open_checkpoint};
use casemate_store::{DomainMark, RunState, Seal, Store};
use casemate_testkit::{Folder, NOW};

use crate::{
    fixture::{LogKey, decided, permit, refusal, release, terms},
    judged::judged,
};

const STATE_DIR: &str = "CASEMATE_STORE_KILL_TEST_DIR";
const KILLS: usize = 30;
/// What the children tell at least, so that there is something to lose.
const TOLD_MIN: usize = 10;

/// The child: for ever decides, releases, permits, and tells each receipt's number once it has it.
#[tokio::test]
#[ignore = "the child of `kill_dash_nine_loses_and_doubles_nothing`"]
async fn works_until_it_is_killed() {
    let Some(dir) = env::var_os(STATE_DIR).map(PathBuf::from) else { return };
    let (store, log) = (Store::open(&dir).await.unwrap(), LogKey::new(1));
    let tell = |event: &str, run: u8, receipt: &Receipt| {
        println!("\nreceipt {event} {run} {}", receipt.index);
        std::io::stdout().flush().unwrap();
    };
    for run in 1..=250 {
        if let Some(known) = store.run(&[run; 16]).await.unwrap()
            && matches!(known.state, RunState::Permitted | RunState::Refused)
        {
            continue;
        }
        decided(&store, run).await;
        let released = store.commit_release(&release(run), &[run; 32], &log.signer()).await.unwrap();
        tell("release", run, released.receipt());
        if run % 3 == 0 {
            let body = refusal(run, "a gate");
            tell("refusal", run, &store.commit_refusal(&body, &[run; 32], &log.signer()).await.unwrap());
        } else {
            let permitted = store.commit_permit(&permit(run), &[run; 32], &log.signer()).await.unwrap();
            tell("permit", run, permitted.receipt());
        }
    }
    println!("\ndone");
}

fn mark(sequence: u64) -> DomainMark {
    DomainMark { digest: Digest::of(&sequence.to_be_bytes()), sequence, seal: Seal::Signed }
}

/// The child: for ever raises the domain and keeps evidence, and tells what is durable.
#[tokio::test]
#[ignore = "the child of `kill_dash_nine_takes_no_domain_back_and_loses_no_evidence`"]
async fn raises_until_it_is_killed() {
    let Some(dir) = env::var_os(STATE_DIR).map(PathBuf::from) else { return };
    let store = Store::open(&dir).await.unwrap();
    let first = store.domain_mark().await.unwrap().map_or(0, |mark| mark.sequence);
    for sequence in first + 1..first + 10_000 {
        let compiled = || sequence.to_be_bytes().to_vec();
        store.raise_domain(mark(sequence), compiled, NOW, |_| Ok::<_, String>(())).await.unwrap();
        println!("\nreceipt domain {sequence}");
        let kept = judged(u32::try_from(sequence).unwrap(), Some(vec![1]));
        store.keep_judged(&kept).await.unwrap();
        println!("\nreceipt evidence {sequence}");
        std::io::stdout().flush().unwrap();
    }
}

#[tokio::test]
async fn kill_dash_nine_takes_no_domain_back_and_loses_no_evidence() {
    let folder = Folder::new("kill-domain");
    let (mut highest, mut told) = (0, BTreeSet::new());
    for (round, after) in moments(KILLS / 2).enumerate() {
        if round >= KILLS / 2 && told.len() >= TOLD_MIN {
            break;
        }
        told.extend(run_and_kill("raises_until_it_is_killed", folder.path(), after));
        let store = Store::open(folder.path()).await.unwrap();
        let stored = store.domain_mark().await.unwrap().map_or(0, |mark| mark.sequence);
        assert!(stored >= highest, "round {round}: {stored} after {highest}");
        highest = stored;
        let kept: BTreeSet<_> = store.judged().await.unwrap().into_iter().map(|judged| judged.digest).collect();
        for line in &told {
            let number: u32 = line.rsplit(' ').next().unwrap().parse().unwrap();
            let held = if line.contains("domain") {
                u64::from(number) <= stored
            } else {
                kept.contains(&judged(number, None).digest)
            };
            assert!(held, "round {round}: `{line}` was told and is not there");
        }
        store.close().await;
    }
    assert!(told.len() >= TOLD_MIN, "the children got to work: {}", told.len());
}

/// So many delays over the first 400 ms: from the opening of the file into the midst of the work. Then, for a machine on which
/// nobody gets to work in that time, longer ones.
fn moments(short: usize) -> impl Iterator<Item = Duration> {
    let short = (0..short).map(|round| Duration::from_millis(10 + (round as u64 * 137) % 400));
    short.chain([1, 4, 16, 60].map(Duration::from_secs))
}

/// Runs the child for a while and gives what it told before it was killed.
fn run_and_kill(child: &str, dir: &Path, after: Duration) -> Vec<String> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("kill::{child}"), "--ignored", "--nocapture"])
        .env(STATE_DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let reader = BufReader::new(child.stdout.take().unwrap());
    let lines = thread::spawn(move || reader.lines().map_while(Result::ok).collect::<Vec<_>>());
    thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    let lines = lines.join().unwrap();
    lines.into_iter().filter(|line| line.starts_with("receipt ")).collect()
}

#[tokio::test]
async fn kill_dash_nine_loses_and_doubles_nothing() {
    let folder = Folder::new("kill");
    let log = LogKey::new(1);
    let mut told: BTreeSet<String> = BTreeSet::new();
    for (round, after) in moments(KILLS).enumerate() {
        if round >= KILLS && told.len() >= TOLD_MIN {
            break;
        }
        told.extend(run_and_kill("works_until_it_is_killed", folder.path(), after));
        let store = Store::open(folder.path()).await.unwrap();
        store.check_ledgers().await.unwrap();
        let receipts = store.receipts().await.unwrap();
        let held: BTreeSet<String> = receipts.iter().map(|receipt| line(receipt, &log)).collect();
        assert_eq!(held.len(), receipts.len(), "round {round}: a step was logged twice");
        let lost: Vec<_> = told.difference(&held).collect();
        assert!(lost.is_empty(), "round {round}: {lost:?} were handed out and are not in the log");
        for run in store.runs().await.unwrap() {
            agrees(&store, &run.terms.run, run.state).await;
        }
        if let Some(head) = store.ledgers().await.unwrap().pop() {
            let text = std::fs::read_to_string(folder.join("ledger/checkpoint")).unwrap();
            assert_eq!(text, head.checkpoint, "round {round}: the files were written again");
            let size = open_checkpoint(&text, log.origin(), &log.public()).unwrap().size();
            assert_eq!(size, receipts.len() as u64);
        }
        store.close().await;
    }
    assert!(told.len() >= TOLD_MIN, "the children got to work: {} receipts", told.len());
}

fn line(receipt: &Receipt, log: &LogKey) -> String {
    let verified = receipt.verify(log.origin(), &log.public()).unwrap();
    let run = verified.body().run.unwrap()[0];
    format!("receipt {} {run} {}", verified.body().event, receipt.index)
}

/// A run's state and its receipts tell the same: no key without its receipt, and none for what did not happen.
async fn agrees(store: &Store, run: &[u8; 16], state: RunState) {
    assert_eq!(*run, terms(run[0]).run);
    let receipts = store.receipts_of(run).await.unwrap();
    let events: Vec<_> = receipts.iter().map(|receipt| ReceiptBody::from_bytes(&receipt.body).unwrap().event).collect();
    let expected: &[Event] = match state {
        RunState::Decided => &[],
        RunState::Released => &[Event::Release],
        RunState::Permitted => &[Event::Release, Event::Permit],
        RunState::Refused => &[Event::Release, Event::Refusal],
    };
    assert_eq!(events, expected, "run {}", run[0]);
}
