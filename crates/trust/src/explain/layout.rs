//! Where the boxes of a picture go: columns by distance from the conclusion, few crossings, short edges. Whole numbers only, so
//! that the same account gives the same picture everywhere.
//!
//! 1. A box stands one column left of the leftmost box that uses it; the conclusion stands rightmost.
//! 2. An edge over several columns passes through a slot in each column between; all edges of one box share their slots.
//! 3. Columns are ordered by the mean place of their neighbours, from the left and from the right in turn; the order with the fewest
//!    crossings is kept. [Sugiyama, Tagawa, Toda 1981]
//! 4. Heights come nearest to the mean of the neighbours that the order leaves, by pooling those that collide.

/// The width of a box.
pub(super) const BOX_WIDTH: i64 = 300;
/// The room between columns, through which edges run.
const COLUMN_GAP: i64 = 80;
/// The room between boxes of one column.
const ROW_GAP: i64 = 18;
/// The height of the slot of an edge that passes.
const SLOT_HEIGHT: i64 = 10;
/// How often columns are ordered and heights are drawn together.
const SWEEPS: usize = 8;

/// A box to be placed: its height, and the boxes that it follows from, all of them earlier ones.
pub(super) struct Unplaced {
    pub(super) height: i64,
    pub(super) premises: Vec<usize>,
}

/// What came of it.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Layout {
    /// The upper left corner of each box.
    pub(super) corners: Vec<(i64, i64)>,
    /// Each edge: where it begins, where it passes (in pairs: into a column's slot, out of it), where it ends.
    pub(super) edges: Vec<Vec<(i64, i64)>>,
    pub(super) width: i64,
    pub(super) height: i64,
}

/// Places the boxes.
pub(super) fn layout(boxes: &[Unplaced]) -> Layout {
    let mut graph = Graph::new(boxes);
    graph.order();
    let centres = graph.centres();
    let corner = |node: usize| {
        let height = graph.nodes.get(node).map_or(0, |node| node.height);
        (graph.left(node), at(&centres, node) - height / 2)
    };
    let corners: Vec<_> = (0..boxes.len()).map(corner).collect();
    let edges = graph.routes.iter().map(|route| graph.points(route, &centres)).collect();
    let width = graph.columns.len() as i64 * (BOX_WIDTH + COLUMN_GAP) - COLUMN_GAP;
    let bottoms = corners.iter().zip(boxes).map(|((_, top), unplaced)| top + unplaced.height);
    let height = bottoms.chain(centres.iter().copied()).max().unwrap_or(0);
    Layout { corners, edges, width: width.max(0), height }
}

/// A box, or the slot of an edge.
struct Node {
    column: usize,
    height: i64,
    left: Vec<usize>,
    right: Vec<usize>,
}

/// Which neighbours are looked at.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Side {
    Left,
    Right,
}

impl Side {
    /// The first sweep goes from the left column to the right, so that neighbours on the left are settled; the next one back.
    const fn of_sweep(sweep: usize) -> Self {
        if sweep.is_multiple_of(2) { Self::Left } else { Self::Right }
    }

    const fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

struct Graph {
    nodes: Vec<Node>,
    /// The nodes of each column from the top.
    columns: Vec<Vec<usize>>,
    /// Each edge as the nodes that it touches, from left to right.
    routes: Vec<Vec<usize>>,
}

impl Graph {
    fn new(boxes: &[Unplaced]) -> Self {
        let columns = columns(boxes);
        let nodes = boxes.iter().zip(&columns).map(|(unplaced, column)| Node {
            column: *column,
            height: unplaced.height,
            left: Vec::new(),
            right: Vec::new(),
        });
        let mut graph = Self { nodes: nodes.collect(), columns: Vec::new(), routes: Vec::new() };
        // The slots of the edges that leave a box, one in each column to its right.
        let mut slots: Vec<Vec<usize>> = vec![Vec::new(); boxes.len()];
        for (place, unplaced) in boxes.iter().enumerate() {
            for premise in &unplaced.premises {
                let passed = at(&columns, place).saturating_sub(at(&columns, *premise) + 1);
                let mut route = vec![*premise];
                for step in 0..passed {
                    let slot = slots.get(*premise).and_then(|slots| slots.get(step)).copied();
                    let slot = slot.unwrap_or_else(|| graph.slot(at(&columns, *premise) + 1 + step));
                    if let Some(slots) = slots.get_mut(*premise).filter(|slots| slots.len() == step) {
                        slots.push(slot);
                    }
                    route.push(slot);
                }
                route.push(place);
                graph.join(&route);
                graph.routes.push(route);
            }
        }
        let last = graph.nodes.iter().map(|node| node.column).max().unwrap_or(0);
        for column in 0..=last {
            let inside = graph.nodes.iter().enumerate().filter(|(_, node)| node.column == column);
            graph.columns.push(inside.map(|(place, _)| place).collect());
        }
        graph
    }

    fn slot(&mut self, column: usize) -> usize {
        self.nodes.push(Node { column, height: SLOT_HEIGHT, left: Vec::new(), right: Vec::new() });
        self.nodes.len() - 1
    }

    fn join(&mut self, route: &[usize]) {
        for pair in route.windows(2) {
            let [from, to] = pair else { continue };
            if let Some(node) = self.nodes.get_mut(*from).filter(|node| !node.right.contains(to)) {
                node.right.push(*to);
            }
            if let Some(node) = self.nodes.get_mut(*to).filter(|node| !node.left.contains(from)) {
                node.left.push(*from);
            }
        }
    }

    /// 3
    fn order(&mut self) {
        let mut best = (self.crossings(), self.columns.clone());
        for sweep in 0..SWEEPS {
            let side = Side::of_sweep(sweep);
            let mut places: Vec<usize> = (0..self.columns.len()).collect();
            if side == Side::Right {
                places.reverse();
            }
            for place in places {
                let rows = self.rows();
                let mean = |node: &usize| {
                    let neighbours = self.neighbours(*node, side);
                    let sum: i64 = neighbours.iter().map(|other| at(&rows, *other) * 1000).sum();
                    if neighbours.is_empty() { at(&rows, *node) * 1000 } else { sum / neighbours.len() as i64 }
                };
                let Some(column) = self.columns.get(place) else { continue };
                let mut sorted = column.clone();
                sorted.sort_by_key(mean);
                if let Some(column) = self.columns.get_mut(place) {
                    *column = sorted;
                }
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.columns.clone());
            }
        }
        self.columns = best.1;
    }

    fn neighbours(&self, node: usize, side: Side) -> &[usize] {
        self.nodes.get(node).map_or(&[], |node| match side {
            Side::Left => node.left.as_slice(),
            Side::Right => node.right.as_slice(),
        })
    }

    /// The place of each node in its column.
    fn rows(&self) -> Vec<i64> {
        let mut rows = vec![0; self.nodes.len()];
        for column in &self.columns {
            for (row, node) in column.iter().enumerate() {
                if let Some(place) = rows.get_mut(*node) {
                    *place = row as i64;
                }
            }
        }
        rows
    }

    /// How many pairs of edges cross between neighbouring columns.
    fn crossings(&self) -> usize {
        let rows = self.rows();
        let between = |column: &Vec<usize>| {
            let edges = column.iter().flat_map(|from| {
                let rows = &rows;
                self.neighbours(*from, Side::Right).iter().map(move |to| (at(rows, *from), at(rows, *to)))
            });
            let edges: Vec<_> = edges.collect();
            let crossed = |(place, one): (usize, &(i64, i64))| {
                edges.iter().skip(place).filter(|other| (one.0 - other.0) * (one.1 - other.1) < 0).count()
            };
            edges.iter().enumerate().map(crossed).sum::<usize>()
        };
        self.columns.iter().map(between).sum()
    }

    /// 4
    fn centres(&self) -> Vec<i64> {
        let mut centres = vec![0; self.nodes.len()];
        for column in &self.columns {
            self.settle(column, &mut centres, |_, _| 0);
        }
        for sweep in 0..SWEEPS {
            let side = Side::of_sweep(sweep);
            let mut columns: Vec<_> = self.columns.iter().collect();
            if side == Side::Right {
                columns.reverse();
            }
            for column in columns {
                self.settle(column, &mut centres, |node, centres| {
                    let mut near = self.neighbours(node, side);
                    if near.is_empty() {
                        near = self.neighbours(node, side.other());
                    }
                    let sum: i64 = near.iter().map(|other| at(centres, *other)).sum();
                    if near.is_empty() { at(centres, node) } else { sum / near.len() as i64 }
                });
            }
        }
        let top = self.nodes.iter().zip(&centres).map(|(node, centre)| centre - node.height / 2).min().unwrap_or(0);
        centres.iter().map(|centre| centre - top).collect()
    }

    /// Brings one column as near to where its nodes want to be as their order and heights allow: nodes that would collide form a
    /// group, which takes the mean of what its members want.
    fn settle(&self, column: &[usize], centres: &mut [i64], wanted: impl Fn(usize, &[i64]) -> i64) {
        let mut offset = 0;
        let mut previous = None;
        let mut offsets = Vec::new();
        // Groups: the sum of what its members want, how many they are.
        let mut groups: Vec<(i64, i64)> = Vec::new();
        for node in column {
            let height = self.nodes.get(*node).map_or(0, |node| node.height);
            if let Some(previous) = previous {
                offset += (previous + height) / 2 + ROW_GAP;
            }
            previous = Some(height);
            offsets.push(offset);
            let mut group = (wanted(*node, centres) - offset, 1);
            while let Some(above) = groups.last().filter(|above| above.0 * group.1 > group.0 * above.1) {
                group = (group.0 + above.0, group.1 + above.1);
                groups.pop();
            }
            groups.push(group);
        }
        let levels = groups.iter().flat_map(|(sum, count)| (0..*count).map(move |_| sum / count));
        for ((node, offset), level) in column.iter().zip(offsets).zip(levels) {
            if let Some(centre) = centres.get_mut(*node) {
                *centre = level + offset;
            }
        }
    }

    fn left(&self, node: usize) -> i64 {
        self.nodes.get(node).map_or(0, |node| node.column as i64 * (BOX_WIDTH + COLUMN_GAP))
    }

    fn points(&self, route: &[usize], centres: &[i64]) -> Vec<(i64, i64)> {
        let ends = route.len().saturating_sub(1);
        let sides = route.iter().enumerate().flat_map(|(place, node)| {
            let (left, centre) = (self.left(*node), at(centres, *node));
            let into = (place > 0).then_some((left, centre));
            let out = (place < ends).then_some((left + BOX_WIDTH, centre));
            [into, out].into_iter().flatten()
        });
        sides.collect()
    }
}

/// 1
fn columns(boxes: &[Unplaced]) -> Vec<usize> {
    let mut distances = vec![0_usize; boxes.len()];
    for (place, unplaced) in boxes.iter().enumerate().rev() {
        let next = at(&distances, place) + 1;
        for premise in &unplaced.premises {
            if let Some(distance) = distances.get_mut(*premise) {
                *distance = next.max(*distance);
            }
        }
    }
    let furthest = distances.iter().copied().max().unwrap_or(0);
    distances.iter().map(|distance| furthest - distance).collect()
}

/// The entry at a place that is known to be there.
fn at<T: Copy + Default>(entries: &[T], place: usize) -> T {
    entries.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unplaced(premises: &[&[usize]]) -> Vec<Unplaced> {
        premises.iter().map(|premises| Unplaced { height: 60, premises: premises.to_vec() }).collect()
    }

    fn overlaps(layout: &Layout, heights: i64) -> bool {
        let apart = |one: &(i64, i64), other: &(i64, i64)| one.0 != other.0 || (one.1 - other.1).abs() >= heights;
        (0..layout.corners.len()).any(|i| (0..i).any(|j| !apart(&layout.corners[i], &layout.corners[j])))
    }

    #[test]
    fn premises_stand_left_of_what_follows() {
        let boxes = unplaced(&[&[], &[], &[0, 1], &[], &[2, 3], &[0, 4]]);
        let placed = layout(&boxes);
        for (place, unplaced) in boxes.iter().enumerate() {
            for premise in &unplaced.premises {
                assert!(placed.corners[*premise].0 < placed.corners[place].0);
            }
        }
        assert!(!overlaps(&placed, 60));
        assert_eq!(placed, layout(&boxes));
        // The edge from 0 to 5 passes two columns.
        assert!(placed.edges.iter().any(|edge| edge.len() == 6));
    }

    #[test]
    fn uncrosses_what_can_be() {
        // 0 and 1 feed 3 and 2: in the order given, both edges cross.
        let mut graph = Graph::new(&unplaced(&[&[], &[], &[1], &[0], &[2, 3]]));
        assert_eq!(graph.crossings(), 1);
        graph.order();
        assert_eq!(graph.crossings(), 0);
    }

    #[test]
    fn a_chain_is_a_straight_line_and_nothing_is_nothing() {
        let placed = layout(&unplaced(&[&[], &[0], &[1]]));
        assert!(placed.corners.iter().all(|(_, top)| *top == 0));
        assert_eq!(placed.height, 60);
        assert_eq!(layout(&[]).corners, []);
    }

    #[test]
    fn hundreds_of_boxes_never_overlap() {
        // A fixed, irregular graph.
        let mut state = 1_u64;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let mut boxes: Vec<Unplaced> = Vec::new();
        for place in 0..300 {
            let count = if place < 60 { 0 } else { 1 + draw(3) };
            let premises = (0..count).map(|_| draw(place)).collect();
            boxes.push(Unplaced { height: 60, premises });
        }
        assert!(!overlaps(&layout(&boxes), 60));
    }
}
