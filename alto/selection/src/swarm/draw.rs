//! Peers drawn without a map.

use super::peers::Peers;
use super::{Ask, Role};
use crate::random::Random;
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
        let offered = self.offered(ask.role);
        let mut taken = Taken::new(out, ask.requester);
        let enough = out.len().saturating_add(ask.k);
        let mut random = Random::new(ask.seed);
        let free = offered.saturating_sub(out.len());
        if offered < CHUNK / 2 || free < ask.k.saturating_mul(3) {
            self.add_of_few(ask, &taken, &mut random, out);
            return;
        }
        // Most of the free ones stay so to the end: what is drawn in vain costs less than listing them.
        while out.len() < enough {
            let record = self.draw(ask.role, &mut random);
            if taken.is_free(&record, out) {
                taken.mark(&record);
                out.push(record);
            }
        }
    }

    /// One of the peers offered to this role, each as likely as any other; there must be some.
    fn draw(&self, role: Role, random: &mut Random) -> R {
        let (leechers, seeders) = (self.list(Role::Leecher), self.list(Role::Seeder));
        let first = leechers.places();
        let places = first + if role == Role::Leecher { seeders.places() } else { 0 };
        loop {
            let place = random.below(places);
            let peer = if place < first { leechers.at(place) } else { seeders.at(place - first) };
            if let Some(peer) = peer {
                return peer.record;
            }
        }
    }

    /// The same where drawing would meet taken peers too often: all that are free are listed first.
    fn add_of_few(&self, ask: &Ask<R>, taken: &Taken<R>, random: &mut Random, out: &mut Vec<R>) {
        let start = out.len();
        for peer in self.lists_for(ask.role).flat_map(Sorted::chunks).flatten() {
            if taken.is_free(&peer.record, &out[..start]) {
                out.push(peer.record);
            }
        }
        let free = &mut out[start..];
        let wanted = ask.k.min(free.len());
        for at in 0..wanted {
            free.swap(at, at + random.below(free.len() - at));
        }
        out.truncate(start + wanted);
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
    bits: [u64; WORDS],
    requester: R,
}

/// A bit for each of 16,384 hashes: of 200 records, one in a hundred others is compared with.
const WORDS: usize = 256;

impl<R: Record> Taken<R> {
    pub(crate) fn new(out: &[R], requester: R) -> Self {
        let mut taken = Self { bits: [0; WORDS], requester };
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
        // The upper octets of a product hang on all bits: a cheaper hash, and good enough for a hint.
        let [high, low, ..] = record.bits().wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        (usize::from(high) % WORDS, 1 << (low % 64))
    }
}
