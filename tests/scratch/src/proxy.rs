//! A network between a server and a test's cluster, which can be cut without anybody being told.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::Cluster;

/// Passes on what is sent to it. It ends with the test.
pub struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
}

/// What the connections share.
#[derive(Default)]
struct Line {
    /// How often it has been cut.
    cuts: Mutex<usize>,
    is_cut: Mutex<bool>,
    mended: Condvar,
    is_over: AtomicBool,
}

impl Proxy {
    /// Listens on a port of the loopback interface, and passes on to a cluster.
    ///
    /// # Panics
    /// When no port is free.
    #[expect(clippy::expect_used, reason = "for tests")]
    pub fn before(cluster: &Cluster) -> Self {
        let socket: Arc<Path> = cluster.socket().into();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("no port is free");
        let address = listener.local_addr().expect("it is bound");
        let line = Arc::new(Line::default());
        let shared = Arc::clone(&line);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let (line, socket) = (Arc::clone(&shared), Arc::clone(&socket));
                thread::spawn(move || line.join(stream, &socket));
            }
        });
        Self { address, line }
    }

    /// Where it listens, as a URL has it.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// From here on nothing arrives, on either side, and no connection ends; a new one is taken and hears nothing.
    pub fn cut(&self) {
        *lock(&self.line.is_cut) = true;
        *lock(&self.line.cuts) += 1;
    }

    /// New connections are passed on again; those that were cut off stay silent.
    pub fn mend(&self) {
        *lock(&self.line.is_cut) = false;
        self.line.mended.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.line.is_over.store(true, Ordering::Relaxed);
        self.mend();
        // Wakes who listens.
        let _ = TcpStream::connect(self.address);
    }
}

impl Line {
    fn join(&self, near: TcpStream, socket: &Path) {
        let cuts = *lock(&self.cuts);
        if *lock(&self.is_cut) {
            return self.hold();
        }
        let Ok(far) = UnixStream::connect(socket) else { return };
        let end = || {
            let _ = (near.shutdown(Shutdown::Both), far.shutdown(Shutdown::Both));
        };
        thread::scope(|scope| {
            scope.spawn(|| self.pass_on(&far, &near, cuts, end));
            self.pass_on(&near, &far, cuts, end);
        });
    }

    /// Passes on what comes from one side until it ends, and then ends both; nothing once the line was cut.
    fn pass_on(&self, mut from: impl Read, mut to: impl Write, cuts: usize, end: impl Fn()) {
        let mut bytes = [0; 16 * 1024];
        loop {
            let read = from.read(&mut bytes).unwrap_or(0);
            if *lock(&self.cuts) > cuts {
                return self.hold();
            }
            let Some(bytes) = bytes.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            if to.write_all(bytes).is_err() {
                break;
            }
        }
        end();
    }

    /// Keeps a connection that says nothing any more from ending, until the test is over.
    fn hold(&self) {
        let mut is_cut = lock(&self.is_cut);
        while !self.is_over.load(Ordering::Relaxed) {
            is_cut = self.mended.wait(is_cut).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
