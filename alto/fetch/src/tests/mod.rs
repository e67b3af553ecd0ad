//! The client against servers that behave, and against those that do not. All on loopback.

mod bodies;
mod caching;
mod denied;
mod environment;
mod redirects;
mod slowness;
mod tls_grid;

mod authority;
mod world;

use alto_testkit::acts as server;
