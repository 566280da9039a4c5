//! A body made of parts that are sent one after the other: what is long is not copied to stand between what is short.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

/// The parts as one body, whose length is known.
pub(crate) fn body<const N: usize>(parts: [Bytes; N]) -> Body {
    Body::new(Parts(parts.into_iter()))
}

struct Parts<const N: usize>(std::array::IntoIter<Bytes, N>);

impl<const N: usize> hyper::body::Body for Parts<N> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_slice().is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let lengths = self.0.as_slice().iter().map(Bytes::len);
        SizeHint::with_exact(lengths.map(|length| u64::try_from(length).unwrap_or(u64::MAX)).sum())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use hyper::body::Body as _;

    use super::*;

    #[tokio::test]
    async fn parts_are_one_body_of_known_length() {
        let body = body(["a", "", "bcd"].map(Bytes::from));
        assert_eq!(body.size_hint().exact(), Some(4));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abcd");
    }
}
