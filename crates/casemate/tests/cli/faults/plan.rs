//! What goes wrong in one run: one to four faults at once, drawn from a seed among all that a calm run shows can be hit.

use std::{collections::BTreeMap, fmt, time::Duration};

use nix::errno::Errno;

use super::wire::{Direction, Mishap};
use crate::kill::trace::{At, Failing, Harm, Step};

/// Faults of one run.
const FAULTS_MAX: u64 = 4;
/// How long a message is held back at most: longer than a step of a run takes, shorter than anybody's patience.
const DELAY_MS_MAX: u64 = 2500;

/// Who can die, and whose calls can fail.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Role {
    /// The broker of this owner.
    Broker(usize),
    Keep,
    Runner,
}

pub(crate) const ROLES: [Role; 4] = [Role::Broker(0), Role::Broker(1), Role::Keep, Role::Runner];

/// What an undisturbed run did.
#[derive(Clone, Default)]
pub(crate) struct Menu {
    /// The steps of each role.
    pub(crate) steps: BTreeMap<Role, Vec<Step>>,
    /// How many messages went to and from each broker.
    pub(crate) messages: [[u32; 2]; 2],
}

/// One thing that goes wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// SIGKILL at the entry of a call.
    Death(Role, Step),
    /// A call fails.
    Call(Role, Step, Failing),
    /// The n-th message between the runner and an owner's broker.
    Message { owner: usize, direction: Direction, before: u32, mishap: Mishap },
}

/// Which mishaps a plan may hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reach {
    /// All of them.
    All,
    /// None after which somebody has to lose patience, which takes up to two minutes.
    Brief,
}

/// What goes wrong in the run of this seed.
pub(crate) fn draw(seed: u64, menu: &Menu, reach: Reach) -> Vec<Fault> {
    let mut dice = Dice(seed);
    let count = 1 + dice.below(FAULTS_MAX);
    (0..count)
        .map(|_| match dice.below(3) {
            0 => {
                let role = *dice.one_of(&ROLES);
                Fault::Death(role, dice.step(&menu.steps[&role], |_| true))
            }
            1 => {
                let role = *dice.one_of(&ROLES);
                let step = dice.step(&menu.steps[&role], |what| !errors(what).is_empty());
                let errno = *dice.one_of(errors(&step.what));
                Fault::Call(role, step, Failing { errno, lasts: dice.below(2) == 0 })
            }
            _ => dice.message(menu, reach),
        })
        .collect()
}

/// What the kernel may answer to a step; nothing where only a death is tried.
fn errors(what: &str) -> &'static [Errno] {
    let (call, about) = what.split_once(' ').unwrap_or((what, ""));
    match (call, about) {
        ("accept", _) => &[Errno::ECONNABORTED, Errno::EMFILE],
        ("connect", _) => &[Errno::ECONNREFUSED, Errno::ENETUNREACH, Errno::ETIMEDOUT],
        ("send" | "write", "socket") => &[Errno::ECONNRESET, Errno::EPIPE],
        ("write", "pipe") => &[Errno::EIO, Errno::ENOSPC, Errno::EPIPE],
        (
            "make" | "write" | "pwrite" | "copy" | "truncate" | "allocate" | "link" | "rename" | "fsync" | "fdatasync",
            _,
        ) => &[Errno::EDQUOT, Errno::EIO, Errno::ENOSPC],
        ("chmod" | "chown" | "remove", _) => &[Errno::EIO, Errno::EROFS],
        _ => &[],
    }
}

/// What is done to one process, of all these faults.
pub(crate) fn harms(faults: &[Fault], of: Role) -> Vec<Harm> {
    let harm = |fault: &Fault| match fault {
        Fault::Death(role, step) if *role == of => Some(Harm { step: step.clone(), at: At::Kill }),
        Fault::Call(role, step, failing) if *role == of => Some(Harm { step: step.clone(), at: At::Fail(*failing) }),
        _ => None,
    };
    faults.iter().filter_map(harm).collect()
}

impl Fault {
    /// What it is, as it is counted.
    pub(crate) fn kind(&self) -> String {
        match self {
            Self::Death(role, _) => format!("death of {role}"),
            Self::Call(role, step, Failing { errno, .. }) => {
                let call = step.what.split(' ').next().unwrap_or_default();
                format!("{call} of {role} fails with {errno:?}")
            }
            Self::Message { mishap, .. } => format!("message {}", mishap.kind()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Death(role, step) => write!(f, "{role} dies at {step}"),
            Self::Call(role, step, Failing { errno, lasts }) => {
                let lasts = if *lasts { ", from then on" } else { "" };
                write!(f, "{role}: {step} fails with {errno:?}{lasts}")
            }
            Self::Message { owner, direction, before, mishap } => {
                write!(f, "message {before} {direction:?} the broker {owner}: {mishap:?}")
            }
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broker(_) => "a broker",
            Self::Keep => "the keep",
            Self::Runner => "the runner",
        })
    }
}

/// SplitMix64 [Steele, Lea, Flood 2014]: the same seed, the same plan.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    /// A step of any kind, each kind as likely, at any of its times: of all of the run, or of its last half or quarter, where
    /// keys are released and results permitted.
    fn step(&mut self, steps: &[Step], fits: impl Fn(&str) -> bool) -> Step {
        let late = [0, steps.len() / 2, steps.len() * 3 / 4];
        let from = *self.one_of(&late);
        let all: Vec<_> = steps.iter().filter(|step| fits(&step.what)).collect();
        let chosen: Vec<_> = steps[from..].iter().filter(|step| fits(&step.what)).collect();
        let mut kinds: BTreeMap<&str, Vec<&Step>> = BTreeMap::new();
        for step in if chosen.is_empty() { all } else { chosen } {
            kinds.entry(&step.what).or_default().push(step);
        }
        let kinds: Vec<_> = kinds.into_values().collect();
        let times = self.one_of(&kinds);
        (*self.one_of(times)).clone()
    }

    fn message(&mut self, menu: &Menu, reach: Reach) -> Fault {
        let owner = *self.one_of(&[0, 1]);
        let direction = *self.one_of(&[Direction::From, Direction::To]);
        let before = self.below(u64::from(menu.messages[owner][direction as usize]));
        let place = self.roll();
        let delay = Mishap::Delayed(Duration::from_millis(self.below(DELAY_MS_MAX)));
        // A bit of its length may make a message one that is waited for, one of its last byte doesn't.
        let flipped = Mishap::Flipped(if reach == Reach::Brief { place % 8 } else { place });
        let brief = [Mishap::Cut, delay, Mishap::Doubled, flipped, Mishap::Shortened(place)];
        let mishap = match reach {
            Reach::Brief => *self.one_of(&brief),
            Reach::All => *self.one_of(&[&brief[..], &[Mishap::Dropped, Mishap::Stalled]].concat()),
        };
        Fault::Message { owner, direction, before: u32::try_from(before).unwrap(), mishap }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn menu() -> Menu {
        let step = |what: &str, before| Step { what: what.into(), before };
        let steps = vec![step("start", 0), step("write a/b", 0), step("write a/b", 1), step("send socket", 0)];
        Menu { steps: ROLES.map(|role| (role, steps.clone())).into(), messages: [[5, 4], [5, 4]] }
    }

    #[test]
    fn a_seed_is_a_plan_and_all_plans_together_hold_every_fault() {
        let mut kinds = BTreeSet::new();
        for seed in 0..400 {
            let plan = draw(seed, &menu(), Reach::All);
            assert!((1..=4).contains(&plan.len()));
            assert_eq!(plan, draw(seed, &menu(), Reach::All));
            kinds.extend(plan.iter().map(Fault::kind));
        }
        for kind in ["death of the keep", "write of a broker fails with EDQUOT", "send of the runner fails with EPIPE"]
        {
            assert!(kinds.contains(kind), "{kind} is not in {kinds:?}");
        }
        assert_eq!(kinds.iter().filter(|kind| kind.starts_with("message")).count(), 7, "{kinds:?}");
        assert!(!kinds.iter().any(|kind| kind.starts_with("start")), "{kinds:?}");
    }
}
