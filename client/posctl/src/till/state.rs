//! The till as a state machine: keys and news of the terminal come in, orders go out. It draws nothing, calls nobody and
//! waits for nobody, so whatever the terminal does, a key is always answered.

use super::{keep::Kept, settling::Settling};
use crate::{
    errors,
    language::Language,
    transact,
    voice::{minor_units, yuan},
};
use posd_client::{AmountOf, Details, Kind, SettlementDetails, TerminalState};
use serde_json::Value;

/// Most digits of an amount, with its point: the interface takes 999,999,999,999 minor units.
const AMOUNT: usize = 13;

/// A key, as far as the till knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Char(char),
    Enter,
    Escape,
    Backspace,
    Up,
    Down,
    Left,
    Right,
    Tab,
}

/// What is heard of the terminal.
#[derive(Debug)]
pub(crate) enum News {
    /// How it stands.
    Terminal(Box<TerminalState>),
    /// It is not there.
    Gone,
    /// The transaction that is followed.
    Changed(Box<Details>),
    /// The kept reference names nothing: the transaction was never made.
    NeverMade,
    /// An order is done.
    Done(&'static str),
    /// An order was refused: its name, the error's name and text.
    Refused(&'static str, String, String),
    /// The reference could not be written down, so nothing was made.
    NotKept(String),
    /// The caller's transactions, newest first.
    Day(Vec<Details>),
    /// The slip of a transaction, as text.
    Receipt(u64, String),
    /// What the host has not answered yet.
    Waiting(Vec<Value>),
    /// How the settlement stands.
    Settling(Box<SettlementDetails>),
    /// The slip of the settlement that is over, as text.
    SettlementSlip(String),
}

/// What the till wants done. None of it is waited for; each comes back as news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// Write the reference down, then make, start and follow the transaction.
    Begin(Kept),
    /// Open the next attempt of the same reference, start and follow it.
    Again(Kept),
    /// Ask again with the kept reference, and follow what it names without starting it.
    Resume(String),
    /// Start what was made and not started, and follow it.
    Start(String),
    /// The cashier has seen the end: acknowledge it, and forget the reference.
    Close(Option<u64>),
    Cancel(u64),
    Confirm(u64),
    Select(u64, u32),
    Print(u64),
    Receipt(u64),
    Day,
    Waiting,
    /// Settle the batch, and follow that.
    Settle,
    /// Follow the settlement that is under way.
    FollowSettlement,
    SignIn,
    LogIn(String, String),
    LogOut,
    Lock,
    Unlock,
    Quit,
}

/// What the cashier can do from the amount's screen, one row each.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) key: char,
    pub(crate) zh: &'static str,
    pub(crate) en: &'static str,
    /// The order it gives.
    order: fn(&Till) -> Order,
    /// What is said while it is done, in both languages; none where it is done at once.
    doing: Option<(&'static str, &'static str)>,
}

/// The table of actions; the help line is drawn from it.
pub(crate) const ACTIONS: &[Action] = &[
    Action { key: 't', zh: "今日交易", en: "today", order: |_| Order::Day, doing: None },
    Action {
        key: 'g',
        zh: "签到",
        en: "sign in",
        order: |_| Order::SignIn,
        doing: Some(("正在签到", "signing in")),
    },
    Action {
        key: 'o',
        zh: "操作员登录/退出",
        en: "operator in/out",
        order: |till| match till.operator() {
            "" => Order::LogIn(String::new(), String::new()),
            _ => Order::LogOut,
        },
        doing: None,
    },
    Action {
        key: 'l',
        zh: "锁屏/解锁",
        en: "lock/unlock",
        order: |till| if till.is_locked() { Order::Unlock } else { Order::Lock },
        doing: Some(("解锁请在密码键盘上输入密码", "to unlock, type the password on the PIN pad")),
    },
    Action {
        key: 'w', zh: "冲正与待上送", en: "waiting for host", order: |_| Order::Waiting, doing: None
    },
    Action { key: 's', zh: "结算", en: "settle", order: |_| Order::Settle, doing: None },
    Action { key: 'q', zh: "离开", en: "quit", order: |_| Order::Quit, doing: None },
];

/// What is on the screen.
#[derive(Debug)]
pub(crate) enum Screen {
    /// An amount is typed and a type is chosen.
    Amount,
    /// A transaction is under way; `None` while it is being made or looked for.
    Running(Option<Box<Details>>),
    /// It has ended.
    Ended { details: Box<Details>, receipt: Option<String>, scroll: u16 },
    /// The transactions of the day.
    Day { rows: Vec<Details>, selected: usize },
    /// What follows one of them: its amount.
    Follow { original: Box<Details>, kind: &'static Kind, typed: String },
    /// An operator's number and, where there is no PIN pad, the password.
    LogIn { number: String, password: String, at_password: bool },
    /// What the host has not answered.
    Waiting(Vec<Value>),
    /// The end of the batch.
    Settle(Settling),
}

/// The till.
#[derive(Debug)]
pub(crate) struct Till {
    pub(crate) language: Language,
    /// `None` while it is not there.
    pub(crate) terminal: Option<TerminalState>,
    pub(crate) screen: Screen,
    /// The amount as typed.
    pub(crate) typed: String,
    /// Place of the chosen type among [`Till::kinds`].
    pub(crate) chosen: usize,
    /// The last thing to say, and whether it is bad.
    pub(crate) message: Option<(String, bool)>,
    /// The transaction that a restart asks for again.
    pub(crate) kept: Option<Kept>,
    /// Milliseconds since 1970 UTC.
    pub(crate) now: i64,
    /// First part of the references of this run.
    run: String,
    /// How many of them were given.
    given: u32,
}

impl Till {
    /// A till that starts, with what an earlier run kept. `run` makes its references its own.
    pub(crate) fn new(language: Language, kept: Option<Kept>, run: String, now: i64) -> Till {
        let screen = if kept.is_some() { Screen::Running(None) } else { Screen::Amount };
        Till {
            language,
            terminal: None,
            screen,
            typed: String::new(),
            chosen: 0,
            message: None,
            kept,
            now,
            run,
            given: 0,
        }
    }

    /// The types that begin with an amount or with nothing; those that follow another are in the list of the day.
    pub(crate) fn kinds() -> Vec<&'static Kind> {
        transact::offered().filter(|kind| !kind.follows && kind.further.iter().all(|f| !f.required)).collect()
    }

    /// The chosen type.
    pub(crate) fn kind(&self) -> Option<&'static Kind> {
        Till::kinds().get(self.chosen).copied()
    }

    /// The types that may follow a transaction of the day.
    pub(crate) fn followers(details: &Details) -> Vec<&'static Kind> {
        if !details.is_charged() {
            return Vec::new();
        }
        transact::offered().filter(|kind| kind.may_follow(&details.kind)).collect()
    }

    pub(crate) fn operator(&self) -> &str {
        self.terminal.as_ref().map_or("", |terminal| terminal.operator.as_str())
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.terminal.as_ref().is_some_and(|terminal| terminal.locked)
    }

    /// Seconds until the present step ends by itself.
    pub(crate) fn seconds_left(&self, details: &Details) -> Option<i64> {
        (details.deadline > 0).then(|| ((details.deadline - self.now).max(0) + 999) / 1000)
    }

    /// Whether anything on the screen changes with the clock.
    pub(crate) fn watches_clock(&self) -> bool {
        matches!(&self.screen, Screen::Running(Some(details)) if details.deadline > 0)
    }

    fn say(&mut self, zh: &str, en: &str, bad: bool) {
        self.message = Some((self.language.pick(zh, en).to_owned(), bad));
    }

    /// A key was pressed.
    pub(crate) fn key(&mut self, key: Key) -> Vec<Order> {
        if !matches!(self.screen, Screen::Running(_)) {
            self.message = None;
        }
        match &mut self.screen {
            Screen::Amount => self.key_at_amount(key),
            Screen::Running(details) => {
                let details = details.as_deref().map(|details| (details.id, details.state.clone()));
                details.map_or_else(Vec::new, |(id, state)| self.key_while_running(id, &state, key))
            }
            Screen::Ended { .. } => self.key_at_end(key),
            Screen::Day { .. } => self.key_in_list(key),
            Screen::Follow { .. } => self.key_at_follower(key),
            Screen::LogIn { .. } => self.key_at_log_in(key),
            Screen::Settle(_) => self.key_at_settlement(key),
            Screen::Waiting(_) => {
                if matches!(key, Key::Escape | Key::Enter | Key::Char('q')) {
                    self.screen = Screen::Amount;
                }
                Vec::new()
            }
        }
    }

    fn key_at_amount(&mut self, key: Key) -> Vec<Order> {
        let kinds = Till::kinds().len().max(1);
        match key {
            Key::Char(character) if edit(&mut self.typed, character) => Vec::new(),
            Key::Char(letter) => {
                let Some(action) = ACTIONS.iter().find(|action| action.key == letter) else {
                    return Vec::new();
                };
                let order = (action.order)(self);
                if let Order::LogIn(..) = order {
                    let (number, password) = (String::new(), String::new());
                    self.screen = Screen::LogIn { number, password, at_password: false };
                    return Vec::new();
                }
                if order == Order::Settle {
                    // It closes the batch: the cashier says so once more.
                    self.screen = Screen::Settle(Settling::default());
                    return Vec::new();
                }
                if let Some((zh, en)) = action.doing {
                    self.say(zh, en, false);
                }
                vec![order]
            }
            Key::Backspace => {
                self.typed.pop();
                Vec::new()
            }
            Key::Escape => {
                self.typed.clear();
                Vec::new()
            }
            Key::Right | Key::Tab | Key::Down => {
                self.chosen = (self.chosen + 1) % kinds;
                Vec::new()
            }
            Key::Left | Key::Up => {
                self.chosen = (self.chosen + kinds - 1) % kinds;
                Vec::new()
            }
            Key::Enter => self.sell(),
        }
    }

    fn sell(&mut self) -> Vec<Order> {
        let Some(kind) = self.kind() else { return Vec::new() };
        let amount = match kind.amount {
            AmountOf::Nothing => 0,
            _ => match minor_units(&self.typed).filter(|minor| *minor > 0) {
                Some(minor) => minor,
                None => {
                    self.say("请输入金额", "type an amount", true);
                    return Vec::new();
                }
            },
        };
        self.begin(kind, amount, None)
    }

    /// One new reference for one new transaction: it is written down before anybody hears of it.
    fn begin(&mut self, kind: &'static Kind, amount: u64, original: Option<String>) -> Vec<Order> {
        if self.terminal.is_none() {
            self.say("终端不在，请稍候", "the terminal is not there; wait", true);
            return Vec::new();
        }
        self.given += 1;
        let reference = format!("till-{}-{}", self.run, self.given);
        let kept = Kept { reference, kind: kind.word.to_owned(), amount, original };
        self.kept = Some(kept.clone());
        self.screen = Screen::Running(None);
        self.message = None;
        vec![Order::Begin(kept)]
    }

    fn key_while_running(&mut self, id: u64, state: &str, key: Key) -> Vec<Order> {
        match (state, key) {
            ("created", Key::Enter) => {
                self.kept.as_ref().map(|kept| Order::Start(kept.reference.clone())).into_iter().collect()
            }
            (_, Key::Escape) => {
                self.say("正在取消", "cancelling", false);
                vec![Order::Cancel(id)]
            }
            ("waiting-confirmation" | "waiting-signature", Key::Enter) => vec![Order::Confirm(id)],
            ("selecting-application", Key::Char(digit)) => match digit.to_digit(10) {
                Some(place @ 1..) => vec![Order::Select(id, place - 1)],
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn key_at_end(&mut self, key: Key) -> Vec<Order> {
        let Screen::Ended { details, scroll, .. } = &mut self.screen else { return Vec::new() };
        let id = details.id;
        match key {
            Key::Up => *scroll = scroll.saturating_sub(1),
            Key::Down => *scroll = scroll.saturating_add(1),
            Key::Char('p') => return vec![Order::Print(id)],
            Key::Char('n') if may_try_again(details) => {
                let kept = Kept::of(details);
                self.kept = Some(kept.clone());
                self.screen = Screen::Running(None);
                return vec![Order::Again(kept)];
            }
            Key::Enter | Key::Escape => {
                self.screen = Screen::Amount;
                self.typed.clear();
                self.kept = None;
                return vec![Order::Close(Some(id))];
            }
            _ => {}
        }
        Vec::new()
    }

    fn key_in_list(&mut self, key: Key) -> Vec<Order> {
        let Screen::Day { rows, selected } = &mut self.screen else { return Vec::new() };
        match key {
            Key::Up => *selected = selected.saturating_sub(1),
            Key::Down => *selected = (*selected + 1).min(rows.len().saturating_sub(1)),
            Key::Enter => {
                if let Some(details) = take(rows, *selected) {
                    return self.show(details);
                }
            }
            Key::Char(digit @ '1'..='9') => {
                let place = digit.to_digit(10).map_or(0, |digit| digit as usize - 1);
                let kind = rows.get(*selected).and_then(|row| Till::followers(row).get(place).copied());
                let Some(kind) = kind else { return Vec::new() };
                let Some(original) = take(rows, *selected) else { return Vec::new() };
                let typed = yuan(original.result_number("charged").unwrap_or(original.amount));
                self.screen = Screen::Follow { original: Box::new(original), kind, typed };
            }
            Key::Escape | Key::Char('q') => self.screen = Screen::Amount,
            _ => {}
        }
        Vec::new()
    }

    /// An older transaction, as it ended.
    fn show(&mut self, details: Details) -> Vec<Order> {
        let id = details.id;
        self.screen = Screen::Ended { details: Box::new(details), receipt: None, scroll: 0 };
        vec![Order::Receipt(id)]
    }

    fn key_at_follower(&mut self, key: Key) -> Vec<Order> {
        let Screen::Follow { original, kind, typed } = &mut self.screen else { return Vec::new() };
        match key {
            Key::Char(character) if kind.amount == AmountOf::UpToOriginal => {
                edit(typed, character);
            }
            Key::Backspace if kind.amount == AmountOf::UpToOriginal => {
                typed.pop();
            }
            Key::Enter => {
                let Some(amount) = minor_units(typed).filter(|minor| *minor > 0) else {
                    self.say("请输入金额", "type an amount", true);
                    return Vec::new();
                };
                let (kind, reference) = (*kind, original.reference.clone());
                return self.begin(kind, amount, Some(reference));
            }
            Key::Escape => {
                self.screen = Screen::Amount;
                return vec![Order::Day];
            }
            _ => {}
        }
        Vec::new()
    }

    fn key_at_log_in(&mut self, key: Key) -> Vec<Order> {
        let Screen::LogIn { number, password, at_password } = &mut self.screen else { return Vec::new() };
        let field = if *at_password { password } else { number };
        match key {
            Key::Char(digit) if digit.is_ascii_digit() && field.len() < if *at_password { 8 } else { 2 } => {
                field.push(digit);
            }
            Key::Backspace => {
                field.pop();
            }
            Key::Tab | Key::Up | Key::Down => *at_password = !*at_password,
            Key::Escape => self.screen = Screen::Amount,
            Key::Enter => {
                let Screen::LogIn { number, password, .. } =
                    std::mem::replace(&mut self.screen, Screen::Amount)
                else {
                    return Vec::new();
                };
                if password.is_empty() {
                    self.say("请在密码键盘上输入密码", "type the password on the PIN pad", false);
                }
                return vec![Order::LogIn(number, password)];
            }
            _ => {}
        }
        Vec::new()
    }

    /// Something was heard of the terminal.
    pub(crate) fn news(&mut self, news: News) -> Vec<Order> {
        match news {
            News::Terminal(state) => {
                let back = self.terminal.is_none();
                self.terminal = Some(*state);
                if back {
                    return self.came_back();
                }
            }
            News::Gone => {
                self.terminal = None;
                if let Screen::Running(details) = &mut self.screen {
                    // What it said last is not true for ever; its outcome is kept and asked for again.
                    *details = None;
                }
            }
            News::Changed(details) => return self.changed(details),
            News::NeverMade => self.never_made(),
            News::NotKept(fault) => {
                self.kept = None;
                self.screen = Screen::Amount;
                let (zh, en) = (
                    format!("无法保存交易名，未建立交易：{fault}"),
                    format!("the reference cannot be written down, so nothing was made: {fault}"),
                );
                self.say(&zh, &en, true);
            }
            News::Done(name) => self.done(name),
            News::Refused(order, name, text) => return self.refused(order, &name, &text),
            News::Day(rows) => self.screen = Screen::Day { rows, selected: 0 },
            News::Waiting(rows) => self.screen = Screen::Waiting(rows),
            News::Settling(now) => self.settling(*now),
            News::SettlementSlip(text) => self.settlement_slip(text),
            News::Receipt(id, text) => {
                if let Screen::Ended { details, receipt, .. } = &mut self.screen
                    && details.id == id
                {
                    *receipt = Some(text);
                }
            }
        }
        Vec::new()
    }

    /// The terminal is there, for the first time or again.
    fn came_back(&mut self) -> Vec<Order> {
        self.message = None;
        match (&self.screen, &self.kept) {
            (Screen::Running(_), Some(kept)) => vec![Order::Resume(kept.reference.clone())],
            _ => self.settlement_again(),
        }
    }

    fn changed(&mut self, details: Box<Details>) -> Vec<Order> {
        // News of a transaction that the cashier has left.
        if self.kept.as_ref().is_none_or(|kept| kept.reference != details.reference) {
            return Vec::new();
        }
        if details.state != "finished" {
            if !matches!(self.screen, Screen::Ended { .. }) {
                self.screen = Screen::Running(Some(details));
            }
            return Vec::new();
        }
        self.message = None;
        let (id, has_receipt) = (details.id, details.is_charged());
        self.screen = Screen::Ended { details, receipt: None, scroll: 0 };
        if has_receipt { vec![Order::Receipt(id)] } else { Vec::new() }
    }

    fn never_made(&mut self) {
        if let Some(kept) = self.kept.take() {
            self.typed = if kept.amount > 0 { yuan(kept.amount) } else { String::new() };
            self.chosen = Till::kinds().iter().position(|kind| kind.word == kept.kind).unwrap_or(self.chosen);
        }
        self.screen = Screen::Amount;
        self.say("上一笔交易没有建立，未扣款", "the last one was never made; not charged", true);
    }

    fn done(&mut self, name: &str) {
        match name {
            "sign-in" => self.say("已签到", "signed in", false),
            "log-in" => self.say("操作员已登录", "the operator is logged in", false),
            "log-out" => self.say("操作员已退出", "the operator is logged out", false),
            "lock" => self.say("已锁屏", "locked", false),
            "unlock" => self.say("已解锁", "unlocked", false),
            "print" => self.say("已送打印", "sent to the printer", false),
            "too-late" => {
                self.say("已来不及取消，请等待结果", "too late to cancel; wait for the outcome", true)
            }
            _ => {}
        }
    }

    fn refused(&mut self, order: &str, name: &str, text: &str) -> Vec<Order> {
        let text = errors::text(name, text, self.language);
        self.message = Some((text, true));
        match order {
            // There is no slip, and nothing is wrong with that.
            "receipt" => self.message = None,
            "settle" if matches!(self.screen, Screen::Settle(_)) => self.screen = Screen::Amount,
            "begin" => {
                // Refused before it was made: there is nothing to ask again for.
                self.kept = None;
                self.screen = Screen::Amount;
                return vec![Order::Close(None)];
            }
            // It was made, and cannot start now: it is shown as it stands.
            "start" | "again" => {
                if let Some(kept) = &self.kept {
                    return vec![Order::Resume(kept.reference.clone())];
                }
            }
            _ => {}
        }
        Vec::new()
    }
}

/// Whether the same reference may be tried again.
pub(crate) fn may_try_again(details: &Details) -> bool {
    details.result.get("new-attempt").is_some_and(|value| posd_client::json(value) == true)
}

/// Adds a digit or the point to an amount; `false` where it is neither.
fn edit(typed: &mut String, character: char) -> bool {
    match character {
        '0'..='9' => {
            let cents = typed.split_once('.').map_or(0, |(_, cents)| cents.len());
            if cents < 2 && typed.len() < AMOUNT {
                typed.push(character);
            }
        }
        '.' if !typed.contains('.') => {
            if typed.is_empty() {
                typed.push('0');
            }
            typed.push('.');
        }
        '.' => {}
        _ => return false,
    }
    true
}

fn take(rows: &mut Vec<Details>, place: usize) -> Option<Details> {
    (place < rows.len()).then(|| rows.swap_remove(place))
}
