//! Searches all runs of one setup.

use std::{collections::BTreeSet, time::Instant};

use stateright::{Checker, HasDiscoveries, Model as _};

use super::{
    cast::{Ingredient, Setup},
    moves::Handshake,
    properties::HONEST_RUN,
    world::World,
};

/// More steps than any attack here takes.
const ATTACK_STEPS_MAX: usize = 16;

/// What came of the search through all runs.
pub(super) struct Outcome {
    /// States that differ.
    pub(super) states: usize,
    /// Moves that were tried.
    pub(super) moves: usize,
    /// The moves of the longest run.
    pub(super) longest: usize,
    /// Whether the honest keep can get the key.
    pub(super) honest_run: bool,
    /// What does not hold of every run.
    pub(super) broken: BTreeSet<&'static str>,
    /// Why ends were ended.
    pub(super) faults: BTreeSet<String>,
}

/// Searches all runs, or until one is found of which something does not hold.
pub(super) fn explore(setup: Setup) -> Outcome {
    let begun = Instant::now();
    let model = Handshake { world: World::new(setup) };
    let checker = model.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let mut found: BTreeSet<_> = checker.discoveries().into_keys().collect();
    let outcome = Outcome {
        states: checker.unique_state_count(),
        moves: checker.state_count(),
        longest: checker.max_depth() - 1,
        honest_run: found.remove(HONEST_RUN),
        broken: found,
        faults: checker.model().world.faults(),
    };
    println!(
        "{} states, {} moves, longest run {}, {:?}",
        outcome.states,
        outcome.moves,
        outcome.longest,
        begun.elapsed()
    );
    outcome
}

/// The shortest run of which `property` does not hold, move by move.
pub(super) fn attack(setup: &Setup, property: &'static str) -> Option<Vec<String>> {
    (2..=ATTACK_STEPS_MAX).find_map(|depth| {
        let model = Handshake { world: World::new(setup.clone()) };
        let until = HasDiscoveries::AnyOf(BTreeSet::from([property]));
        let checker = model.checker().target_max_depth(depth).finish_when(until).spawn_bfs().join();
        let path = checker.discoveries().remove(property)?;
        Some(path.into_actions().into_iter().map(|one| checker.model().words(one)).collect())
    })
}

/// The smallest sets of ingredients without which something does not hold any more.
pub(super) fn smallest_gaps(setup: &Setup) -> BTreeSet<Vec<Ingredient>> {
    let mut gaps = BTreeSet::<Vec<Ingredient>>::new();
    for left_out in subsets() {
        // What does not hold without some ingredients does not hold without more of them.
        let has_gap = gaps.iter().any(|gap| gap.iter().all(|one| left_out.contains(one)));
        if !has_gap && !explore(setup.clone().without(&left_out)).broken.is_empty() {
            gaps.insert(left_out);
        }
    }
    gaps
}

/// All sets of ingredients, small ones first.
fn subsets() -> Vec<Vec<Ingredient>> {
    let mut subsets = vec![Vec::new()];
    for one in Ingredient::ALL {
        let with: Vec<_> = subsets
            .iter()
            .cloned()
            .map(|mut set: Vec<_>| {
                set.push(one);
                set
            })
            .collect();
        subsets.extend(with);
    }
    subsets.sort_by_key(Vec::len);
    subsets
}
