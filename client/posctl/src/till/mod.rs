//! `posctl till`: a full-screen till in a terminal window.
//!
//! What it is for: a cashier's day with nothing but a keyboard: an amount, a type, the state with its prompt and
//! deadline, the receipt, the day's transactions and what may follow them, operators, what waits for the host, and the
//! settlement.
//!
//! What it never does: it never waits for the bus (each order is a task, each answer is news), it draws nothing that
//! its state does not hold, and it makes no transaction under a reference that is not written down first.
//!
//! Start reading at [`state::Till`].

mod big;
mod draw;
mod keep;
mod link;
mod settling;
mod state;
#[cfg(test)]
mod tests;

use crate::{Failure, exit::Exit, picture, voice::Voice};
use jiff::{Timestamp, ZonedDateTime, tz::TimeZone};
use posd_client::{Details, json};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use state::{Key, Order, Till};
use std::{
    io::{self, IsTerminal},
    time::Duration,
};
use tokio::sync::mpsc;

/// Between two looks at the clock while a deadline runs.
const TICK: Duration = Duration::from_millis(250);

/// What the keyboard says.
enum Typed {
    Key(Key),
    /// The window has another size.
    Resized,
    /// Ctrl-C.
    Interrupt,
    /// The window is gone.
    Ended,
}

/// Runs the till until the cashier leaves it.
///
/// # Errors
/// [`Failure::Usage`] where there is no window or another till of this user runs; else that of files and window.
pub(crate) async fn run(voice: Voice) -> Result<Exit, Failure> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        let (zh, en) = ("till 需要一个终端窗口", "the till needs a terminal window");
        return Err(Failure::Usage(voice.pick(zh, en).to_owned()));
    }
    let directory = keep::directory(|name| std::env::var_os(name))?;
    let keeper = keep::Keeper::take(&directory)?;
    let kept = keeper.load()?;
    let mut run = [0; 8];
    getrandom::fill(&mut run).map_err(|error| Failure::Fault(error.to_string()))?;
    let run = run.iter().map(|byte| format!("{byte:02x}")).collect();
    let till = Till::new(voice.language, kept, run, now());
    let mut screen = ratatui::try_init()?;
    let ended = turn(till, keeper, &mut screen, voice).await;
    ratatui::try_restore()?;
    ended.map(|()| Exit::Done)
}

async fn turn(
    mut till: Till,
    keeper: keep::Keeper,
    screen: &mut ratatui::DefaultTerminal,
    voice: Voice,
) -> Result<(), Failure> {
    // Without the font the big letters are small ones.
    let font = picture::font().ok();
    let (said, mut news) = mpsc::unbounded_channel();
    let mut link = link::Link::new(said, keeper, voice.language.tag());
    let mut typed = keyboard();
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
    loop {
        till.now = now();
        screen.draw(|frame| draw::draw(&till, font.as_ref(), frame))?;
        let orders = tokio::select! {
            typed = typed.recv() => match typed.unwrap_or(Typed::Ended) {
                Typed::Key(key) => till.key(key),
                Typed::Resized => Vec::new(),
                Typed::Interrupt | Typed::Ended => return Ok(()),
            },
            Some(news) = news.recv() => till.news(news),
            () = tokio::time::sleep(TICK), if till.watches_clock() => Vec::new(),
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
        };
        for order in orders {
            if order == Order::Quit {
                return Ok(());
            }
            link.perform(order);
        }
    }
}

/// Reads the keyboard in a thread of its own: reading blocks.
fn keyboard() -> mpsc::UnboundedReceiver<Typed> {
    let (typed, keys) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        loop {
            let said = match event::read() {
                Ok(Event::Key(key)) if key.kind == KeyEventKind::Press => match key.code {
                    KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Typed::Interrupt,
                    KeyCode::Char(character) => Typed::Key(Key::Char(character)),
                    KeyCode::Enter => Typed::Key(Key::Enter),
                    KeyCode::Esc => Typed::Key(Key::Escape),
                    KeyCode::Backspace => Typed::Key(Key::Backspace),
                    KeyCode::Up => Typed::Key(Key::Up),
                    KeyCode::Down => Typed::Key(Key::Down),
                    KeyCode::Left => Typed::Key(Key::Left),
                    KeyCode::Right => Typed::Key(Key::Right),
                    KeyCode::Tab => Typed::Key(Key::Tab),
                    _ => continue,
                },
                Ok(Event::Resize(..)) => Typed::Resized,
                Ok(_) => continue,
                Err(_) => Typed::Ended,
            };
            let last = matches!(said, Typed::Ended);
            if typed.send(said).is_err() || last {
                return;
            }
        }
    });
    keys
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Those that ended today by the clock on the wall, and those that have not ended.
fn of_today(all: Vec<Details>) -> Vec<Details> {
    let today = ZonedDateTime::now().date();
    let is_today = |details: &Details| {
        let ended = details.result.get("ended").and_then(|ended| json(ended).as_i64());
        let ended = ended.and_then(|ended| Timestamp::from_millisecond(ended).ok());
        ended.is_none_or(|ended| ended.to_zoned_datetime(TimeZone::system()).date() == today)
    };
    all.into_iter().filter(is_today).collect()
}
