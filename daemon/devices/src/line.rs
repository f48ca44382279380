//! The way to a printer.

use crate::printer::Target;
use nix::{
    fcntl::OFlag,
    sys::termios::{self, BaudRate, ControlFlags, FlushArg, InputFlags, SetArg},
};
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, empty, join},
    net::{TcpStream, unix::pipe},
};

/// Bytes to a printer, and its answers.
pub(crate) trait Line: AsyncRead + AsyncWrite + Send + Unpin {}

impl<L: AsyncRead + AsyncWrite + Send + Unpin> Line for L {}

pub(crate) async fn open(target: &Target) -> io::Result<Box<dyn Line>> {
    match target {
        Target::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        }
        Target::Tty(path, baud) => {
            let file = device(path, true)?;
            raw(&file, *baud)?;
            let reader = pipe::Receiver::from_file_unchecked(file.try_clone()?)?;
            Ok(Box::new(join(reader, pipe::Sender::from_file_unchecked(file)?)))
        }
        Target::Character(path) => {
            let writer = pipe::Sender::from_file_unchecked(device(path, false)?)?;
            Ok(Box::new(join(empty(), writer)))
        }
    }
}

fn device(path: &Path, read: bool) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    OpenOptions::new().read(read).write(true).custom_flags(flags.bits()).open(path)
}

/// A serial line that changes no byte and waits for no modem. XOFF holds us back, as printers send it when they are
/// full; neither it nor XON looks like a status.
fn raw(file: &File, baud: u32) -> io::Result<()> {
    let speed = match baud {
        9_600 => BaudRate::B9600,
        19_200 => BaudRate::B19200,
        38_400 => BaudRate::B38400,
        57_600 => BaudRate::B57600,
        115_200 => BaudRate::B115200,
        _ => return Err(io::Error::other("the speed must be 9600, 19200, 38400, 57600 or 115200 baud")),
    };
    let mut settings = termios::tcgetattr(file)?;
    termios::cfmakeraw(&mut settings);
    settings.control_flags |= ControlFlags::CLOCAL | ControlFlags::CREAD;
    settings.input_flags |= InputFlags::IXON;
    termios::cfsetspeed(&mut settings, speed)?;
    termios::tcsetattr(file, SetArg::TCSANOW, &settings)?;
    // Answers to questions of an earlier job.
    termios::tcflush(file, FlushArg::TCIFLUSH)?;
    Ok(())
}
