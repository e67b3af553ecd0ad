//! One resource: fetched, recognised by its media type, read as it comes.

use std::sync::Arc;

use alto_fetch::{
    Body, BodyKind, Content, Fault as FetchFault, Fetcher, Freshness, Request, Validators,
};
use alto_messages::{
    CostMap, CostMapReader, Directory, EndpointCostRequest, EndpointCosts, ErrorBody,
    Fault as MessageFault, MediaType, NetworkMap, NetworkMapReader, Parsed, ReadOptions,
};
use url::Url;

use crate::error::{Error, Fault, Warning};

/// Fetches resources and reads them.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub(crate) fetcher: Arc<Fetcher>,
    pub(crate) options: ReadOptions,
}

/// A resource as it came.
#[derive(Debug)]
pub(crate) struct Got<T> {
    pub(crate) message: T,
    /// Where it came from: the base of relative URIs in it.
    pub(crate) uri: Url,
    pub(crate) freshness: Freshness,
    pub(crate) warnings: Vec<Warning>,
}

/// A resource, or the word that it is still what we hold.
#[derive(Debug)]
pub(crate) enum Reply<T> {
    New(Got<T>),
    Same(Freshness),
}

/// A message in the reading.
pub(crate) trait Reading: Sized {
    type Message;
    const MEDIA: MediaType;
    const ACCEPT: &'static [&'static str];
    const BODY: BodyKind;

    fn start(options: &ReadOptions) -> Self;
    fn feed(&mut self, piece: &[u8]) -> Result<(), MessageFault>;
    fn finish(self) -> Result<Parsed<Self::Message>, MessageFault>;
}

impl Reader {
    /// A resource, whatever we hold.
    pub(crate) async fn get<R: Reading>(&self, uri: &Url) -> Result<Got<R::Message>, Error> {
        let request = Request::get(uri.clone(), R::BODY, R::ACCEPT);
        self.fetch::<R>(request).await?.anew(uri)
    }

    /// A resource as its server has it now, whatever caches on the way keep.
    pub(crate) async fn get_anew<R: Reading>(&self, uri: &Url) -> Result<Got<R::Message>, Error> {
        let request = Request { anew: true, ..Request::get(uri.clone(), R::BODY, R::ACCEPT) };
        self.fetch::<R>(request).await?.anew(uri)
    }

    /// A resource, unless it is still the version held.
    pub(crate) async fn get_unless<R: Reading>(
        &self,
        uri: &Url,
        unless: Option<Validators>,
    ) -> Result<Reply<R::Message>, Error> {
        let request = Request { unless, ..Request::get(uri.clone(), R::BODY, R::ACCEPT) };
        self.fetch::<R>(request).await
    }

    /// Endpoint costs, which are asked for by POST (RFC 7285 §11.5.1).
    pub(crate) async fn endpoint_costs(
        &self,
        uri: &Url,
        question: &EndpointCostRequest,
    ) -> Result<Got<EndpointCosts>, Error> {
        type Costs = Whole<EndpointCosts>;
        let content_type = MediaType::EndpointCostParams.as_str();
        let body = question.to_json();
        let request = Request::post(uri.clone(), Costs::BODY, Costs::ACCEPT, content_type, body);
        self.fetch::<Costs>(request).await?.anew(uri)
    }

    async fn fetch<R: Reading>(&self, request: Request<'_>) -> Result<Reply<R::Message>, Error> {
        let reply = self.fetcher.fetch(request).await?;
        let uri = reply.uri;
        let Content::Body(mut body) = reply.content else {
            return Ok(Reply::Same(reply.freshness));
        };
        let mut warnings = self.recognise(&uri, &mut body, &[R::MEDIA]).await?.1;
        let parsed = self.read::<R>(&uri, &mut body).await?;
        warnings.extend(parsed.warnings.iter().map(|warning| Warning::new(&uri, warning)));
        Ok(Reply::New(Got { message: parsed.message, uri, freshness: reply.freshness, warnings }))
    }

    /// Which of the `expected` a body is (RFC 7285 §8.3.4.2).
    pub(crate) async fn recognise(
        &self,
        uri: &Url,
        body: &mut Body,
        expected: &[MediaType],
    ) -> Result<(MediaType, Vec<Warning>), Error> {
        let refused = |fault: MessageFault| Error::new(uri, fault);
        let strictness = self.options.strictness;
        let found = MediaType::of_body(body.content_type(), expected, strictness);
        let found = found.map_err(refused)?;
        if found.message == MediaType::Error {
            let octets = body.read_all().await?;
            let error = ErrorBody::parse(&octets, &ReadOptions::lenient()).map_err(refused)?;
            return Err(Error::new(uri, Fault::ErrorBody(error.message)));
        }
        let warnings = found.warnings.iter().map(|warning| Warning::new(uri, warning)).collect();
        Ok((found.message, warnings))
    }

    /// Reads a body to its end, piece by piece.
    pub(crate) async fn read<R: Reading>(
        &self,
        uri: &Url,
        body: &mut Body,
    ) -> Result<Parsed<R::Message>, Error> {
        let refused = |fault: MessageFault| Error::new(uri, fault);
        let mut reading = R::start(&self.options);
        while let Some(piece) = body.chunk().await? {
            reading.feed(&piece).map_err(refused)?;
        }
        reading.finish().map_err(refused)
    }
}

impl<T> Reply<T> {
    /// What came, where nothing was held that it could be the same as.
    pub(crate) fn anew(self, uri: &Url) -> Result<Got<T>, Error> {
        match self {
            Self::New(got) => Ok(got),
            Self::Same(_) => {
                let fault = FetchFault::Broken("status 304 to a request without conditions".into());
                Err(Error::new(uri, Fault::Fetch(fault)))
            }
        }
    }
}

/// A message that is read once all of it has come.
#[derive(Debug)]
pub(crate) struct Whole<T> {
    octets: Vec<u8>,
    options: ReadOptions,
    message: std::marker::PhantomData<fn() -> T>,
}

impl<T> Whole<T> {
    fn start(options: &ReadOptions) -> Self {
        Self { octets: Vec::new(), options: *options, message: std::marker::PhantomData }
    }

    /// Keeps no more than is needed to see that it is too much.
    fn feed(&mut self, piece: &[u8]) {
        let room = (self.options.limits.body_octets + 1).saturating_sub(self.octets.len());
        self.octets.extend_from_slice(&piece[..piece.len().min(room)]);
    }
}

macro_rules! reading {
    ($($reader:ty: $message:ty, $media:expr, $body:expr;
       $start:expr, $feed:expr, $finish:expr;)*) => {$(
        impl Reading for $reader {
            type Message = $message;
            const MEDIA: MediaType = $media;
            const ACCEPT: &'static [&'static str] =
                &[Self::MEDIA.as_str(), MediaType::Error.as_str()];
            const BODY: BodyKind = $body;

            fn start(options: &ReadOptions) -> Self {
                $start(options)
            }

            fn feed(&mut self, piece: &[u8]) -> Result<(), MessageFault> {
                $feed(self, piece)
            }

            fn finish(self) -> Result<Parsed<$message>, MessageFault> {
                $finish(self)
            }
        }
    )*};
}

reading! {
    NetworkMapReader: NetworkMap, MediaType::NetworkMap, BodyKind::Map;
    Self::new, Self::feed, Self::finish;
    CostMapReader: CostMap, MediaType::CostMap, BodyKind::Map;
    Self::new, Self::feed, Self::finish;
    Whole<Directory>: Directory, MediaType::Directory, BodyKind::Directory;
    Whole::start, |whole: &mut Self, piece| { whole.feed(piece); Ok(()) },
    |whole: Self| Directory::parse(&whole.octets, &whole.options);
    Whole<EndpointCosts>: EndpointCosts, MediaType::EndpointCosts, BodyKind::Endpoints;
    Whole::start, |whole: &mut Self, piece| { whole.feed(piece); Ok(()) },
    |whole: Self| EndpointCosts::parse(&whole.octets, &whole.options);
}
