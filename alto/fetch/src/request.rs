//! What to ask for.

use bytes::Bytes;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_TYPE, HeaderName, IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
};
use reqwest::{Client, Method, RequestBuilder};
use tokio::time::Instant;
use url::Url;

use crate::body::BodyKind;
use crate::freshness::Validators;
use crate::hops::{Hops, Leg};

/// One resource to fetch.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Where it is.
    pub uri: Url,
    /// What it holds.
    pub kind: BodyKind,
    /// The media types that can be used, for the `Accept` header.
    pub accept: &'a [&'a str],
    /// The input parameters; `None` makes it a GET.
    pub post: Option<Post>,
    /// The version that the caller holds: ask for a change only (GET only).
    pub unless: Option<Validators>,
    /// Have caches on the way ask the server (`Cache-Control: no-cache`, RFC 9111 §5.2.1.4): for
    /// when what they keep is out of step with what they passed on.
    pub anew: bool,
    /// When the caller stops waiting, if earlier than the limits say.
    pub deadline: Option<Instant>,
    /// Where the search that this request belongs to has been; `None` if it starts here.
    pub hops: Option<Hops>,
}

/// Input parameters of a resource (RFC 7285 §8.3.2).
#[derive(Clone, Debug)]
pub struct Post {
    /// The media type of `body`.
    pub content_type: &'static str,
    /// The parameters.
    pub body: Bytes,
}

impl<'a> Request<'a> {
    /// A GET.
    pub fn get(uri: Url, kind: BodyKind, accept: &'a [&'a str]) -> Self {
        let (post, unless, deadline, hops) = (None, None, None, None);
        Self { uri, kind, accept, post, unless, anew: false, deadline, hops }
    }

    /// A POST of `body`.
    pub fn post(
        uri: Url,
        kind: BodyKind,
        accept: &'a [&'a str],
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        let post = Post { content_type, body: body.into() };
        Self { post: Some(post), ..Self::get(uri, kind, accept) }
    }

    /// The first leg of its walk.
    pub(crate) fn first_leg(&self) -> Leg {
        let method = if self.post.is_some() { Method::POST } else { Method::GET };
        Leg { method, uri: self.uri.clone() }
    }

    /// What the caller holds of the resource that `leg` asks for.
    pub(crate) fn held(&self, leg: &Leg) -> Option<&Validators> {
        self.unless.as_ref().filter(|held| leg.method == Method::GET && held.uri == leg.uri)
    }

    /// The request of `leg`, built anew for each: nothing is carried over from the leg before but
    /// what the caller asked for.
    pub(crate) fn build(&self, client: &Client, leg: &Leg) -> RequestBuilder {
        let mut builder = client
            .request(leg.method.clone(), leg.uri.clone())
            .header(ACCEPT, self.accept.join(", "))
            .header(ACCEPT_ENCODING, "gzip");
        if self.anew {
            builder = builder.header(CACHE_CONTROL, "no-cache");
        }
        if let Some(held) = self.held(leg) {
            builder = with(builder, IF_NONE_MATCH, held.etag.as_deref());
            builder = with(builder, IF_MODIFIED_SINCE, held.last_modified.as_deref());
        }
        match &self.post {
            Some(post) if leg.method == Method::POST => {
                builder.header(CONTENT_TYPE, post.content_type).body(post.body.clone())
            }
            _ => builder,
        }
    }
}

fn with(builder: RequestBuilder, name: HeaderName, value: Option<&str>) -> RequestBuilder {
    match value {
        Some(value) => builder.header(name, value),
        None => builder,
    }
}
