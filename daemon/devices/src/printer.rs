//! The receipt printer (ESC/POS): jobs, one after the other.
//!
//! Paper ends within a slip: the printer is asked for a status that it answers in its turn, behind what it has already
//! taken. Once there is paper, an answer says that it kept those bytes and the slip goes on; no answer says that it
//! forgot them, and the slip is printed again from its top with the reprint mark. So nothing is printed twice as an
//! original, and nobody waits for a line that never comes.

use crate::line::{Line, open};
use std::{path::PathBuf, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc::Receiver,
    time::{Instant, sleep, timeout},
};
use zeroize::Zeroizing;

/// Where the printer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A character device without a way back, such as `/dev/usb/lp0`: it takes bytes or it does not.
    Character(PathBuf),
    /// A serial line with a way back, and its speed in baud: 9600, 19200, 38400, 57600 or 115200.
    Tty(PathBuf, u32),
    /// `address:port`, with a way back.
    Tcp(String),
}

/// One slip. It may hold a full card number: it is shown nowhere but on paper, and wiped on drop.
pub struct Job {
    /// Its number.
    pub id: u64,
    /// The bytes to print. Every byte 0x0A in them ends a line; none is part of a command or a character.
    pub bytes: Zeroizing<Vec<u8>>,
    /// The same with the reprint mark, for when the first may have been printed in part.
    pub again: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Job({}, {} bytes)", self.id, self.bytes.len())
    }
}

/// How a job stands. Before the first of these it is queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Being printed.
    Printing,
    /// Waits for paper, or for a closed cover.
    NeedsPaper,
    /// On paper; from a device without a way back: taken by the device.
    Done,
    /// Given up. A part of it may be on paper.
    Failed,
}

/// How long the driver waits for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For a connection, a status, or bytes to be taken.
    pub(crate) answer: Duration,
    /// For the status in turn: as long as a slip takes to print.
    pub(crate) turn: Duration,
    /// Between two looks at the paper while a job waits for it.
    pub(crate) tick: Duration,
    /// For paper, over the whole of a job; the receipt is a record and can be printed later.
    pub(crate) paper: Duration,
}

const PATIENCE: Patience = Patience {
    answer: Duration::from_secs(5),
    turn: Duration::from_secs(10),
    tick: Duration::from_millis(500),
    paper: Duration::from_secs(600),
};

/// Bytes handed over between two looks at the paper: a few lines.
const CHUNK: usize = 512;

/// Whole lines, as many as fit. A question between the bytes of a command or of a character would spoil it.
fn chunks(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        let fitting = ends.clone().take_while(|end| *end <= CHUNK).last();
        let end = fitting.or_else(|| ends.clone().next()).unwrap_or(bytes.len());
        let (chunk, rest) = bytes.split_at_checked(end)?;
        bytes = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// DLE EOT 1 and 4: the printer's and the paper's status, answered at once.
const PRINTER: u8 = 1;
const OFFLINE: u8 = 0x08;
const PAPER: u8 = 4;
const PAPER_END: u8 = 0x60;
/// GS r 1: a status that is answered in its turn.
const IN_TURN: [u8; 3] = [0x1D, b'r', 1];

/// Bits that tell the answers apart: DLE EOT has 0xx1xx10, GS r has 0xx0xxxx.
fn is_at_once(byte: u8) -> bool {
    byte & 0x93 == 0x12
}

fn is_in_turn(byte: u8) -> bool {
    byte & 0x90 == 0
}

/// Why a job was given up.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{0}; look at the printer's power and cable, and at its address in the configuration")]
    Line(#[from] std::io::Error),
    #[error("the printer does not answer; if it has no way back, configure it as a character device")]
    Mute,
    #[error("no paper was loaded in time; print the receipt again when there is some")]
    NoPaper,
}

/// What became of the bytes sent so far.
enum Sent {
    /// The printer has them, or has printed them.
    Kept,
    /// The printer has forgotten some.
    Lost,
}

/// Prints jobs one after the other, until the channel closes. `tell` hears each change of a job. Between jobs the
/// printer is left alone and nothing wakes up. Every job ends in [`State::Done`] or [`State::Failed`]: within seconds
/// where the printer is gone or mute, within ten minutes where it waits for paper.
pub async fn run(target: Target, jobs: Receiver<Job>, tell: impl FnMut(u64, State)) {
    run_with(PATIENCE, target, jobs, tell).await;
}

pub(crate) async fn run_with(
    patience: Patience,
    target: Target,
    mut jobs: Receiver<Job>,
    mut tell: impl FnMut(u64, State),
) {
    while let Some(job) = jobs.recv().await {
        let mut watch = Watch { patience, tell: |state| tell(job.id, state), state: None, deadline: None };
        watch.to(State::Printing);
        match print(&target, &job, &mut watch).await {
            Ok(()) => watch.to(State::Done),
            Err(fault) => {
                log::warn!("print job {}: {fault}", job.id);
                watch.to(State::Failed);
            }
        }
    }
}

/// How a printer is between jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It is there and has paper; of a device without a way back: it is there.
    Ready,
    /// It has no paper, or its cover is open.
    NeedsPaper,
    /// It cannot be reached.
    Missing,
    /// It does not answer.
    Mute,
}

/// Asks a printer how it is, and prints nothing. Within seconds; not while a job is printed, as a printer serves one
/// connection at a time.
pub async fn probe(target: &Target) -> Condition {
    probe_with(PATIENCE, target).await
}

pub(crate) async fn probe_with(patience: Patience, target: &Target) -> Condition {
    let ask = async {
        let line = timeout(patience.answer, open(target)).await.map_err(|_| Fault::Mute)??;
        if let Target::Character(_) = target {
            return Ok(true);
        }
        Dialogue { line, patience, answered: false }.is_ready().await
    };
    match ask.await {
        Ok(true) => Condition::Ready,
        Ok(false) => Condition::NeedsPaper,
        Err(Fault::Mute) => Condition::Mute,
        Err(_) => Condition::Missing,
    }
}

/// One job's state, and its patience for paper.
struct Watch<T> {
    patience: Patience,
    tell: T,
    state: Option<State>,
    deadline: Option<Instant>,
}

impl<T: FnMut(State)> Watch<T> {
    fn to(&mut self, state: State) {
        if self.state != Some(state) {
            self.state = Some(state);
            (self.tell)(state);
        }
    }

    fn needs_paper(&mut self) -> Result<(), Fault> {
        self.to(State::NeedsPaper);
        let now = Instant::now();
        let deadline = *self.deadline.get_or_insert(now + self.patience.paper);
        if now < deadline { Ok(()) } else { Err(Fault::NoPaper) }
    }

    fn is_waiting(&self) -> bool {
        self.state == Some(State::NeedsPaper)
    }
}

async fn print<T: FnMut(State)>(target: &Target, job: &Job, watch: &mut Watch<T>) -> Result<(), Fault> {
    if let Target::Character(_) = target {
        return print_blindly(target, &job.bytes, watch).await;
    }
    let mut sent = false;
    loop {
        let bytes = if sent { &job.again } else { &job.bytes };
        match print_once(target, bytes, &mut sent, watch).await {
            Ok(Sent::Kept) => return Ok(()),
            Err(Fault::NoPaper) => return Err(Fault::NoPaper),
            Err(fault) if !watch.is_waiting() => return Err(fault),
            // Whoever loads paper may switch the printer off for it: it may come back under a new connection.
            Ok(Sent::Lost) | Err(_) => {
                watch.needs_paper()?;
                sleep(watch.patience.tick).await;
            }
        }
    }
}

async fn print_once<T: FnMut(State)>(
    target: &Target,
    bytes: &[u8],
    sent: &mut bool,
    watch: &mut Watch<T>,
) -> Result<Sent, Fault> {
    let patience = watch.patience;
    let line = timeout(patience.answer, open(target)).await.map_err(|_| Fault::Mute)??;
    let mut dialogue = Dialogue { line, patience, answered: false };
    dialogue.wait_until_ready(watch).await?;
    for chunk in chunks(bytes) {
        *sent = true;
        dialogue.write(chunk).await?;
        if !dialogue.is_ready().await?
            && let Sent::Lost = dialogue.settle(watch).await?
        {
            return Ok(Sent::Lost);
        }
    }
    dialogue.settle(watch).await
}

/// A printer that answers.
struct Dialogue {
    line: Box<dyn Line>,
    patience: Patience,
    /// The status in turn has come.
    answered: bool,
}

impl Dialogue {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        Ok(timeout(self.patience.answer, self.line.write_all(bytes)).await.map_err(|_| Fault::Mute)??)
    }

    /// Listens for a status that is answered at once; notes one that is answered in turn.
    async fn listen(&mut self) -> Result<u8, Fault> {
        loop {
            let byte = self.line.read_u8().await?;
            if is_at_once(byte) {
                return Ok(byte);
            }
            self.answered |= is_in_turn(byte);
        }
    }

    async fn status(&mut self, which: u8) -> Result<u8, Fault> {
        self.write(&[0x10, 0x04, which]).await?;
        timeout(self.patience.answer, self.listen()).await.map_err(|_| Fault::Mute)?
    }

    async fn is_ready(&mut self) -> Result<bool, Fault> {
        Ok(self.status(PAPER).await? & PAPER_END == 0 && self.status(PRINTER).await? & OFFLINE == 0)
    }

    async fn wait_until_ready<T: FnMut(State)>(&mut self, watch: &mut Watch<T>) -> Result<(), Fault> {
        while !self.is_ready().await? {
            watch.needs_paper()?;
            sleep(self.patience.tick).await;
        }
        watch.to(State::Printing);
        Ok(())
    }

    /// Waits until the printer has dealt with all that was sent. A printer that was ready all the time and knows no
    /// status in turn has kept it.
    async fn settle<T: FnMut(State)>(&mut self, watch: &mut Watch<T>) -> Result<Sent, Fault> {
        self.answered = false;
        self.write(&IN_TURN).await?;
        let mut since = Instant::now();
        let mut interrupted = false;
        loop {
            let ready = self.is_ready().await?;
            if self.answered {
                return Ok(Sent::Kept);
            }
            if !ready {
                interrupted = true;
                self.wait_until_ready(watch).await?;
                since = Instant::now();
            } else if since.elapsed() >= self.patience.turn {
                return Ok(if interrupted { Sent::Lost } else { Sent::Kept });
            }
            sleep(self.patience.tick.min(self.patience.turn)).await;
        }
    }
}

/// Prints on a device that only takes bytes. One that takes none is out of paper as far as anyone can tell; it goes on
/// where it stopped, so the slip is never begun again.
async fn print_blindly<T: FnMut(State)>(
    target: &Target,
    mut bytes: &[u8],
    watch: &mut Watch<T>,
) -> Result<(), Fault> {
    let mut line = open(target).await?;
    while !bytes.is_empty() {
        match timeout(watch.patience.answer, line.write(bytes)).await {
            Ok(taken) => match bytes.get(taken?..) {
                Some(rest) if rest.len() < bytes.len() => {
                    bytes = rest;
                    watch.to(State::Printing);
                }
                _ => return Err(std::io::Error::from(std::io::ErrorKind::WriteZero).into()),
            },
            Err(_) => watch.needs_paper()?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
