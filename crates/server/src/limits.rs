//! The limits of HTTP itself, which no other crate knows. Those of the service stand in `iam::limits`.

/// Most bytes of a request's head (request line and headers), before it is refused with 431. Also the largest piece a
/// body is read in.
pub const HEAD_BYTES_MAX: u32 = 64 * 1024;
/// Most headers of a request over HTTP/1, as hyper has it. More are refused with 431 without a body, as a longer head is:
/// nobody can say yet what the request was for.
pub const HEADERS_MAX: usize = 100;
/// Most requests at once on one HTTP/2 connection. Further ones wait.
pub const STREAMS_MAX: u32 = 100;
/// Longest request id taken from a client, in bytes. A longer one is replaced.
pub const REQUEST_ID_BYTES_MAX: usize = 128;
