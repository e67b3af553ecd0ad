//! Nested prefixes to disjoint intervals.

use std::net::IpAddr;

use ipnet::IpNet;

use super::PrefixFault;
use crate::Pid;

/// From `start` up to the next interval's start, all addresses have this code (0 for no PID).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval<A> {
    pub(super) start: A,
    pub(super) code: u32,
}

/// An address as a number.
pub(super) trait Bits: Copy + Ord + Default {
    /// The last address of the prefix of this length that starts here.
    fn last(self, length: u8) -> Self;
    /// The next address; `None` behind the last one.
    fn next(self) -> Option<Self>;
    /// As an address of its family.
    fn address(self) -> IpAddr;
}

/// The intervals of these prefixes (start, length, PID), ascending; the first starts at 0, and
/// neighbours differ in code.
pub(super) fn flatten<A: Bits>(
    mut prefixes: Vec<(A, u8, Pid)>,
) -> Result<Vec<Interval<A>>, PrefixFault> {
    // Ascending by start, outer before inner; equal prefixes side by side.
    prefixes.sort_unstable();
    refuse_twice(&prefixes)?;
    let mut sweep = Sweep { intervals: Vec::with_capacity(prefixes.len() + 1), open: Vec::new() };
    sweep.emit(A::default(), 0);
    for &(start, length, pid) in &prefixes {
        let code = Pid::code(Some(pid));
        sweep.close_before(Some(start));
        sweep.emit(start, code);
        sweep.open.push((start.last(length), code));
    }
    sweep.close_before(None);
    Ok(sweep.intervals)
}

fn refuse_twice<A: Bits>(sorted: &[(A, u8, Pid)]) -> Result<(), PrefixFault> {
    let pairs = sorted.iter().zip(sorted.iter().skip(1));
    let twice = |(one, other): &(&(A, u8, Pid), &(A, u8, Pid))| {
        (one.0, one.1) == (other.0, other.1) && one.2 != other.2
    };
    pairs.into_iter().find(twice).map_or(Ok(()), |(one, other)| {
        let net = IpNet::new_assert(one.0.address(), one.1);
        Err(PrefixFault::Twice { net, pids: [one.2, other.2] })
    })
}

/// One pass over sorted prefixes, those around the current address open on a stack.
struct Sweep<A> {
    intervals: Vec<Interval<A>>,
    /// Last address and code, outermost first.
    open: Vec<(A, u32)>,
}

impl<A: Bits> Sweep<A> {
    /// Closes the prefixes that end before `start`: behind each, the one around it goes on.
    fn close_before(&mut self, start: Option<A>) {
        while let Some(&(last, _)) = self.open.last()
            && start.is_none_or(|start| last < start)
        {
            self.open.pop();
            let around = self.open.last().map_or(0, |(_, code)| *code);
            if let Some(next) = last.next() {
                self.emit(next, around);
            }
        }
    }

    fn emit(&mut self, start: A, code: u32) {
        // Two prefixes may start, or end, at one address: the later word counts.
        self.intervals.pop_if(|last| last.start == start);
        if self.intervals.last().is_none_or(|last| last.code != code) {
            self.intervals.push(Interval { start, code });
        }
    }
}

macro_rules! bits {
    ($($kind:ty => $address:ty),*) => {$(
        impl Bits for $kind {
            fn last(self, length: u8) -> Self {
                self | Self::MAX.checked_shr(u32::from(length)).unwrap_or(0)
            }

            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }

            fn address(self) -> IpAddr {
                <$address>::from_bits(self).into()
            }
        }
    )*};
}

bits!(u32 => std::net::Ipv4Addr, u128 => std::net::Ipv6Addr);
