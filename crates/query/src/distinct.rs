//! `at_least_distinct(entity [, column])`: whether at least k distinct entities stand behind a group; with `column`, behind its
//! non-NULL values.
//!
//! Exact as far as it matters and cheap: a group holds at most k distinct 64-bit hashes and, once it has k, nothing. Two entities
//! with one hash count as one, so a collision can only refuse more. Partial states merge by union.
//!
//! State: `full: boolean`, `hashes: list<uint64>` (empty once full).

use std::{collections::HashSet, hash::BuildHasherDefault, mem, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, BooleanBuilder, ListArray, ListBuilder, UInt64Array, UInt64Builder,
    },
    buffer::OffsetBuffer,
    datatypes::{DataType, Field, FieldRef, UInt64Type},
};
use datafusion::{
    common::{
        ScalarValue,
        hash_utils::{HLL_RANDOM_STATE, create_hashes},
        internal_err,
    },
    error::{DataFusionError, Result},
    logical_expr::{
        Accumulator, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
        function::{AccumulatorArgs, StateFieldsArgs},
    },
};

/// The function's name in plans.
pub(crate) const NAME: &str = "__casemate_at_least_distinct";

/// Below this many hashes a group is searched one by one.
const LINEAR_MAX: usize = 24;

/// The aggregate function, with its k.
#[derive(Debug, Eq, Hash, PartialEq)]
pub(crate) struct AtLeastDistinct {
    k: u32,
    signature: Signature,
}

impl AtLeastDistinct {
    pub(crate) fn new(k: u32) -> Self {
        Self { k, signature: Signature::variadic_any(Volatility::Immutable) }
    }

    pub(crate) const fn k(&self) -> u32 {
        self.k
    }
}

impl AggregateUDFImpl for AtLeastDistinct {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup(Groups::new(self.k))))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![
            Arc::new(Field::new(format!("{}[full]", args.name), DataType::Boolean, true)),
            Arc::new(Field::new(format!("{}[hashes]", args.name), hashes_type(), true)),
        ])
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::new(self.k)))
    }

    fn default_value(&self, _: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Boolean(Some(false)))
    }
}

fn hashes_field() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::UInt64, true))
}

fn hashes_type() -> DataType {
    DataType::List(hashes_field())
}

/// What one group has seen.
#[derive(Debug)]
enum Seen {
    Few(Vec<u64>),
    Many(HashSet<u64, BuildHasherDefault<AlreadyHashed>>),
    Full,
}

/// The values are hashes already.
#[derive(Debug, Default)]
struct AlreadyHashed(u64);

impl std::hash::Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl Seen {
    /// Adds one hash; true if that filled the group.
    fn insert(&mut self, hash: u64, k: usize) -> bool {
        let len = match self {
            Self::Full => return false,
            Self::Few(few) => {
                if few.contains(&hash) {
                    return false;
                }
                few.push(hash);
                few.len()
            }
            Self::Many(many) => {
                many.insert(hash);
                many.len()
            }
        };
        if len >= k {
            *self = Self::Full;
            return true;
        }
        if let Self::Few(few) = self
            && few.len() >= LINEAR_MAX
        {
            *self = Self::Many(mem::take(few).into_iter().collect());
        }
        false
    }

    fn size(&self) -> usize {
        match self {
            Self::Few(few) => few.capacity() * 8,
            Self::Many(many) => many.capacity() * 9,
            Self::Full => 0,
        }
    }
}

/// All groups of one partition.
#[derive(Debug)]
pub(crate) struct Groups {
    k: usize,
    groups: Vec<Seen>,
    /// Groups that aren't full. At zero a batch of known groups costs nothing.
    open: usize,
    hashes: Vec<u64>,
}

impl Groups {
    pub(crate) fn new(k: u32) -> Self {
        Self { k: usize::try_from(k).unwrap_or(usize::MAX).max(1), groups: Vec::new(), open: 0, hashes: Vec::new() }
    }

    fn resize(&mut self, total: usize) {
        if total > self.groups.len() {
            self.open += total - self.groups.len();
            self.groups.resize_with(total, || Seen::Few(Vec::new()));
        }
    }

    fn insert(&mut self, group: usize, hash: u64) {
        if let Some(seen) = self.groups.get_mut(group)
            && seen.insert(hash, self.k)
        {
            self.open -= 1;
        }
    }

    fn is_open(&self, group: usize) -> bool {
        !matches!(self.groups.get(group), None | Some(Seen::Full))
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<Seen> {
        let taken = emit_to.take_needed(&mut self.groups);
        self.open -= taken.iter().filter(|seen| !matches!(seen, Seen::Full)).count();
        taken
    }

    fn hash(&mut self, entities: &ArrayRef) -> Result<()> {
        self.hashes.clear();
        self.hashes.resize(entities.len(), 0);
        create_hashes([entities], &HLL_RANDOM_STATE, &mut self.hashes)?;
        Ok(())
    }
}

/// Which rows count: the entity is there, the column (if any) is there, the filter (if any) is true.
fn counts(values: &[ArrayRef], filter: Option<&BooleanArray>, row: usize) -> bool {
    values.iter().all(|column| column.is_valid(row)) && filter.is_none_or(|f| f.is_valid(row) && f.value(row))
}

fn entities(values: &[ArrayRef]) -> Result<&ArrayRef> {
    values.first().ok_or_else(|| DataFusionError::Internal("no entity column".to_owned()))
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.resize(total_num_groups);
        if self.open == 0 || !group_indices.iter().any(|group| self.is_open(*group)) {
            return Ok(());
        }
        self.hash(entities(values)?)?;
        let hashes = mem::take(&mut self.hashes);
        for (row, (group, hash)) in group_indices.iter().zip(&hashes).enumerate() {
            if self.is_open(*group) && counts(values, opt_filter, row) {
                self.insert(*group, *hash);
            }
        }
        self.hashes = hashes;
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let full: BooleanArray = self.take(emit_to).iter().map(|seen| Some(matches!(seen, Seen::Full))).collect();
        Ok(Arc::new(full))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let mut full = BooleanBuilder::new();
        let mut hashes = ListBuilder::new(UInt64Builder::new());
        for seen in self.take(emit_to) {
            full.append_value(matches!(seen, Seen::Full));
            match seen {
                Seen::Few(few) => hashes.values().append_slice(&few),
                Seen::Many(many) => many.into_iter().for_each(|hash| hashes.values().append_value(hash)),
                Seen::Full => {}
            }
            hashes.append(true);
        }
        Ok(vec![Arc::new(full.finish()), Arc::new(hashes.finish())])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.resize(total_num_groups);
        let [full, hashes] = values else { return internal_err!("a state of {} columns", values.len()) };
        let (full, hashes) = (full.as_boolean(), hashes.as_list::<i32>());
        for (row, group) in group_indices.iter().enumerate() {
            if full.is_valid(row) && full.value(row) {
                if let Some(seen) = self.groups.get_mut(*group)
                    && !matches!(mem::replace(seen, Seen::Full), Seen::Full)
                {
                    self.open -= 1;
                }
            } else if self.is_open(*group) && hashes.is_valid(row) {
                for hash in hashes.value(row).as_primitive::<UInt64Type>().values() {
                    self.insert(*group, *hash);
                }
            }
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let entities = entities(values)?;
        let mut hashes = vec![0; entities.len()];
        create_hashes([entities], &HLL_RANDOM_STATE, &mut hashes)?;
        let rows = 0..entities.len();
        let counted: Vec<bool> = rows.map(|row| counts(values, opt_filter, row)).collect();
        let kept: Vec<u64> = hashes.into_iter().zip(&counted).filter_map(|(hash, keep)| keep.then_some(hash)).collect();
        let offsets = OffsetBuffer::from_lengths(counted.iter().map(|keep| usize::from(*keep)));
        let full: BooleanArray = counted.iter().map(|keep| Some(*keep && self.k == 1)).collect();
        let lists = ListArray::try_new(hashes_field(), offsets, Arc::new(UInt64Array::from(kept)), None)?;
        Ok(vec![Arc::new(full), Arc::new(lists)])
    }

    fn size(&self) -> usize {
        self.groups.iter().map(Seen::size).sum::<usize>()
            + self.groups.capacity() * size_of::<Seen>()
            + self.hashes.capacity() * 8
    }
}

/// The whole input as one group.
#[derive(Debug)]
struct OneGroup(Groups);

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = entities(values)?.len();
        self.0.update_batch(values, &vec![0; rows], None, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.resize(1);
        Ok(ScalarValue::Boolean(Some(!self.0.is_open(0))))
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.resize(1);
        self.0.state(EmitTo::All)?.iter().map(|array| ScalarValue::try_from_array(array, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, |state| state.len());
        self.0.merge_batch(states, &vec![0; rows], 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use arrow::array::{Int64Array, StringArray};
    use proptest::prelude::*;

    use super::*;

    /// A row: group, entity (0 is NULL), whether the column is there.
    type Row = (usize, u8, bool);

    fn columns(rows: &[Row], masked: bool) -> (Vec<ArrayRef>, Vec<usize>) {
        let entities: Int64Array =
            rows.iter().map(|(_, entity, _)| (*entity > 0).then_some(i64::from(*entity))).collect();
        let mask: StringArray = rows.iter().map(|(_, _, there)| there.then_some("x")).collect();
        let mut values: Vec<ArrayRef> = vec![Arc::new(entities)];
        if masked {
            values.push(Arc::new(mask));
        }
        (values, rows.iter().map(|(group, ..)| *group).collect())
    }

    fn naive(rows: &[Row], groups: usize, k: u32, masked: bool) -> Vec<bool> {
        let mut seen: BTreeMap<usize, BTreeSet<u8>> = BTreeMap::new();
        for (group, entity, there) in rows {
            if *entity > 0 && (*there || !masked) {
                seen.entry(*group).or_default().insert(*entity);
            }
        }
        (0..groups).map(|group| seen.get(&group).map_or(0, BTreeSet::len) >= k as usize).collect()
    }

    fn answers(groups: &mut Groups) -> Vec<bool> {
        groups.evaluate(EmitTo::All).unwrap().as_boolean().iter().flatten().collect()
    }

    const GROUPS: usize = 3;

    proptest! {
        /// Any split into partitions, each fed in any batches, its state sent whole, in two parts, or row by row.
        #[test]
        fn counts_as_a_set_does(
            partitions in prop::collection::vec(prop::collection::vec((0..GROUPS, 0_u8..60, any::<bool>()), 0..120), 1..5),
            k in 1_u32..50,
            masked in any::<bool>(),
            way in 0..3,
            batch in 1_usize..40,
        ) {
            let mut last = Groups::new(k);
            for rows in &partitions {
                let mut partial = Groups::new(k);
                for rows in rows.chunks(batch) {
                    let (values, groups) = columns(rows, masked);
                    if way == 2 {
                        let state = partial.convert_to_state(&values, None).unwrap();
                        last.merge_batch(&state, &groups, GROUPS).unwrap();
                    } else {
                        partial.update_batch(&values, &groups, None, GROUPS).unwrap();
                    }
                }
                partial.resize(GROUPS);
                if way == 1 {
                    let first = partial.state(EmitTo::First(1)).unwrap();
                    last.merge_batch(&first, &[0], GROUPS).unwrap();
                    let rest = partial.state(EmitTo::All).unwrap();
                    last.merge_batch(&rest, &[1, 2], GROUPS).unwrap();
                } else if way == 0 {
                    let state = partial.state(EmitTo::All).unwrap();
                    last.merge_batch(&state, &[0, 1, 2], GROUPS).unwrap();
                }
            }
            last.resize(GROUPS);
            let all: Vec<Row> = partitions.concat();
            prop_assert_eq!(answers(&mut last), naive(&all, GROUPS, k, masked));
            prop_assert_eq!(last.open, 0);
        }

        /// The ungrouped form agrees with the grouped one.
        #[test]
        fn one_group_is_a_group(rows in prop::collection::vec((0..1_usize, 0_u8..40, any::<bool>()), 0..100), k in 1_u32..30) {
            let (values, _) = columns(&rows, true);
            let mut partial = OneGroup(Groups::new(k));
            partial.update_batch(&values).unwrap();
            let state: Vec<ArrayRef> = partial.state().unwrap().iter().map(|s| s.to_array().unwrap()).collect();
            let mut last = OneGroup(Groups::new(k));
            last.merge_batch(&state).unwrap();
            prop_assert_eq!(last.evaluate().unwrap(), ScalarValue::Boolean(Some(naive(&rows, 1, k, true)[0])));
        }
    }

    #[test]
    fn a_filter_leaves_rows_out() {
        let rows: Vec<Row> = (1..=4).map(|entity| (0, entity, true)).collect();
        let (values, groups) = columns(&rows, false);
        let filter = BooleanArray::from(vec![Some(true), Some(false), None, Some(true)]);
        for (k, expected) in [(2, true), (3, false)] {
            let mut seen = Groups::new(k);
            seen.update_batch(&values, &groups, Some(&filter), 1).unwrap();
            assert_eq!(answers(&mut seen), [expected]);
            let mut merged = Groups::new(k);
            let state = merged.convert_to_state(&values, Some(&filter)).unwrap();
            merged.merge_batch(&state, &groups, 1).unwrap();
            assert_eq!(answers(&mut merged), [expected]);
        }
    }

    #[test]
    fn nobody_is_too_few() {
        let mut nobody = OneGroup(Groups::new(1));
        assert_eq!(nobody.evaluate().unwrap(), ScalarValue::Boolean(Some(false)));
        assert_eq!(
            AtLeastDistinct::new(1).default_value(&DataType::Boolean).unwrap(),
            ScalarValue::Boolean(Some(false))
        );
    }

    #[test]
    fn a_full_group_holds_nothing() {
        let rows: Vec<Row> = (1..=100).map(|entity| (0, entity, true)).collect();
        let (values, groups) = columns(&rows, false);
        let mut seen = Groups::new(50);
        seen.update_batch(&values, &groups, None, 1).unwrap();
        assert_eq!(seen.open, 0);
        assert!(seen.groups.iter().all(|group| matches!(group, Seen::Full) && group.size() == 0));
    }
}
