//! Unbound and debug evidence, even accepted, authorise nothing.

use casemate_contract::{Decision, FullySigned, PartyName, Run, authorise};
use casemate_cose::UnixTime;
use casemate_evidence::{AllowDebug, Bound, DangerouslyUnbound};
use casemate_trust::Accepted;

fn unbound(c: &FullySigned, run: &Run, accepted: &Accepted<DangerouslyUnbound>, owner: &PartyName) -> Decision {
    authorise(c, run, accepted, owner, UnixTime(0))
}

fn debug(c: &FullySigned, run: &Run, accepted: &Accepted<AllowDebug<Bound>>, owner: &PartyName) -> Decision {
    authorise(c, run, accepted, owner, UnixTime(0))
}

fn main() {}
