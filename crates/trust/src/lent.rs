//! What others say of a component: properties that statements lend to its hardware or to its attester.
//!
//! Anybody who may publish `properties` may lend thousands of values of one name. So those that meet a demand are looked up, not
//! tried: what one delegate says never uses up what another's word would need. Only sets are tried one by one, the owner's first.

use std::cell::{Cell, OnceCell};

use crate::{
    component::Component,
    proof::{Effective, Fact},
    statement::{Demand, PlatformRule, Speaker, Subject, Test, Value},
};

/// How often sets that others than the owner say are held against demands, for one component: more only hostile domains need. Whatever
/// is asked after that is not met.
pub(crate) const LENT_TESTS_MAX: u32 = 1 << 20;

/// A component, and what is said of it; looked up when a rule first asks for it.
pub(crate) struct Lent<'a> {
    pub(crate) component: &'a Component,
    effective: &'a Effective,
    left: Cell<u32>,
    said: OnceCell<Vec<Lending<'a>>>,
}

/// One value that is said. Ascending by name, then by value, each once.
struct Lending<'a> {
    name: &'a str,
    value: &'a Value,
    fact: Fact,
    by_owner: bool,
}

impl<'a> Lent<'a> {
    pub(crate) const fn new(component: &'a Component, effective: &'a Effective) -> Self {
        Self { component, effective, left: Cell::new(LENT_TESTS_MAX), said: OnceCell::new() }
    }

    /// A value said by this name that meets all that the rule demands of it.
    pub(crate) fn meeting(&self, rule: &PlatformRule, property: &str) -> Option<Fact> {
        let (demands, said) = (demands(rule, property), self.of_name(property));
        // That nobody says otherwise is shown by no proof.
        if demands.iter().any(|demand| matches!(demand.test, Test::NotEquals(_))) {
            return None;
        }
        let met = |lending: &&Lending<'_>| demands.iter().all(|demand| demand.test.is_met_by(lending.value));
        let found = match exact(demands) {
            Some(values) => values.iter().filter_map(|value| find(said, value)).find(met),
            None if demands.iter().any(|demand| matches!(demand.test, Test::SubsetOf(_))) => self.subset(said, met),
            // Numbers and times have a range, of which all are met.
            None => range(said, demands).iter().find(met),
        };
        found.map(|lending| lending.fact)
    }

    /// The value of this name that the domain says first.
    pub(crate) fn first(&self, property: &str) -> Option<&'a Value> {
        self.of_name(property).iter().min_by_key(|lending| lending.fact).map(|lending| lending.value)
    }

    /// Whether more was asked than is answered.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.left.get() == 0
    }

    fn subset<'s>(&self, said: &'s [Lending<'a>], met: impl Fn(&&Lending<'a>) -> bool) -> Option<&'s Lending<'a>> {
        let sets = || said.iter().filter(|lending| matches!(lending.value, Value::Set(_)));
        let of_others = |lending: &&Lending<'a>| {
            let left = self.left.get().checked_sub(1);
            self.left.set(left.unwrap_or_default());
            left.is_some() && met(lending)
        };
        let of_owner = sets().filter(|lending| lending.by_owner).find(&met);
        of_owner.or_else(|| sets().filter(|lending| !lending.by_owner).find(of_others))
    }

    fn of_name(&self, property: &str) -> &[Lending<'a>] {
        let said = self.said.get_or_init(|| self.all());
        let start = said.partition_point(|lending| lending.name < property);
        let end = said.partition_point(|lending| lending.name <= property);
        said.get(start..end).unwrap_or_default()
    }

    fn all(&self) -> Vec<Lending<'a>> {
        let component = self.component;
        let hardware = component.identity.clone().map(|identity| Subject::Hardware(component.kind, identity));
        let attester = matches!(component.attester, Subject::Key(_)).then(|| component.attester.clone());
        let mut said = Vec::new();
        for subject in hardware.into_iter().chain(attester) {
            said.extend(self.effective.properties(&subject).map(|(fact, name, value)| {
                let by_owner = self.effective.said(fact).is_some_and(|said| said.speaker() == Speaker::Root);
                Lending { name, value, fact, by_owner }
            }));
        }
        said.sort_by_key(|lending| (lending.name, lending.value, !lending.by_owner, lending.fact));
        said.dedup_by_key(|lending| (lending.name, lending.value));
        said
    }
}

/// The rule's demands of one property: they stand together.
fn demands<'r>(rule: &'r PlatformRule, property: &str) -> &'r [Demand] {
    let start = rule.demands.partition_point(|demand| demand.property.as_str() < property);
    let end = rule.demands.partition_point(|demand| demand.property.as_str() <= property);
    rule.demands.get(start..end).unwrap_or_default()
}

/// The values among which one has to be, where a demand names them.
fn exact(demands: &[Demand]) -> Option<&[Value]> {
    demands.iter().find_map(|demand| match &demand.test {
        Test::Equals(value) => Some(std::slice::from_ref(value)),
        Test::OneOf(values) => Some(values.as_slice()),
        _ => None,
    })
}

fn find<'s, 'a>(said: &'s [Lending<'a>], value: &Value) -> Option<&'s Lending<'a>> {
    let place = said.binary_search_by(|lending| lending.value.cmp(value)).ok()?;
    said.get(place)
}

/// Those between the highest `at least` and the lowest `at most`, of the type that is asked for. Types stand together, in one order.
fn range<'s, 'a>(said: &'s [Lending<'a>], demands: &[Demand]) -> &'s [Lending<'a>] {
    let (mut start, mut end) = (0, said.len());
    for demand in demands {
        let (least, most) = match &demand.test {
            Test::AtLeast(value) => (said.partition_point(|lending| lending.value < value), of_type(said, value).1),
            Test::AtMost(value) => (of_type(said, value).0, said.partition_point(|lending| lending.value <= value)),
            Test::NotEquals(value) => of_type(said, value),
            _ => continue,
        };
        (start, end) = (start.max(least), end.min(most));
    }
    said.get(start..end).unwrap_or_default()
}

/// Where the values of this one's type begin and end.
fn of_type(said: &[Lending<'_>], value: &Value) -> (usize, usize) {
    let start = said.partition_point(|lending| !lending.value.same_type(value) && lending.value < value);
    let end = said.partition_point(|lending| lending.value.same_type(value) || lending.value < value);
    (start, end)
}
