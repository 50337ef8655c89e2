//! A stretch of network between the command and a server, on which an answer gets lost.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

/// What becomes of the answer that does not arrive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The connection ends.
    Cut,
    /// The connection stays, and nothing comes.
    Silence,
}

/// See the module.
pub struct Relay {
    /// Where it listens.
    pub url: String,
    /// Gets a word when the answer is lost. The server has done then what it was asked for.
    pub lost: Receiver<()>,
}

impl Relay {
    /// Between here and the server at `to`. Of the requests that start with `line`, the answer to the `nth` is lost, from 1.
    pub fn start(to: &str, line: &'static str, nth: usize, loss: Loss) -> Self {
        let to = to.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (told, lost) = channel();
        let seen = Arc::new(AtomicUsize::new(0));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, to, seen, told) =
                    (stream.unwrap(), to.clone(), Arc::clone(&seen), told.clone());
                std::thread::spawn(move || carry(stream, &to, line, nth, loss, &seen, &told));
            }
        });
        Self { url, lost }
    }
}

/// A thread for each direction.
fn carry(
    mut client: TcpStream,
    to: &str,
    line: &str,
    nth: usize,
    loss: Loss,
    seen: &AtomicUsize,
    told: &Sender<()>,
) {
    let mut server = TcpStream::connect(to).unwrap();
    let is_meant = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (mut asking, mut asked) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let is_meant = &is_meant;
        scope.spawn(move || {
            let mut piece = vec![0; 64 * 1024];
            while let Ok(length @ 1..) = asking.read(&mut piece) {
                // A request is sent when the answer to the one before has come, so that its start is that of a piece.
                if piece.starts_with(line.as_bytes())
                    && seen.fetch_add(1, Ordering::SeqCst) + 1 == nth
                {
                    is_meant.store(true, Ordering::SeqCst);
                }
                if asked.write_all(&piece[..length]).is_err() {
                    break;
                }
            }
            let _ = asked.shutdown(Shutdown::Write);
        });
        let mut piece = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = server.read(&mut piece) {
            if !is_meant.load(Ordering::SeqCst) {
                if client.write_all(&piece[..length]).is_err() {
                    break;
                }
                continue;
            }
            let _ = told.send(());
            if loss == Loss::Cut {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    });
}
