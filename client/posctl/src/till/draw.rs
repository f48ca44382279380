//! The till on the screen, from its state alone.

use super::{
    big,
    settling::Settling,
    state::{ACTIONS, Screen, Till, may_try_again},
};
use crate::{
    settle, show,
    voice::{Voice, yuan},
};
use ab_glyph::FontVec;
use posd_client::{AmountOf, Details};
use qrcode::{Color as Module, QrCode};
use ratatui::{
    Frame,
    layout::{Alignment, Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Paragraph, Wrap},
};

/// Columns of a slip and its frame.
const SLIP: u16 = posd_receipt::COLUMNS as u16 + 2;

const GOOD: Style = Style::new().fg(Color::Green).add_modifier(Modifier::BOLD);
const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
const LOUD: Style = Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD);
const QUIET: Style = Style::new().fg(Color::DarkGray);
const CHOSEN: Style = Style::new().add_modifier(Modifier::REVERSED);

/// Draws it; without a font the big letters are small ones.
pub(crate) fn draw(till: &Till, font: Option<&FontVec>, frame: &mut Frame<'_>) {
    let [head, body, message, help] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Min(0),
        Constraint::Length(1),
        Constraint::Length(2),
    ])
    .areas(frame.area());
    heading(till, frame, head);
    let pen = Pen { till, font };
    match &till.screen {
        Screen::Amount => pen.amount(frame, body),
        Screen::Running(details) => pen.running(details.as_deref(), frame, body),
        Screen::Ended { details, receipt, scroll } => {
            pen.ended(details, receipt.as_deref(), *scroll, frame, body);
        }
        Screen::Day { rows, selected } => pen.day(rows, *selected, frame, body),
        Screen::Follow { original, kind, typed } => {
            pen.lines(
                vec![
                    Line::styled(format!("{} {}", kind.name(till.language.tag()), kind.en), LOUD),
                    Line::raw(format!("{} {}", pen.pick("原交易", "original"), original.reference)),
                ],
                frame,
                Rect { height: 2.min(body.height), ..body },
            );
            pen.big(&yuan_typed(typed), LOUD, frame, below(body, 3));
        }
        Screen::LogIn { number, password, at_password } => {
            pen.log_in(number, password.len(), *at_password, frame, body);
        }
        Screen::Waiting(rows) => pen.waiting(rows, frame, body),
        Screen::Settle(settling) => pen.settle(settling, frame, body),
    }
    if let Some((text, bad)) = &till.message {
        frame.render_widget(Line::styled(text.as_str(), if *bad { BAD } else { LOUD }), message);
    }
    let help_text = Paragraph::new(pen.help()).style(QUIET).wrap(Wrap { trim: true });
    frame.render_widget(help_text, help);
}

fn below(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect { y: area.y + rows, height: area.height - rows, ..area }
}

fn yuan_typed(typed: &str) -> String {
    if typed.is_empty() { "0.00".to_owned() } else { typed.to_owned() }
}

fn heading(till: &Till, frame: &mut Frame<'_>, area: Rect) {
    let pick = |zh, en| till.language.pick(zh, en);
    let [first, second] = Layout::vertical([Constraint::Length(1), Constraint::Length(1)]).areas(area);
    let Some(terminal) = &till.terminal else {
        let text = pick("终端不在：正在等待 posd", "the terminal is not there: waiting for posd");
        frame.render_widget(Line::styled(text, BAD), first);
        return;
    };
    let operator = if terminal.operator.is_empty() { "-" } else { &terminal.operator };
    let text = format!(
        "{}  {} {}  {} {operator}  {} {:06}",
        terminal.merchant_name,
        pick("终端", "terminal"),
        terminal.terminal,
        pick("操作员", "operator"),
        pick("批次", "batch"),
        terminal.batch,
    );
    frame.render_widget(Line::raw(text), first);
    let mut marks = vec![match terminal.state.as_str() {
        "out-of-service" => Span::styled(
            format!("{} {}", show::state(&terminal.state, till.language), terminal.reasons.join(", ")),
            BAD,
        ),
        word => Span::styled(show::state(word, till.language).to_owned(), GOOD),
    }];
    if !terminal.signed_in {
        marks.push(Span::styled(pick("  未签到", "  not signed in"), LOUD));
    }
    if terminal.locked {
        marks.push(Span::styled(pick("  已锁屏", "  locked"), LOUD));
    }
    if terminal.pending_reversals > 0 {
        marks.push(Span::styled(
            format!("  {} {}", pick("待冲正", "reversals"), terminal.pending_reversals),
            BAD,
        ));
    }
    frame.render_widget(Line::from(marks), second);
}

/// What every part needs.
struct Pen<'a> {
    till: &'a Till,
    font: Option<&'a FontVec>,
}

impl Pen<'_> {
    fn pick<T>(&self, zh: T, en: T) -> T {
        self.till.language.pick(zh, en)
    }

    fn lines(&self, lines: Vec<Line<'_>>, frame: &mut Frame<'_>, area: Rect) {
        frame.render_widget(
            Paragraph::new(lines).alignment(Alignment::Center).wrap(Wrap { trim: true }),
            area,
        );
    }

    /// A text in the middle, as big as fits; the rows it took.
    fn big(&self, text: &str, style: Style, frame: &mut Frame<'_>, area: Rect) -> u16 {
        let (columns, rows) = (big::columns(text), big::ROWS as u16);
        let font = self.font.filter(|_| columns <= usize::from(area.width) && rows <= area.height);
        let (lines, rows) = match font {
            Some(font) => {
                let lines = big::letters(text, font);
                (lines.into_iter().map(|line| Line::styled(line, style)).collect(), rows)
            }
            None => (vec![Line::styled(text.to_owned(), style)], 1),
        };
        let area = Rect { height: rows.min(area.height), ..area };
        frame.render_widget(Paragraph::new::<Vec<Line<'_>>>(lines).alignment(Alignment::Center), area);
        rows
    }

    fn amount(&self, frame: &mut Frame<'_>, area: Rect) {
        let mut spans = Vec::new();
        for (place, kind) in Till::kinds().into_iter().enumerate() {
            let style = if place == self.till.chosen { CHOSEN } else { Style::new() };
            spans.push(Span::styled(format!(" {} ", kind.name(self.till.language.tag())), style));
            spans.push(Span::raw(" "));
        }
        self.lines(vec![Line::from(spans)], frame, Rect { height: 1.min(area.height), ..area });
        let nothing = self.till.kind().is_some_and(|kind| kind.amount == AmountOf::Nothing);
        if !nothing {
            self.big(&yuan_typed(&self.till.typed), LOUD, frame, below(area, 3));
        }
    }

    fn running(&self, details: Option<&Details>, frame: &mut Frame<'_>, area: Rect) {
        let Some(details) = details else {
            let text = match self.till.terminal {
                Some(_) => self.pick("请稍候", "Please wait"),
                None => self.pick("连接中断，结果会保留", "Connection lost; the outcome is kept"),
            };
            self.big(text, LOUD, frame, area);
            return;
        };
        let (name, amount) = crate::transact::name_and_amount(details, self.till.language);
        let state = show::state(&details.state, self.till.language);
        let head = format!("{name}  {} {amount}  ·  {state}", details.currency);
        self.lines(vec![Line::raw(head)], frame, Rect { height: 1.min(area.height), ..area });
        let prompt = match details.state.as_str() {
            "created" => self.pick("尚未开始", "Not started"),
            _ => details.prompt_text(self.till.language.tag()),
        };
        let mut top = 2;
        top += self.big(prompt, LOUD, frame, below(area, top)) + 1;
        if !details.code.reveal().is_empty() {
            self.code(details.code.reveal(), frame, below(area, top));
            return;
        }
        if details.state == "waiting-pin" {
            let digits = "● ".repeat(usize::from(details.pin_digits));
            self.lines(vec![Line::styled(digits, LOUD)], frame, below(area, top));
            top += 1;
        }
        if !details.candidates.is_empty() {
            let lines: Vec<Line<'_>> = details
                .candidates
                .iter()
                .enumerate()
                .map(|(place, name)| Line::raw(format!("{}  {name}", place + 1)))
                .collect();
            let rows = lines.len() as u16;
            self.lines(lines, frame, below(area, top));
            top += rows + 1;
        }
        if let Some(seconds) = self.till.seconds_left(details) {
            let style = if seconds <= 10 { BAD } else { QUIET };
            self.big(&format!("{seconds}"), style, frame, below(area, top));
        }
    }

    /// The code that the customer pays with.
    fn code(&self, text: &str, frame: &mut Frame<'_>, area: Rect) {
        let Some(rows) = code(text).filter(|rows| {
            rows.len() <= usize::from(area.height)
                && rows.first().is_some_and(|row| row.chars().count() <= usize::from(area.width))
        }) else {
            let small = self.pick("窗口太小，显示不了二维码", "the window is too small for the code");
            return self.lines(vec![Line::styled(small, BAD), Line::raw(text.to_owned())], frame, area);
        };
        // Dark on light, whatever the window's colours are.
        let style = Style::new().fg(Color::Black).bg(Color::White);
        self.lines(rows.into_iter().map(|row| Line::styled(row, style)).collect(), frame, area);
    }

    fn ended(
        &self,
        details: &Details,
        receipt: Option<&str>,
        scroll: u16,
        frame: &mut Frame<'_>,
        area: Rect,
    ) {
        let wide = area.width >= SLIP + 30;
        let [left, right] = match wide {
            true => Layout::horizontal([Constraint::Min(0), Constraint::Length(SLIP)]).areas(area),
            false => Layout::vertical([Constraint::Length(6), Constraint::Min(0)]).areas(area),
        };
        let style = match details.outcome.as_str() {
            "unknown" => LOUD,
            _ if details.is_charged() => GOOD,
            _ => BAD,
        };
        let word = show::outcome(&details.outcome, self.till.language);
        let took = self.big(word, style, frame, left);
        let (name, amount) = crate::transact::name_and_amount(details, self.till.language);
        let mut lines = vec![Line::raw(format!("{name}  {} {amount}", details.currency))];
        let moved = details.result_number("charged").filter(|moved| *moved != details.amount);
        if let Some(moved) = moved {
            lines.push(Line::styled(format!("{} {}", self.pick("实际金额", "moved"), yuan(moved)), LOUD));
        }
        for key in ["text", "cashier-action"] {
            lines.extend(details.result_text(key).filter(|text| !text.is_empty()).map(Line::raw));
        }
        for (zh, en, key) in [
            ("应答码", "code", "response-code"),
            ("参考号", "RRN", "rrn"),
            ("授权码", "auth", "authorisation-code"),
        ] {
            let value = details.result_text(key).filter(|text| !text.is_empty());
            lines.extend(value.map(|value| Line::raw(format!("{} {value}", self.pick(zh, en)))));
        }
        lines.push(Line::styled(details.reference.clone(), QUIET));
        self.lines(lines, frame, below(left, took + 1));
        if let Some(text) = receipt {
            let slip = Paragraph::new(text).scroll((scroll, 0)).block(Block::bordered());
            frame.render_widget(slip, Rect { width: SLIP.min(right.width), ..right });
        }
    }

    fn day(&self, rows: &[Details], selected: usize, frame: &mut Frame<'_>, area: Rect) {
        if rows.is_empty() {
            return self.lines(
                vec![Line::raw(self.pick("今天没有交易", "no transaction today"))],
                frame,
                area,
            );
        }
        // The selected row stays in sight.
        let height = usize::from(area.height).max(1);
        let first = (selected + 1).saturating_sub(height);
        let mut lines = Vec::new();
        for (place, details) in rows.iter().enumerate().skip(first).take(height) {
            let mut text = Vec::new();
            // Writing to memory does not fail.
            let _ = show::line(&mut text, details, self.till.language);
            let text = String::from_utf8_lossy(&text).trim_end().to_owned();
            lines.push(Line::styled(text, if place == selected { CHOSEN } else { Style::new() }));
        }
        frame.render_widget(Paragraph::new(lines), area);
    }

    fn log_in(&self, number: &str, password: usize, at_password: bool, frame: &mut Frame<'_>, area: Rect) {
        let mark = |here: bool| if here { CHOSEN } else { Style::new() };
        let stars = "*".repeat(password);
        let pad = self.pick("（空：在密码键盘上输入）", "(empty: typed on the PIN pad)");
        let lines = vec![
            Line::styled(self.pick("操作员登录", "Operator login"), LOUD),
            Line::raw(""),
            Line::from(vec![
                Span::raw(self.pick("操作员号 ", "operator ")),
                Span::styled(format!("{number:_<2}"), mark(!at_password)),
            ]),
            Line::from(vec![
                Span::raw(self.pick("密码 ", "password ")),
                Span::styled(format!("{stars:_<4}"), mark(at_password)),
            ]),
            Line::styled(pad, QUIET),
        ];
        self.lines(lines, frame, area);
    }

    fn waiting(&self, rows: &[serde_json::Value], frame: &mut Frame<'_>, area: Rect) {
        if rows.is_empty() {
            let text = self.pick("没有待冲正或待上送", "nothing waits for the host");
            return self.lines(vec![Line::styled(text, GOOD)], frame, area);
        }
        let line = |row: &serde_json::Value| {
            let number = |key: &str| row[key].as_u64().unwrap_or_default();
            Line::raw(format!(
                "{} {:06}  {} {:06}  {:>12}  {} {}  {} {}",
                self.pick("批次", "batch"),
                number("batch"),
                self.pick("凭证号", "trace"),
                number("trace"),
                yuan(number("amount")),
                self.pick("原因", "reason"),
                row["reason"].as_str().unwrap_or_default(),
                self.pick("已试", "tries"),
                row["tries"].as_array().map_or(0, Vec::len),
            ))
        };
        let mut lines = vec![Line::styled(self.pick("待冲正", "Pending reversals"), LOUD)];
        lines.extend(rows.iter().map(line));
        frame.render_widget(Paragraph::new(lines), area);
    }

    fn settle(&self, settling: &Settling, frame: &mut Frame<'_>, area: Rect) {
        let words = settle::Words { voice: Voice { json: false, language: self.till.language } };
        let head = match &settling.details {
            _ if !settling.begun => self.pick("结算并关闭本批次？", "Settle and close the batch?").to_owned(),
            None => self.pick("请稍候", "Please wait").to_owned(),
            Some(details) if details.state() == "failed" => {
                self.pick("未结算，批次继续", "Not settled, the batch goes on").to_owned()
            }
            Some(details) => words.progress(details),
        };
        let style = match &settling.details {
            Some(details) if details.state() == "failed" => BAD,
            Some(details) if details.is_over() => GOOD,
            _ => LOUD,
        };
        let took = self.big(&head, style, frame, area);
        let Some(details) = settling.details.as_ref().filter(|details| details.is_over()) else { return };
        let [left, right] =
            Layout::horizontal([Constraint::Min(0), Constraint::Length(SLIP)]).areas(below(area, took + 1));
        let mut text = Vec::new();
        // Writing to memory does not fail.
        let _ = words.show(&mut text, details);
        let text = String::from_utf8_lossy(&text).into_owned();
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }), left);
        if let Some(slip) = &settling.slip {
            let slip = Paragraph::new(slip.as_str()).scroll((settling.scroll, 0)).block(Block::bordered());
            frame.render_widget(slip, right);
        }
    }

    /// What the keys do here.
    fn help(&self) -> String {
        let mut keys: Vec<String> = Vec::new();
        let mut key = |key: &str, zh: &str, en: &str| keys.push(format!("[{key}] {}", self.pick(zh, en)));
        match &self.till.screen {
            Screen::Amount => {
                key("0-9 .", "金额", "amount");
                key("← →", "类型", "type");
                key("Enter", "开始", "start");
                for action in ACTIONS {
                    key(&action.key.to_string(), action.zh, action.en);
                }
            }
            Screen::Running(None) => {}
            Screen::Running(Some(details)) => {
                match details.state.as_str() {
                    "created" => key("Enter", "开始", "start"),
                    "waiting-confirmation" => key("Enter", "确认", "confirm"),
                    "waiting-signature" => key("Enter", "签名无误", "signature is good"),
                    "selecting-application" => key("1-9", "选择", "choose"),
                    _ => {}
                }
                key("Esc", "取消", "cancel");
            }
            Screen::Ended { details, .. } => {
                key("Enter", "继续", "go on");
                if details.is_charged() {
                    key("p", "打印", "print");
                    key("↑ ↓", "签购单", "receipt");
                }
                if may_try_again(details) {
                    key("n", "再试一次", "try again");
                }
            }
            Screen::Day { rows, selected } => {
                key("↑ ↓", "选择", "choose");
                key("Enter", "查看", "show");
                let followers = rows.get(*selected).map(Till::followers).unwrap_or_default();
                for (place, kind) in followers.iter().enumerate() {
                    key(&(place + 1).to_string(), kind.zh, kind.en);
                }
                key("Esc", "返回", "back");
            }
            Screen::Follow { .. } => {
                key("Enter", "开始", "start");
                key("Esc", "返回", "back");
            }
            Screen::LogIn { .. } => {
                key("Enter", "登录", "log in");
                key("Tab", "换栏", "other field");
                key("Esc", "返回", "back");
            }
            Screen::Waiting(_) => key("Esc", "返回", "back"),
            Screen::Settle(settling) => {
                if !settling.begun {
                    key("Enter", "结算", "settle");
                }
                if settling.slip.is_some() {
                    key("↑ ↓", "结算单", "slip");
                }
                key("Esc", "返回", "back");
            }
        }
        keys.join("  ")
    }
}

/// A code as half blocks, two rows of modules in a row of the screen, with its quiet zone.
fn code(text: &str) -> Option<Vec<String>> {
    let code = QrCode::new(text.as_bytes()).ok()?;
    let (modules, side, quiet) = (code.to_colors(), code.width(), 2);
    let dark = |row: usize, column: usize| {
        let inside = (quiet..quiet + side).contains(&row) && (quiet..quiet + side).contains(&column);
        inside && modules[(row - quiet) * side + column - quiet] == Module::Dark
    };
    let whole = side + 2 * quiet;
    let block = |row: usize, column: usize| match (dark(row, column), dark(row + 1, column)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    Some((0..whole).step_by(2).map(|row| (0..whole).map(|column| block(row, column)).collect()).collect())
}
