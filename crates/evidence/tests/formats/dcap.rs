//! `dcap` evidence: SGX and TDX quotes.

mod chosen;
mod collateral;
mod crimes;
mod damage;
mod forged;
mod real;
mod tcb;

use casemate_cose::UnixTime;
use casemate_evidence::{
    Anchor, Authenticated, DangerouslyUnbound, Endorsement, Endorsements, Format, Platform, Refusal, Vendor,
    dcap::Claims,
};
use casemate_testkit::{NOW, vendor::intel::Made};

use super::unbound;

/// The endorsements of a synthetic Intel.
fn endorsements(made: &Made) -> Endorsements {
    let root = Endorsement::Anchor(Anchor::of_certificate(Vendor::Intel, &made.root).unwrap());
    Endorsements::default()
        .with(root)
        .with(Endorsement::Certificate(made.tcb_signer.clone()))
        .with_all(made.crls.iter().cloned().map(Endorsement::Crl))
        .with(Endorsement::TcbInfo(made.tcb_info.clone().into_bytes()))
        .with(Endorsement::QeIdentity(made.qe_identity.clone().into_bytes()))
}

fn judge(made: &Made) -> Result<Authenticated<DangerouslyUnbound>, Refusal> {
    judge_at(made, NOW)
}

fn judge_at(made: &Made, at: UnixTime) -> Result<Authenticated<DangerouslyUnbound>, Refusal> {
    unbound(Format::Dcap, &made.quote, &endorsements(made), at)
}

fn claims<B>(authentic: &Authenticated<B>) -> &Claims {
    match &authentic.claims().platform {
        Platform::Dcap(claims) => claims,
        other => panic!("{other:?}"),
    }
}

/// Replaces the first `from`, which has to be there.
fn swap(text: &mut String, from: &str, to: &str) {
    assert!(text.contains(from), "`{from}` is not in {text}");
    *text = text.replacen(from, to, 1);
}
