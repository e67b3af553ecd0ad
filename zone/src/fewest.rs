//! The fewest records that say just what a tree says.
//!
//! What a name server and a walk make of records (RFC 4592 §3.3.1, RFC 8686 §3.3): a name that is
//! asked for and exists has its own records; one that does not exist has those of the wildcard below
//! its closest encloser, the longest name that exists above it, if there is one. Names above others
//! exist. The walk takes the longest name that has records. So a number has
//!
//! - the records of the wildcard below the longest existing name above it, if there is one,
//! - or else the records of the longest asked name above it that has its own.
//!
//! "No server" cannot be written, only left out: nothing above such a number may have records.
//!
//! The fewest records are found part by part, from the leaves up. What a part costs depends on two
//! things alone: whether it has a name of its own (then the wildcard above does not reach into it),
//! and which records it inherits from the asked names above.

use std::collections::BTreeMap;

use crate::shape::{Block, Shape};
use crate::tree::{Colour, NOTHING, Tree};

/// Records at one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    /// What the name is about.
    pub(crate) at: Block,
    /// Whether they stand at the wildcard below the name, or at the name itself.
    pub(crate) wildcard: bool,
    /// Which.
    pub(crate) colour: Colour,
}

/// A number of records; more than anybody can have if they cannot be placed.
type Cost = u128;
const IMPOSSIBLE: Cost = Cost::MAX;

/// Inherited: servers that nothing in this part has.
const FOREIGN: Colour = Colour::MAX;

/// The fewest records for `tree`, where colour `c` takes `weights[c]` records.
///
/// # Errors
/// Their number, if there are more than `limit`.
pub(crate) fn fewest(
    shape: &Shape,
    tree: &Tree,
    weights: &[u32],
    limit: u128,
) -> Result<Vec<Label>, u128> {
    let search = Search { shape, weights };
    let mut labels = Vec::new();
    match search.solve(tree, Block::ALL.length) {
        Part::Uniform(NOTHING) => {}
        Part::Uniform(colour) => {
            let cost = search.own(colour, 0);
            if cost > limit {
                return Err(cost);
            }
            search.spread(Block::ALL, colour, &mut labels);
        }
        part @ Part::Split { .. } => {
            let cost = search.within(&part, NOTHING, 0);
            if cost > limit {
                return Err(cost);
            }
            search.emit(&part, Block::ALL, NOTHING, &mut labels);
        }
    }
    Ok(labels)
}

struct Search<'s> {
    shape: &'s Shape,
    weights: &'s [u32],
}

/// A part of the tree and the best that can be done in it.
enum Part {
    Uniform(Colour),
    Split {
        /// What is to be done for each thing inherited: nothing, any colour inside, a foreign one.
        best: BTreeMap<Colour, Choice>,
        children: Vec<Part>,
    },
}

/// What stands at a name and below it.
#[derive(Clone, Copy)]
struct Choice {
    cost: Cost,
    /// At the name itself; [`NOTHING`] for none.
    exact: Colour,
    /// At the wildcard below; [`NOTHING`] for none.
    wildcard: Colour,
}

impl Search<'_> {
    fn solve(&self, tree: &Tree, length: u8) -> Part {
        let children = match tree {
            Tree::Uniform(colour) => return Part::Uniform(*colour),
            Tree::Split(parts) => parts,
        };
        let below = length + self.shape.step;
        let children: Vec<Part> = children.iter().map(|child| self.solve(child, below)).collect();
        let mut colours: Vec<Colour> = children.iter().flat_map(Part::colours).collect();
        colours.sort_unstable();
        colours.dedup();
        let inherited = colours.iter().copied().chain([NOTHING, FOREIGN]);
        let below_name: BTreeMap<Colour, Choice> =
            inherited.map(|colour| (colour, self.below_name(&children, colour, length))).collect();
        let at_name = self.at_name(&below_name, &colours, length);
        let best = below_name.iter().map(|(inherited, choice)| {
            let better = at_name.filter(|at_name| at_name.cost < choice.cost);
            (*inherited, better.unwrap_or(*choice))
        });
        Part::Split { best: best.collect(), children }
    }

    /// The best with nothing at the name itself.
    fn below_name(&self, children: &[Part], inherited: Colour, length: u8) -> Choice {
        let wildcards = children.iter().filter_map(|child| match child {
            Part::Uniform(colour) if self.shape.takes_wildcards(length) => Some(*colour),
            _ => None,
        });
        let mut best = Choice { cost: IMPOSSIBLE, exact: NOTHING, wildcard: NOTHING };
        let mut tried = Vec::new();
        for wildcard in [NOTHING].into_iter().chain(wildcards) {
            if tried.contains(&wildcard) {
                continue;
            }
            tried.push(wildcard);
            let below = length + self.shape.step;
            let parts = children.iter().map(|child| self.part(child, inherited, wildcard, below));
            let cost = parts.fold(self.weight(wildcard), Cost::saturating_add);
            if cost < best.cost {
                best = Choice { cost, exact: NOTHING, wildcard };
            }
        }
        best
    }

    /// The best with records at the name itself: they are what everything below inherits.
    fn at_name(
        &self,
        below_name: &BTreeMap<Colour, Choice>,
        colours: &[Colour],
        length: u8,
    ) -> Option<Choice> {
        let choice = |exact: &Colour| {
            let below = below_name[exact];
            let cost = below.cost.saturating_add(self.weight(*exact));
            Choice { cost, exact: *exact, wildcard: below.wildcard }
        };
        let colours = colours.iter().filter(|_| self.shape.asks(length));
        colours.map(choice).min_by_key(|choice| choice.cost)
    }

    /// The cost of a part below a name: nothing if what reaches into it from above is right.
    fn part(&self, part: &Part, inherited: Colour, wildcard: Colour, length: u8) -> Cost {
        if part.is_served_by(inherited, wildcard) {
            return 0;
        }
        self.within(part, inherited, length)
    }

    /// The cost of a part that has a name of its own.
    fn within(&self, part: &Part, inherited: Colour, length: u8) -> Cost {
        match part {
            Part::Uniform(colour) => self.own(*colour, length),
            Part::Split { best, .. } => best.get(&inherited).unwrap_or(&best[&FOREIGN]).cost,
        }
    }

    /// The cost of the same records for all of a part, put at the first names that can hold them.
    fn own(&self, colour: Colour, length: u8) -> Cost {
        if colour == NOTHING {
            return IMPOSSIBLE;
        }
        let names = 1_u128.checked_shl((self.shape.next_place(length) - length).into());
        names.map_or(IMPOSSIBLE, |names| names.saturating_mul(self.weight(colour)))
    }

    fn weight(&self, colour: Colour) -> Cost {
        if colour == NOTHING { 0 } else { self.weights[colour].into() }
    }

    fn emit(&self, part: &Part, at: Block, inherited: Colour, labels: &mut Vec<Label>) {
        let (best, children) = match part {
            Part::Uniform(colour) => return self.spread(at, *colour, labels),
            Part::Split { best, children } => (best, children),
        };
        let choice = best.get(&inherited).unwrap_or(&best[&FOREIGN]);
        let places = [(false, choice.exact), (true, choice.wildcard)];
        let places = places.into_iter().filter(|(_, colour)| *colour != NOTHING);
        labels.extend(places.map(|(wildcard, colour)| Label { at, wildcard, colour }));
        let inherited = if choice.exact == NOTHING { inherited } else { choice.exact };
        for (label, child) in (0..).zip(children) {
            if !child.is_served_by(inherited, choice.wildcard) {
                self.emit(child, at.child(label, self.shape.step), inherited, labels);
            }
        }
    }

    fn spread(&self, at: Block, colour: Colour, labels: &mut Vec<Label>) {
        let place = self.shape.next_place(at.length);
        let wildcard = !self.shape.asks(place);
        labels.extend(at.parts(place).map(|at| Label { at, wildcard, colour }));
    }
}

impl Part {
    fn colours(&self) -> Vec<Colour> {
        match self {
            Self::Uniform(NOTHING) => Vec::new(),
            Self::Uniform(colour) => vec![*colour],
            Self::Split { best, .. } => {
                let inside = best.keys().copied();
                inside.filter(|colour| ![NOTHING, FOREIGN].contains(colour)).collect()
            }
        }
    }

    fn is_served_by(&self, inherited: Colour, wildcard: Colour) -> bool {
        let reaches = if wildcard == NOTHING { inherited } else { wildcard };
        matches!(self, Self::Uniform(colour) if *colour == reaches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A few numbers: named bit by bit, with wildcards, or without and by two bits a label, as IPv4
    /// is by eight.
    const TOYS: [Shape; 3] = [
        Shape { width: 3, step: 1, asked: &[1, 3], wildcards: Some(1) },
        Shape { width: 3, step: 1, asked: &[2, 3], wildcards: Some(0) },
        Shape { width: 4, step: 2, asked: &[2, 4], wildcards: None },
    ];

    /// What a walk finds for a number, by the rules of RFC 4592 and RFC 8686 as they are told.
    fn walk(shape: &Shape, labels: &[Label], number: u128) -> Colour {
        let name = |length: u8| Block { bits: number >> (shape.width - length), length };
        let exists = |at: Block| labels.iter().any(|label| at.contains(label.at));
        let at = |at: Block, wildcard: bool| {
            labels.iter().find(|label| label.at == at && label.wildcard == wildcard)
        };
        for length in shape.asked.iter().rev() {
            let found = if exists(name(*length)) {
                at(name(*length), false)
            } else {
                let names = (0..*length).step_by(shape.step.into()).rev().map(name);
                let encloser = names.into_iter().find(|name| exists(*name));
                encloser.and_then(|encloser| at(encloser, true))
            };
            if let Some(label) = found {
                return label.colour;
            }
        }
        NOTHING
    }

    fn colour_of(blocks: &[(Block, Colour)], number: Block) -> Colour {
        let around = blocks.iter().filter(|(block, _)| block.contains(number));
        around.max_by_key(|(block, _)| block.length).map_or(NOTHING, |(_, colour)| *colour)
    }

    fn weight(labels: &[Label], weights: &[u32]) -> u32 {
        labels.iter().map(|label| weights[label.colour]).sum()
    }

    /// Whether any way of putting records of this weight at the toy's names serves `wanted`.
    fn is_possible(
        toy: &Shape,
        wanted: &[Colour],
        weights: &[u32],
        left: u32,
        labels: &mut Vec<Label>,
    ) -> bool {
        if (0..).zip(wanted).all(|(number, wanted)| walk(toy, labels, number) == *wanted) {
            return true;
        }
        let lengths = (0..=toy.width).step_by(toy.step.into());
        let all = lengths.flat_map(|length| Block::ALL.parts(length));
        let places: Vec<(Block, bool)> =
            all.flat_map(|at| [(at, false), (at, true)])
                .filter(|(at, wildcard)| {
                    if *wildcard { toy.takes_wildcards(at.length) } else { toy.asks(at.length) }
                })
                .collect();
        let last = labels.last().map(|label| (label.at.length, label.at.bits, label.wildcard));
        for (at, wildcard) in places {
            if last >= Some((at.length, at.bits, wildcard)) {
                continue;
            }
            for colour in 1..weights.len() {
                if weights[colour] <= left {
                    labels.push(Label { at, wildcard, colour });
                    let possible =
                        is_possible(toy, wanted, weights, left - weights[colour], labels);
                    labels.pop();
                    if possible {
                        return true;
                    }
                }
            }
        }
        false
    }

    fn blocks(width: u8, colours: Colour) -> impl Strategy<Value = Vec<(Block, Colour)>> {
        let block = (0..=width, any::<u128>(), 0..=colours).prop_map(|(length, bits, colour)| {
            (Block { bits: bits & ((1 << length) - 1), length }, colour)
        });
        proptest::collection::vec(block, 0..6).prop_map(|mut blocks| {
            blocks.sort_unstable();
            blocks.dedup_by_key(|(block, _)| *block);
            blocks
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// In spaces small enough for it: no smaller set of records does, whichever is tried.
        #[test]
        fn nothing_smaller_does(
            blocks in blocks(4, 2),
            toy in proptest::sample::select(&TOYS[..]),
            second in 1..3_u32,
        ) {
            let weights = [0, 1, second];
            let blocks: Vec<_> = blocks.into_iter().filter(|(at, _)| at.length <= toy.width).collect();
            let labels = fewest(&toy, &Tree::build(&toy, &blocks), &weights, 1_000).unwrap();
            let numbers = (0..1 << toy.width).map(|bits| Block { bits, length: toy.width });
            let wanted: Vec<Colour> = numbers.map(|number| colour_of(&blocks, number)).collect();
            for (number, wanted) in (0..).zip(&wanted) {
                prop_assert_eq!(walk(&toy, &labels, number), *wanted, "{:?}", labels);
            }
            let weight = weight(&labels, &weights);
            let feasible = (1..=5).contains(&weight); // all combinations of four places are
            let smaller =
                feasible && is_possible(&toy, &wanted, &weights, weight - 1, &mut Vec::new());
            prop_assert!(!smaller, "{labels:?}");
        }

        /// Ports: each has what the smallest block around it says, and no other has anything.
        #[test]
        fn ports_have_their_blocks(blocks in blocks(16, 3), ports: [u16; 8]) {
            let tree = Tree::build(&Shape::PORTS, &blocks);
            let labels = fewest(&Shape::PORTS, &tree, &[0, 1, 1, 1], u128::MAX).unwrap();
            let edges = blocks.iter().map(|(block, _)| block.bits << (16 - block.length));
            for bits in ports.into_iter().map(u128::from).chain(edges) {
                let wanted = colour_of(&blocks, Block { bits, length: 16 });
                prop_assert_eq!(walk(&Shape::PORTS, &labels, bits), wanted);
            }
        }
    }

    /// RFC 8686 §5.2.1: a /18 takes 64 names; a /63 of IPv6 two, and one host another two.
    #[test]
    fn records_for_plain_prefixes() {
        let count = |shape: &Shape, blocks: &[(Block, Colour)]| {
            fewest(shape, &Tree::build(shape, blocks), &[0, 1, 1], 1 << 20).map(|all| all.len())
        };
        let v4 = |bits, length| Block { bits, length };
        assert_eq!(count(&Shape::IPV4, &[(v4(0xc633 << 2 | 1, 18), 1)]), Ok(64));
        assert_eq!(count(&Shape::IPV4, &[(v4(0xc633, 16), 1)]), Ok(1));
        assert_eq!(count(&Shape::IPV4, &[(v4(0, 0), 1)]), Ok(256));
        assert_eq!(
            count(&Shape::IPV4, &[(v4(0xc633, 16), 1), (v4(0x00c6_3364, 24), NOTHING)]),
            Ok(255)
        );
        assert_eq!(count(&Shape::IPV6, &[(v4(1, 63), 1)]), Ok(2));
        assert_eq!(count(&Shape::IPV6, &[(v4(1, 97), 1)]), Ok(8));
        let deep = [(v4(1, 64), 1), (v4(1 << 32, 96), 2)];
        assert_eq!(count(&Shape::IPV6, &deep), Ok(2));
        assert_eq!(count(&Shape::IPV6, &[(v4(0, 0), 1)]), Err(1 << 32));
    }
}
