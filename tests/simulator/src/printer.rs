//! A receipt printer at the end of a TCP socket: it reads ESC/POS and keeps what is on the paper.
//!
//! It works as printers do: a status asked for with DLE EOT is answered at once, everything else waits in its turn
//! until there is paper. Written from the printers' manuals, not from the daemon's renderer.

mod paper;

pub use paper::Slip;

use paper::Head;
use std::{
    io::{ErrorKind, Read, Result, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// How soon a printer that stands still looks for paper.
const LOOK: Duration = Duration::from_millis(20);

/// What printer and tests share.
#[derive(Debug, Default)]
struct State {
    /// Lines until the paper ends; none for a full roll.
    lines_left: Option<usize>,
    /// Counts how often it was switched off.
    switched_off: u64,
    slips: Vec<Slip>,
}

/// The printer. It lives as long as the process.
#[derive(Debug, Clone)]
pub struct PaperPrinter {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
}

impl PaperPrinter {
    /// Starts one on a free port of loopback, with paper in it.
    ///
    /// # Errors
    /// The socket.
    pub fn start() -> Result<PaperPrinter> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let printer = PaperPrinter { state: Arc::default(), address };
        let served = printer.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // One job at a time, as a printer does; a connection that breaks ends only its job.
                let _ = served.serve(stream);
            }
        });
        Ok(printer)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads the paper, or takes it out.
    pub fn set_paper(&self, paper: bool) {
        self.lock().lines_left = if paper { None } else { Some(0) };
    }

    /// Leaves paper for so many lines.
    pub fn set_lines_left(&self, lines: usize) {
        self.lock().lines_left = Some(lines);
    }

    /// Switches it off and on: it hangs up and forgets what waits in its turn; the torn slip is gone.
    pub fn switch_off_and_on(&self) {
        self.lock().switched_off += 1;
    }

    /// The text of every slip cut off so far.
    pub fn slips(&self) -> Vec<String> {
        self.lock().slips.iter().map(|slip| slip.text.clone()).collect()
    }

    /// Every slip cut off so far, with all that is known of it.
    pub fn paper(&self) -> Vec<Slip> {
        self.lock().slips.clone()
    }

    fn serve(&self, mut stream: TcpStream) -> Result<()> {
        let on = self.lock().switched_off;
        let mut asked = Asked::default();
        let mut head = Head::default();
        let mut buffer = [0; 256];
        stream.set_read_timeout(Some(LOOK))?;
        while self.lock().switched_off == on {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    for &byte in buffer.get(..count).unwrap_or_default() {
                        match asked.take(byte) {
                            Taken::Question(which) => stream.write_all(&[self.status(which)])?,
                            Taken::Bytes(bytes) => head.queue.extend(bytes),
                        }
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
            let answers = {
                let state = &mut *self.lock();
                head.work(&mut state.lines_left, &mut state.slips)
            };
            stream.write_all(&answers)?;
        }
        Ok(())
    }

    /// The answer to DLE EOT n: 1 the printer, 2 why it is off line, 4 the paper's sensors.
    fn status(&self, which: u8) -> u8 {
        let empty = self.lock().lines_left == Some(0);
        match which {
            1 if empty => 0x12 | 0x08,
            2 if empty => 0x12 | 0x20,
            4 if empty => 0x12 | 0x60,
            _ => 0x12,
        }
    }
}

/// Finds DLE EOT n in what comes in, wherever it stands.
#[derive(Default)]
struct Asked(Vec<u8>);

enum Taken {
    Question(u8),
    Bytes(Vec<u8>),
}

impl Asked {
    fn take(&mut self, byte: u8) -> Taken {
        self.0.push(byte);
        match self.0[..] {
            [0x10] | [0x10, 0x04] => Taken::Bytes(Vec::new()),
            [0x10, 0x04, which @ 1..=4] => {
                self.0.clear();
                Taken::Question(which)
            }
            _ => Taken::Bytes(std::mem::take(&mut self.0)),
        }
    }
}
