//! The grammar: version, authorities, conditions; and how they become alternatives.

use super::{
    super::{
        findings::Findings,
        json::{Json, below, field},
    },
    ALTERNATIVES_MAX, CONDITIONS_MAX, authority,
};

/// The operators of a claim's condition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operator {
    Equals,
    Exists,
    Greater,
    GreaterOrEquals,
    Less,
    LessOrEquals,
    NotEquals,
}

/// A condition about one claim.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) place: String,
    pub(super) name: String,
    pub(super) operator: Operator,
    pub(super) value: Json,
}

const OPERATORS: [(&str, Operator); 7] = [
    ("equals", Operator::Equals),
    ("exists", Operator::Exists),
    ("greater", Operator::Greater),
    ("greaterOrEquals", Operator::GreaterOrEquals),
    ("less", Operator::Less),
    ("lessOrEquals", Operator::LessOrEquals),
    ("notEquals", Operator::NotEquals),
];

/// Reads the whole policy: every condition about a claim, in the order of the policy, and the alternatives, each the places of what has
/// to hold.
pub(super) fn read(json: &Json, findings: &mut Findings) -> (Vec<Claim>, Vec<Vec<usize>>) {
    let mut claims = Vec::new();
    let Some(fields) = json.as_map() else {
        findings.refuse("", json.shown(), "is no policy: a policy is an object");
        return (claims, Vec::new());
    };
    for (name, value) in fields {
        match (name.as_str(), value.as_text()) {
            ("version", Some("1.0.0")) => {}
            ("version", _) => findings.refuse("/version", value.shown(), "is no version known here; known is `1.0.0`"),
            ("anyOf" | "anyof" | "allOf" | "allof", _) => {}
            _ => findings.refuse(&below("", name), name, "is no field of a release policy"),
        }
    }
    if field(fields, "version").is_none() {
        findings.refuse("/version", "version", "is missing");
    }
    let alternatives = match selector(fields) {
        Some((name, joined, value)) => authorities(&below("", name), joined, value, &mut claims, findings),
        None => {
            findings.refuse("", "anyOf", "there has to be exactly one of `anyOf` and `allOf`");
            Vec::new()
        }
    };
    (claims, alternatives)
}

/// How conditions are joined.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Joined {
    All,
    Any,
}

/// The one of `anyOf` and `allOf` that is there. The grammar spells them in lower case, the examples do not.
fn selector(fields: &[(String, Json)]) -> Option<(&str, Joined, &Json)> {
    let mut found = fields.iter().filter_map(|(name, value)| match name.as_str() {
        "anyOf" | "anyof" => Some((name.as_str(), Joined::Any, value)),
        "allOf" | "allof" => Some((name.as_str(), Joined::All, value)),
        _ => None,
    });
    let first = found.next()?;
    if found.next().is_some() { None } else { Some(first) }
}

fn authorities(
    place: &str,
    joined: Joined,
    value: &Json,
    claims: &mut Vec<Claim>,
    findings: &mut Findings,
) -> Vec<Vec<usize>> {
    let Some(items) = value.as_list().filter(|items| !items.is_empty()) else {
        findings.refuse(place, value.shown(), "has to be a list of at least one authority");
        return Vec::new();
    };
    if joined == Joined::All && items.len() > 1 {
        findings.refuse(place, "allOf", "demands tokens of several authorities at once");
    }
    let mut all = Vec::new();
    for (number, item) in items.iter().enumerate() {
        let place = below(place, number);
        let Some(fields) = item.as_map() else {
            findings.refuse(&place, item.shown(), "is no authority with its conditions");
            continue;
        };
        authority(fields, &place, findings);
        for (name, _) in fields.iter().filter(|(name, _)| !is_of(name, &["authority"])) {
            findings.refuse(&below(&place, name), name, "is no field of an authority");
        }
        match selector(fields) {
            Some((name, joined, value)) => all.extend(list(&below(&place, name), joined, value, claims, findings)),
            None => findings.refuse(&place, "anyOf", "there has to be exactly one of `anyOf` and `allOf`"),
        }
    }
    bounded(place, all, findings)
}

fn is_of(name: &str, others: &[&str]) -> bool {
    others.contains(&name) || ["anyOf", "anyof", "allOf", "allof"].contains(&name)
}

fn list(
    place: &str,
    joined: Joined,
    value: &Json,
    claims: &mut Vec<Claim>,
    findings: &mut Findings,
) -> Vec<Vec<usize>> {
    let Some(items) = value.as_list().filter(|items| !items.is_empty()) else {
        findings.refuse(place, value.shown(), "has to be a list of at least one condition");
        return Vec::new();
    };
    let mut all = if joined == Joined::Any { Vec::new() } else { vec![Vec::new()] };
    for (number, item) in items.iter().enumerate() {
        let own = condition(&below(place, number), item, claims, findings);
        match (joined, own.as_slice()) {
            (Joined::Any, _) => {
                all.extend(own);
                all = bounded(place, all, findings);
            }
            (Joined::All, [one]) => all.iter_mut().for_each(|alternative| alternative.extend(one)),
            (Joined::All, several) if all.len().saturating_mul(several.len()) > ALTERNATIVES_MAX => {
                findings.refuse(place, "allOf", format!("comes to more than {ALTERNATIVES_MAX} alternatives"));
                return Vec::new();
            }
            (Joined::All, several) => {
                let with =
                    |one: &Vec<usize>| several.iter().map(|other| [one.as_slice(), other].concat()).collect::<Vec<_>>();
                all = all.iter().flat_map(with).collect();
            }
        }
    }
    bounded(place, all, findings)
}

fn bounded(place: &str, all: Vec<Vec<usize>>, findings: &mut Findings) -> Vec<Vec<usize>> {
    if all.len() > ALTERNATIVES_MAX {
        findings.refuse(place, "anyOf", format!("comes to more than {ALTERNATIVES_MAX} alternatives"));
        return Vec::new();
    }
    all
}

/// One condition. What is wrong is refused and holds nothing up: the rest is read as well, to be named too.
fn condition(place: &str, json: &Json, claims: &mut Vec<Claim>, findings: &mut Findings) -> Vec<Vec<usize>> {
    let Some(fields) = json.as_map() else {
        findings.refuse(place, json.shown(), "is no condition");
        return vec![Vec::new()];
    };
    match (selector(fields), field(fields, "claim")) {
        (Some((name, joined, value)), None) if fields.len() == 1 => {
            list(&below(place, name), joined, value, claims, findings)
        }
        (None, Some(name)) => {
            if let Some(claim) = claim(place, name, fields, findings) {
                if claims.len() < CONDITIONS_MAX {
                    claims.push(claim);
                    return vec![vec![claims.len().saturating_sub(1)]];
                }
                findings.refuse(place, claim.name, format!("more than {CONDITIONS_MAX} conditions"));
                return Vec::new();
            }
            vec![Vec::new()]
        }
        _ => {
            let why = "a condition is one claim with one operator, or `anyOf`, or `allOf`, and nothing besides";
            findings.refuse(place, json.shown(), why);
            vec![Vec::new()]
        }
    }
}

fn claim(place: &str, name: &Json, fields: &[(String, Json)], findings: &mut Findings) -> Option<Claim> {
    let Some(claim) = name.as_text() else {
        findings.refuse(&below(place, "claim"), name.shown(), "is no claim's name");
        return None;
    };
    let mut operators = Vec::new();
    for (field, value) in fields.iter().filter(|(field, _)| field != "claim") {
        match OPERATORS.iter().find(|(known, _)| known == field) {
            Some((_, operator)) => operators.push((*operator, value)),
            None => findings.refuse(&below(place, field), field, "is no operator known here"),
        }
    }
    let [(operator, value)] = operators.as_slice() else {
        findings.refuse(place, claim, "has to have exactly one operator");
        return None;
    };
    Some(Claim { place: place.to_owned(), name: claim.to_owned(), operator: *operator, value: (*value).clone() })
}
