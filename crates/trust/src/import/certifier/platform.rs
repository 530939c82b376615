//! Platforms: their types and properties. [certifier_service/certlib: GetPlatformFromSevAttest, GetPlatformFromGramineAttest,
//! SatisfyingProperty]
//!
//! | there, of `amd-sev-snp` | here, of `snp` |
//! | --- | --- |
//! | `debug` = no | refused by default; `policy.debug` |
//! | `migrate` = no | `policy.migrate-ma` |
//! | `smt`, `single-socket` = yes, no | `policy.smt`, `policy.single-socket` |
//! | `api-major`, `api-minor` | `policy.abi-min.major`, `policy.abi-min.minor` |
//! | `tcb-version` = number | `reported-tcb.…`, by the layout of each product line |
//!
//! Of `sgx`, `debug` = no alone: its other properties are bytes of the quote that nothing here is equal to. Imported is what the
//! names say; the framework's service takes `debug`, `migrate` and `single-socket` from other bits of the guest policy than AMD's.

use std::collections::BTreeSet;

use crate::{
    import::{
        findings::Findings,
        registered::{Condition, any_genuine, condition, trusted_platform},
    },
    statement::{Demand, Kind, Sentence, Test, Value},
};

/// AMD's product lines: roots are of one each.
pub(super) const PRODUCTS: [&str; 3] = ["Genoa", "Milan", "Turin"];

/// A platform as the framework describes it.
#[derive(Clone, Debug)]
pub(super) struct Platform {
    pub(super) place: String,
    pub(super) kind: String,
    pub(super) properties: Vec<Property>,
}

/// One property.
#[derive(Clone, Debug)]
pub(super) struct Property {
    pub(super) place: String,
    pub(super) name: String,
    pub(super) comparator: String,
    pub(super) value: Given,
}

/// Its value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Given {
    Number(u64),
    Text(String),
}

impl Platform {
    /// Its kind here.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self.kind.as_str() {
            "amd-sev-snp" => Some(Kind::Snp),
            "sgx" => Some(Kind::Sgx),
            _ => None,
        }
    }

    /// "This platform is trusted", one sentence for each layout of its TCB. `products` are those of the roots that the policy trusts.
    pub(super) fn sentences(&self, products: &BTreeSet<&'static str>, findings: &mut Findings) -> Vec<Sentence> {
        let Some(kind) = self.kind() else {
            findings.refuse(
                &self.place,
                &self.kind,
                "is no type of platform known here; known are `amd-sev-snp` and `sgx`",
            );
            return Vec::new();
        };
        let mut demands = Vec::new();
        let mut levels = None;
        let mut names = BTreeSet::new();
        for property in &self.properties {
            if !names.insert(property.name.as_str()) {
                findings.refuse(&property.place, &property.name, "is there twice");
                continue;
            }
            match property.demand(kind) {
                Ok(Found::Demand(name, test)) => demands.push((property, name, test)),
                Ok(Found::Nothing) => {}
                Ok(Found::Tcb(version)) => levels = Some((property, version)),
                Err(why) => findings.refuse(&property.place, &property.name, why),
            }
        }
        let demands: Vec<Demand> = demands
            .into_iter()
            .filter_map(|(property, name, test)| match condition(kind, name, test) {
                Ok(Condition::Demand(demand)) => Some(demand),
                Ok(Condition::Register(_)) => None,
                Err(why) => {
                    findings.refuse(&property.place, &property.name, why);
                    None
                }
            })
            .collect();
        let rule = |more: Vec<Demand>| trusted_platform(any_genuine(kind, demands.iter().cloned().chain(more)));
        let sentences: Vec<Sentence> = match levels {
            _ if kind != Kind::Snp => vec![rule(Vec::new())],
            None => vec![rule(one_of(products).into_iter().collect())],
            Some((_, version)) => layouts(version, products).into_iter().map(rule).collect(),
        };
        if let (Some((property, version)), true) = (levels, sentences.is_empty()) {
            let why = format!("0x{version:016x} is no TCB version of the product lines whose roots are trusted");
            findings.refuse(&property.place, &property.name, why);
        }
        findings.note(format!(
            "{kind}: any genuine chip is accepted, for no chips are named; one extracted attestation key forges them all"
        ));
        sentences
    }
}

/// What a property comes to.
enum Found {
    Demand(&'static str, Test),
    Nothing,
    Tcb(u64),
}

impl Property {
    fn demand(&self, kind: Kind) -> Result<Found, String> {
        match (kind, self.name.as_str()) {
            (Kind::Snp, "debug") => self.safe_if_no("policy.debug"),
            (Kind::Snp, "migrate") => self.safe_if_no("policy.migrate-ma"),
            (Kind::Snp, "smt") => self.yes_or_no("policy.smt"),
            (Kind::Snp, "single-socket") => self.yes_or_no("policy.single-socket"),
            (Kind::Snp, "api-major") => self.number("policy.abi-min.major"),
            (Kind::Snp, "api-minor") => self.number("policy.abi-min.minor"),
            (Kind::Snp, "tcb-version") => match (self.comparator.as_str(), &self.value) {
                ("eq" | "=", Given::Number(version)) => Ok(Found::Tcb(*version)),
                ("ge" | ">=", Given::Number(_)) => {
                    Err("compares a TCB version as one number, by which a lower component hides behind a higher one: \
                         name each component"
                        .to_owned())
                }
                _ => Err("is no number with `eq`".to_owned()),
            },
            (_, "debug") => self.safe_if_no("debug").map(|_| Found::Nothing),
            _ => Err("is no property that one here is equal to".to_owned()),
        }
    }

    /// `no` is so by default; `yes` would have to be admitted by a person.
    fn safe_if_no(&self, name: &'static str) -> Result<Found, String> {
        match self.is_yes()? {
            false => Ok(Found::Demand(name, Test::Equals(Value::Bool(false)))),
            true => {
                Err("admits what is refused unless a person admits it by name in the domain: not imported".to_owned())
            }
        }
    }

    fn yes_or_no(&self, name: &'static str) -> Result<Found, String> {
        Ok(Found::Demand(name, Test::Equals(Value::Bool(self.is_yes()?))))
    }

    fn is_yes(&self) -> Result<bool, String> {
        match (self.comparator.as_str(), &self.value) {
            ("eq" | "=" | "", Given::Text(text)) if text == "yes" => Ok(true),
            ("eq" | "=" | "", Given::Text(text)) if text == "no" => Ok(false),
            _ => Err("is neither `yes` nor `no` with `eq`".to_owned()),
        }
    }

    fn number(&self, name: &'static str) -> Result<Found, String> {
        match (self.comparator.as_str(), &self.value) {
            ("eq" | "=", Given::Number(number)) => Ok(Found::Demand(name, Test::Equals(Value::Number(*number)))),
            ("ge" | ">=", Given::Number(number)) => Ok(Found::Demand(name, Test::AtLeast(Value::Number(*number)))),
            _ => Err(format!(
                "`{}` is no comparison of numbers known here; known are `eq` and `ge`",
                self.comparator.escape_debug()
            )),
        }
    }
}

fn one_of(products: &BTreeSet<&'static str>) -> Option<Demand> {
    let values: Vec<Value> = products.iter().map(|product| Value::Text((*product).to_owned())).collect();
    (!values.is_empty()).then(|| Demand { property: "product".to_owned(), test: Test::OneOf(values) })
}

/// The levels of a TCB version by the layouts of the product lines. [AMD 56860 §2.2; of Turin: rev. 1.57]
fn layouts(version: u64, products: &BTreeSet<&'static str>) -> Vec<Vec<Demand>> {
    let [a, b, c, d, e, f, g, microcode] = version.to_le_bytes();
    let older: Vec<&'static str> = ["Genoa", "Milan"].into_iter().filter(|product| trusts(products, product)).collect();
    let mut all = Vec::new();
    if !older.is_empty() && [c, d, e, f] == [0; 4] {
        let levels = [("boot-loader", a), ("tee", b), ("snp", g), ("microcode", microcode)];
        all.push(demands(&older.into_iter().collect(), &levels));
    }
    if trusts(products, "Turin") && [e, f, g] == [0; 3] {
        let levels = [("fmc", a), ("boot-loader", b), ("tee", c), ("snp", d), ("microcode", microcode)];
        all.push(demands(&BTreeSet::from(["Turin"]), &levels));
    }
    all
}

/// Without a root of AMD's, no line is ruled out.
fn trusts(products: &BTreeSet<&'static str>, product: &str) -> bool {
    products.is_empty() || products.contains(product)
}

fn demands(products: &BTreeSet<&'static str>, levels: &[(&str, u8)]) -> Vec<Demand> {
    let levels = levels.iter().map(|(name, level)| Demand {
        property: format!("reported-tcb.{name}"),
        test: Test::Equals(Value::Number(u64::from(*level))),
    });
    one_of(products).into_iter().chain(levels).collect()
}
