//! How much of a body is swallowed, how far it may grow when decoded, how slowly it may come.

use std::io::{self, Write};
use std::time::Duration;

use bytes::{Buf, Bytes};
use flate2::write::MultiGzDecoder;

use crate::config::Limits;
use crate::error::{Fault, Phase};

/// What a body holds, which decides how large and how slow it may be, and how long it is fresh if
/// its server does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyKind {
    /// A network map or cost map: large, so it has a least rate instead of a total time. An hour.
    Map,
    /// An information resource directory. An hour.
    Directory,
    /// Endpoint costs or properties. Five minutes.
    Endpoints,
}

impl BodyKind {
    /// The size limit, decoded.
    pub(crate) fn max_octets(self, limits: &Limits) -> u64 {
        match self {
            Self::Map => limits.max_map,
            Self::Directory | Self::Endpoints => limits.max_body,
        }
    }

    /// How long it is fresh if its server does not say.
    pub(crate) fn default_lifetime(self) -> Duration {
        match self {
            Self::Map | Self::Directory => Duration::from_secs(3_600),
            Self::Endpoints => Duration::from_secs(300),
        }
    }
}

/// Up to this size, decoded, a body may grow as it likes: it can do no harm.
const HARMLESS_OCTETS: u64 = 1 << 20;

/// Counts a body's octets, encoded and decoded, and refuses it when there are too many.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    max_octets: u64,
    max_ratio: u64,
    encoded: u64,
    decoded: u64,
}

impl Meter {
    pub(crate) fn new(max_octets: u64, max_ratio: u64) -> Self {
        Self { max_octets, max_ratio, encoded: 0, decoded: 0 }
    }

    pub(crate) fn decoded(&self) -> u64 {
        self.decoded
    }

    /// Counts octets off the wire. An encoding that makes a body larger is refused too.
    pub(crate) fn count_encoded(&mut self, octets: usize) -> Result<(), Fault> {
        self.encoded = self.encoded.saturating_add(octets as u64);
        if self.encoded > self.max_octets.saturating_add(HARMLESS_OCTETS) {
            return Err(Fault::TooLarge(self.max_octets));
        }
        Ok(())
    }

    /// Counts octets of the resource.
    pub(crate) fn count_decoded(&mut self, octets: usize) -> Result<(), Fault> {
        self.decoded = self.decoded.saturating_add(octets as u64);
        if self.decoded > self.max_octets {
            return Err(Fault::TooLarge(self.max_octets));
        }
        let grown = self.decoded > self.encoded.saturating_mul(self.max_ratio);
        if grown && self.decoded > HARMLESS_OCTETS {
            return Err(Fault::Inflated(self.max_ratio));
        }
        Ok(())
    }
}

/// How long a body has been waited for, and how much longer it may be.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    idle: Duration,
    rate: Option<Rate>,
    waited: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Rate {
    grace: Duration,
    octets_per_second: u64,
}

impl Pace {
    pub(crate) fn new(kind: BodyKind, limits: &Limits) -> Self {
        let rate = Rate { grace: limits.rate_grace, octets_per_second: limits.min_rate };
        let rate = (kind == BodyKind::Map).then_some(rate);
        Self { idle: limits.idle_timeout, rate, waited: Duration::ZERO }
    }

    /// Adds a wait for the network; what the caller does in between is not the server's fault.
    pub(crate) fn add(&mut self, waited: Duration) {
        self.waited = self.waited.saturating_add(waited);
    }

    /// How long the next wait may be, and what it means if it is longer.
    pub(crate) fn patience(&self, decoded: u64) -> (Duration, Phase) {
        let Some(rate) = self.rate else { return (self.idle, Phase::Idle) };
        let due = Duration::from_millis(decoded.saturating_mul(1_000) / rate.octets_per_second);
        let left = due.max(rate.grace).saturating_sub(self.waited);
        if left < self.idle { (left, Phase::Rate) } else { (self.idle, Phase::Idle) }
    }
}

/// Undoes the content encoding, a bounded piece at a time.
#[derive(Debug)]
pub(crate) enum Decoder {
    /// None to undo.
    Identity {
        /// What came and was not handed out.
        pending: Bytes,
    },
    /// gzip (RFC 1952), of any number of members.
    Gzip {
        /// What came and was not decoded.
        pending: Bytes,
        /// Holds what was decoded and not handed out.
        inflate: Box<MultiGzDecoder<Vec<u8>>>,
    },
}

/// A piece of this size is handed out even if more could be decoded. One step of decoding adds no
/// more than about as much again.
const PIECE_OCTETS: usize = 64 << 10;

impl Decoder {
    /// The decoder for the value of `Content-Encoding`: nothing, or the one we asked for.
    pub(crate) fn new(encoding: Option<&str>) -> Result<Self, Fault> {
        let pending = Bytes::new();
        match encoding.map(|encoding| encoding.trim().to_ascii_lowercase()).as_deref() {
            None | Some("" | "identity") => Ok(Self::Identity { pending }),
            Some("gzip" | "x-gzip") => {
                Ok(Self::Gzip { pending, inflate: Box::new(MultiGzDecoder::new(Vec::new())) })
            }
            Some(other) => Err(Fault::Encoding(format!("{other:?} was not asked for").into())),
        }
    }

    /// Whether nothing is to be undone.
    pub(crate) fn is_identity(&self) -> bool {
        matches!(self, Self::Identity { .. })
    }

    /// Takes what came, after all that came before was handed out.
    pub(crate) fn feed(&mut self, octets: Bytes) {
        match self {
            Self::Identity { pending } | Self::Gzip { pending, .. } => *pending = octets,
        }
    }

    /// The next piece of what came; `None` if more must come first.
    pub(crate) fn piece(&mut self) -> Result<Option<Bytes>, Fault> {
        match self {
            Self::Identity { pending } => Ok(non_empty(std::mem::take(pending))),
            Self::Gzip { pending, inflate } => {
                while !pending.is_empty() && inflate.get_ref().len() < PIECE_OCTETS {
                    let taken = inflate.write(pending).map_err(|fault| bad_gzip(&fault))?;
                    pending.advance(taken);
                }
                if pending.is_empty() {
                    inflate.flush().map_err(|fault| bad_gzip(&fault))?;
                }
                Ok(non_empty(std::mem::take(inflate.get_mut()).into()))
            }
        }
    }

    /// The last piece, once all has come.
    pub(crate) fn finish(&mut self) -> Result<Option<Bytes>, Fault> {
        match self {
            Self::Identity { .. } => Ok(None),
            Self::Gzip { inflate, .. } => {
                inflate.try_finish().map_err(|fault| bad_gzip(&fault))?;
                Ok(non_empty(std::mem::take(inflate.get_mut()).into()))
            }
        }
    }
}

fn non_empty(octets: Bytes) -> Option<Bytes> {
    (!octets.is_empty()).then_some(octets)
}

fn bad_gzip(fault: &io::Error) -> Fault {
    Fault::Encoding(format!("no gzip: {fault}").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    const MIB: usize = 1 << 20;

    fn gzip(octets: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(octets).unwrap();
        encoder.finish().unwrap()
    }

    /// Decodes `octets` fed in pieces of `size`; also the largest piece that came out.
    fn decode(octets: &[u8], size: usize) -> Result<(Vec<u8>, usize), Fault> {
        let mut decoder = Decoder::new(Some("gzip")).unwrap();
        let (mut all, mut largest) = (Vec::new(), 0);
        let mut take = |piece: Bytes| {
            largest = largest.max(piece.len());
            all.extend_from_slice(&piece);
        };
        for fed in octets.chunks(size) {
            decoder.feed(Bytes::copy_from_slice(fed));
            while let Some(piece) = decoder.piece()? {
                take(piece);
            }
        }
        if let Some(piece) = decoder.finish()? {
            take(piece);
        }
        Ok((all, largest))
    }

    /// Each limit is kept at n, and broken at n + 1.
    #[test]
    fn sizes_are_limited() {
        let mut meter = Meter::new(1_000, 100);
        meter.count_encoded(1_000).unwrap();
        meter.count_decoded(999).unwrap();
        meter.count_decoded(1).unwrap();
        assert!(matches!(meter.count_decoded(1), Err(Fault::TooLarge(1_000))));
        let mut meter = Meter::new(1_000, 100);
        meter.count_encoded(MIB + 1_000).unwrap();
        assert!(matches!(meter.count_encoded(1), Err(Fault::TooLarge(1_000))));
    }

    /// Growth by 100 is fine, by more is not, and up to 1 MiB nobody asks.
    #[test]
    fn growth_is_limited() {
        let mut meter = Meter::new(u64::MAX, 100);
        meter.count_encoded(20_000).unwrap();
        meter.count_decoded(2_000_000).unwrap();
        assert!(matches!(meter.count_decoded(1), Err(Fault::Inflated(100))));
        let mut meter = Meter::new(u64::MAX, 100);
        meter.count_encoded(1).unwrap();
        meter.count_decoded(MIB).unwrap();
        assert!(matches!(meter.count_decoded(1), Err(Fault::Inflated(100))));
    }

    /// 64 KiB/s after 5 s for maps, and 5 s between two pieces for all.
    #[test]
    fn slowness_is_limited() {
        let secs = Duration::from_secs;
        let mut map = Pace::new(BodyKind::Map, &Limits::default());
        assert_eq!(map.patience(0), (secs(5), Phase::Idle));
        map.add(secs(4));
        assert_eq!(map.patience(0), (secs(1), Phase::Rate));
        assert_eq!(map.patience(6 * 65_536), (secs(2), Phase::Rate));
        assert_eq!(map.patience(1 << 30), (secs(5), Phase::Idle));
        map.add(secs(60));
        assert_eq!(map.patience(6 * 65_536), (Duration::ZERO, Phase::Rate));
        let mut other = Pace::new(BodyKind::Endpoints, &Limits::default());
        other.add(secs(60));
        assert_eq!(other.patience(0), (secs(5), Phase::Idle));
    }

    /// Only what was asked for is decoded.
    #[test]
    fn other_encodings_are_refused() {
        for encoding in [None, Some(""), Some("identity"), Some("gzip"), Some(" X-GZIP ")] {
            Decoder::new(encoding).unwrap();
        }
        for encoding in ["br", "zstd", "deflate", "gzip, gzip", "\u{7f}"] {
            assert!(matches!(Decoder::new(Some(encoding)), Err(Fault::Encoding(_))), "{encoding}");
        }
    }

    /// What is cut short, damaged or followed by something else is no gzip.
    #[test]
    fn damaged_gzip_is_refused() {
        let whole = gzip(&vec![7; 100_000]);
        assert!(decode(&whole, 64).is_ok());
        for length in 0..whole.len() {
            assert!(decode(&whole[..length], 64).is_err(), "{length}");
        }
        let mut damaged = whole.clone();
        let checksum = damaged.len() - 8;
        damaged[checksum] ^= 1;
        assert!(decode(&damaged, 64).is_err());
        assert!(decode(&[&whole[..], b"garbage after it"].concat(), 64).is_err());
    }

    /// However much comes at once and however far it grows, pieces stay small: 64 KiB, and what
    /// one more step of decoding adds.
    #[test]
    fn pieces_are_bounded() {
        let bomb = gzip(&vec![0; 64 * MIB]);
        let (all, largest) = decode(&bomb, bomb.len()).unwrap();
        assert_eq!(all.len(), 64 * MIB);
        assert!(largest <= 2 * PIECE_OCTETS, "{largest}");
    }

    proptest! {
        /// Decoding gives back what was encoded, in any pieces and any number of members.
        #[test]
        fn gzip_survives_any_cutting(
            members in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5_000), 1..4),
            size in 1_usize..3_000,
        ) {
            let encoded: Vec<u8> = members.iter().flat_map(|member| gzip(member)).collect();
            prop_assert_eq!(decode(&encoded, size).unwrap().0, members.concat());
        }
    }
}
