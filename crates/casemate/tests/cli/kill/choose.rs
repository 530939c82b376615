//! Which of many steps a test kills at.

use std::collections::BTreeMap;

use super::trace::Step;

/// How many.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Extent {
    /// Every step.
    All,
    /// This many, spread evenly over the first and the last of each kind of step.
    Some(usize),
}

/// The steps to kill at.
fn choose(steps: &[Step], extent: Extent) -> Vec<Step> {
    let Extent::Some(most) = extent else { return steps.to_vec() };
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for step in steps {
        *times.entry(&step.what).or_default() += 1;
    }
    let is_edge = |step: &&Step| step.before == 0 || step.before + 1 == times[step.what.as_str()];
    let edges: Vec<_> = steps.iter().filter(is_edge).collect();
    let chosen = most.min(edges.len());
    (0..chosen).map(|place| edges[(2 * place + 1) * edges.len() / (2 * chosen)].clone()).collect()
}

/// The steps to kill at, one after another. One of a sample that was not reached, as threads make it happen, comes again
/// as an earlier time of its kind.
pub(crate) struct Plan {
    left: Vec<Step>,
    extent: Extent,
    hit: usize,
    missed: usize,
}

impl Plan {
    pub(crate) fn new(steps: &[Step], extent: Extent) -> Self {
        let mut left = choose(steps, extent);
        left.reverse();
        Self { left, extent, hit: 0, missed: 0 }
    }

    pub(crate) fn next(&mut self) -> Option<Step> {
        let step = self.left.pop();
        assert!(step.is_some() || self.missed * 3 <= self.hit, "{} steps hit, {} missed", self.hit, self.missed);
        step
    }

    pub(crate) fn note(&mut self, step: &Step, is_hit: bool) {
        match (is_hit, step.before, self.extent) {
            (true, ..) => self.hit += 1,
            (false, 1.., Extent::Some(_)) => self.left.push(Step { what: step.what.clone(), before: step.before / 2 }),
            _ => self.missed += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_over_first_and_last_times() {
        let step = |what: &str, before| Step { what: what.into(), before };
        let steps = [step("a", 0), step("b", 0), step("a", 1), step("a", 2), step("c", 0), step("b", 1)];
        assert_eq!(choose(&steps, Extent::All), steps);
        let edges = [step("a", 0), step("b", 0), step("a", 2), step("c", 0), step("b", 1)];
        assert_eq!(choose(&steps, Extent::Some(9)), edges);
        assert_eq!(choose(&steps, Extent::Some(2)), [step("b", 0), step("c", 0)]);
    }

    #[test]
    fn a_step_that_is_not_reached_comes_again_earlier() {
        let step = |before| Step { what: "send".into(), before };
        let mut plan = Plan::new(&[step(0), step(1), step(2), step(3)], Extent::Some(1));
        let mut reached = Vec::new();
        while let Some(next) = plan.next() {
            plan.note(&next, next.before < 2);
            reached.push(next.before);
        }
        assert_eq!(reached, [3, 1]);
    }
}
