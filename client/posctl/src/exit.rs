//! How the program ends: one number for each thing that a script does something else about.

use crate::language::Language;
use posd_client::{Details, Error};
use std::process::ExitCode;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Fault = 1,
    Usage = 2,
    Declined = 3,
    Cancelled = 4,
    Failed = 5,
    Unknown = 6,
    Refused = 7,
    NoDaemon = 8,
    Later = 9,
    Password = 10,
    LockedOut = 11,
    ChangePassword = 12,
    NotGood = 13,
}

/// The numbers in words; the help ends in it.
const TABLE: [(Exit, &str, &str); 14] = [
    (Exit::Done, "完成；交易已成功", "done; the transaction is approved"),
    (Exit::Fault, "其他故障（文件、终端窗口等）", "any other fault (files, the window …)"),
    (Exit::Usage, "用法或参数有误", "wrong usage, or a value out of range"),
    (Exit::Declined, "被主机或卡片拒绝，未扣款", "declined by host or card; not charged"),
    (Exit::Cancelled, "已取消或超时，未扣款", "cancelled or out of time; not charged"),
    (Exit::Failed, "交易失败或已冲正，未扣款", "failed or reversed; not charged"),
    (
        Exit::Unknown,
        "结果未知：请勿重复收款，用同一个 --reference 再问",
        "not known yet: do not charge again, ask again with the same --reference",
    ),
    (
        Exit::Refused,
        "终端不接受这个请求（错误名写明原因）",
        "refused by the terminal; the error's name says why",
    ),
    (Exit::NoDaemon, "找不到 posd，或没有权限", "posd is not there, or this user may not talk to it"),
    (
        Exit::Later,
        "终端忙、未就绪、已锁屏或主机不通，稍后再试",
        "busy, not ready, locked, or the host does not answer: try again later",
    ),
    (Exit::Password, "密码错误或未输入", "the password was wrong or not given"),
    (Exit::LockedOut, "密码错误次数过多，请等待", "locked out after wrong passwords; wait"),
    (Exit::ChangePassword, "必须先修改初始密码", "the initial password must be changed first"),
    (
        Exit::NotGood,
        "检查未通过、下载失败或结算不平（diagnose、audit verify、download、settle）",
        "a check says no, a download failed, or a settlement does not agree (diagnose, audit verify, download, settle)",
    ),
];

impl Exit {
    /// How a transaction stands.
    pub(crate) fn of(details: &Details) -> Exit {
        match details.outcome.as_str() {
            "approved" | "approved-offline" | "partially-approved" => Exit::Done,
            "declined" => Exit::Declined,
            "cancelled" | "timed-out" => Exit::Cancelled,
            "failed" => Exit::Failed,
            _ => Exit::Unknown,
        }
    }

    /// Why a call did not succeed.
    pub(crate) fn of_error(error: &Error) -> Exit {
        match error {
            Error::Absent(_) => Exit::NoDaemon,
            Error::Gone => Exit::Unknown,
            Error::Bus(_) | Error::Answer(_) => Exit::Fault,
            Error::Refused { name, .. } => match name.as_str() {
                "InvalidArgument" | "InvalidReference" | "InvalidAmount" | "InvalidOption"
                | "UnknownOption" | "UnknownCurrency" | "UnknownKind" => Exit::Usage,
                "Busy"
                | "NotReady"
                | "Locked"
                | "HostUnreachable"
                | "ReversalPending"
                | "AdvicesPending"
                | "OriginalNotForwarded" => Exit::Later,
                "WrongPassword" | "PromptEnded" => Exit::Password,
                "LockedOut" => Exit::LockedOut,
                "PasswordMustBeChanged" => Exit::ChangePassword,
                _ => Exit::Refused,
            },
        }
    }

    /// The table for the end of the help.
    pub(crate) fn help(language: Language) -> String {
        let mut text = language.pick("退出码：\n", "Exit codes:\n").to_owned();
        for (exit, zh, en) in TABLE {
            text.push_str(&format!("  {:>2}  {}\n", exit as u8, language.pick(zh, en)));
        }
        text
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_stands_once_in_the_help() {
        for (place, (exit, ..)) in TABLE.iter().enumerate() {
            assert_eq!(*exit as usize, place);
        }
        assert!(Exit::help(Language::En).contains("\n   3  declined by host or card"));
        assert!(Exit::help(Language::ZhCn).contains("结果未知"));
    }

    #[test]
    fn each_kind_of_refusal_has_its_code() {
        let of = |name: &str| Exit::of_error(&Error::Refused { name: name.to_owned(), text: String::new() });
        let cases = [
            ("WrongPassword", Exit::Password),
            ("LockedOut", Exit::LockedOut),
            ("PasswordMustBeChanged", Exit::ChangePassword),
            ("Busy", Exit::Later),
            ("InvalidAmount", Exit::Usage),
            ("OperatorExists", Exit::Refused),
            ("AlreadyVoided", Exit::Refused),
        ];
        for (name, expected) in cases {
            assert_eq!(of(name), expected, "{name}");
        }
        assert_eq!(Exit::of_error(&Error::Gone), Exit::Unknown);
        assert_eq!(Exit::of_error(&Error::Absent(String::new())), Exit::NoDaemon);
    }
}
