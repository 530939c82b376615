//! What a signed object is. The closed list of everything that Casemate signs.

/// The kind of a signed object: the whole `external_aad` of its signature.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// A broker's fresh challenge to a keep.
    Challenge,
    /// A party's agreement to a contract.
    Contract,
    /// A broker's decision on one run, before anything is released.
    Decision,
    /// A domain: whom an owner believes.
    Domain,
    /// A bundle of endorsements, signed by whoever packed it.
    Endorsements,
    /// `software` evidence, signed by a host's launcher.
    Evidence,
    /// What one party tells the others about itself: keys, addresses, datasets.
    Party,
    /// An owner's permit for one result to leave a keep.
    Permit,
    /// The body of a receipt.
    Receipt,
    /// A result, signed by the key of the attested keep.
    Result,
    /// What a key says to domains.
    Statement,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Challenge,
        Self::Contract,
        Self::Decision,
        Self::Domain,
        Self::Endorsements,
        Self::Evidence,
        Self::Party,
        Self::Permit,
        Self::Receipt,
        Self::Result,
        Self::Statement,
    ];

    /// The text that is authenticated with the object, version included.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Challenge => "casemate/challenge/1",
            Self::Contract => "casemate/contract/1",
            Self::Decision => "casemate/decision/1",
            Self::Domain => "casemate/domain/1",
            Self::Endorsements => "casemate/endorsements/1",
            Self::Evidence => "casemate/evidence/1",
            Self::Party => "casemate/party/1",
            Self::Permit => "casemate/permit/1",
            Self::Receipt => "casemate/receipt/1",
            Self::Result => "casemate/result/1",
            Self::Statement => "casemate/statement/1",
        }
    }
}
