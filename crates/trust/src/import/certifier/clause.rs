//! Clauses: who says what of whom. [certifier.proto: vse_clause, entity_message, platform, property]

use std::collections::BTreeSet;

use super::{
    Principal,
    key::Key,
    measurements,
    platform::{Given, Platform, Property},
    purpose, why_not,
    wire::{Message, Value},
};
use crate::{
    import::{
        ImportError,
        findings::{Findings, HEARSAY},
    },
    statement::{Kind, NESTING_MAX, Sentence, Subject},
};

/// A clause.
#[derive(Clone, Debug)]
pub(super) struct Clause {
    place: String,
    pub(super) subject: Entity,
    pub(super) verb: String,
    object: Option<Entity>,
    pub(super) clause: Option<Box<Clause>>,
}

/// Of what a clause speaks.
#[derive(Clone, Debug)]
pub(super) enum Entity {
    Environment,
    Key(Key),
    Measurement(Vec<u8>),
    Platform(Platform),
}

/// What the clauses of one import say of platforms: in what terms measurements and TCBs are to be read.
#[derive(Debug, Default)]
pub(super) struct Context {
    kinds: BTreeSet<Kind>,
    products: BTreeSet<&'static str>,
}

impl Clause {
    pub(super) fn read(place: &str, bytes: &[u8]) -> Result<Self, ImportError> {
        Self::of(&Message::read(place, bytes, 4)?, NESTING_MAX)
    }

    fn of(message: &Message<'_>, left: usize) -> Result<Self, ImportError> {
        let Some(left) = left.checked_sub(1) else {
            return Err(message.refuse("clause", &format!("clauses deeper than {NESTING_MAX}")));
        };
        let subject = message.message(1, "subject", 5)?.ok_or_else(|| message.refuse("subject", "is missing"))?;
        let object = message.message(3, "object", 5)?;
        let clause = message.message(4, "clause", 4)?;
        Ok(Self {
            place: message.place().to_owned(),
            subject: Entity::of(&subject)?,
            verb: message.text(2, "verb")?.to_owned(),
            object: object.as_ref().map(Entity::of).transpose()?,
            clause: clause.map(|clause| Self::of(&clause, left).map(Box::new)).transpose()?,
        })
    }

    /// Takes in what the clause says of platforms and roots.
    pub(super) fn learn(&self, context: &mut Context) {
        match &self.subject {
            Entity::Platform(platform) => context.kinds.extend(platform.kind()),
            Entity::Key(key) if self.verb == "is-trusted-for-attestation" => {
                context.products.extend(Principal::of(key.digest()).product);
            }
            _ => {}
        }
        if let Some(clause) = &self.clause {
            clause.learn(context);
        }
    }

    /// What it says, here.
    pub(super) fn sentences(&self, context: &Context, findings: &mut Findings) -> Vec<Sentence> {
        let Self { place, subject, verb, object, clause } = self;
        match (verb.as_str(), subject, object, clause) {
            ("says", Entity::Key(key), None, Some(clause)) => {
                clause.sentences(context, findings);
                findings.refuse(&format!("{place}/subject"), key.digest().to_string(), HEARSAY);
                return Vec::new();
            }
            ("is-trusted", Entity::Measurement(value), None, None) => {
                return measurements(&format!("{place}/subject"), value, &context.kinds, findings);
            }
            ("has-trusted-platform-property", Entity::Platform(platform), None, None) => {
                return platform.sentences(&context.products, findings);
            }
            ("speaks-for", Entity::Key(speaker), Some(Entity::Key(principal)), None) => {
                let [speaker, principal] = [speaker, principal].map(|key| Subject::Key(key.digest()));
                return vec![Sentence::SpeaksFor { speaker, principal }];
            }
            (verb, Entity::Key(key), None, None) => {
                if let Some(purpose) = purpose(verb) {
                    return vec![Principal::of(key.digest()).trusted(purpose)];
                }
            }
            _ => {}
        }
        findings.refuse(&format!("{place}/verb"), verb, why_not(verb, subject.name()));
        Vec::new()
    }
}

impl Entity {
    fn of(message: &Message<'_>) -> Result<Self, ImportError> {
        let kind = message.text(1, "entity_type")?;
        // Exactly the field that the type names.
        let own = match kind {
            "key" => 2,
            "measurement" => 3,
            "platform" => 4,
            "environment" => 5,
            other => {
                let reason = format!("`{}` is no type known here", other.escape_debug());
                return Err(message.refuse("entity_type", &reason));
            }
        };
        for (number, name) in [(2, "key"), (3, "measurement"), (4, "platform_ent"), (5, "environment_ent")] {
            let is_there = message.bytes(number, name)?.is_some();
            if is_there != (number == own) {
                return Err(message
                    .refuse(name, &format!("an entity of type `{kind}` has what its type says, and nothing else")));
            }
        }
        let missing = || message.refuse(kind, "is missing");
        match own {
            2 => Key::field(message, 2, "key")?.map(Self::Key).ok_or_else(missing),
            3 => Ok(Self::Measurement(message.bytes(3, "measurement")?.unwrap_or_default().to_vec())),
            4 => {
                let platform = message.message(4, "platform_ent", 4)?.ok_or_else(missing)?;
                self::platform(&platform).map(Self::Platform)
            }
            _ => Ok(Self::Environment),
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Key(_) => "key",
            Self::Measurement(_) => "measurement",
            Self::Platform(_) => "platform",
        }
    }
}

fn platform(message: &Message<'_>) -> Result<Platform, ImportError> {
    let has_key = message.number(4, "has_key")?.is_some_and(|has| has != 0);
    if has_key || message.bytes(2, "attest_key")?.is_some_and(|key| !key.is_empty()) {
        return Err(message.refuse("attest_key", "ties the platform to one key: it has no place here"));
    }
    let mut properties = Vec::new();
    if let Some(props) = message.message(3, "props", 1)? {
        for (number, value) in props.all(1).enumerate() {
            let place = format!("{}[{number}]", props.place());
            let Value::Bytes(bytes) = value else {
                return Err(props.refuse("props", "a number where bytes have to stand"));
            };
            properties.push(property(&Message::read(&place, bytes, 5)?)?);
        }
    }
    Ok(Platform { place: message.place().to_owned(), kind: message.text(1, "platform_type")?.to_owned(), properties })
}

fn property(message: &Message<'_>) -> Result<Property, ImportError> {
    let value = match message.text(2, "value_type")? {
        "string" => Given::Text(message.text(4, "string_value")?.to_owned()),
        "int" => {
            Given::Number(message.number(5, "int_value")?.ok_or_else(|| message.refuse("int_value", "is missing"))?)
        }
        other => {
            let reason = format!("`{}` is no type known here", other.escape_debug());
            return Err(message.refuse("value_type", &reason));
        }
    };
    Ok(Property {
        place: message.place().to_owned(),
        name: message.text(1, "property_name")?.to_owned(),
        comparator: message.text(3, "comparator")?.to_owned(),
        value,
    })
}
