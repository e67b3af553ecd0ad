//! Which server speaks for a peer.

use std::ffi::{c_char, c_int};
use std::net::IpAddr;
use std::ptr;
use std::time::Duration;

use facade::{
    Answer, Discovery, Dnssec, Error, Hints, Known, NoServer, Peer, Scope, Trust, Validity,
};
use libc::{AF_INET, AF_INET6};
use tokio::time::Instant;

use crate::boundary::{borrow, guard, guard_from_panics, read, size_of_theirs, write};
use crate::finder::{Finder, Wait, is_timeout};
use crate::handle::alto_discovery;
use crate::peer::{owned, peer};
use crate::status::{
    ALTO_E_FULL, ALTO_E_NOT_APPLICABLE, ALTO_E_TIMEOUT, ALTO_E_UNAVAILABLE, ALTO_NONE, ALTO_OK,
    ALTO_PENDING, ALTO_STALE, Failure,
};
use crate::structs::{alto_answer, alto_completion, alto_peer};

/// What is known now of the servers that speak for a peer: returns at once, from memory. What is not
/// known is being found out from then on, for a later call.
///
/// ALTO_OK and the answer; ALTO_STALE and an old answer; ALTO_NONE and for how long that holds;
/// ALTO_PENDING if a discovery is under way; ALTO_E_UNAVAILABLE if too many are; ALTO_E_FULL if the
/// URIs need more than text_len. out is written with the first three only (and text_needed with
/// ALTO_E_FULL).
///
/// # Safety
/// `discovery` is NULL or from `alto_open`; `peer` and `out` are NULL or as the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_lookup(
    discovery: *const alto_discovery,
    peer: *const alto_peer,
    out: *mut alto_answer,
) -> c_int {
    guard_from_panics(|| {
        // SAFETY: the caller's promise.
        let (discovery, asked, out) = unsafe { arguments(discovery, peer, out)? };
        let (stack, engine) = discovery.running()?;
        let now = stack.clock.now();
        let known = certain(stack.advisor.discovery(), &asked, now);
        at_once(known, &asked, &engine.finder, now, out)
    })
}

/// The same, but waits at most timeout_ms while nothing is known: also when the resolver is silent,
/// for it may come back. Only a refused connection, or that nothing applies to this peer, ends it
/// early. Blocks the calling thread; never call it where packets are served.
///
/// ALTO_OK, ALTO_STALE or ALTO_NONE as alto_lookup(); ALTO_E_TIMEOUT or ALTO_E_UNAVAILABLE if nothing
/// became known, which says nothing about whether there is a server; ALTO_E_NOT_STARTED if
/// alto_stop() came first.
///
/// # Safety
/// As [`alto_lookup`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_lookup_wait(
    discovery: *const alto_discovery,
    peer: *const alto_peer,
    timeout_ms: u32,
    out: *mut alto_answer,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let (discovery, asked, out) = unsafe { arguments(discovery, peer, out)? };
        let (stack, engine) = discovery.running()?;
        let now = Instant::now();
        match certain(stack.advisor.discovery(), &asked, now) {
            Known::Ask | Known::Stale(_) if timeout_ms > 0 => {
                let deadline = now + Duration::from_millis(timeout_ms.into());
                waited(engine.finder.wait(owned(&asked), deadline), out)
            }
            known => match at_once(known, &asked, &engine.finder, now, out)? {
                ALTO_PENDING => Err(time_is_up()),
                status => Ok(status),
            },
        }
    })
}

/// Starts a lookup and returns at once. When it is over alto_fd() becomes readable and alto_poll()
/// gives token, once; that is also so if it is cancelled, or the handle stopped.
///
/// ALTO_E_INVALID if the token is in use: that is, until alto_poll() has given it. ALTO_E_FULL if as
/// many as "discovery.calls" are not fetched yet.
///
/// # Safety
/// As [`alto_lookup`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_lookup_async(
    discovery: *const alto_discovery,
    peer: *const alto_peer,
    token: u64,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let discovery = unsafe { borrow(discovery, "discovery is NULL")? };
        // SAFETY: the caller's promise.
        let (asked, _) = unsafe { crate::peer::peer(peer)? };
        let (_, engine) = discovery.running()?;
        engine.finder.ask(owned(&asked), token)?;
        Ok(ALTO_OK)
    })
}

/// Cancels a lookup of alto_lookup_async(): alto_poll() gives its token soon, with ALTO_E_CANCELLED
/// unless it was over already. ALTO_E_INVALID if nothing was asked for by this token.
///
/// # Safety
/// `discovery` is NULL or from `alto_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_cancel(discovery: *const alto_discovery, token: u64) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let discovery = unsafe { borrow(discovery, "discovery is NULL")? };
        discovery.engine()?.finder.cancel(token)?;
        Ok(ALTO_OK)
    })
}

/// Fetches at most n completions into out, an array of n. Returns how many, 0 if none waits; never
/// waits itself. Works after alto_stop(), too.
///
/// # Safety
/// `discovery` is NULL or from `alto_open`; `out` is NULL or has room for `n` structs of the size that
/// the first one says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn alto_poll(
    discovery: *const alto_discovery,
    out: *mut alto_completion,
    n: usize,
) -> c_int {
    guard(|| {
        // SAFETY: the caller's promise.
        let discovery = unsafe { borrow(discovery, "discovery is NULL")? };
        if n == 0 {
            return Ok(0);
        }
        // SAFETY: the caller's promise.
        let first = unsafe { read(out, "out is NULL")? };
        let engine = discovery.engine()?;
        let mut place = out.cast::<u8>();
        let count = engine.finder.fetch(n.min(c_int::MAX as usize), |token, status| {
            let completion = alto_completion { struct_size: first.struct_size, status, token };
            // SAFETY: one of `n` structs of that size.
            unsafe {
                place.cast::<u32>().write_unaligned(first.struct_size);
                write(place.cast(), &completion);
                place = place.add(first.struct_size as usize);
            }
        });
        Ok(c_int::try_from(count).unwrap_or(c_int::MAX))
    })
}

/// Where an answer goes.
struct Out {
    place: *mut alto_answer,
    text: *mut c_char,
    text_len: usize,
}

/// # Safety
/// As [`alto_lookup`].
unsafe fn arguments<'a>(
    discovery: *const alto_discovery,
    asked: *const alto_peer,
    out: *mut alto_answer,
) -> Result<(&'a alto_discovery, Peer<'a>, Out), Failure> {
    // SAFETY: the caller's promise.
    let discovery = unsafe { borrow(discovery, "discovery is NULL")? };
    // SAFETY: the caller's promise.
    let (asked, _) = unsafe { peer(asked)? };
    // SAFETY: the caller's promise.
    unsafe { size_of_theirs(out.cast_const(), "out is NULL")? };
    // SAFETY: as large as just checked, and these two were in it from the first version on.
    let (text, text_len) = unsafe { ((*out).text, (*out).text_len) };
    if text.is_null() && text_len > 0 {
        return Err(Failure::invalid("text is NULL"));
    }
    Ok((discovery, asked, Out { place: out, text, text_len }))
}

/// Copies out what is known; what is not, or not for long, is being found out from now on.
fn at_once(
    known: Known,
    asked: &Peer<'_>,
    finder: &Finder,
    now: Instant,
    out: Out,
) -> Result<c_int, Failure> {
    match known {
        Known::Fresh(answer) => {
            let left = answer.validity.left(now);
            if is_nearly_over(left, answer.validity) {
                finder.find(asked);
            }
            out.answer(&answer, left)?;
            Ok(ALTO_OK)
        }
        Known::Stale(answer) => {
            finder.find(asked);
            out.answer(&answer, answer.validity.left(now))?;
            Ok(ALTO_STALE)
        }
        Known::None(none) => {
            let left = none.validity.left(now);
            if is_nearly_over(left, none.validity) {
                finder.find(asked);
            }
            Ok(out.none(&none, left))
        }
        Known::NotApplicable => {
            let sentence = "no way of finding a server applies to this peer";
            Err(Failure::new(ALTO_E_NOT_APPLICABLE, sentence))
        }
        Known::Ask if finder.find(asked) => Ok(ALTO_PENDING),
        Known::Ask => Err(Failure::new(ALTO_E_UNAVAILABLE, "too many discoveries are under way")),
    }
}

fn waited(wait: Wait, out: Out) -> Result<c_int, Failure> {
    let now = Instant::now();
    match wait {
        Wait::Over(Ok(answer)) => {
            out.answer(&answer, answer.validity.left(now))?;
            Ok(if answer.validity.holds(now) { ALTO_OK } else { ALTO_STALE })
        }
        Wait::Over(Err(Error::NoServer(none))) => Ok(out.none(&none, none.validity.left(now))),
        Wait::Over(Err(error)) if is_timeout(&error) => {
            Err(Failure::new(ALTO_E_TIMEOUT, error.to_string()))
        }
        Wait::Over(Err(error)) => Err(error.into()),
        Wait::TimeIsUp => Err(time_is_up()),
        Wait::Stopped => Err(Wait::stopped()),
    }
}

/// What is certain of a peer. What it sent, if it is no good, costs it nothing that is certain of its
/// address.
fn certain(discovery: &Discovery, peer: &Peer<'_>, now: Instant) -> Known {
    match discovery.known(peer, now) {
        Known::Ask if *peer.hints() != Hints::None => discovery.known(&peer.without_hints(), now),
        known => known,
    }
}

fn time_is_up() -> Failure {
    Failure::new(ALTO_E_TIMEOUT, "nothing became known in the time given")
}

/// In the last tenth of its life a fact is asked for again, so that it need not run out.
fn is_nearly_over(left: Duration, validity: Validity) -> bool {
    left.as_secs() < validity.lifetime().as_secs() / 10
}

impl Out {
    fn answer(self, answer: &Answer, left: Duration) -> Result<(), Failure> {
        let servers = answer.servers();
        let needed = servers.iter().map(|server| server.uri.as_str().len() + 1).sum();
        let own = self.about(&answer.scope, left, answer.backend, answer.dnssec);
        let own = alto_answer {
            text_needed: needed,
            server_count: u32::try_from(servers.len()).unwrap_or(u32::MAX),
            trust: servers.first().map_or(0, |server| trust(server.trust)),
            incomplete: answer.incomplete.into(),
            ..own
        };
        if !self.text.is_null() {
            self.uris(servers.iter().map(|server| server.uri.as_str()), needed)?;
        }
        // SAFETY: checked by `arguments`.
        unsafe { write(self.place, &own) };
        Ok(())
    }

    fn none(self, none: &NoServer, left: Duration) -> c_int {
        let own = self.about(&none.scope, left, none.backend, none.dnssec);
        if self.text_len > 0 {
            // SAFETY: there is an octet, so that no earlier answer's URI is left there.
            unsafe { self.text.write(0) };
        }
        // SAFETY: checked by `arguments`.
        unsafe { write(self.place, &own) };
        ALTO_NONE
    }

    fn uris<'u>(&self, uris: impl Iterator<Item = &'u str>, needed: usize) -> Result<(), Failure> {
        if needed > self.text_len {
            // SAFETY: the place is as large as `alto_answer` was from the first version on.
            unsafe { (&raw mut (*self.place).text_needed).write(needed) };
            return Err(Failure::new(ALTO_E_FULL, "text_len is less than text_needed"));
        }
        let mut place = self.text.cast::<u8>();
        for uri in uris {
            // SAFETY: all of them and their NULs fit, as was just seen.
            unsafe {
                ptr::copy_nonoverlapping(uri.as_ptr(), place, uri.len());
                place.add(uri.len()).write(0);
                place = place.add(uri.len() + 1);
            }
        }
        Ok(())
    }

    fn about(&self, scope: &Scope, left: Duration, name: &str, dnssec: Dnssec) -> alto_answer {
        let family = if scope.net.addr().is_ipv4() { AF_INET } else { AF_INET6 };
        let mut own = alto_answer {
            struct_size: 0, // stays theirs
            text: self.text,
            text_len: self.text_len,
            text_needed: 0,
            server_count: 0,
            scope_family: family.cast_unsigned(),
            scope_addr: [0; 16],
            scope_len: scope.net.prefix_len().into(),
            trust: 0,
            dnssec: dnssec_number(dnssec),
            incomplete: 0,
            ttl_ms: left.as_secs() * 1_000 + u64::from(left.subsec_millis()),
            backend: [0; 16],
        };
        match scope.net.addr() {
            IpAddr::V4(v4) => own.scope_addr[..4].copy_from_slice(&v4.octets()),
            IpAddr::V6(v6) => own.scope_addr = v6.octets(),
        }
        for (place, octet) in own.backend[..15].iter_mut().zip(name.bytes()) {
            *place = octet.cast_signed();
        }
        own
    }
}

fn trust(trust: Trust) -> u32 {
    use crate::structs::{ALTO_TRUST_CONFIGURED, ALTO_TRUST_NETWORK, ALTO_TRUST_PEER_CLAIM};
    match trust {
        Trust::PeerClaim => ALTO_TRUST_PEER_CLAIM,
        Trust::Network => ALTO_TRUST_NETWORK,
        Trust::Configured => ALTO_TRUST_CONFIGURED,
    }
}

fn dnssec_number(dnssec: Dnssec) -> u32 {
    use crate::structs::{
        ALTO_DNSSEC_BOGUS, ALTO_DNSSEC_INSECURE, ALTO_DNSSEC_SECURE, ALTO_DNSSEC_UNKNOWN,
    };
    match dnssec {
        Dnssec::Unknown => ALTO_DNSSEC_UNKNOWN,
        Dnssec::Insecure => ALTO_DNSSEC_INSECURE,
        Dnssec::Secure => ALTO_DNSSEC_SECURE,
        Dnssec::Bogus => ALTO_DNSSEC_BOGUS,
    }
}
