//! What all name servers of the kit have in common.

use std::net::SocketAddr;

/// A name server on loopback, ended when dropped.
pub trait NameServer {
    /// Where it listens, UDP and TCP. It stays the same for its whole life.
    fn address(&self) -> SocketAddr;

    /// Ends it; its port is closed from then on. Nothing happens if it has ended already.
    fn stop(&mut self);

    /// Ends it, if need be, and starts it again where it was; returns when it answers.
    fn restart(&mut self);
}
