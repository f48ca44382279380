//! The meaning of field 39, as data (reference 5).

use serde::Serialize;

/// What kind of answer a code is (appendix of the 2014 text).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Class {
    /// Approved.
    #[serde(rename = "A")]
    Approved,
    /// Failed; the transaction may be tried again.
    #[serde(rename = "B")]
    RetryAllowed,
    /// Failed; trying again does not help.
    #[serde(rename = "C")]
    NoRetry,
    /// Failed; the operator must act.
    #[serde(rename = "D")]
    OperatorActs,
    /// Failed by a fault of the system.
    #[serde(rename = "E")]
    SystemFault,
}

impl Class {
    /// Its letter, A to E.
    pub fn letter(self) -> char {
        match self {
            Self::Approved => 'A',
            Self::RetryAllowed => 'B',
            Self::NoRetry => 'C',
            Self::OperatorActs => 'D',
            Self::SystemFault => 'E',
        }
    }
}

/// What one response code means. Which codes *approve* is the profile's word, not this table's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Meaning {
    /// The code; empty for [`UNKNOWN`].
    pub code: &'static str,
    /// What the terminal shows, Chinese.
    pub text_zh: &'static str,
    /// What the terminal shows, English.
    pub text_en: &'static str,
    /// What kind of answer it is.
    pub class: Class,
    /// What the cashier should do, Chinese.
    pub action_zh: &'static str,
    /// What the cashier should do, English.
    pub action_en: &'static str,
    /// Whether it makes sense to try the same again under the same reference, once the cashier has acted. Where it is
    /// false the app takes another way to pay.
    pub try_again: bool,
}

/// The meaning of `code`; [`UNKNOWN`] for one that the table does not have.
pub fn meaning(code: &str) -> &'static Meaning {
    TABLE.iter().find(|meaning| meaning.code == code).unwrap_or(&UNKNOWN)
}

/// The meaning of any other code.
pub static UNKNOWN: Meaning = row("", "交易失败", "Transaction failed", Class::NoRetry, CALL_ACQUIRER);

/// Codes of class C and D after which the same may be tried again: the cause goes away, by waiting (68, 90 to 92, 96),
/// by the cardholder (55) or by the operator (36, 45, 77).
const PASSING: [&str; 9] = ["36", "45", "55", "68", "77", "90", "91", "92", "96"];

const fn may_try_again(code: &str, class: Class) -> bool {
    if matches!(class, Class::RetryAllowed) {
        return true;
    }
    let mut index = 0;
    while index < PASSING.len() {
        let (passing, code) = (PASSING[index].as_bytes(), code.as_bytes());
        if code.len() == 2 && passing[0] == code[0] && passing[1] == code[1] {
            return true;
        }
        index += 1;
    }
    false
}

const fn row(
    code: &'static str,
    text_zh: &'static str,
    text_en: &'static str,
    class: Class,
    action: Action,
) -> Meaning {
    let try_again = may_try_again(code, class);
    Meaning { code, text_zh, text_en, class, action_zh: action.0, action_en: action.1, try_again }
}

/// What the cashier should do, Chinese and English.
type Action = (&'static str, &'static str);

const NOTHING: Action = ("无需处理", "Nothing to do");
const CALL_ISSUER: Action = ("请持卡人联系发卡银行", "Ask the cardholder to call the card issuer");
const PAY_OTHERWISE: Action = ("请勿重试，改用其他方式支付", "Do not try again; ask for another way to pay");
const CHECK_ORIGINAL: Action = ("请核对原交易", "Check the original transaction");
const LOOK_UP: Action = (
    "请先查明原交易结果，勿重复收款",
    "Find out what became of the first transaction before you take money again",
);
const KEEP_CARD: Action = ("请按规定留下卡片，并联系收单机构", "Keep the card and call the acquirer");
const CHECK: Action = ("请核对后重试", "Check and try again");
const TELL_AMOUNT: Action = (
    "请告知持卡人已批准的金额，差额另行收取",
    "Tell the cardholder the approved amount and collect the rest",
);
const OTHER_CARD: Action = ("请换卡", "Ask for another card");
const INSERT_CHIP: Action = ("请插入芯片卡", "Insert the card with its chip");
const RIGHT_PIN: Action =
    ("请重新交易并输入正确密码", "Sell again and let the cardholder type the right PIN");
const LATER: Action = ("请稍后重新交易", "Try again later");
const SIGN_IN: Action = ("请重新签到后再交易", "Sign in again, then try again");
const WAIT: Action = ("请稍候再试", "Wait and try again");
const CALL_ACQUIRER: Action = ("请联系收单机构", "Call the acquirer");
const SYSTEM_FAULT: Action = ("系统故障，请联系收单机构", "System fault; call the acquirer");
const CONFIRM: Action = ("请持卡人向发卡行确认", "Ask the cardholder to confirm with the issuer");

/// Every code of the reference.
pub static TABLE: &[Meaning] = &[
    row("00", "交易成功", "Approved", Class::Approved, NOTHING),
    row("01", "请持卡人与发卡银行联系", "Refer to issuer", Class::NoRetry, CALL_ISSUER),
    row("02", "请持卡人与发卡银行联系", "Refer to issuer, special", Class::NoRetry, CALL_ISSUER),
    row("03", "无效商户", "Invalid merchant", Class::NoRetry, CALL_ACQUIRER),
    row("04", "此卡被没收", "Capture card", Class::OperatorActs, KEEP_CARD),
    row("05", "持卡人认证失败", "Do not honour", Class::NoRetry, PAY_OTHERWISE),
    row("06", "交易失败，请联系发卡行", "Error; call the issuer", Class::NoRetry, CALL_ISSUER),
    row("07", "没收卡，请联系收单行", "Pick up card, special", Class::OperatorActs, KEEP_CARD),
    row("09", "交易失败，请重试", "In progress", Class::RetryAllowed, CHECK),
    row("10", "部分批准，显示批准金额", "Partial approval", Class::Approved, TELL_AMOUNT),
    row("11", "成功，VIP客户", "Approved VIP", Class::Approved, NOTHING),
    row("12", "无效交易", "Invalid (linked) transaction", Class::NoRetry, CHECK_ORIGINAL),
    row("13", "无效金额", "Invalid amount", Class::RetryAllowed, CHECK),
    row("14", "无效卡号", "Invalid card number", Class::RetryAllowed, CHECK),
    row("15", "此卡无对应发卡方", "No such issuer", Class::NoRetry, PAY_OTHERWISE),
    row("19", "交易失败，请联系发卡行", "Re-enter", Class::NoRetry, CALL_ISSUER),
    row("21", "该卡未初始化或睡眠卡", "Card not activated", Class::NoRetry, PAY_OTHERWISE),
    row(
        "22",
        "操作有误，或超出交易允许天数",
        "Suspected malfunction, or too many days",
        Class::NoRetry,
        CHECK_ORIGINAL,
    ),
    row("25", "没有原始交易，请联系发卡方", "Original not found", Class::NoRetry, CALL_ISSUER),
    row("30", "请重试", "Format error", Class::NoRetry, CALL_ACQUIRER),
    row("34", "作弊卡，吞卡", "Suspected fraud", Class::OperatorActs, KEEP_CARD),
    row("36", "此卡有误，请换卡重试", "Restricted card", Class::OperatorActs, OTHER_CARD),
    row("38", "密码错误次数超限，请与发卡方联系", "PIN tries exceeded", Class::OperatorActs, CALL_ISSUER),
    row("40", "发卡方不支持的交易类型", "Function not supported", Class::NoRetry, PAY_OTHERWISE),
    row("41", "挂失卡，请没收", "Lost card", Class::OperatorActs, KEEP_CARD),
    row("43", "被窃卡，请没收", "Stolen card", Class::OperatorActs, KEEP_CARD),
    row("45", "请使用芯片", "Fallback not allowed, use chip", Class::OperatorActs, INSERT_CHIP),
    row("51", "可用余额不足", "Insufficient funds", Class::NoRetry, PAY_OTHERWISE),
    row("54", "该卡已过期", "Expired card", Class::NoRetry, PAY_OTHERWISE),
    row("55", "密码错", "Wrong PIN", Class::NoRetry, RIGHT_PIN),
    row("57", "不允许此卡交易", "Not permitted to cardholder", Class::NoRetry, PAY_OTHERWISE),
    row(
        "58",
        "发卡方不允许该卡在本终端进行此交易",
        "Not permitted to terminal",
        Class::NoRetry,
        PAY_OTHERWISE,
    ),
    row("59", "卡片校验错", "Card verification failed", Class::NoRetry, CALL_ISSUER),
    row("61", "交易金额超限", "Amount limit", Class::NoRetry, PAY_OTHERWISE),
    row("62", "受限制的卡", "Restricted card", Class::NoRetry, OTHER_CARD),
    row("64", "交易金额与原交易不匹配", "Original amount wrong", Class::NoRetry, CHECK_ORIGINAL),
    row("65", "超出取款/消费次数限制", "Count limit", Class::NoRetry, PAY_OTHERWISE),
    row("68", "交易超时，请重试", "Issuer timeout", Class::NoRetry, LATER),
    row("75", "密码错误次数超限", "PIN tries exceeded", Class::NoRetry, CALL_ISSUER),
    row("77", "请重新签到，再作交易", "Batch number differs", Class::OperatorActs, SIGN_IN),
    row("90", "系统日切，请稍后重试", "Cut-over running", Class::NoRetry, WAIT),
    row("91", "发卡方状态不正常，请稍后重试", "Issuer inoperative", Class::NoRetry, WAIT),
    row("92", "发卡方线路异常，请稍后重试", "Line to issuer down", Class::NoRetry, WAIT),
    row("94", "拒绝，重复交易，请稍后重试", "Duplicate", Class::NoRetry, LOOK_UP),
    row("96", "拒绝，交换中心异常，请稍后重试", "Switch malfunction", Class::NoRetry, WAIT),
    row("97", "终端未登记", "Terminal unknown", Class::OperatorActs, CALL_ACQUIRER),
    row("98", "发卡方超时", "No answer from issuer", Class::SystemFault, SYSTEM_FAULT),
    row("99", "PIN格式错，请重新签到", "PIN format error", Class::RetryAllowed, SIGN_IN),
    row("A0", "MAC校验错，请重新签到", "MAC error", Class::RetryAllowed, SIGN_IN),
    row("A1", "转账货币不一致", "Currency mismatch", Class::NoRetry, PAY_OTHERWISE),
    row("A2", "交易成功，请向发卡行确认", "Flawed success", Class::Approved, CONFIRM),
    row("A3", "账户不正确", "Receiving account wrong", Class::NoRetry, PAY_OTHERWISE),
    row("A4", "交易成功，请向发卡行确认", "Flawed success", Class::Approved, CONFIRM),
    row("A5", "交易成功，请向发卡行确认", "Flawed success", Class::Approved, CONFIRM),
    row("A6", "交易成功，请向发卡行确认", "Flawed success", Class::Approved, CONFIRM),
    row("A7", "拒绝，交换中心异常，请稍后重试", "Security processing failed", Class::NoRetry, CALL_ACQUIRER),
    row("A8", "未上送转入卡归属地信息", "Region data missing", Class::NoRetry, PAY_OTHERWISE),
    row("B1", "此业务无欠费", "Nothing owed", Class::NoRetry, PAY_OTHERWISE),
    row("C1", "受理方状态非法", "Acquirer state illegal", Class::NoRetry, CALL_ACQUIRER),
    row("D1", "文件类错误", "File transfer error at the host", Class::SystemFault, SYSTEM_FAULT),
    row("D2", "文件类错误", "File transfer error at the host", Class::SystemFault, SYSTEM_FAULT),
    row("D3", "文件类错误", "File transfer error at the host", Class::SystemFault, SYSTEM_FAULT),
    row("D4", "文件类错误", "File transfer error at the host", Class::SystemFault, SYSTEM_FAULT),
    row("D5", "文件类错误", "File transfer error at the host", Class::SystemFault, SYSTEM_FAULT),
    row("D6", "文件类错误", "File transfer error at the host", Class::SystemFault, SYSTEM_FAULT),
    row("D7", "文件类错误", "File transfer error at the host", Class::SystemFault, SYSTEM_FAULT),
    row("D8", "文件类错误", "File transfer error at the host", Class::SystemFault, SYSTEM_FAULT),
    row("D9", "文件类错误", "File transfer error at the host", Class::SystemFault, SYSTEM_FAULT),
    row("DA", "文件类错误", "File transfer error at the host", Class::SystemFault, SYSTEM_FAULT),
    row("DB", "文件类错误", "File transfer error at the host", Class::SystemFault, SYSTEM_FAULT),
    row("DC", "文件类错误", "File transfer error at the host", Class::SystemFault, SYSTEM_FAULT),
    row("F1", "文件类错误", "File transfer error at the host", Class::SystemFault, SYSTEM_FAULT),
    row("F2", "文件类错误", "File transfer error at the host", Class::SystemFault, SYSTEM_FAULT),
    row("F3", "文件类错误", "File transfer error at the host", Class::SystemFault, SYSTEM_FAULT),
    row("F4", "文件类错误", "File transfer error at the host", Class::SystemFault, SYSTEM_FAULT),
    row("F5", "文件类错误", "File transfer error at the host", Class::SystemFault, SYSTEM_FAULT),
    row("N1", "未登折帐目超限", "Passbook limit", Class::NoRetry, PAY_OTHERWISE),
    row("P1", "未留存手机号", "No phone on file", Class::NoRetry, PAY_OTHERWISE),
    row("Y1", "脱机成功", "Offline approved", Class::Approved, NOTHING),
    row("Y3", "不能联机，脱机成功", "Offline approved, unable to go online", Class::Approved, NOTHING),
    row("Z1", "脱机失败", "Offline declined", Class::NoRetry, PAY_OTHERWISE),
    row("Z3", "不能联机，脱机失败", "Offline declined, unable to go online", Class::NoRetry, PAY_OTHERWISE),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_once_and_says_something() {
        for (index, meaning) in TABLE.iter().enumerate() {
            assert_eq!(meaning.code.len(), 2);
            assert!(TABLE.iter().skip(index + 1).all(|other| other.code != meaning.code), "{}", meaning.code);
            for text in [meaning.text_zh, meaning.text_en, meaning.action_zh, meaning.action_en] {
                assert!(!text.is_empty(), "{}", meaning.code);
            }
        }
        assert_eq!(TABLE.len(), 82);
    }

    #[test]
    fn codes_mean_what_the_reference_says() {
        assert_eq!(meaning("00").class, Class::Approved);
        assert_eq!(meaning("51").text_zh, "可用余额不足");
        assert_eq!(meaning("55").class.letter(), 'C');
        assert_eq!(meaning("13").class.letter(), 'B');
        assert_eq!(meaning("45").action_en, "Insert the card with its chip");
        assert_eq!(meaning("98").class.letter(), 'E');
        assert_eq!(meaning("ZZ"), &UNKNOWN);
        assert_eq!(UNKNOWN.text_zh, "交易失败");
    }

    /// Section 5 of the reference: codes of each class.
    #[test]
    fn classes_are_those_of_the_reference() {
        let of = |class| {
            let codes = TABLE.iter().filter(|meaning| meaning.class == class).map(|meaning| meaning.code);
            codes.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of(Class::Approved), "00 10 11 A2 A4 A5 A6 Y1 Y3");
        assert_eq!(of(Class::RetryAllowed), "09 13 14 99 A0");
        assert_eq!(of(Class::OperatorActs), "04 07 34 36 38 41 43 45 77 97");
        assert_eq!(of(Class::SystemFault), "98 D1 D2 D3 D4 D5 D6 D7 D8 D9 DA DB DC F1 F2 F3 F4 F5");
        assert_eq!(
            of(Class::NoRetry),
            "01 02 03 05 06 12 15 19 21 22 25 30 40 51 54 55 57 58 59 61 62 64 65 68 75 90 91 92 94 96 A1 A3 A7 A8 \
             B1 C1 N1 P1 Z1 Z3"
        );
    }

    #[test]
    fn what_passes_may_be_tried_again() {
        let codes = TABLE.iter().filter(|meaning| meaning.try_again).map(|meaning| meaning.code);
        let codes = codes.collect::<Vec<_>>().join(" ");
        assert_eq!(codes, "09 13 14 36 45 55 68 77 90 91 92 96 99 A0");
        assert!(!UNKNOWN.try_again);
        for meaning in TABLE.iter().filter(|meaning| meaning.try_again) {
            assert!(!meaning.action_zh.contains("请勿重试"), "{}", meaning.code);
        }
        // What the terminal shows and what the cashier is told must not say the opposite of each other.
        for meaning in TABLE.iter().filter(|meaning| meaning.text_zh.contains("重试")) {
            assert_ne!(meaning.action_zh, PAY_OTHERWISE.0, "{}", meaning.code);
        }
    }

    #[test]
    fn what_the_default_profile_approves_is_of_class_a() {
        let profile = crate::Profile::default();
        for code in &profile.approving_codes {
            assert_eq!(meaning(code).class, Class::Approved, "{code}");
        }
    }
}
