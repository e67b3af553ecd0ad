//! How names stand for parts of a space of numbers: addresses, or the ports of one address.

/// A space and the names asked for in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// The bits of a number.
    pub(crate) width: u8,
    /// The bits that one label stands for.
    pub(crate) step: u8,
    /// The lengths asked for, shortest first, the last one `width`: of the names that hold records
    /// the longest one counts.
    pub(crate) asked: &'static [u8],
    /// The least length below whose names wildcards may stand; `None`: nowhere.
    pub(crate) wildcards: Option<u8>,
}

impl Shape {
    /// The octets of IPv4 addresses (RFC 8686 §3.4, Table 1). No wildcards: all hosts can be named, and
    /// those that have PTR records are to find their servers too.
    pub(crate) const IPV4: Self =
        Self { width: 32, step: 8, asked: &[8, 16, 24, 32], wildcards: None };
    /// The nibbles of IPv6 addresses. A prefix longer than /64 has more hosts than can be named.
    pub(crate) const IPV6: Self =
        Self { width: 128, step: 4, asked: &[32, 40, 48, 56, 64, 128], wildcards: Some(64) };
    /// The ports of an address: only the full name is asked for, so wildcards make the blocks.
    pub(crate) const PORTS: Self = Self { width: 16, step: 4, asked: &[16], wildcards: Some(0) };

    pub(crate) fn asks(&self, length: u8) -> bool {
        self.asked.contains(&length)
    }

    pub(crate) fn takes_wildcards(&self, length: u8) -> bool {
        length < self.width && self.wildcards.is_some_and(|least| least <= length)
    }

    /// The least length, from `length` on, at which records can be put for all that lies below.
    pub(crate) fn next_place(&self, length: u8) -> u8 {
        let fits = |length: &u8| self.asks(*length) || self.takes_wildcards(*length);
        (length..=self.width).step_by(self.step.into()).find(fits).unwrap_or(self.width)
    }
}

/// Numbers with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Block {
    /// Those bits.
    pub(crate) bits: u128,
    /// How many.
    pub(crate) length: u8,
}

impl Block {
    pub(crate) const ALL: Self = Self { bits: 0, length: 0 };

    /// The part below one label more.
    pub(crate) fn child(self, label: u128, step: u8) -> Self {
        Self { bits: self.bits << step | label, length: self.length + step }
    }

    pub(crate) fn contains(self, other: Self) -> bool {
        let more = other.length.checked_sub(self.length);
        // A shift by all 128 bits leaves nothing.
        more.is_some_and(|more| other.bits.checked_shr(more.into()).unwrap_or(0) == self.bits)
    }

    /// Its parts of a greater length.
    pub(crate) fn parts(self, length: u8) -> impl Iterator<Item = Self> {
        let more = length - self.length;
        (0..1_u128 << more).map(move |part| Self { bits: self.bits << more | part, length })
    }
}
