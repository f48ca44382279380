//! The terminal's words as D-Bus values, and back.

use posd_receipt::{Copy, Goods, Strokes};
use posd_terminal::{
    CallError, Cause, Check, Currency, HostNumbers, Locale, OfflineReadiness, Options, OriginalName, Outcome,
    PendingReversal, PrintJob, QueueFilter, QueueRow, Reference, ShownCode, SlipOf, TerminalView,
    TransactionView, Try, Unfit,
};
use posd_unionpay::request::Linked;
use std::collections::{BTreeMap, HashMap};
use zbus::{OwnedVariant, Variant};

use super::names;

/// A dictionary of properties or results, in a fixed order.
pub(crate) type Dictionary = BTreeMap<&'static str, Variant<'static>>;

/// A refused call: the error's name after the prefix, and its text.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) name: &'static str,
    pub(crate) text: String,
}

impl Refused {
    pub(crate) fn new(name: &'static str, text: impl Into<String>) -> Refused {
        Refused { name, text: text.into() }
    }
}

impl From<CallError> for Refused {
    fn from(error: CallError) -> Refused {
        let name = match &error {
            CallError::Busy => "Busy",
            CallError::NotFound => "NotFound",
            CallError::ReferenceConflict => "ReferenceConflict",
            CallError::AttemptNotClosed => "AttemptNotClosed",
            CallError::NotSignedIn => "NotSignedIn",
            CallError::NoOperator => "NoOperator",
            CallError::WrongState(_) => "WrongState",
            CallError::NoSuchApplication => "NoSuchApplication",
            CallError::UnknownCode => "UnknownCode",
            CallError::NotReady(_) => "NotReady",
            CallError::HostRefused(_) => "HostRefused",
            CallError::HostUnreachable => "HostUnreachable",
            CallError::BadAnswer(_) => "BadAnswer",
            CallError::WrongPassword => "WrongPassword",
            CallError::LockedOut(_) => "LockedOut",
            CallError::PromptEnded => "PromptEnded",
            CallError::PasswordMustBeChanged => "PasswordMustBeChanged",
            CallError::WrongPasswordLength(_) => "WrongPasswordLength",
            CallError::PasswordNotNew => "PasswordNotNew",
            CallError::PasswordsDiffer => "PasswordsDiffer",
            CallError::OperatorExists => "OperatorExists",
            CallError::OperatorUnknown => "OperatorUnknown",
            CallError::OperatorLoggedIn => "OperatorLoggedIn",
            CallError::NotAllowed => "NotAllowed",
            CallError::Locked => "Locked",
            CallError::Offline(_) => "OfflineRefused",
            CallError::UnknownKind => "UnknownKind",
            CallError::NoActionNeeded => "NoActionNeeded",
            CallError::NoReceipt => "NoReceipt",
            CallError::InvalidArgument(_) => "InvalidArgument",
            CallError::ReversalPending => "ReversalPending",
            CallError::AdvicesPending => "AdvicesPending",
            CallError::NoSettlement => "NoSettlement",
            CallError::StorageFailed => "StorageFailed",
            CallError::SwitchedOff => "KindSwitchedOff",
            CallError::Original(Unfit::NotFound) => "OriginalNotFound",
            CallError::Original(Unfit::Kind) => "OriginalOfOtherKind",
            CallError::Original(Unfit::NotApproved) => "OriginalNotApproved",
            CallError::Original(Unfit::NotForwarded) => "OriginalNotForwarded",
            CallError::Original(Unfit::Unresolved) => "OriginalUnresolved",
            CallError::Original(Unfit::AlreadyVoided) => "AlreadyVoided",
            CallError::Original(Unfit::OtherBatch) => "OtherBatch",
            CallError::Original(Unfit::AlreadyRefunded) => "AlreadyRefunded",
            CallError::Original(Unfit::AlreadyCompleted) => "AlreadyCompleted",
            CallError::Original(Unfit::AlreadyTipped) => "AlreadyTipped",
            CallError::Original(Unfit::ExceedsTip(_)) => "TipExceedsLimit",
            CallError::Original(Unfit::Amount(_)) => "AmountMismatch",
            CallError::Original(Unfit::Exceeds(_)) => "RefundExceedsOriginal",
            CallError::Original(Unfit::ExceedsHold(_)) => "CompletionExceedsOriginal",
            CallError::Original(Unfit::NoReference) => "OriginalWithoutReference",
        };
        Refused { name, text: error.to_string() }
    }
}

/// The terminal's properties.
pub(crate) fn terminal(view: &TerminalView) -> Dictionary {
    let downloads: Vec<(String, String, u32, u32, i64, String)> = view
        .downloads
        .iter()
        .map(|one| {
            let (set, stage) = (one.set.word().to_owned(), one.stage.word().to_owned());
            (set, stage, one.done, one.total, one.taken, one.fault.clone())
        })
        .collect();
    let reasons: Vec<String> = view.reasons.iter().map(|reason| (*reason).to_owned()).collect();
    Dictionary::from([
        ("State", Variant::from(view.state.word())),
        ("Reasons", Variant::from(reasons)),
        ("ReasonTexts", Variant::from(reason_texts(&view.reason_checks))),
        ("MerchantName", Variant::from(view.merchant_name.clone())),
        ("MerchantNumber", Variant::from(view.merchant.clone())),
        ("TerminalNumber", Variant::from(view.terminal.clone())),
        ("HelpLine", Variant::from(view.help_line.clone())),
        ("Operator", Variant::from(view.operator.clone().unwrap_or_default())),
        ("Locked", Variant::from(view.locked)),
        ("SignedIn", Variant::from(view.signed_in)),
        ("BatchNumber", Variant::from(view.batch)),
        ("PendingReversalCount", Variant::from(view.pending_reversals)),
        ("UnresolvedRefundCount", Variant::from(view.unresolved_refunds)),
        ("QueueLength", Variant::from(view.queue_length)),
        ("NeedsActionCount", Variant::from(view.needs_action)),
        ("HostRequirement", Variant::from(view.host_requirement)),
        ("UpdateRequested", Variant::from(view.update_requested)),
        ("UpdateSafe", Variant::from(view.update_safe)),
        ("Downloads", Variant::from(downloads)),
        ("Version", Variant::from(env!("CARGO_PKG_VERSION"))),
    ])
}

/// A text for each language.
type Texts = BTreeMap<String, String>;

fn texts(text: impl Fn(Locale) -> String) -> Texts {
    Locale::ALL.iter().map(|locale| (locale.word().to_owned(), text(*locale))).collect()
}

/// One line of a diagnosis.
pub(crate) fn check(check: &Check) -> (&'static str, bool, &str, Texts, Texts) {
    let finding = posd_terminal::finding(check.code, &check.detail);
    let cause = texts(|locale| finding.cause(locale).to_owned());
    let action = texts(|locale| finding.action(locale).to_owned());
    (check.code, check.good, &check.detail, cause, action)
}

/// Why the terminal is out of service and what to do, a line for each reason.
fn reason_texts(checks: &[Check]) -> Texts {
    texts(|locale| {
        let line = |check: &Check| {
            let finding = posd_terminal::finding(check.code, &check.detail);
            let stop = if locale == Locale::ZhCn { "；" } else { "; " };
            format!("{}{stop}{}", finding.cause(locale), finding.action(locale))
        };
        checks.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

/// A transaction's properties.
pub(crate) fn transaction(view: &TransactionView, help_line: &str) -> Dictionary {
    let attempt = &view.attempt;
    let texts: BTreeMap<String, String> = Locale::ALL
        .iter()
        .map(|locale| (locale.word().to_owned(), view.prompt.text(*locale).to_owned()))
        .collect();
    Dictionary::from([
        ("Id", Variant::from(attempt.id)),
        ("Reference", Variant::from(attempt.key.reference.as_str().to_owned())),
        ("Attempt", Variant::from(attempt.number)),
        ("Kind", Variant::from(attempt.kind.word())),
        ("Amount", Variant::from(attempt.amount.minor())),
        ("Currency", Variant::from(attempt.amount.currency().code())),
        ("State", Variant::from(view.state.word())),
        ("Sequence", Variant::from(view.sequence)),
        ("Prompt", Variant::from(view.prompt.word())),
        ("PromptText", Variant::from(texts)),
        ("Deadline", Variant::from(view.deadline.unwrap_or(0))),
        ("QueuePosition", Variant::from(view.queue_position)),
        ("PinDigits", Variant::from(view.pin_digits)),
        ("Candidates", Variant::from(view.candidates.clone())),
        ("Code", Variant::from(view.code.as_ref().map_or("", ShownCode::reveal).to_owned())),
        ("Outcome", Variant::from(attempt.outcome.map_or("", posd_terminal::Outcome::word))),
        ("Result", Variant::from(result(view, help_line))),
    ])
}

/// What is to be said about an outcome; empty until there is one. The acquirer's help line stands in what the cashier is
/// told to do about a failure; a cancel and a timeout are nobody's failure.
pub(crate) fn result(view: &TransactionView, help_line: &str) -> HashMap<&'static str, Variant<'static>> {
    let attempt = &view.attempt;
    let mut result = HashMap::new();
    let Some(outcome) = attempt.outcome else { return result };
    let locale = view.locale();
    result.insert("outcome", Variant::from(outcome.word()));
    result.insert("cause", Variant::from(attempt.cause.word()));
    result.insert("acknowledged", Variant::from(attempt.acknowledged));
    result.insert("new-attempt", Variant::from(attempt.is_closed_without_charge()));
    let code = attempt.response_code.as_deref();
    // A code speaks for the outcome only where the outcome rests on it.
    let told = code.filter(|_| outcome.is_charged() || attempt.cause == Cause::DeclinedByHost);
    if let Some(meaning) = told.map(posd_unionpay::response_code::meaning) {
        let (text, action) = match locale {
            Locale::ZhCn => (meaning.text_zh, meaning.action_zh),
            Locale::En => (meaning.text_en, meaning.action_en),
        };
        result.insert("text", Variant::from(text));
        result.insert("cashier-action", Variant::from(with_help(action, outcome, help_line, locale)));
        result.insert("response-class", Variant::from(meaning.class.letter().to_string()));
        result.insert("try-again", Variant::from(meaning.try_again && attempt.is_closed_without_charge()));
    } else if outcome == Outcome::Unknown && !attempt.kind.row().reversible {
        let (text, action) = match locale {
            Locale::ZhCn => ("退货结果未知", "请勿重复退货，请主管向收单行核实后处理"),
            Locale::En => (
                "It is not known whether the refund was made",
                "Do not refund again; the supervisor asks the acquirer, then resolves it",
            ),
        };
        result.insert("text", Variant::from(text));
        result.insert("cashier-action", Variant::from(action));
    } else {
        let (text, action) = cause_texts(attempt.cause, locale);
        let again = may_try_again(attempt.cause) && attempt.is_closed_without_charge();
        result.insert("try-again", Variant::from(again));
        result.insert("text", Variant::from(text));
        result.insert("cashier-action", Variant::from(with_help(action, outcome, help_line, locale)));
    }
    let strings = [
        ("response-code", code),
        ("rrn", attempt.rrn.as_deref()),
        ("authorisation-code", attempt.authorisation_code.as_deref()),
        ("masked-pan", attempt.masked_pan.as_deref()),
        ("application-label", attempt.application_label.as_deref()),
        ("transaction-certificate", attempt.transaction_certificate.as_deref()),
        ("operator", attempt.operator.as_deref()),
        ("supervisor", attempt.supervisor.as_deref()),
        ("wallet", attempt.wallet.as_deref()),
        ("voucher", attempt.voucher.as_deref()),
    ];
    for (key, value) in strings {
        if let Some(value) = value {
            result.insert(key, Variant::from(value.to_owned()));
        }
    }
    for (key, value) in [("trace", attempt.trace), ("batch", attempt.batch)] {
        if let Some(value) = value {
            result.insert(key, Variant::from(value));
        }
    }
    if let Some(charged) = attempt.charged {
        result.insert("charged", Variant::from(charged));
    }
    if let Some(balance) = attempt.balance {
        result.insert("balance", Variant::from(balance));
    }
    if let Some(ended) = attempt.ended {
        result.insert("ended", Variant::from(ended));
    }
    result
}

/// What the cashier does, and whom to call where it failed.
fn with_help(action: &str, outcome: Outcome, help_line: &str, locale: Locale) -> String {
    let failed = matches!(outcome, Outcome::Declined | Outcome::Failed | Outcome::Unknown);
    match (failed && !help_line.is_empty(), locale) {
        (false, _) => action.to_owned(),
        (true, Locale::ZhCn) => format!("{action}。客服电话 {help_line}"),
        (true, Locale::En) => format!("{action}. Help line {help_line}"),
    }
}

/// What happened and what to do, where no response code of the host says it.
fn cause_texts(cause: Cause, locale: Locale) -> (&'static str, &'static str) {
    let (zh, zh_do, en, en_do) = match cause {
        Cause::None => ("交易成功", "", "Approved", ""),
        Cause::CancelledByApp => ("交易已取消", "需要时重新发起", "Cancelled", "Start again if wanted"),
        Cause::CancelledByCustomer => (
            "持卡人取消交易",
            "询问持卡人后重新发起",
            "Cancelled by the cardholder",
            "Ask the cardholder, then start again",
        ),
        Cause::CallerGone => {
            ("收银程序已退出，未扣款", "重新发起", "The app went away; not charged", "Start again")
        }
        Cause::NoCard => ("未插卡，已超时", "重新发起", "No card in time", "Start again"),
        Cause::NoCode => ("未扫码，已超时", "重新发起", "No code in time", "Start again"),
        Cause::NotPaid => (
            "顾客未付款，已关单",
            "可重新发起",
            "The customer did not pay; the payment is closed",
            "A new attempt may be made",
        ),
        Cause::AmountNotTaken => (
            "超出该钱包金额限制，未扣款",
            "请换付款方式",
            "The wallet takes no such amount; not charged",
            "Ask for another way to pay",
        ),
        Cause::WalletNotServed => (
            "不支持该付款方式，未扣款",
            "请换付款方式",
            "The wallet is not taken here; not charged",
            "Ask for another way to pay",
        ),
        Cause::CardRemoved => {
            ("卡片过早拔出", "重新插卡", "The card was removed too early", "Insert it again and leave it in")
        }
        Cause::CardFault => (
            "读卡失败",
            "擦拭芯片或换卡重试",
            "The card cannot be read",
            "Clean the chip or try another card",
        ),
        Cause::CardBlocked => ("此卡已锁定", "请换卡", "The card is blocked", "Ask for another card"),
        Cause::NoApplication => {
            ("不支持此卡", "请换卡", "The card is not accepted here", "Ask for another card")
        }
        Cause::ChoiceTimeout => ("选择超时", "重新发起", "Nobody chose in time", "Start again"),
        Cause::PinTimeout => ("输入密码超时", "重新发起", "No PIN in time", "Start again"),
        Cause::CardOnBlacklist => (
            "黑名单卡，拒绝交易",
            "请勿受理该卡，改用其他方式支付",
            "The card is on the blacklist; not charged",
            "Do not take this card; ask for another way to pay",
        ),
        Cause::DeclinedByCard => ("卡片拒绝交易", "请换卡", "Declined by the card", "Ask for another card"),
        Cause::DeclinedByHost => ("交易失败", "请换卡", "Declined", "Ask for another card"),
        Cause::HostUnreachable => (
            "无法连接主机，未扣款",
            "检查网络后重试",
            "The host cannot be reached; not charged",
            "Check the line, then try again",
        ),
        Cause::NoAnswer => (
            "主机无应答，正在冲正",
            "等待结果，请勿重复收款",
            "No answer; being reversed",
            "Wait, do not charge again",
        ),
        Cause::BadMac => (
            "应答校验错，正在冲正",
            "等待结果，重新签到",
            "The answer's MAC is wrong; being reversed",
            "Wait, then sign in again",
        ),
        Cause::BadAnswer => (
            "应答有误，正在冲正",
            "等待结果，请勿重复收款",
            "The answer is not good; being reversed",
            "Wait, do not charge again",
        ),
        Cause::CardDidNotComplete => (
            "卡片未完成交易，正在冲正",
            "等待结果，请勿重复收款",
            "The card did not complete; being reversed",
            "Wait, do not charge again",
        ),
        Cause::PartialNotAllowed => (
            "仅部分批准，正在冲正",
            "等待结果",
            "Only a part was approved; being reversed",
            "Wait for the result",
        ),
        Cause::Reversed => (
            "交易已冲正，未生效",
            "可重新发起",
            "Reversed; it did not take place",
            "A new attempt may be made",
        ),
        Cause::ReversalPending => (
            "上笔冲正未完成，未扣款",
            "检查网络后重试",
            "An older reversal is unanswered; not charged",
            "Check the line, then try again",
        ),
        Cause::SecureModuleLost => (
            "安全模块中断",
            "重试，仍失败请报修",
            "The secure module went away",
            "Try again; if it stays, call service",
        ),
        Cause::ReaderFault => {
            ("读卡器故障", "检查读卡器", "The card reader is missing or faulty", "Check the reader")
        }
        Cause::KeyFault => ("密钥有误", "重新签到", "A key is missing or wrong", "Sign in again"),
        Cause::SupervisorRefused => (
            "主管未授权",
            "请主管重新输入密码",
            "The supervisor did not agree",
            "Ask the supervisor, then try again",
        ),
        Cause::OriginalChanged => {
            ("原交易状态已变", "查询原交易", "The original has changed since", "Look at the original's state")
        }
        Cause::OfflineOff => (
            "本机不做脱机消费",
            "联机后用普通消费",
            "This device sells nothing offline",
            "Wait for the line, then sell online",
        ),
        Cause::OfflineAmountLimit => (
            "超过单笔脱机限额",
            "联机后用普通消费",
            "Above the limit of one offline sale",
            "Wait for the line, then sell online",
        ),
        Cause::OfflineTotalLimit => (
            "脱机累计金额已达上限",
            "联机上送后再试",
            "Offline sales have reached their limit in all",
            "Have them forwarded, then try again",
        ),
        Cause::OfflineCountLimit => (
            "脱机笔数已达上限",
            "联机上送后再试",
            "Offline sales have reached their number",
            "Have them forwarded, then try again",
        ),
        Cause::OfflineCardLimit => (
            "此卡脱机已达上限",
            "请换卡",
            "Offline sales of this card have reached their limit",
            "Ask for another card",
        ),
        Cause::OfflineOperatorLimit => (
            "该操作员脱机已达上限",
            "联机上送后再试",
            "Offline sales of this operator have reached their limit",
            "Have them forwarded, then try again",
        ),
        Cause::OfflineSilence => (
            "与主机失去联系过久",
            "检查网络并签到",
            "The host has not been heard for too long",
            "Check the line, then sign in",
        ),
        Cause::OfflineClock => (
            "终端时钟被调回",
            "校准时钟后签到",
            "The clock was set back",
            "Set the clock right, then sign in",
        ),
        Cause::OfflineBrand => (
            "此卡组织不可脱机",
            "请换卡，或联机后再试",
            "Cards of this organisation are not taken offline",
            "Ask for another card, or wait for the line",
        ),
        Cause::CardMistyped => (
            "卡号或有效期有误",
            "核对后重新输入",
            "The card's number or expiry was typed wrong",
            "Ask for it again, then try again",
        ),
        Cause::PinPadFault => {
            ("密码键盘故障", "检查密码键盘", "The PIN pad is missing or in use", "Check the PIN pad")
        }
        Cause::CardDiffers => (
            "与原交易卡号不一致",
            "请使用原交易的银行卡",
            "Not the card of the original",
            "Ask for the card that paid",
        ),
        Cause::Resolved => ("主管已核实处理", "", "The supervisor resolved it", ""),
        Cause::Interrupted => (
            "终端中断，正在冲正",
            "等待结果，请勿重复收款",
            "The terminal was interrupted; being reversed",
            "Wait, do not charge again",
        ),
    };
    match locale {
        Locale::ZhCn => (zh, zh_do),
        Locale::En => (en, en_do),
    }
}

/// Whether the same may help where the host said nothing of it: not where the card itself or the original says no.
fn may_try_again(cause: Cause) -> bool {
    !matches!(
        cause,
        Cause::CardBlocked
            | Cause::CardOnBlacklist
            | Cause::NoApplication
            | Cause::DeclinedByCard
            | Cause::OriginalChanged
    )
}

/// A pending reversal.
pub(crate) fn reversal(reversal: &PendingReversal) -> Dictionary {
    Dictionary::from([
        ("transaction", Variant::from(reversal.transaction)),
        ("batch", Variant::from(reversal.batch)),
        ("trace", Variant::from(reversal.trace)),
        ("amount", Variant::from(reversal.amount)),
        ("reason", Variant::from(reversal.reason.word())),
        ("tries", Variant::from(tries(&reversal.tries))),
        ("next-try", Variant::from(reversal.next_try.unwrap_or(0))),
    ])
}

/// What is left to sell offline, and why not.
pub(crate) fn offline_readiness(ready: &OfflineReadiness) -> Dictionary {
    let words = |of: &dyn Fn(&Cause) -> &'static str| -> Vec<String> {
        ready.reasons.iter().map(|cause| of(cause).to_owned()).collect()
    };
    let texts: BTreeMap<String, Vec<String>> = Locale::ALL
        .iter()
        .map(|locale| (locale.word().to_owned(), words(&|cause| cause_texts(*cause, *locale).0)))
        .collect();
    let mut all = Dictionary::from([
        ("ready", Variant::from(ready.reasons.is_empty())),
        ("reasons", Variant::from(words(&|cause| cause.word()))),
        ("texts", Variant::from(texts)),
        ("largest", Variant::from(ready.largest)),
        ("total-left", Variant::from(ready.total_left)),
        ("count-left", Variant::from(ready.count_left)),
        ("operator-total-left", Variant::from(ready.operator_total_left)),
        ("operator-count-left", Variant::from(ready.operator_count_left)),
        ("silence-left", Variant::from(ready.silence_left_s)),
        ("at-risk", Variant::from(ready.at_risk)),
        ("at-risk-count", Variant::from(ready.at_risk_count)),
        ("brands", Variant::from(ready.brands.clone())),
    ]);
    if let Some(amount) = ready.supervisor_above {
        all.insert("supervisor-above", Variant::from(amount));
    }
    all
}

/// A row of the queue.
pub(crate) fn queue_row(row: &QueueRow) -> Dictionary {
    Dictionary::from([
        ("kind", Variant::from(row.kind)),
        ("advice", Variant::from(row.advice)),
        ("transaction", Variant::from(row.transaction)),
        ("state", Variant::from(row.state)),
        ("batch", Variant::from(row.batch)),
        ("trace", Variant::from(row.trace)),
        ("amount", Variant::from(row.amount)),
        ("currency", Variant::from(Currency::from_numeric(row.currency).map_or("", Currency::code))),
        ("queued", Variant::from(row.queued.unwrap_or(0))),
        ("tries", Variant::from(tries(&row.tries))),
        ("next-try", Variant::from(row.next_try.unwrap_or(0))),
    ])
}

fn tries(tries: &[Try]) -> Vec<(i64, String)> {
    tries.iter().map(|one| (one.at, one.result.clone())).collect()
}

pub(crate) fn queue_filter(word: &str) -> Result<QueueFilter, Refused> {
    QueueFilter::from_word(word).ok_or_else(|| {
        Refused::new("InvalidArgument", "a filter is \"open\", \"needs-action\" or \"recent\"")
    })
}

/// A print job as `PrintJobs` lists it.
pub(crate) fn print_job(job: &PrintJob) -> (u64, &'static str, bool, &'static str) {
    let copy = match (job.slip, job.copy) {
        (SlipOf::ReversalFault, _) => "reversal-fault",
        (_, Copy::Merchant) => "merchant",
        (_, Copy::Bank) => "bank",
        (_, Copy::Cardholder) => "cardholder",
    };
    (job.id, copy, job.reprint, job.state.word())
}

pub(crate) fn copy(word: &str) -> Result<Copy, Refused> {
    match word {
        "merchant" => Ok(Copy::Merchant),
        "bank" => Ok(Copy::Bank),
        "cardholder" => Ok(Copy::Cardholder),
        _ => Err(Refused::new("InvalidArgument", "a copy is \"merchant\", \"bank\" or \"cardholder\"")),
    }
}

pub(crate) fn currency(code: &str) -> Result<Currency, Refused> {
    Currency::from_code(code)
        .ok_or_else(|| Refused::new("UnknownCurrency", "this terminal takes CNY; give its ISO 4217 code"))
}

/// The options of a create: an unknown key or a wrong type is refused, because this is money.
pub(crate) fn options(given: HashMap<String, OwnedVariant>) -> Result<Options, Refused> {
    let mut options = Options::default();
    let mut original = NamedOriginal::default();
    for (key, value) in given {
        let wrong =
            |expected: &str| Refused::new("InvalidOption", format!("option {key:?} must be {expected}"));
        let flag = |value: &Variant<'_>| match value {
            Variant::Bool(flag) => Ok(*flag),
            _ => Err(wrong("a boolean")),
        };
        let value: &Variant<'_> = &value;
        match (key.as_str(), value) {
            ("locale", Variant::Str(word)) => {
                options.locale = Locale::from_word(word).ok_or_else(|| wrong("\"zh-CN\" or \"en\""))?;
            }
            ("locale", _) => return Err(wrong("a string")),
            ("allow-partial", value) => options.allow_partial = flag(value)?,
            ("no-wait", value) => options.no_wait = flag(value)?,
            ("sign-on-screen", value) => options.sign_on_screen = flag(value)?,
            ("note", Variant::Str(text)) => {
                let fits = text.chars().count() <= 60;
                let good = posd_receipt::allow_listed(text).filter(|_| fits);
                options.note = Some(good.ok_or_else(|| wrong("at most 60 printable characters"))?);
            }
            ("note", _) => return Err(wrong("a string")),
            ("goods", value) => {
                options.goods = goods(value).ok_or_else(|| {
                    wrong("1 to 40 lines a(sut): a name of 1 to 40 printable characters, thousandths, minor units")
                })?;
            }
            ("original", Variant::Str(name)) => {
                original.reference = Some(Reference::new(name).ok_or_else(|| wrong("a reference"))?);
            }
            ("original", _) => return Err(wrong("a reference")),
            ("wallet", Variant::Str(name)) if (1..=64).contains(&name.len()) => {
                options.wallet = Some(name.to_string());
            }
            ("wallet", _) => return Err(wrong("the name of a wallet")),
            ("original-trace", Variant::U32(trace)) if (1..=999_999).contains(trace) => {
                original.trace = Some(*trace);
            }
            ("original-trace", _) => return Err(wrong("a number from 1 to 999999")),
            ("original-batch", Variant::U32(batch)) if (1..=999_999).contains(batch) => {
                original.batch = Some(*batch);
            }
            ("original-batch", _) => return Err(wrong("a number from 1 to 999999")),
            ("original-rrn", Variant::Str(rrn)) if is_rrn(rrn) => original.rrn = Some(rrn.to_string()),
            ("original-rrn", _) => return Err(wrong("12 letters and digits")),
            ("offline-total", Variant::U64(total)) => {
                options.offline.get_or_insert_default().total = Some(*total);
            }
            ("offline-count", Variant::U32(count)) => {
                options.offline.get_or_insert_default().count = Some(*count);
            }
            ("offline-hours", Variant::U32(hours)) => {
                options.offline.get_or_insert_default().silence_h = Some(*hours);
            }
            ("offline-total" | "offline-count" | "offline-hours", _) => return Err(wrong("a number")),
            ("original-authorisation-code", Variant::Str(code)) if is_authorisation_code(code) => {
                original.authorisation_code = Some(code.to_string());
            }
            ("original-authorisation-code", _) => return Err(wrong("6 letters and digits")),
            ("original-date", Variant::Str(date)) if is_date(date) => original.date = Some(date.to_string()),
            ("original-date", _) => return Err(wrong("a month and a day, as MMDD")),
            ("instalments", Variant::U32(count)) => {
                let count = u8::try_from(*count).ok().filter(|count| (2..=99).contains(count));
                options.instalments = Some(count.ok_or_else(|| wrong("2 to 99"))?);
            }
            ("instalments", _) => return Err(wrong("a number from 2 to 99")),
            _ => {
                return Err(Refused::new(
                    "UnknownOption",
                    format!("there is no option {:?}; see {}.CreateTransaction", shorten(&key), names::NAME),
                ));
            }
        }
    }
    options.original = original.name()?;
    Ok(options)
}

/// What options say of the original.
#[derive(Default)]
struct NamedOriginal {
    reference: Option<Reference>,
    trace: Option<u32>,
    batch: Option<u32>,
    rrn: Option<String>,
    authorisation_code: Option<String>,
    date: Option<String>,
}

impl NamedOriginal {
    /// One way to name it: one that this terminal knows, or with its date as the host's records have it.
    fn name(self) -> Result<Option<OriginalName>, Refused> {
        Ok(Some(match self {
            NamedOriginal { reference: None, trace, batch, rrn, authorisation_code, date: Some(date) } => {
                OriginalName::External(Linked {
                    batch: batch.unwrap_or_default(),
                    trace: trace.unwrap_or_default(),
                    date,
                    rrn,
                    authorisation_code,
                })
            }
            NamedOriginal { batch: None, authorisation_code: None, date: None, reference, trace, rrn } => {
                match (reference, trace, rrn) {
                    (None, None, None) => return Ok(None),
                    (Some(reference), None, None) => OriginalName::Reference(reference),
                    (None, Some(trace), None) => OriginalName::Trace(trace),
                    (None, None, Some(rrn)) => OriginalName::Rrn(rrn),
                    _ => return Err(Refused::new("InvalidOption", ONE_WAY)),
                }
            }
            _ => return Err(Refused::new("InvalidOption", ONE_WAY)),
        }))
    }
}

const ONE_WAY: &str = "an original is named in one way: by original, original-trace or original-rrn alone, or with \
                       original-date as the host's records have it";

fn is_rrn(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_authorisation_code(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// MMDD.
fn is_date(text: &str) -> bool {
    let part = |range| text.get(range).and_then(|part: &str| part.parse::<u8>().ok());
    let digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        && part(0..2).is_some_and(|month| (1..=12).contains(&month))
        && part(2..4).is_some_and(|day| (1..=31).contains(&day))
}

/// The host's numbers of a transaction that is resolved; as strict as options.
pub(crate) fn numbers(given: HashMap<String, OwnedVariant>) -> Result<HostNumbers, Refused> {
    let mut numbers = HostNumbers::default();
    for (key, value) in given {
        let value: &Variant<'_> = &value;
        let wrong = |expected: &str| {
            let text = format!("number {:?} must be {expected}", shorten(&key));
            Refused::new("InvalidOption", text)
        };
        match (key.as_str(), value) {
            ("amount", Variant::U64(amount)) => numbers.amount = Some(*amount),
            ("amount", _) => return Err(wrong("an amount in minor units (t)")),
            ("rrn", Variant::Str(rrn)) if is_rrn(rrn) => numbers.rrn = Some(rrn.to_string()),
            ("rrn", _) => return Err(wrong("12 letters and digits")),
            ("authorisation-code", Variant::Str(code)) if is_authorisation_code(code) => {
                numbers.authorisation_code = Some(code.to_string());
            }
            ("authorisation-code", _) => return Err(wrong("6 letters and digits")),
            ("date", Variant::Str(date)) if is_date(date) => numbers.date = Some(date.to_string()),
            ("date", _) => return Err(wrong("a month and a day, as MMDD")),
            _ => {
                let text = format!("there is no number {:?}; see {}.Resolve", shorten(&key), names::NAME);
                return Err(Refused::new("UnknownOption", text));
            }
        }
    }
    Ok(numbers)
}

/// The largest body that strokes within their bounds have: each point takes eight bytes on the wire, each stroke eight
/// more. A larger one is not even read.
const STROKES_BODY: usize = 8 * (Strokes::MOST_POINTS + Strokes::MOST_STROKES) + 16;

/// A signature as points. There is no image to decode.
pub(crate) fn strokes(body: &zbus::message::Body) -> Result<Strokes, Refused> {
    let refused = |text: String| Refused::new("InvalidArgument", text);
    if body.len() > STROKES_BODY {
        return Err(refused("a signature has at most 64 strokes and 2048 points".to_owned()));
    }
    let points: Vec<Vec<(u8, u8)>> =
        body.deserialize().map_err(|_| refused("a signature is an array of arrays of (x, y)".to_owned()))?;
    Strokes::new(points).map_err(|error| refused(error.to_string()))
}

/// Most lines of goods, and characters of a name.
const GOODS_LINES: usize = 40;
const GOODS_NAME: usize = 40;
/// Largest quantity in thousandths, and largest amount in minor units.
const GOODS_QUANTITY: u32 = 999_999_999;
const GOODS_AMOUNT: u64 = 999_999_999_999;

/// The goods, if each line is within bounds and may be printed.
fn goods(value: &Variant<'_>) -> Option<Vec<Goods>> {
    let lines = <Vec<(String, u32, u64)>>::try_from(value.try_clone().ok()?).ok()?;
    if !(1..=GOODS_LINES).contains(&lines.len()) {
        return None;
    }
    let line = |(name, quantity, amount): (String, u32, u64)| {
        let name = posd_receipt::allow_listed(&name).filter(|name| name.chars().count() <= GOODS_NAME)?;
        let good = (1..=GOODS_QUANTITY).contains(&quantity) && amount <= GOODS_AMOUNT;
        good.then_some(Goods { name, quantity, amount })
    };
    lines.into_iter().map(line).collect()
}

/// What a caller sent, fit for a message back.
pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}
