//! Components of authentic evidence, as rules see them: one for the CPU, one for each device, one for a vTPM.
//!
//! Properties have the names that `casemate verify` prints, and a type each ([`Value`]); [`registry`] lists them all. Each format has a
//! file here: what it says of a component, who vouches for it, which piece of hardware it is, and what is dangerous about it.

mod azure;
pub(crate) mod beside;
mod cca;
mod composite;
mod dcap;
mod dice;
pub mod fit;
mod gpu;
mod keystone;
mod nitro;
mod psa;
pub mod registry;
mod snp;
mod software;
mod tpm;

use std::{borrow::Cow, cmp::Ordering, collections::BTreeSet};

use casemate_cose::UnixTime;
use casemate_evidence::{Claims, Platform};

use crate::statement::{Allowance, Kind, Subject, Value};

/// One component of authentic evidence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Component {
    /// Its place in the evidence: `cpu`, `vtpm`, `gpu-0`, …
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// On whose word it is genuine: [`Subject::Vendor`], or [`Subject::Key`] of a launcher, an attestation key, a device or a
    /// root that was given.
    pub attester: Subject,
    /// Which piece of hardware it is; `None` where the evidence masks it or has none.
    pub identity: Option<Vec<u8>>,
    /// Its properties, ascending by name, each once.
    pub properties: Vec<(Cow<'static, str>, Value)>,
    /// Its registers, ascending by name, each once: what runs.
    pub registers: Vec<(String, Vec<u8>)>,
    /// What is so and has to be admitted by name.
    pub dangers: BTreeSet<Allowance>,
}

impl Component {
    /// The value of a property; `None` where the evidence says nothing of it.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Value> {
        let place = self.properties.binary_search_by(|(other, _)| (**other).cmp(name)).ok()?;
        self.properties.get(place).map(|(_, value)| value)
    }

    /// Looks up properties in ascending order of their names: faster than [`Self::property`] for many of them.
    pub(crate) fn ascending(&self) -> Ascending<'_> {
        Ascending { rest: &self.properties }
    }

    /// The value of a register.
    #[must_use]
    pub fn register(&self, name: &str) -> Option<&[u8]> {
        let place = self.registers.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()?;
        self.registers.get(place).map(|(_, value)| value.as_slice())
    }
}

/// What is left of a component's properties when they are looked up in ascending order.
pub(crate) struct Ascending<'a> {
    rest: &'a [(Cow<'static, str>, Value)],
}

impl<'a> Ascending<'a> {
    /// The value of a property; `None` where the evidence says nothing of it, or where an earlier look-up went past it.
    pub(crate) fn property(&mut self, name: &str) -> Option<&'a Value> {
        while let Some(((own, value), rest)) = self.rest.split_first() {
            match (**own).cmp(name) {
                Ordering::Less => self.rest = rest,
                Ordering::Equal => return Some(value),
                Ordering::Greater => return None,
            }
        }
        None
    }
}

/// The components of which these claims speak; the CPU, or what stands in its place, is the first.
#[must_use]
pub fn components(claims: &Claims) -> Vec<Component> {
    let mut components = each(claims);
    beside::tell(&mut components);
    components
}

fn each(claims: &Claims) -> Vec<Component> {
    let one = match &claims.platform {
        Platform::Azure(own) => return azure::components(own),
        Platform::Cca(own) => cca::component(CPU, own, claims.debug),
        Platform::Composite(own) => return composite::components(own),
        Platform::Dcap(own) => dcap::component(CPU, own, claims.debug),
        Platform::Dice(own) => dice::component(DEVICE, own, claims.debug),
        Platform::Gpu(own) => gpu::component("gpu-0", own, None),
        Platform::Keystone(own) => keystone::component(CPU, own),
        Platform::Nitro(own) => nitro::component(CPU, own, claims.debug),
        Platform::Psa(own) => psa::component(DEVICE, own, claims.debug),
        // What the certificate says besides, nobody vouches for.
        Platform::Ratls(own) => return each(&own.quote),
        Platform::Snp(own) => snp::component(CPU, own, claims.debug),
        Platform::Software(own) => software::component(CPU, own, claims.debug),
        Platform::Tpm(own) => tpm::component(VTPM, own, None),
    };
    vec![one]
}

const CPU: &str = "cpu";
const DEVICE: &str = "device";
const VTPM: &str = "vtpm";

/// A component in the making.
struct Parts {
    name: String,
    kind: Kind,
    attester: Subject,
    identity: Option<Vec<u8>>,
    properties: Vec<(Cow<'static, str>, Value)>,
    registers: Vec<(String, Vec<u8>)>,
    dangers: BTreeSet<Allowance>,
}

impl Parts {
    fn new(name: &str, kind: Kind, attester: Subject, properties: usize) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            attester,
            identity: None,
            properties: Vec::with_capacity(properties),
            registers: Vec::new(),
            dangers: BTreeSet::new(),
        }
    }

    fn bool(&mut self, name: impl Into<Cow<'static, str>>, value: bool) {
        self.properties.push((name.into(), Value::Bool(value)));
    }

    fn bytes(&mut self, name: impl Into<Cow<'static, str>>, value: &[u8]) {
        self.properties.push((name.into(), Value::Bytes(value.to_vec())));
    }

    fn number(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<u64>) {
        self.properties.push((name.into(), Value::Number(value.into())));
    }

    fn set(&mut self, name: impl Into<Cow<'static, str>>, names: impl Iterator<Item = String>) {
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        names.dedup();
        self.properties.push((name.into(), Value::Set(names)));
    }

    fn text(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.properties.push((name.into(), Value::Text(value.into())));
    }

    fn time(&mut self, name: impl Into<Cow<'static, str>>, value: UnixTime) {
        self.properties.push((name.into(), Value::Time(value)));
    }

    fn register(&mut self, name: impl Into<String>, value: &[u8]) {
        self.registers.push((name.into(), value.to_vec()));
    }

    fn danger(&mut self, is_so: bool, danger: Allowance) {
        if is_so {
            self.dangers.insert(danger);
        }
    }

    /// The component, its parts in order. Of what evidence names twice, the second gets a number after its name.
    fn finish(self) -> Component {
        let Self { name, kind, attester, identity, mut properties, mut registers, dangers } = self;
        properties.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        registers.sort_by(|(one, _), (other, _)| one.cmp(other));
        number(&mut registers, |name, place| format!("{name}.{place}"));
        number(&mut properties, |name, place| Cow::Owned(format!("{name}.{place}")));
        Component { name, kind, attester, identity, properties, registers, dangers }
    }
}

/// Gives the second and later ones of a name a number; `rows` are sorted.
fn number<N: Ord + Clone, V>(rows: &mut [(N, V)], numbered: impl Fn(&N, usize) -> N) {
    if rows.is_sorted_by(|(one, _), (next, _)| one < next) {
        return;
    }
    let mut last: Option<(N, usize)> = None;
    for (name, _) in rows.iter_mut() {
        match &mut last {
            Some((first, place)) if first == name => {
                *place = place.saturating_add(1);
                *name = numbered(first, *place);
            }
            _ => last = Some((name.clone(), 1)),
        }
    }
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
}
