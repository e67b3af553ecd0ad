//! One request and its reply: fetched, bounded, read.

use std::sync::Arc;
use std::time::Duration;

use alto_fetch::{BodyKind, Content, Fault, Fetcher, Request};
use tokio::time::Instant;

use crate::failure::Failure;
use crate::flights::Place;
use crate::request::{self, Question};
use crate::verdict::{self, Came, Offer, Refusal, Said};
use crate::walk::Page;

/// Asks servers.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) fetcher: Arc<Fetcher>,
    /// The longest a request may take: it may be for several who wait, each as long as it likes.
    pub(crate) patience: Duration,
}

impl Exchange {
    /// The directory at a place.
    pub(crate) async fn directory(&self, place: &Place) -> Result<Page<Offer>, Failure> {
        let kind = BodyKind::Directory;
        let request = Request::get(place.uri.clone(), kind, request::DIRECTORY_ACCEPT);
        self.fetch(place, request, verdict::directory).await
    }

    /// What the service at a place says of those asked about, among whom no address is twice.
    pub(crate) async fn properties(
        &self,
        place: &Place,
        questions: impl IntoIterator<Item = &Question>,
    ) -> Result<Page<Said>, Failure> {
        let kind = BodyKind::Endpoints;
        let (accept, parameters) = (request::PROPERTIES_ACCEPT, request::PARAMETERS);
        let body = request::body(questions);
        let request = Request::post(place.uri.clone(), kind, accept, parameters, body);
        self.fetch(place, request, verdict::properties).await
    }

    async fn fetch<T>(
        &self,
        place: &Place,
        request: Request<'_>,
        read: fn(Came<'_>) -> Result<T, Refusal>,
    ) -> Result<Page<T>, Failure> {
        let deadline = Some(Instant::now() + self.patience);
        let request = Request { deadline, hops: Some(place.hops.clone()), ..request };
        let reply = self.fetcher.fetch(request).await?;
        let (uri, redirects, validity) = (reply.uri, reply.redirects, reply.freshness.validity);
        let Content::Body(mut body) = reply.content else {
            let fault = Fault::Broken("status 304 to a request without conditions".into());
            return Err(alto_fetch::Error { uri, fault }.into());
        };
        let octets = body.read_all().await?;
        let came = Came { uri: &uri, content_type: body.content_type(), body: &octets };
        let says = read(came).map_err(Failure::Refused)?;
        Ok(Page { uri, redirects, validity, says })
    }
}
