//! What RFC 9110 says of header fields, media types, ranges and entity tags, as far as the
//! components that come with Waybook need it. Plain rules: no host, no clock, no body.

pub mod etag;
pub mod fields;
pub mod media;
pub mod range;
