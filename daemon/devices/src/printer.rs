//! The receipt printer (ESC/POS).

use nix::sys::termios::{self, BaudRate, SetArg};
use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, join},
    net::{TcpStream, unix::pipe},
    sync::mpsc::Receiver,
    time::{Instant, sleep, timeout},
};

/// Where the printer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A character device such as `/dev/usb/lp0`.
    Character(PathBuf),
    /// A serial line and its speed in baud.
    Tty(PathBuf, u32),
    /// `address:port`.
    Tcp(String),
}

/// One slip.
#[derive(Debug)]
pub struct Job {
    /// Its number.
    pub id: u64,
    /// The bytes to print.
    pub bytes: Vec<u8>,
    /// The same with the reprint mark, for when the first may have been printed in part.
    pub again: Vec<u8>,
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Being printed.
    Printing,
    /// Waits for paper.
    NeedsPaper,
    /// On paper.
    Done,
    /// Given up.
    Failed,
}

/// Longest wait for a connection, for the printer's status, or for it to take bytes.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the paper is looked at while a job waits for it.
const PAPER_TICK: Duration = Duration::from_millis(500);
/// Longest wait for paper; the receipt is a record and can be printed later.
const PAPER_PATIENCE: Duration = Duration::from_secs(600);
/// Bytes handed over between two looks at the paper.
const CHUNK: usize = 512;

/// The status request DLE EOT 4 (paper sensor), and the bits that say there is none.
const PAPER_STATUS: [u8; 3] = [0x10, 0x04, 0x04];
const PAPER_END: u8 = 0x60;

/// What went wrong with the line.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Line(#[from] std::io::Error),
    #[error("the printer does not answer")]
    Mute,
    #[error("no paper was loaded")]
    NoPaper,
}

/// Prints jobs one after the other, until the channel closes. `tell` hears each change of a job.
pub async fn run(target: Target, mut jobs: Receiver<Job>, mut tell: impl FnMut(u64, State)) {
    while let Some(job) = jobs.recv().await {
        tell(job.id, State::Printing);
        let end = match print(&target, &job, &mut tell).await {
            Ok(()) => State::Done,
            Err(fault) => {
                log::warn!("print job {}: {fault}", job.id);
                State::Failed
            }
        };
        tell(job.id, end);
    }
}

async fn print(target: &Target, job: &Job, tell: &mut impl FnMut(u64, State)) -> Result<(), Fault> {
    match target {
        Target::Tcp(address) => {
            let mut stream = timeout(PATIENCE, TcpStream::connect(address)).await.map_err(|_| Fault::Mute)??;
            through(&mut stream, job, tell).await?;
            // A printer that took everything and then hangs up has printed it.
            let _ = stream.shutdown().await;
            Ok(())
        }
        Target::Tty(path, baud) => {
            let file = open(path, true)?;
            raw(&file, *baud)?;
            let reader = pipe::Receiver::from_file_unchecked(file.try_clone()?)?;
            let writer = pipe::Sender::from_file_unchecked(file)?;
            through(&mut join(reader, writer), job, tell).await
        }
        Target::Character(path) => {
            // No way back on such a device: it takes the bytes or it does not.
            let file = open(path, false)?;
            let mut device = pipe::Sender::from_file_unchecked(file)?;
            for chunk in job.bytes.chunks(CHUNK) {
                write(&mut device, chunk, PAPER_PATIENCE).await?;
            }
            Ok(())
        }
    }
}

/// Prints on a line with a way back. Where the paper ends within a slip, the slip is printed again from its top once
/// there is paper, with the reprint mark, as its first part may be read by someone.
async fn through<L>(line: &mut L, job: &Job, tell: &mut impl FnMut(u64, State)) -> Result<(), Fault>
where
    L: AsyncRead + AsyncWrite + Unpin,
{
    wait_for_paper(line, job.id, tell).await?;
    let mut bytes = &job.bytes;
    'slip: loop {
        for chunk in bytes.chunks(CHUNK) {
            write(line, chunk, PATIENCE).await?;
            if !has_paper(line).await? {
                wait_for_paper(line, job.id, tell).await?;
                bytes = &job.again;
                continue 'slip;
            }
        }
        return Ok(());
    }
}

async fn wait_for_paper<L>(line: &mut L, id: u64, tell: &mut impl FnMut(u64, State)) -> Result<(), Fault>
where
    L: AsyncRead + AsyncWrite + Unpin,
{
    if has_paper(line).await? {
        return Ok(());
    }
    tell(id, State::NeedsPaper);
    let end = Instant::now() + PAPER_PATIENCE;
    while !has_paper(line).await? {
        if Instant::now() > end {
            return Err(Fault::NoPaper);
        }
        sleep(PAPER_TICK).await;
    }
    tell(id, State::Printing);
    Ok(())
}

async fn has_paper<L>(line: &mut L) -> Result<bool, Fault>
where
    L: AsyncRead + AsyncWrite + Unpin,
{
    write(line, &PAPER_STATUS, PATIENCE).await?;
    let mut status = [0];
    timeout(PATIENCE, line.read_exact(&mut status)).await.map_err(|_| Fault::Mute)??;
    Ok(status[0] & PAPER_END == 0)
}

async fn write<L: AsyncWrite + Unpin>(line: &mut L, bytes: &[u8], patience: Duration) -> Result<(), Fault> {
    Ok(timeout(patience, line.write_all(bytes)).await.map_err(|_| Fault::Mute)??)
}

fn open(path: &PathBuf, read: bool) -> std::io::Result<File> {
    let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY | nix::fcntl::OFlag::O_CLOEXEC;
    OpenOptions::new().read(read).write(true).custom_flags(flags.bits()).open(path)
}

/// A serial line without any treatment of bytes, with hardware flow control off.
fn raw(file: &File, baud: u32) -> std::io::Result<()> {
    let speed = match baud {
        9_600 => BaudRate::B9600,
        19_200 => BaudRate::B19200,
        38_400 => BaudRate::B38400,
        57_600 => BaudRate::B57600,
        115_200 => BaudRate::B115200,
        _ => return Err(std::io::Error::other("the speed must be 9600, 19200, 38400, 57600 or 115200 baud")),
    };
    let mut settings = termios::tcgetattr(file)?;
    termios::cfmakeraw(&mut settings);
    termios::cfsetspeed(&mut settings, speed)?;
    termios::tcsetattr(file, SetArg::TCSANOW, &settings)?;
    Ok(())
}
