//! Transactions and the terminal, for people.

use crate::{language::Language, transact::name_and_amount};
use posd_client::{Details, TerminalState};
use posd_receipt::width;
use posd_unionpay::HeaderRequirement;
use std::io::{self, Write};

/// A text in so many columns; ideographs take two.
pub(crate) fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// An outcome in words.
pub(crate) fn outcome(word: &str, language: Language) -> &str {
    let zh = match word {
        "approved" => "成功",
        "approved-offline" => "脱机成功",
        "partially-approved" => "部分批准",
        "declined" => "被拒绝",
        "cancelled" => "已取消",
        "timed-out" => "超时",
        "failed" => "失败",
        "unknown" => "结果未知",
        _ => return word,
    };
    language.pick(zh, word)
}

/// A state in words.
pub(crate) fn state(word: &str, language: Language) -> &str {
    let zh = match word {
        "created" => "已建立",
        "queued" => "排队",
        "waiting-supervisor" => "等待主管",
        "waiting-card" => "等待插卡",
        "waiting-code" => "等待扫码",
        "reading-card" => "读卡",
        "selecting-application" => "选择应用",
        "waiting-pin" => "输入密码",
        "waiting-confirmation" => "等待确认",
        "authorizing" => "联机处理",
        "completing" => "卡片完成",
        "waiting-signature" => "等待签名",
        "waiting-removal" => "等待取卡",
        "resolving" => "结果待定",
        "finished" => "结束",
        "ready" => "就绪",
        "busy" => "忙",
        "out-of-service" => "停止服务",
        _ => return word,
    };
    language.pick(zh, word)
}

/// One line of a list.
pub(crate) fn line(out: &mut impl Write, details: &Details, language: Language) -> io::Result<()> {
    let word = match details.outcome.as_str() {
        "" => state(&details.state, language),
        word => outcome(word, language),
    };
    let cause = details.result_text("cause").filter(|cause| cause != "none").unwrap_or_default();
    let (name, amount) = name_and_amount(details, language);
    let trace = details.result_number("trace").map_or("------".to_owned(), |trace| format!("{trace:06}"));
    let text = format!(
        "{:>6}  {trace}  {}  {} #{}  {amount:>12}  {word} {cause}",
        details.id,
        padded(&name, 26),
        padded(&details.reference, 24),
        details.attempt,
    );
    writeln!(out, "{}", text.trim_end())
}

/// A change on its way.
pub(crate) fn progress(out: &mut impl Write, details: &Details, language: Language) -> io::Result<()> {
    let digits = "*".repeat(usize::from(details.pin_digits));
    let queue =
        if details.queue_position > 0 { format!(" ({})", details.queue_position) } else { String::new() };
    let text = format!(
        "  {} {}{queue} {digits}",
        padded(state(&details.state, language), 22),
        details.prompt_text(language.tag())
    );
    writeln!(out, "{}", text.trim_end())
}

/// Everything about a transaction.
pub(crate) fn transaction(out: &mut impl Write, details: &Details, language: Language) -> io::Result<()> {
    let mut row = |zh: &str, en: &str, value: &str| match value {
        "" => Ok(()),
        value => writeln!(out, "{} {value}", padded(language.pick(zh, en), 12)),
    };
    let (name, amount) = name_and_amount(details, language);
    let attempt = details.attempt;
    row(
        "交易",
        "transaction",
        &language.pick(
            format!("{} {name}（{} 第 {attempt} 次）", details.id, details.reference),
            format!("{} {name} (attempt {attempt} of {:?})", details.id, details.reference),
        ),
    )?;
    row("金额", "amount", &format!("{} {amount}", details.currency))?;
    row("状态", "state", state(&details.state, language))?;
    row("结果", "outcome", outcome(&details.outcome, language))?;
    let charged = details.result_number("charged").filter(|charged| *charged != details.amount);
    row("实际金额", "moved", &charged.map(crate::voice::yuan).unwrap_or_default())?;
    let rows = [
        ("原因", "cause", "cause"),
        ("说明", "text", "text"),
        ("处理", "to do", "cashier-action"),
        ("应答码", "code", "response-code"),
        ("类别", "class", "response-class"),
        ("卡号", "card", "masked-pan"),
        ("钱包", "wallet", "wallet"),
        ("付款凭证码", "voucher", "voucher"),
        ("参考号", "RRN", "rrn"),
        ("授权码", "auth code", "authorisation-code"),
        ("TC", "TC", "transaction-certificate"),
    ];
    for (zh, en, key) in rows {
        row(zh, en, &details.result_text(key).filter(|value| value != "none").unwrap_or_default())?;
    }
    let balance = details.balance().map(|balance| {
        let sign = if balance < 0 { "-" } else { "" };
        format!("{sign}{}", crate::voice::yuan(balance.unsigned_abs()))
    });
    row("余额", "balance", &balance.unwrap_or_default())?;
    if details.result_flag("try-again") {
        row(
            "再试",
            "try again",
            language.pick("可以：同一命令加 --new-attempt", "yes: the same command with --new-attempt"),
        )?;
    }
    for (zh, en, key) in [("批次号", "batch", "batch"), ("凭证号", "trace", "trace")] {
        let value = details.result_number(key).map(|value| format!("{value:06}"));
        row(zh, en, &value.unwrap_or_default())?;
    }
    Ok(())
}

/// The terminal.
pub(crate) fn terminal(out: &mut impl Write, now: &TerminalState, language: Language) -> io::Result<()> {
    let yes = |word: bool| language.pick(if word { "是" } else { "否" }, if word { "yes" } else { "no" });
    let locked = if now.locked { language.pick("（已锁屏）", " (locked)") } else { "" };
    let operator = if now.operator.is_empty() { "-" } else { &now.operator };
    let asked = HeaderRequirement::from_nibble(now.host_requirement).texts();
    let rows = [
        ("状态", "state", format!("{} {}", state(&now.state, language), now.reasons.join(", "))),
        ("商户", "merchant", format!("{} ({})", now.merchant_name, now.merchant)),
        ("终端", "terminal", now.terminal.clone()),
        ("已签到", "signed in", yes(now.signed_in).to_owned()),
        ("操作员", "operator", format!("{operator}{locked}")),
        ("批次号", "batch", format!("{:06}", now.batch)),
        ("待冲正", "reversals", now.pending_reversals.to_string()),
        ("待核实退货", "unresolved", now.unresolved_refunds.to_string()),
        ("待上送", "to send", now.queue_length.to_string()),
        ("需处理", "need action", now.needs_action.to_string()),
        ("主机要求", "host asks", format!("{} {}", now.host_requirement, language.pick(asked.0, asked.1))),
        ("版本", "version", now.version.clone()),
    ];
    for (zh, en, value) in rows {
        writeln!(out, "{} {}", padded(language.pick(zh, en), 12), value.trim_end())?;
    }
    let why = now.reason_texts.get(language.pick("zh-CN", "en"));
    for line in why.into_iter().flat_map(|text| text.lines()) {
        writeln!(out, "! {line}")?;
    }
    Ok(())
}
