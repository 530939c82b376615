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
pub(crate) fn choose(steps: &[Step], extent: Extent) -> Vec<Step> {
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
}
