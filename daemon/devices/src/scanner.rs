//! The code scanner: a keyboard that types what it has read and presses Enter, or a line that sends it.
//!
//! What it reads can be money, so it is kept in wiped memory, shown to nobody, and let go unread where it is too long,
//! has a character that no payment code has, or was not ended. A keyboard is grabbed for as long as it is there: what is
//! scanned reaches no other program. It is never one that is marked as the PIN pad, which is the secure module's.

mod input;
mod keys;

pub use input::Input;

use crate::{line, printer::Target};
use std::{io, time::Duration};
use tokio::{io::AsyncReadExt, time::sleep};
use zeroize::Zeroizing;

/// Where the scanner is.
#[derive(Debug, Clone)]
pub enum Source {
    /// A Linux input device.
    Input(Input),
    /// A serial line or a TCP port that sends each code and a line end.
    Line(Target),
}

/// What the scanner tells.
#[derive(PartialEq, Eq)]
pub enum Heard {
    /// It is there.
    Ready,
    /// It is not there.
    Missing,
    /// It is there and cannot be used: the log says why.
    Faulty,
    /// It has read a code: 1 to [`LONGEST`] characters of [`is_code`].
    Code(Zeroizing<String>),
}

impl std::fmt::Debug for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Heard::Ready => "Ready",
            Heard::Missing => "Missing",
            Heard::Faulty => "Faulty",
            Heard::Code(_) => "Code(…)",
        })
    }
}

/// The longest code, in characters, as the books have it (EMVCo consumer-presented mode).
pub const LONGEST: usize = 512;

/// Between two tries to reach a line that is not there.
const AGAIN: Duration = Duration::from_secs(2);

/// Whether a character can stand in a code: letters, digits, and what Base64 and addresses have beside.
pub fn is_code(character: char) -> bool {
    character.is_ascii_alphanumeric() || "+/=:.?&%_-".contains(character)
}

/// What has been read of a code so far.
#[derive(Default)]
pub(crate) struct Partial {
    text: Zeroizing<String>,
    /// Something in it cannot be: it is let go at its end.
    spoiled: bool,
}

impl Partial {
    /// One more character, or `None` for one that no code has.
    pub(crate) fn push(&mut self, character: Option<char>) {
        match character.filter(|c| is_code(*c) && self.text.len() < LONGEST) {
            Some(character) if !self.spoiled => {
                // All of the room at once: text that is moved is left behind.
                if self.text.capacity() < LONGEST {
                    self.text.reserve_exact(LONGEST);
                }
                self.text.push(character);
            }
            _ => self.spoil(),
        }
    }

    /// What comes until the end is let go too.
    pub(crate) fn spoil(&mut self) {
        self.clear();
        self.spoiled = true;
    }

    /// Forgets it.
    pub(crate) fn clear(&mut self) {
        *self = Partial::default();
    }

    /// Its end: the code, if it is one.
    pub(crate) fn end(&mut self) -> Option<Zeroizing<String>> {
        let Partial { text, spoiled } = std::mem::take(self);
        (!spoiled && !text.is_empty()).then_some(text)
    }
}

/// Serves a scanner for as long as the process runs: an input device in a thread of its own, a line in this task. It may
/// come, go and come again.
pub async fn run(source: Source, mut tell: impl FnMut(Heard) + Send + 'static) {
    match source {
        Source::Input(input) => {
            let serve = move || input::run(&input, &mut tell);
            if let Err(error) = std::thread::Builder::new().name("code-scanner".to_owned()).spawn(serve) {
                log::error!("the code scanner is not served: {error}");
            }
        }
        Source::Line(target) => loop {
            match serve_line(&target, &mut tell).await {
                Ok(()) => log::info!("the code scanner has hung up"),
                Err(error) => log::debug!("the code scanner: {error}"),
            }
            tell(Heard::Missing);
            sleep(AGAIN).await;
        },
    }
}

async fn serve_line(target: &Target, tell: &mut (impl FnMut(Heard) + Send)) -> io::Result<()> {
    let mut line = line::open(target).await?;
    tell(Heard::Ready);
    let mut partial = Partial::default();
    let mut buffer = Zeroizing::new([0; 256]);
    loop {
        let count = line.read(&mut buffer[..]).await?;
        if count == 0 {
            return Ok(());
        }
        for byte in buffer.iter().take(count) {
            match byte {
                b'\r' | b'\n' => {
                    if let Some(code) = partial.end() {
                        tell(Heard::Code(code));
                    }
                }
                byte => partial.push(Some(char::from(*byte))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{io::AsyncWriteExt, net::TcpListener, sync::mpsc};

    fn read(text: &str) -> Option<String> {
        let mut partial = Partial::default();
        text.chars().for_each(|c| partial.push(Some(c)));
        partial.end().map(|code| code.to_string())
    }

    #[test]
    fn codes_have_bounds_and_an_alphabet() {
        assert_eq!(read("6212340000000000019").as_deref(), Some("6212340000000000019"));
        assert_eq!(read("hQVDUFYwMWE+/=").as_deref(), Some("hQVDUFYwMWE+/="));
        for wrong in ["", "12 34", "12;34", "12\u{1b}34", "１２"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
        assert_eq!(read(&"1".repeat(LONGEST)).map(|code| code.len()), Some(LONGEST));
        assert_eq!(read(&"1".repeat(LONGEST + 1)), None);
    }

    #[test]
    fn what_follows_a_spoiled_code_is_read() {
        let mut partial = Partial::default();
        "1;2".chars().for_each(|c| partial.push(Some(c)));
        assert!(partial.end().is_none());
        "34".chars().for_each(|c| partial.push(Some(c)));
        assert_eq!(partial.end().map(|code| code.to_string()).as_deref(), Some("34"));
    }

    #[test]
    fn rule_10_a_code_is_not_shown() {
        assert_eq!(format!("{:?}", Heard::Code("6212".to_owned().into())), "Code(…)");
    }

    #[tokio::test]
    async fn a_line_sends_codes_goes_and_comes_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Target::Tcp(listener.local_addr().unwrap().to_string());
        let (sender, mut heard) = mpsc::unbounded_channel();
        tokio::spawn(run(Source::Line(target), move |what| sender.send(what).unwrap()));
        let (mut scanner, _) = listener.accept().await.unwrap();
        assert_eq!(heard.recv().await, Some(Heard::Ready));
        scanner.write_all(b"62123400\r\n\n13;\n130000").await.unwrap();
        assert_eq!(heard.recv().await, Some(Heard::Code("62123400".to_owned().into())));
        drop(scanner);
        // Half a code is none.
        assert_eq!(heard.recv().await, Some(Heard::Missing));
        let (mut scanner, _) = listener.accept().await.unwrap();
        assert_eq!(heard.recv().await, Some(Heard::Ready));
        scanner.write_all(b"25\n").await.unwrap();
        assert_eq!(heard.recv().await, Some(Heard::Code("25".to_owned().into())));
    }
}
