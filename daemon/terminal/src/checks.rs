//! What each check of a diagnosis says, as data: the cause in plain words, and what to do.

use crate::prompt::Locale;

/// What one check found, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// The check's code.
    pub code: &'static str,
    /// What it found; `*` stands for anything that no other row of the code names.
    pub detail: &'static str,
    /// Cause, Chinese and English.
    cause: (&'static str, &'static str),
    /// What to do, Chinese and English; empty where there is nothing to do.
    action: (&'static str, &'static str),
}

impl Finding {
    /// The cause in plain words.
    pub fn cause(&self, locale: Locale) -> &'static str {
        text(self.cause, locale)
    }

    /// What to do; empty where there is nothing to do.
    pub fn action(&self, locale: Locale) -> &'static str {
        text(self.action, locale)
    }
}

fn text((zh, en): (&'static str, &'static str), locale: Locale) -> &'static str {
    match locale {
        Locale::ZhCn => zh,
        Locale::En => en,
    }
}

/// What to say of a check's finding.
pub fn finding(code: &str, detail: &str) -> &'static Finding {
    let of_code = || FINDINGS.iter().filter(|finding| finding.code == code);
    of_code()
        .find(|finding| finding.detail == detail)
        .or_else(|| of_code().find(|finding| finding.detail == "*"))
        .unwrap_or(&UNNAMED)
}

/// For a code that has no row: there is none of it, which a test holds to.
static UNNAMED: Finding = row("", "*", ("未知", "Not known"), SERVICE);

type Pair = (&'static str, &'static str);

const fn row(code: &'static str, detail: &'static str, cause: Pair, action: Pair) -> Finding {
    Finding { code, detail, cause, action }
}

const GOOD: Pair = ("正常", "Good");
const NOTHING: Pair = ("", "");
const SERVICE: Pair = ("请报修", "Call service");
const SIGN_IN: Pair = ("请重新签到", "Sign in again");
const CALL_ACQUIRER: Pair = ("请联系收单机构", "Call the acquirer");
const CHECK_LINE: Pair =
    ("请检查网络与主机地址，再重试", "Check the network and the host's address, then try again");

/// Every finding of every check, in the order in which a diagnosis tells them.
pub static FINDINGS: &[Finding] = &[
    row("secure-module", "ready", GOOD, NOTHING),
    row(
        "secure-module",
        "missing",
        ("安全模块未运行", "The secure module does not run"),
        ("请重启终端；仍如此请报修", "Restart the terminal; if it stays so, call service"),
    ),
    row("reader", "ready", GOOD, NOTHING),
    row(
        "reader",
        "missing",
        ("未找到读卡器", "No card reader is there"),
        ("请检查读卡器的连接", "Check the card reader's cable"),
    ),
    row(
        "reader",
        "faulty",
        ("读卡器故障", "The card reader is faulty"),
        ("请重新插拔读卡器；仍如此请报修", "Plug the card reader in again; if it stays so, call service"),
    ),
    row("contactless", "ready", GOOD, NOTHING),
    row(
        "contactless",
        "missing",
        ("未找到非接读卡器", "No contactless reader is there"),
        ("请检查非接读卡器的连接；仍可插卡", "Check the contactless reader's cable; cards can be inserted"),
    ),
    row(
        "contactless",
        "faulty",
        ("非接读卡器故障", "The contactless reader is faulty"),
        (
            "请重新插拔非接读卡器；仍可插卡；仍如此请报修",
            "Plug the contactless reader in again; cards can be inserted; if it stays so, call service",
        ),
    ),
    row("stripe-reader", "ready", GOOD, NOTHING),
    row(
        "stripe-reader",
        "missing",
        ("未找到磁条读卡器", "No stripe reader is there"),
        ("请检查磁条读卡器的连接；仍可插卡", "Check the stripe reader's cable; cards can be inserted"),
    ),
    row(
        "stripe-reader",
        "faulty",
        ("磁条读卡器故障", "The stripe reader is faulty"),
        (
            "请重新插拔磁条读卡器；仍可插卡；仍如此请报修",
            "Plug the stripe reader in again; cards can be inserted; if it stays so, call service",
        ),
    ),
    row("pin-pad", "ready", GOOD, NOTHING),
    row(
        "pin-pad",
        "missing",
        ("未找到密码键盘", "No PIN pad is there"),
        ("请检查密码键盘的连接", "Check the PIN pad's cable"),
    ),
    row(
        "pin-pad",
        "faulty",
        ("密码键盘故障", "The PIN pad is faulty"),
        ("请重新插拔密码键盘；仍如此请报修", "Plug the PIN pad in again; if it stays so, call service"),
    ),
    row("storage-key", "ready", GOOD, NOTHING),
    row(
        "storage-key",
        "missing",
        ("安全模块没有存储密钥", "The secure module was given no storage key"),
        SERVICE,
    ),
    row("master-key", "*", GOOD, NOTHING),
    row(
        "master-key",
        "missing",
        (
            "未灌装主密钥或算法不符",
            "No terminal master key is loaded, or it is of another algorithm than the profile's",
        ),
        ("请两名保管员灌装主密钥", "Have two custodians load the terminal master key"),
    ),
    row("pin-key", "*", GOOD, NOTHING),
    row("pin-key", "missing", ("没有PIN密钥", "There is no PIN key"), SIGN_IN),
    row(
        "pin-key",
        "mismatch",
        ("PIN密钥与签到时不符", "The PIN key is another than at the sign-in"),
        SIGN_IN,
    ),
    row("mac-key", "*", GOOD, NOTHING),
    row("mac-key", "missing", ("没有MAC密钥", "There is no MAC key"), SIGN_IN),
    row(
        "mac-key",
        "mismatch",
        ("MAC密钥与签到时不符", "The MAC key is another than at the sign-in"),
        SIGN_IN,
    ),
    row("scanner", "ready", GOOD, NOTHING),
    row(
        "scanner",
        "missing",
        ("未找到扫码枪", "No code scanner is there"),
        ("请检查扫码枪的连接", "Check the code scanner's cable"),
    ),
    row(
        "scanner",
        "faulty",
        ("扫码枪故障", "The code scanner is faulty"),
        ("请重新插拔扫码枪；仍如此请报修", "Plug the code scanner in again; if it stays so, call service"),
    ),
    row("printer", "ready", GOOD, NOTHING),
    row("printer", "none", ("未配置打印机", "No printer is configured"), NOTHING),
    row(
        "printer",
        "missing",
        ("无法连接打印机", "The printer cannot be reached"),
        ("请检查打印机的电源与连接", "Check the printer's power and cable"),
    ),
    row(
        "printer",
        "mute",
        ("打印机无应答", "The printer does not answer"),
        ("请关闭后重新打开打印机", "Switch the printer off and on"),
    ),
    row("paper", "ready", GOOD, NOTHING),
    row(
        "paper",
        "needs-paper",
        ("缺纸或上盖未合", "There is no paper, or the cover is open"),
        ("请装纸并合上上盖", "Load paper and close the cover"),
    ),
    row("paper", "unchecked", ("未检查", "Not checked"), NOTHING),
    row("journal", "ready", GOOD, NOTHING),
    row("journal", "checking", ("正在检查流水", "The journal is being checked"), ("请稍候", "Wait a moment")),
    row(
        "journal",
        "faulty",
        ("流水已损坏或无法读取", "The journal is damaged or cannot be read"),
        ("请勿删除文件，立即报修", "Delete nothing and call service at once"),
    ),
    row("space", "ready", GOOD, NOTHING),
    row("space", "unchecked", ("未检查", "Not checked"), NOTHING),
    row(
        "space",
        "low",
        ("存储空间将满", "The disk is nearly full"),
        ("请尽快报修清理", "Have service make room soon"),
    ),
    row(
        "space",
        "full",
        ("存储空间已满，停止交易", "The disk is full; nothing is sold"),
        ("请立即报修清理", "Have service make room at once"),
    ),
    row("clock", "ready", GOOD, NOTHING),
    row("clock", "unset", ("时钟未设置", "The clock is not set"), ("请设置日期和时间", "Set date and time")),
    row(
        "clock",
        "behind-journal",
        ("时钟早于最近的流水", "The clock is behind the journal's last entry"),
        (
            "请核对日期和时间；与主机一致后自动恢复",
            "Check date and time; once the host agrees, it is good again by itself",
        ),
    ),
    row(
        "clock",
        "host-differs",
        ("日期与主机不一致", "The date is another than the host's"),
        ("请核对日期和时间", "Check date and time"),
    ),
    row("certificates", "ready", GOOD, NOTHING),
    row(
        "certificates",
        "missing",
        ("缺少IC卡公钥", "There is no CA key for an application"),
        ("请下载IC卡公钥", "Download the CA keys"),
    ),
    row(
        "certificates",
        "expired",
        ("IC卡公钥已过期", "The CA keys for an application have expired"),
        ("请下载IC卡公钥", "Download the CA keys"),
    ),
    row(
        "certificates",
        "expiring",
        ("IC卡公钥将在30天内过期", "A CA key expires within 30 days"),
        ("请下载IC卡公钥", "Download the CA keys"),
    ),
    row("blacklist", "ready", GOOD, NOTHING),
    row("blacklist", "none", ("未下载黑名单", "None was downloaded"), NOTHING),
    row(
        "blacklist",
        "closed",
        ("已存黑名单无法打开", "The stored blacklist cannot be opened"),
        ("请下载黑名单", "Download the blacklist"),
    ),
    row("host", "ready", GOOD, NOTHING),
    row("host", "unreachable", ("无法连接主机", "The host cannot be reached"), CHECK_LINE),
    row("host", "no-answer", ("主机无应答", "The host does not answer"), CHECK_LINE),
    row("host", "bad-answer", ("主机应答有误", "The host's answer cannot be read"), CALL_ACQUIRER),
    row("host", "bad-mac", ("主机应答校验错", "The MAC of the host's answer is wrong"), SIGN_IN),
    row("host", "mismatch", ("主机应答有误", "The host's answer is about something else"), CALL_ACQUIRER),
    row(
        "host",
        "secure-module",
        ("安全模块中断，无法校验应答", "The secure module is needed to read the answer, and is gone"),
        ("请重启终端；仍如此请报修", "Restart the terminal; if it stays so, call service"),
    ),
    row("host", "unchecked", ("未检查", "Not checked"), NOTHING),
    row("host", "*", ("主机拒绝", "The host refused, with this response code"), CALL_ACQUIRER),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_stands_once_and_says_what_to_do_where_something_is_wrong() {
        for (place, finding) in FINDINGS.iter().enumerate() {
            let same = |other: &&Finding| (other.code, other.detail) == (finding.code, finding.detail);
            assert_eq!(FINDINGS.iter().filter(same).count(), 1, "{finding:?}");
            for locale in Locale::ALL {
                assert!(!finding.cause(*locale).is_empty(), "{finding:?}");
                let fine = ["ready", "none", "unchecked"].contains(&finding.detail)
                    || (finding.detail == "*" && finding.code != "host");
                assert_eq!(finding.action(*locale).is_empty(), fine, "{finding:?}");
            }
            // Rows of one code stand together.
            let last = FINDINGS.iter().rposition(|other| other.code == finding.code).unwrap();
            assert!(FINDINGS[place..=last].iter().all(|other| other.code == finding.code));
        }
    }

    #[test]
    fn a_key_check_value_and_a_host_code_have_words_too() {
        assert_eq!(finding("master-key", "A1B2C3").cause(Locale::En), "Good");
        assert_eq!(finding("host", "96").action(Locale::ZhCn), "请联系收单机构");
        assert_eq!(finding("host", "ready").cause(Locale::ZhCn), "正常");
    }
}
