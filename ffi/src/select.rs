//! Choosing from a list that the caller owns.

use std::ffi::{c_int, c_long, c_void};
use std::ptr;

use facade::selection::{Record, Role, V4Record, V6Record};
use facade::{Peer, Request, Requester, Share};

use crate::boundary::{borrow, guard, read, whole_number};
use crate::handle::alto_discovery;
use crate::peer::peer;
use crate::records::{Family, Lists, Placed, is_v6};
use crate::stack::Stack;
use crate::status::{ALTO_OK, Failure};
use crate::structs::{ALTO_RANDOM_NONE, alto_peer, alto_select_opts};

/// What alto_costs() tells of a record whose cost is not known.
pub const ALTO_COST_UNKNOWN: u32 = 0xffff_ffff;

/// Chooses the best k of an array of records for a peer: first those of lowest cost, then those drawn
/// at random. What is not known yet is learnt for a later call; until then all are drawn at random.
/// Takes time in proportion to n: for more than a few hundred use alto_swarm_select().
///
/// A record is addr_len octets, 6 (IPv4 and port) or 18 (IPv6 and port), in network order as in BEP 23
/// and BEP 7; it stands at the beginning of each stride octets, and the whole stride is copied to out,
/// which has room for k of them. out == in is allowed (what is behind the chosen ones is then as it
/// was), other overlaps are not. opts may be NULL.
///
/// Returns how many were chosen: k, or all there are.
///
/// # Safety
/// `discovery` is NULL or from `alto_open`; `in_` and `out` as said; `to` and `opts` are NULL or as
/// the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_select(
    discovery: *const alto_discovery,
    to: *const alto_peer,
    r#in: *const c_void,
    n: usize,
    stride: usize,
    addr_len: usize,
    out: *mut c_void,
    k: usize,
    opts: *const alto_select_opts,
) -> c_long {
    guard(|| {
        // SAFETY: the caller's promise.
        let discovery = unsafe { borrow(discovery, "discovery is NULL")? };
        // SAFETY: the caller's promise.
        let wish = unsafe { Wish::read(to, opts)? };
        let list = List::new(r#in, n, stride, addr_len)?;
        list.check_out(out, k)?;
        let stack = discovery.stack()?;
        let out = out.cast();
        // SAFETY: the caller's promise.
        let count = unsafe {
            if is_v6(addr_len)? {
                V6Record::with_lists(|lists| select(stack, &wish, &list, out, k, lists))
            } else {
                V4Record::with_lists(|lists| select(stack, &wish, &list, out, k, lists))
            }
        };
        Ok(whole_number(count))
    })
}

/// Tells what each record costs a peer, lower being better, into costs, an array of n that does not
/// overlap in; ALTO_COST_UNKNOWN where that is not known (yet). Compare the numbers of one call only:
/// they are the server's own where these are all whole numbers below 2^32 - 1, else their ranks from 0.
///
/// # Safety
/// As [`alto_select`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_costs(
    discovery: *const alto_discovery,
    to: *const alto_peer,
    r#in: *const c_void,
    n: usize,
    stride: usize,
    addr_len: usize,
    costs: *mut u32,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let discovery = unsafe { borrow(discovery, "discovery is NULL")? };
        // SAFETY: the caller's promise.
        let (asked, _) = unsafe { peer(to)? };
        let list = List::new(r#in, n, stride, addr_len)?;
        if n > 0 && (costs.is_null() || !costs.is_aligned()) {
            return Err(Failure::invalid("costs is NULL, or not aligned"));
        }
        if list.overlaps(costs.addr(), n.saturating_mul(size_of::<u32>())) {
            return Err(Failure::invalid("costs overlaps in"));
        }
        let (stack, requester) = (discovery.stack()?, asked.into());
        // SAFETY: the caller's promise.
        unsafe {
            if is_v6(addr_len)? {
                V6Record::with_lists(|lists| tell_costs(stack, &requester, &list, costs, lists));
            } else {
                V4Record::with_lists(|lists| tell_costs(stack, &requester, &list, costs, lists));
            }
        }
        Ok(ALTO_OK)
    })
}

/// Who asks, and how to choose.
pub(crate) struct Wish<'a> {
    peer: Peer<'a>,
    port: u16,
    opts: Option<alto_select_opts>,
}

impl<'a> Wish<'a> {
    /// # Safety
    /// `to` and `opts` are NULL or as the header says.
    pub(crate) unsafe fn read(
        to: *const alto_peer,
        opts: *const alto_select_opts,
    ) -> Result<Self, Failure> {
        // SAFETY: the caller's promise.
        let (peer, port) = unsafe { peer(to)? };
        if opts.is_null() {
            return Ok(Self { peer, port, opts: None });
        }
        // SAFETY: the caller's promise.
        let opts = unsafe { read(opts, "opts is NULL")? };
        if opts.random_permille > 1_000 && opts.random_permille != ALTO_RANDOM_NONE {
            return Err(Failure::invalid("random_permille is more than 1000"));
        }
        Ok(Self { peer, port, opts: Some(opts) })
    }

    /// The question for `k` records of a family; `with` makes one of the kind that is chosen from.
    pub(crate) fn request<R: Family, C: Record>(
        &self,
        k: usize,
        with: impl Fn(R) -> C,
    ) -> Request<'a, C> {
        let mut request = Request::new(self.peer.clone(), with(R::NOBODY), k);
        let Some(opts) = &self.opts else { return request };
        if opts.drop_self != 0
            && let Some(own) = R::of(&self.peer, self.port)
        {
            request.own = with(own);
        }
        if opts.seeder != 0 {
            request.role = Role::Seeder;
        }
        request.random_share = match opts.random_permille {
            0 => None,
            ALTO_RANDOM_NONE => Some(Share::NONE),
            // Checked when it was read.
            thousandths => u16::try_from(thousandths).ok().map(Share::permille),
        };
        request.pid_cap = (opts.pid_cap > 0).then_some(opts.pid_cap as usize);
        request.seed = (opts.seed != 0).then_some(opts.seed);
        request
    }
}

/// An array of records in C.
struct List {
    start: *const u8,
    count: usize,
    stride: usize,
}

impl List {
    fn new(
        start: *const c_void,
        count: usize,
        stride: usize,
        record: usize,
    ) -> Result<Self, Failure> {
        is_v6(record)?;
        if stride < record {
            return Err(Failure::invalid("stride is less than addr_len"));
        }
        if start.is_null() && count > 0 {
            return Err(Failure::invalid("in is NULL"));
        }
        if u32::try_from(count).is_err() || count.checked_mul(stride).is_none() {
            return Err(Failure::invalid("n is more than an array can hold"));
        }
        Ok(Self { start: start.cast(), count, stride })
    }

    /// Whether the result may go there: apart from the list, or right on top of it.
    fn check_out(&self, out: *mut c_void, k: usize) -> Result<(), Failure> {
        let room = k.min(self.count) * self.stride;
        if out.is_null() && room > 0 {
            return Err(Failure::invalid("out is NULL"));
        }
        if self.start.addr() != out.addr() && self.overlaps(out.addr(), room) {
            return Err(Failure::invalid("out overlaps in and is not equal to it"));
        }
        Ok(())
    }

    /// Whether so many octets from an address on are partly its own.
    fn overlaps(&self, address: usize, octets: usize) -> bool {
        let start = self.start.addr();
        let is_apart = address.saturating_add(octets) <= start
            || start.saturating_add(self.count * self.stride) <= address;
        !is_apart && octets > 0
    }

    fn place(&self, at: usize) -> *const u8 {
        self.start.wrapping_add(at * self.stride)
    }

    /// The records of the array: where they are, if nothing is between them; else copied.
    ///
    /// # Safety
    /// The array is there, and is not written to as long as the slice lives.
    unsafe fn records<'a, R: Family>(&'a self, copies: &'a mut Vec<R>) -> &'a [R] {
        if self.count > 0 && self.stride == size_of::<R>() {
            // SAFETY: a record is its octets and nothing else, so any address will do.
            return unsafe { std::slice::from_raw_parts(self.start.cast(), self.count) };
        }
        copies.clear();
        // SAFETY: a record stands at the beginning of each stride.
        copies.extend((0..self.count).map(|at| unsafe { R::at(self.place(at)) }));
        copies
    }

    /// # Safety
    /// The array is there.
    unsafe fn read_into<R: Family>(&self, candidates: &mut Vec<Placed<R>>) {
        candidates.clear();
        candidates.extend((0..self.count).map(|at| {
            // SAFETY: a record stands at the beginning of each stride. A place fits in 32 bits.
            let record = unsafe { R::at(self.place(at)) };
            #[allow(clippy::cast_possible_truncation)]
            Placed { record, place: at as u32 }
        }));
    }
}

/// # Safety
/// `list` is there, and `out` has room for `k` strides.
unsafe fn select<R: Family>(
    stack: &Stack,
    wish: &Wish<'_>,
    list: &List,
    out: *mut u8,
    k: usize,
    lists: &mut Lists<R>,
) -> usize {
    // SAFETY: the caller's promise.
    unsafe { list.read_into(&mut lists.candidates) };
    let request = wish.request(k.min(list.count), |record: R| Placed { record, place: 0 });
    stack.advisor.select_among(&request, &lists.candidates, &mut lists.chosen);
    if list.start.addr() == out.addr() {
        lists.octets.resize(lists.chosen.len() * list.stride, 0);
        // SAFETY: the scratch has that room, and is not the caller's; then back over the list.
        unsafe {
            copy(list, &lists.chosen, lists.octets.as_mut_ptr());
            ptr::copy_nonoverlapping(lists.octets.as_ptr(), out, lists.octets.len());
        }
    } else {
        // SAFETY: `out` is apart from the list, and no more than `k` were chosen.
        unsafe { copy(list, &lists.chosen, out) };
    }
    lists.chosen.len()
}

/// # Safety
/// `out` is apart from the list and has room for as many strides as were chosen.
unsafe fn copy<R>(list: &List, chosen: &[Placed<R>], out: *mut u8) {
    for (at, one) in chosen.iter().enumerate() {
        // SAFETY: the caller's promise; the place is one of the list's.
        unsafe {
            let from = list.place(one.place as usize);
            ptr::copy_nonoverlapping(from, out.add(at * list.stride), list.stride);
        }
    }
}

/// # Safety
/// `list` is there, and `out` has room for as many costs as it has records.
unsafe fn tell_costs<R: Family>(
    stack: &Stack,
    requester: &Requester<'_>,
    list: &List,
    out: *mut u32,
    lists: &mut Lists<R>,
) {
    // SAFETY: the caller's promise.
    let records = unsafe { list.records(&mut lists.records) };
    let (mut at, mut are_whole) = (0, true);
    stack.advisor.each_cost(requester, records, |cost| {
        let number = cost.map_or(Some(ALTO_COST_UNKNOWN), whole);
        // SAFETY: told once for each record.
        unsafe { out.add(at).write(number.unwrap_or(ALTO_COST_UNKNOWN)) };
        are_whole &= number.is_some();
        at += 1;
    });
    if are_whole {
        return;
    }
    let costs = &mut lists.costs;
    stack.advisor.costs(requester, records, costs);
    let ranks = sorted(costs);
    for (at, cost) in costs.iter().enumerate() {
        let number = cost.map_or(ALTO_COST_UNKNOWN, |cost| rank(&ranks, cost));
        // SAFETY: the caller's promise.
        unsafe { out.add(at).write(number) };
    }
}

fn whole(cost: f64) -> Option<u32> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates, and is checked
    let number = cost as u32;
    #[allow(clippy::float_cmp)] // exactly that is asked
    let is_it = f64::from(number) == cost && number != ALTO_COST_UNKNOWN;
    is_it.then_some(number)
}

/// The different costs, in order.
fn sorted(costs: &[Option<f64>]) -> Vec<f64> {
    let mut sorted: Vec<f64> = costs.iter().flatten().copied().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.dedup();
    sorted
}

fn rank(sorted: &[f64], cost: f64) -> u32 {
    let rank = sorted.partition_point(|other| other.total_cmp(&cost).is_lt());
    u32::try_from(rank).unwrap_or(ALTO_COST_UNKNOWN - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Order is kept, whatever numbers a server uses.
    #[test]
    fn costs_are_whole_numbers_or_ranks() {
        assert_eq!([0.0, 7.0, 1e9].map(whole), [Some(0), Some(7), Some(1_000_000_000)]);
        assert_eq!([0.5, -1.0, 4_294_967_295.0, 1e300, f64::NAN].map(whole), [None; 5]);
        assert_eq!([-0.0, 4_294_967_294.0].map(whole), [Some(0), Some(ALTO_COST_UNKNOWN - 1)]);
        let order = sorted(&[Some(2.5), None, Some(0.5), Some(2.5), Some(1e300)]);
        assert_eq!([0.5, 2.5, 1e300].map(|cost| rank(&order, cost)), [0, 1, 2]);
    }
}
