//! A door for the fuzz targets to what reads whole replies. Not part of the API.

use hickory_proto::op::Message;
use hickory_proto::rr::Name;

use crate::fact::Failure;
use crate::reply;
use crate::upstream::Reply;

/// What a message says of the name asked for; `None` if it is none, or `asked` is no name.
pub fn read_reply(octets: &[u8], asked: &str, believed: bool) -> Option<Result<Reply, Failure>> {
    let message = Message::from_vec(octets).ok()?;
    let _ = reply::validation_error(&message);
    Some(reply::read(&message, &Name::from_ascii(asked).ok()?, believed))
}
