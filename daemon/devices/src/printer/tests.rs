use super::*;
use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    pty::openpty,
};
use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::mpsc::channel,
};

const QUICK: Patience = Patience {
    answer: Duration::from_secs(1),
    turn: Duration::from_millis(600),
    tick: Duration::from_millis(10),
    paper: Duration::from_secs(3),
};

/// A printer of a few switches. Slips of the tests hold neither 0x10 nor 0x1D.
#[derive(Clone, Default)]
struct Fake {
    no_paper: Arc<AtomicBool>,
    cover_open: Arc<AtomicBool>,
    /// Knows no status in turn.
    simple: bool,
    /// The paper ends after so many bytes.
    ends_after: Option<usize>,
    /// Forgets what it has not printed when the paper ends.
    forgetful: bool,
    /// Hangs up when the paper ends, and comes back.
    hangs_up: bool,
    /// All that was printed.
    paper: Arc<Mutex<Vec<u8>>>,
}

impl Fake {
    fn printed(&self) -> String {
        String::from_utf8(self.paper.lock().unwrap().clone()).unwrap()
    }

    fn is_stopped(&self) -> bool {
        self.no_paper.load(SeqCst) || self.cover_open.load(SeqCst)
    }

    async fn serve(&mut self, mut line: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
        let mut waiting = Vec::new();
        let mut last = None;
        loop {
            let byte = match timeout(Duration::from_millis(5), line.read_u8()).await {
                Ok(byte) => Some(byte?),
                Err(_) => None,
            };
            if byte == Some(0x10) || byte == Some(0x1D) {
                assert!(matches!(last, None | Some(b'\n' | b']')), "a question within a line");
            } else if byte.is_some_and(|byte| byte >= b'\n') {
                last = byte;
            }
            if byte == Some(0x10) {
                assert_eq!(line.read_u8().await?, 0x04);
                let status = match line.read_u8().await? {
                    1 if self.is_stopped() => 0x1A,
                    4 if self.no_paper.load(SeqCst) => 0x72,
                    _ => 0x12,
                };
                // XON in between, as serial printers send it.
                line.write_all(&[0x11, status]).await?;
            } else if byte == Some(0x1D) {
                waiting.extend([0x1D, line.read_u8().await?, line.read_u8().await?]);
            } else {
                waiting.extend(byte);
            }
            while !self.is_stopped() && !waiting.is_empty() {
                if waiting[0] == 0x1D {
                    waiting.drain(..3);
                    if !self.simple {
                        line.write_u8(0).await?;
                    }
                    continue;
                }
                self.paper.lock().unwrap().push(waiting.remove(0));
                if self.ends_after == Some(self.paper.lock().unwrap().len()) {
                    self.ends_after = None;
                    self.no_paper.store(true, SeqCst);
                    if self.hangs_up {
                        return Ok(());
                    }
                }
            }
            if self.forgetful && self.is_stopped() {
                waiting.clear();
            }
        }
    }

    async fn start(&self) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut served = self.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let _ = served.serve(stream).await;
            }
        });
        Target::Tcp(address.to_string())
    }
}

fn slip(mark: &str) -> Vec<u8> {
    format!("[{mark}\n{}]", format!("{}\n", "x".repeat(32)).repeat(3 * CHUNK / 33)).into_bytes()
}

fn job() -> Job {
    Job { id: 7, bytes: slip("first").into(), again: slip("again").into() }
}

/// Prints one job; `on_state` may turn the printer's switches.
async fn states(target: Target, mut on_state: impl FnMut(State)) -> Vec<State> {
    let (jobs, queue) = channel(1);
    jobs.send(job()).await.unwrap();
    drop(jobs);
    let mut states = Vec::new();
    run_with(QUICK, target, queue, |id, state| {
        assert_eq!(id, 7);
        states.push(state);
        on_state(state);
    })
    .await;
    states
}

#[test]
fn rule_10_a_job_shows_nothing_of_its_slip() {
    let shown =
        format!("{:?}", Job { id: 7, bytes: b"6212340000000019".to_vec().into(), again: slip("x").into() });
    assert_eq!(shown, "Job(7, 16 bytes)");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

use State::{Done, Failed, NeedsPaper, Printing};

#[test]
fn chunks_are_whole_lines() {
    let lengths = |bytes: &[u8]| chunks(bytes).map(<[u8]>::len).collect::<Vec<_>>();
    assert_eq!(lengths(b""), []);
    assert_eq!(lengths(b"abc"), [3]);
    let slip = [vec![b'x'; 300], b"\n".to_vec(), vec![b'x'; 300], b"\n\n".to_vec(), vec![b'x'; 600]].concat();
    assert_eq!(lengths(&slip), [301, 302, 600]);
    assert_eq!(chunks(&slip).collect::<Vec<_>>().concat(), slip);
    assert_eq!(lengths(&[vec![b'x'; 600], b"\nx".to_vec()].concat()), [601, 1]);
}

#[tokio::test]
async fn a_slip_is_printed_whole_and_once() {
    let fake = Fake::default();
    assert_eq!(states(fake.start().await, |_| {}).await, [Printing, Done]);
    assert_eq!(fake.printed(), text(&job().bytes));
}

#[tokio::test]
async fn a_printer_without_status_in_turn_is_believed_if_it_was_always_ready() {
    let fake = Fake { simple: true, ..Fake::default() };
    assert_eq!(states(fake.start().await, |_| {}).await, [Printing, Done]);
    assert_eq!(fake.printed(), text(&job().bytes));
}

#[tokio::test]
async fn a_job_waits_for_paper_before_its_first_byte() {
    for switch in [|fake: &Fake| fake.no_paper.clone(), |fake: &Fake| fake.cover_open.clone()] {
        let fake = Fake::default();
        switch(&fake).store(true, SeqCst);
        let turned = fake.clone();
        let states = states(fake.start().await, |state| {
            if state == NeedsPaper {
                assert_eq!(turned.printed(), "");
                switch(&turned).store(false, SeqCst);
            }
        });
        assert_eq!(states.await, [Printing, NeedsPaper, Printing, Done]);
        assert_eq!(fake.printed(), text(&job().bytes));
    }
}

async fn with_paper_ending(fake: &Fake) -> Vec<State> {
    let loaded = fake.no_paper.clone();
    states(fake.start().await, |state| {
        if state == NeedsPaper {
            loaded.store(false, SeqCst);
        }
    })
    .await
}

#[tokio::test]
async fn rule_6_a_printer_that_kept_the_slip_goes_on_with_it() {
    for after in [1, CHUNK, CHUNK + 1, 2 * CHUNK + 100, slip("first").len() - 1] {
        let fake = Fake { ends_after: Some(after), ..Fake::default() };
        assert_eq!(with_paper_ending(&fake).await, [Printing, NeedsPaper, Printing, Done], "{after}");
        assert_eq!(fake.printed(), text(&job().bytes), "{after}");
    }
}

#[tokio::test]
async fn rule_6_a_printer_that_forgot_the_slip_prints_it_again_with_the_mark() {
    for after in [1, CHUNK + 1, 2 * CHUNK + 100] {
        let fake = Fake { ends_after: Some(after), forgetful: true, ..Fake::default() };
        let states = with_paper_ending(&fake).await;
        assert_eq!(states.last(), Some(&Done), "{after}");
        let printed = fake.printed();
        assert!(printed.ends_with(&text(&job().again)), "{after}");
        assert_eq!(printed.matches("[first").count(), usize::from(after > 6), "{after}");
        assert_eq!(printed.matches(']').count(), 1, "{after}");
    }
}

#[tokio::test]
async fn a_printer_switched_off_for_new_paper_prints_again_with_the_mark() {
    // The paper's end is seen while the printer is there; then it hangs up and comes back with paper.
    let fake = Fake { ends_after: Some(CHUNK / 2), ..Fake::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::Tcp(listener.local_addr().unwrap().to_string());
    let mut served = fake.clone();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = timeout(Duration::from_millis(100), served.serve(stream)).await;
        served.no_paper.store(false, SeqCst);
        served.ends_after = None;
        let (stream, _) = listener.accept().await.unwrap();
        let _ = served.serve(stream).await;
    });
    assert_eq!(states(target, |_| {}).await, [Printing, NeedsPaper, Printing, Done]);
    assert!(fake.printed().starts_with("[first"));
    assert!(fake.printed().ends_with(&text(&job().again)));
}

#[tokio::test]
async fn a_printer_that_goes_away_fails_the_job_and_not_the_next() {
    let fake = Fake { ends_after: Some(CHUNK / 2), hangs_up: true, ..Fake::default() };
    let (jobs, queue) = channel(2);
    jobs.send(job()).await.unwrap();
    jobs.send(Job { id: 8, ..job() }).await.unwrap();
    drop(jobs);
    let mut states = Vec::new();
    let loaded = fake.no_paper.clone();
    run_with(QUICK, fake.start().await, queue, |id, state| {
        states.push((id, state));
        if state == Failed || state == NeedsPaper {
            loaded.store(false, SeqCst);
        }
    })
    .await;
    assert_eq!(states, [(7, Printing), (7, Failed), (8, Printing), (8, Done)]);
}

#[tokio::test]
async fn rule_6_a_mute_a_missing_and_a_paperless_printer_fail_the_job_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let started = Instant::now();
    // The kernel takes the connection; nobody answers.
    assert_eq!(states(Target::Tcp(address.clone()), |_| {}).await, [Printing, Failed]);
    drop(listener);
    assert_eq!(states(Target::Tcp(address), |_| {}).await, [Printing, Failed]);
    assert_eq!(states(Target::Character("/nowhere/lp0".into()), |_| {}).await, [Printing, Failed]);
    assert_eq!(states(Target::Tty("/nowhere/ttyS0".into(), 9600), |_| {}).await, [Printing, Failed]);
    assert!(started.elapsed() < 4 * QUICK.answer);
    let fake = Fake::default();
    fake.no_paper.store(true, SeqCst);
    assert_eq!(states(fake.start().await, |_| {}).await, [Printing, NeedsPaper, Failed]);
    assert_eq!(fake.printed(), "");
    assert!(started.elapsed() < QUICK.paper + 8 * QUICK.answer);
}

/// A serial line whose other end is ours.
fn pty() -> (OwnedFd, PathBuf, OwnedFd) {
    let pair = openpty(None, None).unwrap();
    let path = nix::unistd::ttyname(&pair.slave).unwrap();
    (pair.master, path, pair.slave)
}

#[tokio::test]
async fn a_serial_printer_answers_like_any_other() {
    let (master, path, _slave) = pty();
    fcntl(&master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    let mut fake = Fake { ends_after: Some(CHUNK + 1), ..Fake::default() };
    let side = tokio::net::unix::pipe::Receiver::from_file_unchecked(File::from(master.try_clone().unwrap()))
        .unwrap();
    let other = tokio::net::unix::pipe::Sender::from_file_unchecked(File::from(master)).unwrap();
    let seen = fake.clone();
    tokio::spawn(async move { fake.serve(tokio::io::join(side, other)).await });
    let loaded = seen.no_paper.clone();
    let states = states(Target::Tty(path, 115_200), |state| {
        if state == NeedsPaper {
            loaded.store(false, SeqCst);
        }
    });
    assert_eq!(states.await, [Printing, NeedsPaper, Printing, Done]);
    assert_eq!(seen.printed(), text(&job().bytes));
}

#[tokio::test]
async fn a_serial_printer_of_an_unknown_speed_fails() {
    let (_master, path, _slave) = pty();
    assert_eq!(states(Target::Tty(path, 1234), |_| {}).await, [Printing, Failed]);
}

#[tokio::test]
async fn a_device_that_takes_nothing_needs_paper_and_goes_on_where_it_stopped() {
    let (master, path, slave) = pty();
    // Nothing changes bytes, and the device is full before the slip.
    let mut settings = nix::sys::termios::tcgetattr(&slave).unwrap();
    nix::sys::termios::cfmakeraw(&mut settings);
    nix::sys::termios::tcsetattr(&slave, nix::sys::termios::SetArg::TCSANOW, &settings).unwrap();
    for end in [&slave, &master] {
        fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    }
    let mut device = File::from(slave.try_clone().unwrap());
    let mut full = 0;
    while let Ok(count) = device.write(&[b'.'; 256]) {
        full += count;
    }
    let mut paper = File::from(master);
    let mut printed = Vec::new();
    let states = states(Target::Character(path), |state| {
        if state == NeedsPaper {
            let _ = paper.read_to_end(&mut printed);
        }
    });
    assert_eq!(states.await, [Printing, NeedsPaper, Printing, Done]);
    let _ = paper.read_to_end(&mut printed);
    assert_eq!(text(&printed[full..]), text(&job().bytes));
}

#[tokio::test]
async fn a_character_device_gets_the_bytes_and_no_question() {
    let (master, path, slave) = pty();
    let mut settings = nix::sys::termios::tcgetattr(&slave).unwrap();
    nix::sys::termios::cfmakeraw(&mut settings);
    nix::sys::termios::tcsetattr(&slave, nix::sys::termios::SetArg::TCSANOW, &settings).unwrap();
    fcntl(&master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    assert_eq!(states(Target::Character(path), |_| {}).await, [Printing, Done]);
    let mut printed = Vec::new();
    let _ = File::from(master).read_to_end(&mut printed);
    assert_eq!(text(&printed), text(&job().bytes));
}
