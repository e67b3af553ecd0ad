//! One request over HTTP: its head and body as plain data, and the answer back on the wire.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use alto_messages::MediaType;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HOST, HeaderMap, HeaderName, HeaderValue,
    IF_NONE_MATCH, LOCATION,
};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode, Version};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::accept::names;
use crate::answer::{Answer, Asker, Head, Plan, Target};
use crate::catalogue::Catalogue;
use crate::replying::{ReplyBody, Replying};

/// The largest body of a request, in octets.
pub(crate) const MOST_OCTETS: usize = 1 << 20;

/// The longest that a request's body may take to come.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Answers a request from a client at this address. `desks` are places for answers in the making;
/// `replying` is told when all of the request is here.
pub(crate) async fn respond(
    request: Request<Incoming>,
    client: IpAddr,
    catalogue: Arc<Catalogue>,
    desks: Arc<Semaphore>,
    replying: Replying,
) -> Result<Response<ReplyBody>, Infallible> {
    let (head, body) = request.into_parts();
    if !names_its_host(&head) {
        replying.begin();
        return Ok(on_the_wire(Answer::broken(400, "not one header Host"), &replying));
    }
    let (plan, asker) = {
        let header = |name| joined(&head.headers, &name);
        let (accept, content_type) = (header(ACCEPT), header(CONTENT_TYPE));
        let if_none_match = header(IF_NONE_MATCH);
        let takes_directory = names(accept.as_deref(), MediaType::Directory.as_str());
        let plan = catalogue.plan(&Head {
            method: head.method.as_str(),
            path: head.uri.path(),
            accept: accept.as_deref(),
            content_type: content_type.as_deref(),
            if_none_match: if_none_match.as_deref(),
        });
        (plan, Asker { address: client, takes_directory })
    };
    let input = match &plan {
        Plan::Send(_) => Ok(Bytes::new()),
        Plan::Read(_) => read(body).await,
    };
    replying.begin();
    let answer = match (plan, input) {
        (Plan::Send(answer), _) => answer,
        (Plan::Read(_), Err(answer)) => *answer,
        (Plan::Read(target), Ok(body)) => make(target, body, asker, catalogue, &desks).await,
    };
    Ok(on_the_wire(answer, &replying))
}

/// RFC 9112 §3.2: a request of HTTP/1.1 has exactly one header Host.
fn names_its_host(head: &Parts) -> bool {
    match head.headers.get_all(HOST).iter().count() {
        0 => head.version < Version::HTTP_11,
        hosts => hosts == 1,
    }
}

/// Makes an answer where it holds up nobody: a large map takes a while, and memory, to filter.
async fn make(
    target: Target,
    body: Bytes,
    asker: Asker,
    catalogue: Arc<Catalogue>,
    desks: &Semaphore,
) -> Answer {
    let _desk = desks.acquire().await;
    let work = move || catalogue.answer(target, &body, asker);
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Answer::bare(500))
}

/// All lines of a header in one, as they may be (RFC 9110 §5.3).
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines = headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    lines.map(String::from).reduce(|all, line| all + ", " + &line)
}

async fn read(body: Incoming) -> Result<Bytes, Box<Answer>> {
    let broken = |status, sentence: &str| Err(Box::new(Answer::broken(status, sentence)));
    let too_large = || broken(413, &format!("a body of more than {MOST_OCTETS} octets"));
    if body.size_hint().lower() > MOST_OCTETS as u64 {
        return too_large(); // by its own announcement
    }
    match timeout(BODY_TIME, Limited::new(body, MOST_OCTETS).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(fault)) if fault.is::<LengthLimitError>() => too_large(),
        Ok(Err(_)) => broken(400, "the body ended early"),
        Err(_) => broken(408, "the body did not come in time"),
    }
}

fn on_the_wire(answer: Answer, replying: &Replying) -> Response<ReplyBody> {
    let mut response = Response::new(replying.body(answer.body));
    // All our status codes are.
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
    let headers = response.headers_mut();
    let mut set = |name, value: Option<HeaderValue>| value.map(|value| headers.insert(name, value));
    set(CONTENT_TYPE, answer.media_type.map(|kind| HeaderValue::from_static(kind.as_str())));
    set(ALLOW, answer.allow.map(HeaderValue::from_static));
    set(LOCATION, answer.location.and_then(|uri| uri.try_into().ok()));
    set(ETAG, answer.etag.and_then(|tag| tag.try_into().ok()));
    let max_age = answer.max_age.map(|age| format!("max-age={}", age.as_secs()));
    set(CACHE_CONTROL, max_age.and_then(|value| value.try_into().ok()));
    response
}
