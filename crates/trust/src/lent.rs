//! What others say of a component: properties that statements lend to its hardware or to its attester.

use std::cell::{Cell, OnceCell};

use crate::{
    component::Component,
    proof::{Effective, Fact},
    statement::{Demand, PlatformRule, Subject, Value},
};

/// How often values that others say are held against demands, for one component: more only hostile domains need. Whatever is
/// asked after that is not met.
pub(crate) const LENT_TESTS_MAX: u32 = 1 << 20;

/// A component, and what is said of it; looked up when a rule first asks for it.
pub(crate) struct Lent<'a> {
    pub(crate) component: &'a Component,
    effective: &'a Effective,
    left: Cell<u32>,
    /// Ascending by name; those of one name in the statements' order.
    said: OnceCell<Vec<(&'a str, Fact, &'a Value)>>,
}

impl<'a> Lent<'a> {
    pub(crate) const fn new(component: &'a Component, effective: &'a Effective) -> Self {
        Self { component, effective, left: Cell::new(LENT_TESTS_MAX), said: OnceCell::new() }
    }

    /// The first value said by this name that meets all that the rule demands of it.
    pub(crate) fn meeting(&self, rule: &PlatformRule, property: &str) -> Option<Fact> {
        let demands = demands(rule, property);
        let met = |demand: &Demand, value: &Value| {
            let left = self.left.get().checked_sub(1);
            self.left.set(left.unwrap_or_default());
            left.is_some() && demand.test.is_met_by(value)
        };
        let mut said = self.of_name(property).iter();
        said.find(|(_, _, value)| demands.iter().all(|demand| met(demand, value))).map(|(_, fact, _)| *fact)
    }

    /// The first value that is said by this name.
    pub(crate) fn first(&self, property: &str) -> Option<&'a Value> {
        self.of_name(property).first().map(|(_, _, value)| *value)
    }

    /// Whether more was asked than is answered.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.left.get() == 0
    }

    fn of_name(&self, property: &str) -> &[(&'a str, Fact, &'a Value)] {
        let said = self.said.get_or_init(|| self.all());
        let start = said.partition_point(|(name, ..)| *name < property);
        let end = said.partition_point(|(name, ..)| *name <= property);
        said.get(start..end).unwrap_or_default()
    }

    fn all(&self) -> Vec<(&'a str, Fact, &'a Value)> {
        let component = self.component;
        let hardware = component.identity.clone().map(|identity| Subject::Hardware(component.kind, identity));
        let attester = matches!(component.attester, Subject::Key(_)).then(|| component.attester.clone());
        let mut said = Vec::new();
        for subject in hardware.into_iter().chain(attester) {
            said.extend(self.effective.properties(&subject).map(|(fact, name, value)| (name, fact, value)));
        }
        said.sort_by_key(|(name, ..)| *name);
        said
    }
}

/// The rule's demands of one property: they stand together.
fn demands<'r>(rule: &'r PlatformRule, property: &str) -> &'r [Demand] {
    let start = rule.demands.partition_point(|demand| demand.property.as_str() < property);
    let end = rule.demands.partition_point(|demand| demand.property.as_str() <= property);
    rule.demands.get(start..end).unwrap_or_default()
}
