//! Who speaks for each number, as a tree with one level for each label.

use crate::shape::{Block, Shape};

/// Stands for a set of servers.
pub(crate) type Colour = usize;
/// Stands for no server.
pub(crate) const NOTHING: Colour = 0;

/// The numbers below a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tree {
    /// All of them have the same servers.
    Uniform(Colour),
    /// They differ; the parts are in the order of their labels.
    Split(Vec<Tree>),
}

impl Tree {
    /// The tree in which the longest of the blocks around a number decides.
    pub(crate) fn build(shape: &Shape, blocks: &[(Block, Colour)]) -> Self {
        let whole = blocks.iter().find(|(block, _)| block.length == 0);
        let inside: Vec<_> = blocks.iter().filter(|(block, _)| block.length > 0).copied().collect();
        grow(shape.step, Block::ALL, whole.map_or(NOTHING, |(_, colour)| *colour), &inside)
    }
}

/// What lies below `at`, where `colour` holds but for the blocks inside.
fn grow(step: u8, at: Block, colour: Colour, inside: &[(Block, Colour)]) -> Tree {
    if inside.is_empty() {
        return Tree::Uniform(colour);
    }
    let part = |label| {
        let child = at.child(label, step);
        let around = inside.iter().filter(|(block, _)| block.contains(child));
        let nearest = around.max_by_key(|(block, _)| block.length);
        let below =
            |(block, _): &&(Block, Colour)| child.length < block.length && child.contains(*block);
        let below: Vec<_> = inside.iter().filter(below).copied().collect();
        grow(step, child, nearest.map_or(colour, |(_, colour)| *colour), &below)
    };
    let parts: Vec<Tree> = (0..1 << step).map(part).collect();
    match &parts[0] {
        Tree::Uniform(colour) if parts.iter().all(|part| *part == parts[0]) => {
            Tree::Uniform(*colour)
        }
        _ => Tree::Split(parts),
    }
}
