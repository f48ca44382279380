//! A shop's day: self-test, sign-in, transactions of every sort, a while without the host, and a settlement that does
//! not balance and is repaired.

use super::{DemoError, Till, frame, must, say, scene, yuan};
use posd_client::{
    CreateOptions, Details, OptionValue, Original, Settlement, SettlementDetails, Transaction,
};
use serde_json::{Value, json};
use std::{io, time::Duration};

/// How long the day's people take from one key to the next, in milliseconds.
const PACE: u64 = 40;

/// The customer's payment code, as WeChat makes them.
const PAYMENT_CODE: &str = "134567890123456789";

/// The terminal, as the host's books name it.
const TERMINAL: &str = "00000001";

/// Shows the day.
pub(super) async fn show(till: &Till) -> Result<(), DemoError> {
    till.stack.devices(json!({"pace": PACE}))?;
    start_of_day(till).await?;
    transactions(till).await?;
    by_code(till).await?;
    without_the_host(till).await?;
    let settlement = settle(till).await?;
    match_three_ways(till, &settlement).await?;
    the_next_day(till).await
}

/// 开机: self-test, sign-in, and the next operator in the first one's place.
async fn start_of_day(till: &Till) -> Result<(), DemoError> {
    scene("开机 Start of day: 自检 self-test, 签到 sign-in, 操作员登录 operator login")?;
    let checks = till.terminal.diagnose().await?;
    let bad: Vec<_> = checks.iter().filter(|check| !check.good).collect();
    must(!checks.is_empty() && bad.is_empty(), format!("the self-test finds nothing, but: {bad:?}"))?;
    for some in checks.chunks(5) {
        let codes: Vec<&str> = some.iter().map(|check| check.code.as_str()).collect();
        say(&format!("   正常 good: {}", codes.join(", ")))?;
    }
    till.terminal.sign_in().await?;
    till.terminal.log_out().await?;
    till.terminal.log_in("02", "").await?;
    let state = till.terminal.state().await?;
    must(state.signed_in && state.operator == "02", "signed in, operator 02")?;
    must(state.batch == 1, format!("the batch is 1, but: {}", state.batch))?;
    say(&format!("   已签到 signed in  批次 batch {:06}  操作员 operator {}", state.batch, state.operator))?;
    Ok(())
}

fn of(reference: &str) -> CreateOptions {
    CreateOptions { original: Some(Original::Reference(reference.to_owned())), ..CreateOptions::default() }
}

/// 消费, 撤销, 退货, 预授权, 完成, 分期.
async fn transactions(till: &Till) -> Result<(), DemoError> {
    scene("一天的交易 The day's transactions")?;
    let plain = CreateOptions::default();
    let split =
        CreateOptions { further: vec![("instalments", OptionValue::Number(6))], ..CreateOptions::default() };
    till.approved("sale", "tea", 9200, &plain).await?;
    till.approved("sale", "cup", 3600, &plain).await?;
    till.approved("void", "cup-undone", 3600, &of("cup")).await?;
    till.approved("refund", "tea-back", 2000, &of("tea")).await?;
    till.approved("pre-auth", "room", 30000, &plain).await?;
    till.approved("completion", "room-paid", 28050, &of("room")).await?;
    till.approved("instalment", "sofa", 120_000, &split).await?;
    let refused = till.terminal.create_of("refund", "tea-again", 7201, &of("tea")).await;
    let name = refused.err().and_then(|error| error.refused().map(str::to_owned));
    must(
        name.as_deref() == Some("RefundExceedsOriginal"),
        format!("no more is given back than was paid, but: {name:?}"),
    )?;
    say("   退货 refund  CNY 72.01 → 拒绝 refused: RefundExceedsOriginal")?;
    Ok(())
}

/// 被扫.
async fn by_code(till: &Till) -> Result<(), DemoError> {
    scene("扫码 The customer pays by code")?;
    let paid = till.approved("qr-scan", "noodles", 2600, &CreateOptions::default()).await?;
    let wallet = paid.result_text("wallet").unwrap_or_default();
    must(wallet == "wechat", format!("a WeChat code, but: {wallet}"))?;
    Ok(())
}

/// 脱机消费, and what becomes of it once the host is back.
async fn without_the_host(till: &Till) -> Result<(), DemoError> {
    scene("断网 The host cannot be reached: 脱机消费 an offline sale")?;
    till.stack.host(json!({"fault": "refuse-connections"}))?;
    let online = till.terminal.create("umbrella", 2500, &CreateOptions::default()).await?;
    let ended = till.perform(&online).await?;
    must(
        ended.outcome == "failed" && ended.result_text("cause").as_deref() == Some("host-unreachable"),
        format!("nothing was sent, but: {} {:?}", ended.outcome, ended.result_text("cause")),
    )?;
    till.take_card("offline")?;
    let plain = CreateOptions::default();
    let sale = till.terminal.create_of("offline-sale", "umbrella-offline", 2500, &plain).await?;
    let ended = till.perform(&sale).await?;
    must(ended.outcome == "approved-offline", format!("approved offline, but: {}", ended.outcome))?;
    let (_, slip) = sale.receipt().await?;
    must(slip.contains("尚未经主机授权"), "the slip says that it is not yet authorised")?;
    must(till.terminal.state().await?.queue_length == 1, "one row waits for the host")?;
    say("   待上送 waiting for the host: 1")?;
    till.stack.host(json!({"clear": true}))?;
    till.terminal.forward_now().await?;
    for _ in 0..200 {
        if till.terminal.state().await?.queue_length == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let state = till.terminal.state().await?;
    must((state.queue_length, state.needs_action) == (0, 0), "the host took it when it was back")?;
    let rrn = sale.details().await?.result_text("rrn").unwrap_or_default();
    must(!rrn.is_empty(), "the host gave it a reference number")?;
    say(&format!("   -- 网络恢复 the host is back --\n   已上送 forwarded  参考号 RRN {rrn}"))?;
    till.take_card("debit")
}

/// 结算 with a host that has lost a booking.
async fn settle(till: &Till) -> Result<Settlement, DemoError> {
    scene("结算 Settlement: the host has lost one booking")?;
    let lost = till
        .ledger("bookings")?
        .into_iter()
        .find(|booking| booking["kind"] == "sale" && booking["amount"] == 9200)
        .ok_or_else(|| DemoError::NotAsTold("the host has booked the sale of 92.00".to_owned()))?;
    till.stack.host(json!({"forget": {"terminal": TERMINAL, "batch": 1, "trace": lost["trace"]}}))?;
    let settlement = till.terminal.settle().await?;
    let mut steps: Vec<(String, (u64, u64))> = Vec::new();
    let details = settlement
        .follow(|details| {
            let now = (details.step().to_owned(), details.progress());
            match steps.last_mut().filter(|last| last.0 == now.0) {
                Some(last) => *last = now,
                None => steps.push(now),
            }
        })
        .await?;
    for (step, (done, planned)) in &steps {
        say(&format!("   {}  {done}/{planned}", step_name(step)))?;
    }
    must(details.state() == "finished", format!("the batch is closed, but: {}", details.state()))?;
    must(
        details.text(&["Result", "domestic"]) == "unbalanced",
        format!("the host finds it unbalanced, but: {}", details.text(&["Result", "domestic"])),
    )?;
    must(steps.iter().any(|(step, _)| step == "uploading-details"), "details are uploaded")?;
    let [mismatch] = details.mismatches() else {
        return Err(DemoError::NotAsTold(format!("one mismatch, but: {:?}", details.mismatches())));
    };
    must(mismatch["action"] == "uploaded", format!("the upload repairs it, but: {mismatch}"))?;
    for language in ["zh-CN", "en"] {
        let text = |key: &str| mismatch[key][language].as_str().unwrap_or_default().to_owned();
        say(&format!("   ! {} → {}", text("text"), text("action-text")))?;
    }
    let (_, slip) = settlement.slip("totals").await?;
    say(&frame(&slip))?;
    Ok(settlement)
}

/// What a step of a settlement is called.
fn step_name(step: &str) -> &str {
    match step {
        "comparing" => "与主机对账 comparing totals",
        "uploading-details" => "上送交易明细 uploading transactions",
        "uploading-advices" => "上送退货和通知 uploading refunds and advices",
        "uploading-certificates" => "上送交易证书 uploading chip certificates",
        "uploading-failures" => "上送失败交易 uploading failed chip transactions",
        "ending" => "批结束 closing the batch",
        "closed" => "结算完成 settled",
        other => other,
    }
}

/// 三方核对: journal, host and queue say the same, in totals and line by line.
async fn match_three_ways(till: &Till, settlement: &Settlement) -> Result<(), DemoError> {
    scene("三方核对 Three-way match after the upload: journal, host, queue")?;
    let ours = settlement.details().await?;
    let host = till.stack.host(json!({"totals": {"terminal": TERMINAL, "batch": 1}}))?;
    say("                 流水 journal          主机 host")?;
    for (name, side) in [("借 debit ", "debit"), ("贷 credit", "credit")] {
        let journal = sums(&ours, side);
        let host = &host["totals"]["domestic"];
        let number = |part: &str| host[format!("{side}_{part}")].as_u64().unwrap_or_default();
        let host = (number("count"), number("amount"));
        say(&format!("   {name}   {}    {}", line_of(journal), line_of(host)))?;
        must(journal == host && journal.0 > 0, format!("{side}: journal and host agree"))?;
    }
    let details = till.stack.host(json!({"details": true, "batch": 1}))?;
    let lines = details["details"].as_array().into_iter().flatten();
    // A reservation moves no money: the host's file has it, and a settlement does not count it.
    let lines: Vec<_> = lines.filter(|line| line["kind"] != "pre-auth").filter_map(detail_line).collect();
    let own = settlement.lines().await?.len();
    let differ = settlement.match_details(&lines).await?;
    must(differ.is_empty(), format!("every line agrees, but: {differ:?}"))?;
    must(own == lines.len(), format!("{own} lines here, {} there", lines.len()))?;
    let queued = till.terminal.queue("open").await?.len();
    must(queued == 0, format!("nothing waits for the host, but: {queued}"))?;
    say(&format!("   逐笔 lines {own:>6}                {:>6}", lines.len()))?;
    say(&format!("   不符 do not agree: {}   待上送 queued: {queued}", differ.len()))?;
    let books = till.ledger("settlements")?;
    let closed = books.iter().find(|one| one["batch"] == 1).cloned().unwrap_or_default();
    let uploads = closed["uploads"].as_array().cloned().unwrap_or_default();
    let restored = uploads.iter().filter(|line| line["result"] == "restored").count();
    must(restored == 1, format!("the upload gave the host its lost booking back, but: {restored}"))?;
    must(closed["ended"].is_u64(), "the host has closed the batch")?;
    Ok(())
}

fn sums(details: &SettlementDetails, side: &str) -> (u64, u64) {
    let number = |part: &str| details.number(&["Result", "totals", &format!("domestic-{side}-{part}")]);
    (number("count"), number("amount"))
}

fn line_of((count, amount): (u64, u64)) -> String {
    format!("{count:>4}  CNY {:>10}", yuan(amount))
}

/// A line of the host's detail file.
fn detail_line(line: &Value) -> Option<posd_client::DetailLine> {
    let text = |key: &str| Some(line[key].as_str()?.to_owned());
    Some((
        u32::try_from(line["trace"].as_u64()?).ok()?,
        text("kind")?,
        line["amount"].as_u64()?,
        text("rrn")?,
    ))
}

/// A new batch, which what is settled no longer belongs to; and who did what.
async fn the_next_day(till: &Till) -> Result<(), DemoError> {
    scene("新批次 The new batch")?;
    let state = till.terminal.state().await?;
    must(state.batch == 2, format!("the batch is 2, but: {}", state.batch))?;
    say(&format!("   批次 batch {:06}", state.batch))?;
    let late = till.terminal.create_of("void", "sofa-undone", 120_000, &of("sofa")).await;
    let name = late.err().and_then(|error| error.refused().map(str::to_owned));
    must(name.as_deref() == Some("OtherBatch"), format!("a settled sale cannot be voided, but: {name:?}"))?;
    say("   消费撤销 void  CNY 1200.00 → 拒绝 refused: OtherBatch")?;
    till.approved("sale", "breakfast", 1500, &CreateOptions::default()).await?;
    let journal = till.stack.directory().join("journal.db").display().to_string();
    let head = till.terminal.audit_head().await?;
    let kept = format!("{}:{}", head.sequence, head.hash);
    till.posctl(&["audit", "verify", &journal, "--head", &kept]).await?;
    say(&format!("   审计链完整 the audit chain is whole: {} 行 rows", head.sequence))?;
    Ok(())
}

impl Till {
    /// Makes a transaction and brings it to its end, which must be an approval.
    async fn approved(
        &self,
        kind: &str,
        reference: &str,
        amount: u64,
        options: &CreateOptions,
    ) -> Result<Details, DemoError> {
        let transaction = self.terminal.create_of(kind, reference, amount, options).await?;
        let details = self.perform(&transaction).await?;
        must(
            details.outcome == "approved",
            format!(
                "{kind} is approved, but: {} {}",
                details.outcome,
                details.result_text("cause").unwrap_or_default()
            ),
        )?;
        self.terminal.acknowledge(details.id).await?;
        Ok(details)
    }

    /// Brings a transaction to its end, the customer doing what the prompts ask for, and shows it in three lines.
    async fn perform(&self, transaction: &Transaction) -> Result<Details, DemoError> {
        let mut following = transaction.follow().await?;
        let mut details = following.details()?;
        let name = posd_client::kind(&details.kind);
        let (zh, en) = name.map_or(("", ""), |kind| (kind.zh, kind.en));
        say(&format!("   {zh} {en}  CNY {}", yuan(details.amount)))?;
        transaction.start().await?;
        let mut prompts: Vec<String> = Vec::new();
        let mut before = String::new();
        while !details.is_over() {
            details = following.next().await?;
            if details.state == before {
                continue;
            }
            before.clone_from(&details.state);
            self.act(transaction, &details).await?;
            let prompt = details.prompt_text("zh-CN");
            let asks = details.state.starts_with("waiting-") || details.state == "authorizing";
            if asks && prompts.last().is_none_or(|last| last != prompt) {
                prompts.push(prompt.to_owned());
            }
        }
        say(&format!("      {}", prompts.join(" › ")))?;
        let mut line = details.result_text("text").unwrap_or_default();
        if line.is_empty() {
            line = details.prompt_text("zh-CN").to_owned();
        }
        if let Some(trace) = details.result_number("trace") {
            line.push_str(&format!("  凭证号 {trace:06}"));
        }
        if let Some(rrn) = details.result_text("rrn") {
            line.push_str(&format!("  参考号 {rrn}"));
        }
        say(&format!("      {line}"))?;
        Ok(details)
    }

    /// The customer takes another card: it is in the hand, not in the reader.
    fn take_card(&self, profile: &str) -> Result<(), DemoError> {
        self.stack.devices(json!({"card": "insert", "profile": profile}))?;
        self.stack.devices(json!({"card": "remove"}))?;
        Ok(())
    }

    /// What the people at the till do about a state.
    async fn act(&self, transaction: &Transaction, details: &Details) -> Result<(), DemoError> {
        let devices = |command| -> io::Result<()> { self.stack.devices(command).map(drop) };
        match details.state.as_str() {
            "waiting-card" => devices(json!({"card": "insert"}))?,
            "waiting-removal" => devices(json!({"card": "remove"}))?,
            "waiting-code" => devices(json!({"scan": PAYMENT_CODE}))?,
            "waiting-signature" => transaction.confirm().await?,
            _ => {}
        }
        Ok(())
    }
}
