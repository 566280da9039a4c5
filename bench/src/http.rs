//! As much of HTTP/1.1 as a client needs that sends requests made beforehand: it must cost the machine little.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Error, Result};

/// A request's bytes.
pub(crate) fn request(
    method: &str,
    address: SocketAddr,
    token: &str,
    target: &str,
    body: Option<&str>,
) -> Vec<u8> {
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nAccept: application/scim+json\r\n"
    );
    match body {
        None => format!("{head}\r\n"),
        Some(body) => {
            format!(
                "{head}Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
        }
    }
    .into_bytes()
}

/// A connection that is kept alive.
pub(crate) struct Connection {
    stream: TcpStream,
    /// What was received of the answer.
    buffer: Vec<u8>,
}

/// An answer, in the connection's buffer.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Answer<'_> {
    /// The error that this answer is, when another was expected.
    pub(crate) fn unexpected(&self, expected: u16, request: &[u8]) -> Error {
        let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let (line, body) = (String::from_utf8_lossy(line), String::from_utf8_lossy(self.body));
        let body: String = body.chars().take(2_000).collect();
        format!("`{line}` was answered {} and not {expected}:\n{body}", self.status).into()
    }
}

/// What the head of an answer says.
struct Head {
    status: u16,
    /// Bytes of the head.
    length: usize,
    /// Bytes of the body; none when it comes in chunks.
    body: Option<usize>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 * 1024) })
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            self.more(0).await?;
            if let Some(head) = head(&self.buffer)? {
                break head;
            }
        };
        if let Some(body) = head.body {
            while self.buffer.len() < head.length + body {
                self.more(head.length + body - self.buffer.len()).await?;
            }
        } else {
            self.unchunk(head.length).await?;
        }
        Ok(Answer { status: head.status, body: self.buffer.get(head.length..).unwrap_or_default() })
    }

    async fn more(&mut self, wanted: usize) -> Result<()> {
        self.buffer.reserve(wanted.max(16 * 1024));
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(())
    }

    /// Reads a body of chunks (RFC 9112 §7.1) and leaves it joined in the buffer.
    async fn unchunk(&mut self, start: usize) -> Result<()> {
        let (mut at, mut body) = (start, Vec::new());
        loop {
            let line = loop {
                let rest = self.buffer.get(at..).unwrap_or_default();
                match rest.windows(2).position(|pair| pair == b"\r\n") {
                    Some(end) => break at..at + end,
                    None => self.more(0).await?,
                }
            };
            let size = std::str::from_utf8(self.buffer.get(line.clone()).unwrap_or_default())?;
            let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)?;
            let from = line.end + 2;
            // The chunk and the line end after it; after the last chunk there is the empty line.
            while self.buffer.len() < from + size + 2 {
                self.more(from + size + 2 - self.buffer.len()).await?;
            }
            body.extend_from_slice(self.buffer.get(from..from + size).unwrap_or_default());
            at = from + size + 2;
            if size == 0 {
                self.buffer.truncate(start);
                self.buffer.append(&mut body);
                return Ok(());
            }
        }
    }
}

/// The head of an answer, if all of it is there.
fn head(buffer: &[u8]) -> Result<Option<Head>> {
    let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(buffer.get(..end).unwrap_or_default())?;
    let mut lines = text.split("\r\n");
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("an answer without a status")?.parse()?;
    let mut body = None;
    let mut is_chunked = false;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            body = Some(value.trim().parse()?);
        }
        is_chunked |= name.eq_ignore_ascii_case("transfer-encoding");
    }
    // 204 has neither a length nor a body.
    let body = if is_chunked { None } else { Some(body.unwrap_or(0)) };
    Ok(Some(Head { status, length: end + 4, body }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn answered(pieces: &'static [&'static str]) -> (u16, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            for piece in pieces {
                stream.write_all(piece.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
            let _ = stream.read(&mut [0; 64]).await;
        });
        let mut connection = Connection::open(address).await.unwrap();
        let answer = connection.exchange(b"GET").await.unwrap();
        (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn answers_are_read_whatever_their_framing() {
        let cases: [(&'static [&'static str], u16, &str); 3] = [
            (&["HTTP/1.1 200 OK\r\ncontent-", "length: 5\r\n\r\nhe", "llo"], 200, "hello"),
            (&["HTTP/1.1 204 No Content\r\n\r\n"], 204, ""),
            (
                &[
                    "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n",
                    "2\r\nlo\r\n0\r\n",
                    "\r\n",
                ],
                201,
                "hello",
            ),
        ];
        for (pieces, status, body) in cases {
            assert_eq!(answered(pieces).await, (status, body.to_owned()));
        }
    }
}
