//! Peers drawn without a map.

use super::Ask;
use super::peers::Peers;
use crate::random::{Random, scrambled};
use crate::record::Record;
use crate::sorted::{CHUNK, Sorted};

impl<R: Record> Peers<R> {
    /// About `most` peers for a requester, and at least so many if there are: runs of neighbours,
    /// evenly apart.
    pub(crate) fn sample(&self, ask: &Ask<R>, most: usize, random: &mut Random) -> Vec<R> {
        let mut sample = Vec::with_capacity(most + CHUNK);
        let offered = self.offered(ask.role).max(1);
        for list in self.lists_for(ask.role).filter(|list| list.len() > 0) {
            // One more, for the requester may be met.
            let share = ((most + 1) * list.len()).div_ceil(offered);
            // Runs so long that all chunks together have enough, however uneven they are.
            let run = (CHUNK * share).div_ceil(list.len()).clamp(RUN, CHUNK);
            let enough = sample.len() + share;
            for chunk in spread(list.chunks(), share.div_ceil(run), random) {
                let run = run.min(chunk.len()).min(enough - sample.len());
                let start = random.below(chunk.len() - run + 1);
                sample.extend(chunk[start..start + run].iter().map(|peer| peer.record));
                if sample.len() == enough {
                    break;
                }
            }
        }
        sample.retain(|record| *record != ask.requester);
        sample
    }

    /// Appends up to `ask.k` peers drawn at random from those not in `out`.
    pub(crate) fn add_random(&self, ask: &Ask<R>, out: &mut Vec<R>) {
        let lists: Vec<_> = self.lists_for(ask.role).filter(|list| list.len() > 0).collect();
        let offered = self.offered(ask.role);
        let mut taken = Taken::new(out, ask.requester);
        let enough = out.len().saturating_add(ask.k);
        let mut random = Random::new(ask.seed);
        if offered / 2 <= enough {
            let all = lists.iter().copied().flat_map(Sorted::chunks).flatten();
            let free = all.map(|peer| peer.record).filter(|record| taken.is_free(record, out));
            let mut free: Vec<R> = free.collect();
            let count = free.len();
            for at in 0..ask.k.min(count) {
                free.swap(at, at + random.below(count - at));
            }
            out.extend(free.into_iter().take(ask.k));
            return;
        }
        // At least half of the peers are free, so this ends soon.
        while out.len() < enough {
            let first = random.below(offered) < lists[0].len();
            let record = lists[usize::from(!first)].draw(&mut random).record;
            if taken.is_free(&record, out) {
                taken.mark(&record);
                out.push(record);
            }
        }
    }
}

/// The least length of a run in a sample: neighbours share memory lines.
const RUN: usize = 16;
/// All chunks from a random one on, those about `count` apart first.
fn spread<'c, T>(
    chunks: &'c [Vec<T>],
    count: usize,
    random: &mut Random,
) -> impl Iterator<Item = &'c Vec<T>> + use<'c, T> {
    let first = random.below(chunks.len());
    let stride = (chunks.len() / count).max(1);
    (0..stride)
        .flat_map(move |offset| (offset..chunks.len()).step_by(stride))
        .map(move |at| &chunks[(first + at) % chunks.len()])
}

/// Which records are taken: a hint in bits, since comparing with each would cost more.
pub(crate) struct Taken<R> {
    bits: [u64; 64],
    requester: R,
}

impl<R: Record> Taken<R> {
    pub(crate) fn new(out: &[R], requester: R) -> Self {
        let mut taken = Self { bits: [0; 64], requester };
        for record in out {
            taken.mark(record);
        }
        taken
    }

    fn mark(&mut self, record: &R) {
        let (word, bit) = Self::place(record);
        self.bits[word] |= bit;
    }

    pub(crate) fn is_free(&self, record: &R, out: &[R]) -> bool {
        let (word, bit) = Self::place(record);
        let may_be_taken = self.bits[word] & bit != 0;
        *record != self.requester && !(may_be_taken && out.contains(record))
    }

    fn place(record: &R) -> (usize, u64) {
        let [high, low, ..] = scrambled(record.bits()).to_be_bytes();
        (usize::from(high % 64), 1 << (low % 64))
    }
}
