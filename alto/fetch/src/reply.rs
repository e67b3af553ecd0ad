//! What came, and its body as it comes.

use alto_discovery_core::Validity;
use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::body::{BodyKind, Decoder, Meter, Pace};
use crate::config::Limits;
use crate::error::{Error, Fault, Phase};
use crate::freshness::Freshness;
use crate::gate::Permit;
use crate::hops::Hops;
use crate::transport;

/// A successful reply.
#[derive(Debug)]
pub struct Reply {
    /// Where it came from, after redirects: the base of relative URIs in it (RFC 3986 §5.1.3).
    pub uri: Url,
    /// How long the resource is fresh, and how to ask for a change.
    pub freshness: Freshness,
    /// The redirects that were followed, first first.
    pub redirects: Vec<Redirect>,
    /// Where the search has been, this request included.
    pub hops: Hops,
    /// The resource.
    pub content: Content,
}

/// A redirect that was followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Who redirected.
    pub from: Url,
    /// Where to.
    pub to: Url,
    /// By which status.
    pub status: u16,
    /// How long its server lets it hold, at most an hour; five minutes if it does not say.
    pub validity: Validity,
}

/// The resource, or the word that it is what the caller holds.
#[derive(Debug)]
pub enum Content {
    /// The resource.
    Body(Box<Body>),
    /// What the caller holds is still right (status 304).
    NotModified,
}

/// A body, read as it comes. It holds one of the places for requests under way until dropped.
pub struct Body {
    uri: Url,
    content_type: Option<Box<str>>,
    media_type: Option<Box<str>>,
    response: reqwest::Response,
    decoder: Decoder,
    meter: Meter,
    pace: Pace,
    deadline: Option<Instant>,
    state: State,
    _permit: Permit,
}

/// How far reading has come.
#[derive(Debug)]
enum State {
    Reading,
    Done,
    Failed(Fault),
}

impl Body {
    /// The body of `response`, which came from `uri`, of at most `max_octets`.
    pub(crate) fn new(
        response: reqwest::Response,
        uri: &Url,
        kind: BodyKind,
        max_octets: u64,
        limits: &Limits,
        deadline: Option<Instant>,
        permit: Permit,
    ) -> Result<Self, Fault> {
        let headers = response.headers();
        let decoder = Decoder::new(content_encoding(headers)?)?;
        // Known to be too large: not even begun.
        let announced = response.content_length().filter(|_| decoder.is_identity());
        if announced.is_some_and(|octets| octets > max_octets) {
            return Err(Fault::TooLarge(max_octets));
        }
        Ok(Self {
            uri: uri.clone(),
            content_type: text(headers, &CONTENT_TYPE).map(Box::from),
            media_type: media_type(headers),
            decoder,
            meter: Meter::new(max_octets, limits.max_ratio),
            pace: Pace::new(kind, limits),
            deadline,
            state: State::Reading,
            response,
            _permit: permit,
        })
    }

    /// The media type, lower case, without parameters; `None` if the server does not say.
    pub fn media_type(&self) -> Option<&str> {
        self.media_type.as_deref()
    }

    /// The `Content-Type` header as it came, parameters and all.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The next piece, decoded, never empty, at most some hundreds of KiB; `None` at the end.
    ///
    /// # Errors
    /// If the body is broken, too large or too slow. What came before is then worth nothing, and
    /// every further call fails in the same way.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let outcome = match &self.state {
            State::Reading => self.read_on().await,
            State::Done => Ok(None),
            State::Failed(fault) => Err(fault.clone()),
        };
        outcome.map_err(|fault| {
            self.state = State::Failed(fault.clone());
            Error { uri: self.uri.clone(), fault }
        })
    }

    /// All of it that is still to come.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    pub async fn read_all(&mut self) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        while let Some(piece) = self.chunk().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    async fn read_on(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            if let Some(piece) = self.decoder.piece()? {
                self.meter.count_decoded(piece.len())?;
                return Ok(Some(piece));
            }
            let Some(octets) = self.receive().await? else { break };
            self.meter.count_encoded(octets.len())?;
            self.decoder.feed(octets);
        }
        let last = self.decoder.finish()?;
        self.state = State::Done;
        self.meter.count_decoded(last.as_ref().map_or(0, Bytes::len))?;
        Ok(last)
    }

    /// The next octets off the wire, within the time they may take.
    async fn receive(&mut self) -> Result<Option<Bytes>, Fault> {
        let asked = Instant::now();
        let (patience, phase) = self.pace.patience(self.meter.decoded());
        let (until, phase) = match self.deadline {
            Some(deadline) if deadline < asked + patience => (deadline, Phase::Total),
            _ => (asked + patience, phase),
        };
        let received = timeout_at(until, self.response.chunk()).await;
        self.pace.add(asked.elapsed());
        received.map_err(|_| Fault::Slow(phase))?.map_err(|fault| transport::fault(&fault))
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut body = f.debug_struct("Body");
        body.field("uri", &self.uri.as_str()).field("content_type", &self.content_type);
        body.field("decoded", &self.meter.decoded()).field("state", &self.state);
        body.finish_non_exhaustive()
    }
}

/// The media type in `headers` (RFC 9110 §8.3.1), lower case, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<Box<str>> {
    let essence = text(headers, &CONTENT_TYPE)?.split(';').next()?.trim();
    (!essence.is_empty()).then(|| essence.to_ascii_lowercase().into())
}

/// The one content encoding in `headers`.
fn content_encoding(headers: &HeaderMap) -> Result<Option<&str>, Fault> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            value.to_str().map(Some).map_err(|_| Fault::Encoding("not readable".into()))
        }
        (Some(_), Some(_)) => Err(Fault::Encoding("more than one".into())),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
