//! The card as a client of the virtual smart card reader (vsmartcard's vpcd) behind pcscd.
//!
//! Each message has a two-byte length before it. One byte is an order: 0 power off, 1 power on,
//! 2 reset (no answer), 4 wants the answer to reset. Anything longer is a command APDU.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::linux::net::TcpStreamExt as _;

use crate::Card;

/// The port vpcd listens on.
pub const PORT: u16 = 35963;

/// A card slot: connected means inserted.
pub struct Slot {
    stream: TcpStream,
}

/// Pulls the card out of a slot that another thread serves.
pub struct Pull {
    stream: TcpStream,
}

impl Pull {
    /// Ends the connection; [`Slot::serve`] returns.
    ///
    /// # Errors
    /// The connection was closed already.
    pub fn pull(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Both)
    }
}

impl Slot {
    /// Inserts a card into the reader at `address`.
    ///
    /// # Errors
    /// Nothing listens there: pcscd with the vpcd driver must run first.
    pub fn connect(address: impl ToSocketAddrs) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_quickack(true)?;
        Ok(Self { stream })
    }

    /// A handle that ends [`Slot::serve`] from elsewhere.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn handle(&self) -> io::Result<Pull> {
        Ok(Pull { stream: self.stream.try_clone()? })
    }

    /// Answers the reader until it closes the connection or the card leaves it. A mute card leaves it too: the
    /// virtual reader has no other word for silence.
    ///
    /// # Errors
    /// The connection broke within a message.
    pub fn serve(mut self, card: &mut Card) -> io::Result<()> {
        let mut reset = Vec::new();
        loop {
            let mut head = [0; 2];
            match self.read(&mut head) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    card.removed();
                    return Ok(());
                }
                other => other?,
            }
            let mut message = vec![0; usize::from(u16::from_be_bytes(head))];
            self.read(&mut message)?;
            match message[..] {
                [0] => card.removed(),
                [1 | 2] => reset = card.reset(),
                [4] => {
                    // Some readers ask before they power the card.
                    if reset.is_empty() {
                        reset = card.reset();
                    }
                    self.write(&reset)?;
                }
                _ => {
                    let answer = card.transmit(&message);
                    if answer.is_empty() {
                        card.removed();
                        return Ok(());
                    }
                    self.write(&answer)?;
                }
            }
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.stream.read_exact(bytes)?;
        // The kernel forgets quick acknowledgement; vpcd sends length and body apart and waits 40 ms otherwise.
        self.stream.set_quickack(true)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
        self.stream.write_all(&[&length.to_be_bytes()[..], bytes].concat())
    }
}
