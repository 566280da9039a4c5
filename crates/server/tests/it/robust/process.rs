//! The built binary as a process, and the smallest HTTP client that can be told what became of a request.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn durward(data: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_durward"));
    command.args(args).arg("--data").arg(data).current_dir(data).env_clear();
    command.envs(scratch::database_of(data).map(|url| ("DURWARD_DATABASE", url)));
    command
}

/// A server, yet to be started.
pub(super) fn serve(data: &Path, log_level: &str) -> Command {
    durward(data, &["serve", "--listen", "127.0.0.1:0", "--log-level", log_level])
}

/// What a command prints; it must succeed.
pub(super) fn prints(data: &Path, args: &[&str]) -> String {
    printed(&mut durward(data, args))
}

pub(super) fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(super) fn token(data: &Path, tenant: &str) -> String {
    prints(data, &["token", "create", "--tenant", tenant, "--kind", "scim"])
}

/// A running server.
pub(super) struct Server {
    child: Child,
    /// Kept open, so that the server can go on printing.
    stdout: BufReader<ChildStdout>,
    pub(super) address: SocketAddr,
}

impl Server {
    /// Starts a server and waits until it is ready.
    pub(super) fn start(data: &Path, log_level: &str, log: Stdio) -> Self {
        Self::launch(&mut serve(data, log_level), log)
    }

    /// Runs `durward serve`, and waits until it is ready.
    pub(super) fn launch(command: &mut Command, log: Stdio) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        // Whole from here on, so that it ends with the test whatever goes wrong.
        let mut server = Self { child, stdout, address: ([127, 0, 0, 1], 0).into() };
        let mut line = String::new();
        server.stdout.read_line(&mut line).unwrap();
        let address = line.trim().rsplit("//").next().unwrap().parse();
        server.address = address.unwrap_or_else(|_| panic!("no address in {line:?}"));
        let address = server.address;
        let begun = Instant::now();
        while !Wire::open(address)
            .and_then(|mut wire| wire.ask("GET", "/health/ready", None, None))
            .is_ok_and(|a| a.0 == 200)
        {
            assert!(begun.elapsed() < PATIENCE, "the server did not become ready");
        }
        server
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// kill -9.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop; it must end well.
    pub(super) fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for it to end; it must end well.
    pub(super) fn ended(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection, kept alive.
pub(super) struct Wire {
    stream: BufReader<TcpStream>,
    /// Of the last answer.
    pub(super) retry_after: Option<String>,
    /// Whether the server said that it answers no more on this connection.
    pub(super) is_closing: bool,
}

impl Wire {
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream), retry_after: None, is_closing: false })
    }

    /// Sends a request and reads its answer: status and body. An error says that no answer came.
    pub(super) fn ask(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&str>,
    ) -> io::Result<(u16, String)> {
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: durward\r\n");
        if let Some(token) = token {
            text += &format!("authorization: Bearer {token}\r\n");
        }
        if let Some(body) = body {
            text += &format!("content-type: application/scim+json\r\ncontent-length: {}\r\n", body.len());
        }
        text += "\r\n";
        text += body.unwrap_or_default();
        self.stream.get_mut().write_all(text.as_bytes())?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<(u16, String)> {
        let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(cut)?;
        let mut length = 0;
        self.retry_after = None;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(": ") {
                Some(("content-length", bytes)) => length = bytes.parse().map_err(|_| cut())?,
                Some(("connection", "close")) => self.is_closing = true,
                Some(("retry-after", seconds)) => self.retry_after = Some(seconds.to_owned()),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, String::from_utf8(body).unwrap()))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
