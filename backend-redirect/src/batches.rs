//! What several discoveries ask of one server at the same time goes in one request.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alto_messages::{EndpointId, TypedAddress};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::Instant;

use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::flights::Place;
use crate::request::Question;
use crate::rest::Rest;
use crate::verdict::Said;
use crate::walk::Page;

/// Requests under way to one place; what is asked meanwhile waits and goes together.
const CARRIERS: usize = 2;

type Reply = Result<Arc<Page<Said>>, Failure>;

/// Questions that wait, and requests that carry them.
#[derive(Debug)]
pub(crate) struct Batches {
    exchange: Arc<Exchange>,
    /// So many questions go in one request.
    most: usize,
    rest: Rest,
    queues: Mutex<HashMap<Place, Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    carriers: usize,
}

#[derive(Debug)]
struct Waiting {
    question: Question,
    reply: oneshot::Sender<Reply>,
}

impl Batches {
    pub(crate) fn new(exchange: Arc<Exchange>, most: usize) -> Self {
        Self { exchange, most, rest: Rest::default(), queues: Mutex::default() }
    }

    /// Why the service at a place is not asked now.
    pub(crate) fn resting(&self, place: &Place) -> Option<Failure> {
        self.rest.failure(&place.uri, Instant::now())
    }

    /// What the service at a place says, among other things perhaps, of whom the question is about.
    pub(crate) async fn ask(self: &Arc<Self>, place: Place, question: Question) -> Reply {
        let reply = self.queue(place, question).ok_or(Failure::Lost)?;
        reply.await.unwrap_or(Err(Failure::Lost))
    }

    /// Queues a question, and sees to it that it is carried. `None` without a runtime.
    fn queue(
        self: &Arc<Self>,
        place: Place,
        question: Question,
    ) -> Option<oneshot::Receiver<Reply>> {
        let runtime = Handle::try_current().ok()?;
        let (sender, receiver) = oneshot::channel();
        let mut queues = self.lock();
        let queue = queues.entry(place.clone()).or_default();
        queue.waiting.push_back(Waiting { question, reply: sender });
        if queue.carriers < CARRIERS {
            queue.carriers += 1;
            let carrier = Carrier { batches: Arc::clone(self), place, has_left: false };
            runtime.spawn(carrier.run());
        }
        Some(receiver)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries questions to one place until none waits.
struct Carrier {
    batches: Arc<Batches>,
    place: Place,
    has_left: bool,
}

impl Carrier {
    async fn run(mut self) {
        // Others who are about to ask come along.
        yield_now().await;
        while let Some(batch) = self.load() {
            let questions = one_of_each(&batch);
            let reply = self.batches.exchange.properties(&self.place, questions).await;
            let reply = reply.map(Arc::new);
            self.batches.rest.note(&self.place.uri, &reply, Instant::now());
            for waiting in batch {
                // Who has given up does not listen.
                let _ = waiting.reply.send(reply.clone());
            }
        }
    }

    /// The next batch; with none the carrier leaves, in the same moment.
    fn load(&mut self) -> Option<Vec<Waiting>> {
        let mut queues = self.batches.lock();
        let queue = queues.get_mut(&self.place)?;
        let batch = next_batch(&mut queue.waiting, self.batches.most);
        if !batch.is_empty() {
            return Some(batch);
        }
        self.has_left = true;
        queue.carriers -= 1;
        if queue.carriers == 0 {
            queues.remove(&self.place);
        }
        None
    }
}

impl Drop for Carrier {
    /// If its runtime ended, those for whom nobody is left know at once.
    fn drop(&mut self) {
        if self.has_left {
            return;
        }
        let mut queues = self.batches.lock();
        let Some(queue) = queues.get_mut(&self.place) else { return };
        queue.carriers -= 1;
        if queue.carriers == 0 {
            queues.remove(&self.place);
        }
    }
}

/// Takes those that go together: at most so many endpoints, each address with one peer ID, since a
/// request has room for one. Who has given up is left out; the rest keeps its order.
fn next_batch(waiting: &mut VecDeque<Waiting>, most: usize) -> Vec<Waiting> {
    let mut endpoints: BTreeMap<TypedAddress, Option<EndpointId>> = BTreeMap::new();
    let (mut batch, mut later) = (Vec::new(), VecDeque::new());
    while let Some(next) = waiting.pop_front() {
        if next.reply.is_closed() {
            continue;
        }
        let Question { address, id } = &next.question;
        let has_room = match endpoints.get(address) {
            Some(own) => own == id,
            None => endpoints.len() < most,
        };
        if has_room {
            endpoints.insert(*address, id.clone());
            batch.push(next);
        } else {
            later.push_back(next);
        }
        if endpoints.len() == most && later.len() > most {
            break; // enough was looked at for those who ask the same
        }
    }
    later.append(waiting);
    *waiting = later;
    batch
}

fn one_of_each(batch: &[Waiting]) -> Vec<&Question> {
    let mut questions: Vec<&Question> = batch.iter().map(|waiting| &waiting.question).collect();
    questions.sort_unstable_by_key(|question| question.address);
    questions.dedup();
    questions
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn waiting(asked: &[(u8, Option<u16>)]) -> (VecDeque<Waiting>, Vec<oneshot::Receiver<Reply>>) {
        let one = |(host, port): &(u8, Option<u16>)| {
            let address = TypedAddress([198, 51, 100, *host].into());
            let question = Question { address, id: port.map(EndpointId::Port) };
            let (reply, receiver) = oneshot::channel();
            (Waiting { question, reply }, receiver)
        };
        asked.iter().map(one).unzip()
    }

    proptest! {
        /// All are carried once; no request has more endpoints than allowed, or an address with two
        /// peer IDs.
        #[test]
        fn each_is_carried_once(
            asked in prop::collection::vec((0_u8..8, prop::option::of(0_u16..3)), 0..60),
            most in 1_usize..6,
        ) {
            let (mut queue, _receivers) = waiting(&asked);
            let mut carried = Vec::new();
            while !queue.is_empty() {
                let batch = next_batch(&mut queue, most);
                prop_assert!(!batch.is_empty());
                let questions = one_of_each(&batch);
                let addresses: BTreeSet<_> = questions.iter().map(|q| q.address).collect();
                prop_assert_eq!(addresses.len(), questions.len());
                prop_assert!(questions.len() <= most);
                carried.extend(batch.iter().map(|waiting| waiting.question.clone()));
            }
            let key = |question: &Question| (question.address, format!("{:?}", question.id));
            let mut all: Vec<_> = waiting(&asked).0.iter().map(|w| w.question.clone()).collect();
            all.sort_unstable_by_key(key);
            carried.sort_unstable_by_key(key);
            prop_assert_eq!(carried, all);
        }
    }

    /// Nobody asks for those who have given up.
    #[test]
    fn who_gave_up_is_left_out() {
        let (mut queue, mut receivers) = waiting(&[(1, None), (2, None)]);
        drop(receivers.remove(0));
        let batch = next_batch(&mut queue, 256);
        assert_eq!(batch.len(), 1);
        assert_eq!(batch[0].question.address.0.to_string(), "198.51.100.2");
        assert!(queue.is_empty());
    }
}
