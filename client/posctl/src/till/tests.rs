//! The till's state machine, and what it looks like.

use super::{
    draw::draw,
    keep::Kept,
    state::{Key, News, Order, Screen, Till},
};
use crate::language::Language;
use posd_client::{Code, Details, SettlementDetails, TerminalState};
use ratatui::{Terminal, backend::TestBackend, text::Span};
use serde_json::json;
use std::collections::HashMap;
use zbus::Variant;

fn terminal() -> TerminalState {
    TerminalState {
        state: "ready".to_owned(),
        merchant_name: "示例商户".to_owned(),
        merchant: "898000000000001".to_owned(),
        terminal: "00000001".to_owned(),
        operator: "01".to_owned(),
        signed_in: true,
        batch: 7,
        ..TerminalState::default()
    }
}

/// A transaction as the terminal tells of it.
fn details(reference: &str, state: &str, outcome: &str) -> Details {
    let prompt = match state {
        "waiting-card" => ("请插入银行卡", "Insert the card"),
        "waiting-pin" => ("请输入密码", "Enter the PIN"),
        _ => ("请稍候", "Please wait"),
    };
    let mut result = HashMap::new();
    if !outcome.is_empty() {
        let mut add =
            |key: &str, value: Variant<'static>| result.insert(key.to_owned(), value.try_into().unwrap());
        add("text", Variant::from(if outcome == "approved" { "交易成功" } else { "可用余额不足" }));
        add("new-attempt", Variant::from(outcome != "approved"));
        if outcome == "approved" {
            add("charged", Variant::from(1234_u64));
            add("trace", Variant::from(123_u32));
        }
    }
    Details {
        id: 5,
        reference: reference.to_owned(),
        attempt: 1,
        kind: "sale".to_owned(),
        amount: 1234,
        currency: "CNY".to_owned(),
        state: state.to_owned(),
        sequence: 1,
        prompt: String::new(),
        prompt_texts: HashMap::from([
            ("zh-CN".to_owned(), prompt.0.to_owned()),
            ("en".to_owned(), prompt.1.to_owned()),
        ]),
        deadline: 30_500,
        queue_position: 0,
        pin_digits: 2,
        candidates: Vec::new(),
        code: Code::default(),
        outcome: outcome.to_owned(),
        result,
    }
}

/// A till that knows the terminal.
fn till(language: Language) -> Till {
    let mut till = Till::new(language, None, "r".to_owned(), 500);
    assert_eq!(till.news(News::Terminal(Box::new(terminal()))), []);
    till
}

fn press(till: &mut Till, keys: &str) -> Vec<Order> {
    keys.chars().flat_map(|key| till.key(Key::Char(key))).collect()
}

fn sold(reference: &str) -> Kept {
    Kept { reference: reference.to_owned(), kind: "sale".to_owned(), amount: 1234, original: None }
}

fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// What is on an 80 by 24 screen. The second cell of an ideograph is skipped, as a terminal does.
fn screen(till: &Till) -> String {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|frame| draw(till, None, frame)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let mut text = String::new();
    for row in 0..24 {
        let mut column = 0;
        while column < 80 {
            let symbol = buffer[(column, row)].symbol();
            text.push_str(symbol);
            column += u16::try_from(width(symbol).max(1)).unwrap();
        }
        text.push('\n');
    }
    text
}

#[test]
fn a_sale_is_asked_for_under_a_reference_that_is_kept() {
    let mut till = till(Language::En);
    assert_eq!(press(&mut till, "12.34"), []);
    assert_eq!(till.key(Key::Enter), [Order::Begin(sold("till-r-1"))]);
    assert_eq!(till.kept, Some(sold("till-r-1")));
    // Keys do nothing until the terminal has answered, least of all a second sale.
    assert_eq!(till.key(Key::Enter), []);
    assert_eq!(till.news(News::Changed(Box::new(details("till-r-1", "waiting-card", "")))), []);
    assert_eq!(till.key(Key::Enter), []);
    assert_eq!(till.key(Key::Escape), [Order::Cancel(5)]);
    let end = details("till-r-1", "finished", "approved");
    assert_eq!(till.news(News::Changed(Box::new(end))), [Order::Receipt(5)]);
    till.news(News::Receipt(5, "银联POS签购单".to_owned()));
    assert!(matches!(&till.screen, Screen::Ended { receipt: Some(_), .. }));
    assert_eq!(till.key(Key::Char('p')), [Order::Print(5)]);
    assert_eq!(till.key(Key::Enter), [Order::Close(Some(5))]);
    assert_eq!((till.kept.as_ref(), till.typed.as_str()), (None, ""));
    // The next one has another name.
    press(&mut till, "12.34");
    assert_eq!(till.key(Key::Enter), [Order::Begin(sold("till-r-2"))]);
}

#[test]
fn rule_3_a_restart_asks_again_with_its_own_reference_and_starts_nothing() {
    let mut till = Till::new(Language::En, Some(sold("till-q-9")), "r".to_owned(), 0);
    assert_eq!(till.key(Key::Enter), [], "nothing before the terminal is there");
    let orders = till.news(News::Terminal(Box::new(terminal())));
    assert_eq!(orders, [Order::Resume("till-q-9".to_owned())]);
    till.news(News::Changed(Box::new(details("till-q-9", "created", ""))));
    assert!(matches!(till.screen, Screen::Running(Some(_))));
    assert_eq!(till.key(Key::Enter), [Order::Start("till-q-9".to_owned())], "the cashier starts it");
    // Where the terminal never heard of it, nothing is charged and the amount is there again.
    let mut till = Till::new(Language::En, Some(sold("till-q-9")), "r".to_owned(), 0);
    till.news(News::Terminal(Box::new(terminal())));
    assert_eq!(till.news(News::NeverMade), []);
    assert!(matches!(till.screen, Screen::Amount));
    assert_eq!((till.typed.as_str(), till.kept.as_ref()), ("12.34", None));
}

#[test]
fn the_daemon_goes_and_comes_back() {
    let mut till = till(Language::En);
    press(&mut till, "12.34");
    till.key(Key::Enter);
    till.news(News::Changed(Box::new(details("till-r-1", "authorizing", ""))));
    till.news(News::Gone);
    assert!(screen(&till).contains("Connection lost; the outcome is kept"));
    assert!(screen(&till).contains("waiting for posd"));
    assert_eq!(till.key(Key::Escape), [], "keys are answered, and do nothing");
    let orders = till.news(News::Terminal(Box::new(terminal())));
    assert_eq!(orders, [Order::Resume("till-r-1".to_owned())]);
    till.news(News::Changed(Box::new(details("till-r-1", "finished", "approved"))));
    assert!(matches!(till.screen, Screen::Ended { .. }));
    // At the amount nothing is asked, and nothing is begun without the terminal.
    till.key(Key::Enter);
    till.news(News::Gone);
    press(&mut till, "5");
    assert_eq!(till.key(Key::Enter), []);
    assert_eq!(till.news(News::Terminal(Box::new(terminal()))), []);
}

#[test]
fn what_is_refused_before_it_was_made_is_forgotten_and_said() {
    let mut till = till(Language::ZhCn);
    press(&mut till, "1");
    till.key(Key::Enter);
    let orders = till.news(News::Refused("begin", "Locked".to_owned(), "locked".to_owned()));
    assert_eq!(orders, [Order::Close(None)]);
    assert!(matches!(till.screen, Screen::Amount));
    assert!(screen(&till).contains("已锁屏，请先解锁"));
    // Made, but it cannot start: shown as it stands, under the same name.
    till.key(Key::Enter);
    let orders = till.news(News::Refused("start", "NotSignedIn".to_owned(), "no".to_owned()));
    assert_eq!(orders, [Order::Resume("till-r-2".to_owned())]);
    // Where the name cannot be written down nothing was made.
    let mut till = self::till(Language::En);
    press(&mut till, "1");
    till.key(Key::Enter);
    till.news(News::NotKept("no space".to_owned()));
    assert!(matches!(till.screen, Screen::Amount) && till.kept.is_none());
    assert!(screen(&till).contains("no space"));
}

#[test]
fn a_decline_may_be_tried_again_under_the_same_name() {
    let mut till = till(Language::En);
    press(&mut till, "12.34");
    till.key(Key::Enter);
    assert_eq!(till.news(News::Changed(Box::new(details("till-r-1", "finished", "declined")))), []);
    assert_eq!(till.key(Key::Char('n')), [Order::Again(sold("till-r-1"))]);
    till.news(News::Changed(Box::new(details("till-r-1", "finished", "approved"))));
    assert_eq!(till.key(Key::Char('n')), [], "what is charged is not tried again");
}

#[test]
fn the_day_offers_what_may_follow_a_transaction() {
    let mut till = till(Language::En);
    assert_eq!(press(&mut till, "t"), [Order::Day]);
    let rows = vec![details("b", "finished", "declined"), details("a", "finished", "approved")];
    till.news(News::Day(rows));
    assert_eq!(press(&mut till, "1"), [], "nothing follows a decline");
    assert!(matches!(till.screen, Screen::Day { .. }));
    till.key(Key::Down);
    till.key(Key::Down);
    assert!(screen(&till).contains("[1] void"), "{}", screen(&till));
    press(&mut till, "1");
    // A void is whole: its amount cannot be typed.
    press(&mut till, "9");
    let void = Kept {
        reference: "till-r-1".to_owned(),
        kind: "void".to_owned(),
        amount: 1234,
        original: Some("a".to_owned()),
    };
    assert_eq!(till.key(Key::Enter), [Order::Begin(void)]);
    let mut till = self::till(Language::En);
    till.news(News::Day(vec![details("a", "finished", "approved")]));
    assert_eq!(till.key(Key::Enter), [Order::Receipt(5)]);
}

#[test]
fn operators_log_in_on_the_pad_or_with_a_password() {
    let mut till = till(Language::En);
    assert_eq!(press(&mut till, "o"), [Order::LogOut]);
    till.news(News::Terminal(Box::new(TerminalState { operator: String::new(), ..terminal() })));
    press(&mut till, "o01");
    assert_eq!(till.key(Key::Enter), [Order::LogIn("01".to_owned(), String::new())]);
    press(&mut till, "o01");
    till.key(Key::Tab);
    press(&mut till, "1357");
    assert!(screen(&till).contains("****") && !screen(&till).contains("1357"));
    assert_eq!(till.key(Key::Enter), [Order::LogIn("01".to_owned(), "1357".to_owned())]);
    assert_eq!(press(&mut till, "l"), [Order::Lock]);
    till.news(News::Terminal(Box::new(TerminalState { locked: true, ..terminal() })));
    assert_eq!(press(&mut till, "l"), [Order::Unlock]);
    assert_eq!(press(&mut till, "q"), [Order::Quit]);
}

#[test]
fn an_amount_has_two_decimals_and_is_not_nothing() {
    let mut till = till(Language::En);
    press(&mut till, "1.234.5");
    assert_eq!(till.typed, "1.23");
    till.key(Key::Backspace);
    assert_eq!(till.typed, "1.2");
    till.key(Key::Escape);
    assert_eq!(till.key(Key::Enter), []);
    assert!(screen(&till).contains("type an amount"));
    press(&mut till, ".05");
    assert_eq!(till.typed, "0.05");
}

#[test]
fn the_amount_on_the_screen_in_both_languages() {
    let mut till = till(Language::ZhCn);
    press(&mut till, "12.34");
    let shown = screen(&till);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with("示例商户  终端 00000001  操作员 01  批次 000007"), "{shown}");
    assert!(lines[1].starts_with("就绪"), "{shown}");
    assert!(shown.contains(" 消费 ") && shown.contains(" 预授权 ") && shown.contains("12.34"), "{shown}");
    assert!(shown.contains("[t] 今日交易") && shown.contains("[q] 离开"), "{shown}");
    // A wide character takes two columns: each line is as wide as the screen.
    assert!(lines.iter().all(|line| width(line) == 80), "{shown}");
    till.language = Language::En;
    let shown = screen(&till);
    assert!(shown.contains("terminal 00000001  operator 01  batch 000007"), "{shown}");
    assert!(shown.contains("[t] today") && shown.contains("ready"), "{shown}");
}

#[test]
fn a_running_transaction_shows_prompt_digits_and_seconds() {
    let mut till = till(Language::ZhCn);
    press(&mut till, "12.34");
    till.key(Key::Enter);
    till.news(News::Changed(Box::new(details("till-r-1", "waiting-pin", ""))));
    let shown = screen(&till);
    for text in ["消费  CNY 12.34", "输入密码", "请输入密码", "● ●", "30", "[Esc] 取消"] {
        assert!(shown.contains(text), "{text}\n{shown}");
    }
    till.now = 29_600;
    assert!(screen(&till).contains(" 1 "));
    let choice = Details {
        candidates: vec!["银联借记".to_owned(), "UnionPay Credit".to_owned()],
        ..details("till-r-1", "selecting-application", "")
    };
    till.news(News::Changed(Box::new(choice)));
    let shown = screen(&till);
    assert!(shown.contains("1  银联借记") && shown.contains("2  UnionPay Credit"), "{shown}");
    assert_eq!(press(&mut till, "2"), [Order::Select(5, 1)]);
    assert_eq!(press(&mut till, "0"), []);
    let sign = details("till-r-1", "waiting-signature", "approved");
    till.news(News::Changed(Box::new(sign)));
    assert_eq!(till.key(Key::Enter), [Order::Confirm(5)]);
}

#[test]
fn the_end_shows_outcome_and_slip() {
    let mut till = till(Language::ZhCn);
    press(&mut till, "12.34");
    till.key(Key::Enter);
    till.news(News::Changed(Box::new(details("till-r-1", "finished", "approved"))));
    till.news(News::Receipt(5, "     银联POS签购单\n金额 AMOUNT\n".to_owned()));
    let shown = screen(&till);
    for text in ["成功", "交易成功", "银联POS签购单", "[p] 打印", "till-r-1"] {
        assert!(shown.contains(text), "{text}\n{shown}");
    }
    assert!(shown.lines().all(|line| width(line) == 80), "{shown}");
    // News of another transaction changes nothing.
    till.news(News::Changed(Box::new(details("other", "finished", "declined"))));
    assert!(screen(&till).contains("交易成功"));
}

#[test]
fn a_code_is_drawn_where_there_is_room_for_it() {
    let mut till = till(Language::En);
    press(&mut till, "12.34");
    till.key(Key::Enter);
    let shows = Details { code: "00020101021226".into(), ..details("till-r-1", "waiting-code", "") };
    till.news(News::Changed(Box::new(shows)));
    let shown = screen(&till);
    assert!(shown.contains("█▀▀▀▀▀█"), "a finder pattern\n{shown}");
}

#[test]
fn a_narrow_screen_panics_nowhere() {
    let mut till = till(Language::ZhCn);
    let screens = |till: &Till| {
        for (columns, rows) in [(0, 0), (1, 1), (10, 3), (30, 8), (200, 60)] {
            let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
            let font = crate::picture::font().ok();
            terminal.draw(|frame| draw(till, font.as_ref(), frame)).unwrap();
        }
    };
    screens(&till);
    press(&mut till, "12.34");
    till.key(Key::Enter);
    screens(&till);
    till.news(News::Changed(Box::new(details("till-r-1", "waiting-card", ""))));
    screens(&till);
    till.news(News::Changed(Box::new(details("till-r-1", "finished", "approved"))));
    till.news(News::Receipt(5, "收据".repeat(100)));
    screens(&till);
    till.key(Key::Enter);
    till.news(News::Day(vec![details("a", "finished", "approved")]));
    screens(&till);
    till.news(News::Waiting(Vec::new()));
    screens(&till);
}

fn settlement(state: &str, step: &str) -> Box<SettlementDetails> {
    let value = json!({
        "Batch": 7, "State": state, "Step": step, "Progress": [2, 3],
        "Result": {"outcome": "balanced", "kinds": [["void", 1, 1234]]}, "Mismatches": [],
    });
    Box::new(SettlementDetails(value.as_object().unwrap().clone()))
}

#[test]
fn the_batch_is_settled_only_when_the_cashier_says_so_twice() {
    let mut till = till(Language::ZhCn);
    assert_eq!(press(&mut till, "s"), []);
    assert!(screen(&till).contains("结算并关闭本批次？"));
    assert_eq!(till.key(Key::Escape), []);
    assert!(matches!(till.screen, Screen::Amount));
    press(&mut till, "s");
    assert_eq!(till.key(Key::Enter), [Order::Settle]);
    assert_eq!(till.key(Key::Enter), [], "an impatient second Enter asks for nothing");
    till.news(News::Settling(settlement("running", "uploading-details")));
    assert!(screen(&till).contains("上送交易明细 2/3"), "{}", screen(&till));
    // The terminal goes and comes back: what goes on is looked for, and nothing is begun.
    till.news(News::Gone);
    assert_eq!(till.news(News::Terminal(Box::new(terminal()))), [Order::FollowSettlement]);
    till.news(News::Settling(settlement("finished", "closed")));
    till.news(News::SettlementSlip("结算单".to_owned()));
    for part in ["结算完成", "批次 000007", "消费撤销", "│结算单"] {
        assert!(screen(&till).contains(part), "{part} is missing:\n{}", screen(&till));
    }
    assert_eq!(till.key(Key::Enter), []);
    assert!(matches!(till.screen, Screen::Amount));
}

#[test]
fn a_settlement_that_is_refused_says_why() {
    let mut till = till(Language::En);
    press(&mut till, "s");
    till.key(Key::Enter);
    till.news(News::Refused("settle", "ReversalPending".to_owned(), "a reversal is pending".to_owned()));
    assert!(matches!(till.screen, Screen::Amount));
    assert!(screen(&till).contains("a reversal is pending"), "{}", screen(&till));
}
