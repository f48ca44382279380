//! The terminal's refusals in Chinese; in English the terminal says them itself.

use crate::language::Language;

/// Each by the last part of its name (`dbus/org.posd.Terminal1.xml`).
const CHINESE: &[(&str, &str)] = &[
    ("Busy", "终端正忙，请稍后再试"),
    ("NotFound", "没有这笔交易"),
    ("ReferenceConflict", "这个交易名已用于另一笔交易，请换一个"),
    ("AttemptNotClosed", "上一次还没有结束或已扣款，请看结果"),
    ("NotSignedIn", "尚未签到，请先签到"),
    ("NoOperator", "没有操作员登录，请先登录"),
    ("WrongState", "交易当前状态不能这样操作"),
    ("NoSuchApplication", "没有这个应用"),
    ("NotReady", "终端未就绪"),
    ("HostRefused", "主机拒绝"),
    ("HostUnreachable", "主机无应答，请检查网络"),
    ("BadAnswer", "主机应答有误，请联系收单机构"),
    ("WrongPassword", "操作员号或密码错误"),
    ("LockedOut", "密码错误次数过多，请等待"),
    ("PasswordMustBeChanged", "必须先修改初始密码"),
    ("WrongPasswordLength", "新密码位数不对"),
    ("PasswordNotNew", "新密码不能与旧密码或初始密码相同"),
    ("PasswordsDiffer", "两次输入的新密码不一致"),
    ("OperatorExists", "该操作员号已存在"),
    ("OperatorUnknown", "没有该操作员"),
    ("OperatorLoggedIn", "该操作员已登录，请先退出"),
    ("NotAllowed", "不允许的操作"),
    ("Locked", "已锁屏，请先解锁"),
    ("PromptEnded", "未输入密码"),
    ("NoReceipt", "这笔交易没有签购单"),
    ("OriginalNotFound", "找不到原交易，请核对签购单"),
    ("OriginalOfOtherKind", "原交易的类型不能这样操作"),
    ("OriginalNotApproved", "原交易没有成功"),
    ("OriginalUnresolved", "原交易的结果还不确定，请等待"),
    ("OriginalNotForwarded", "主机尚未受理原交易，请先上送（posctl queue forward）"),
    ("AlreadyVoided", "原交易已撤销"),
    ("AlreadyRefunded", "原交易已退货（全部或部分），只能继续退货"),
    ("AlreadyCompleted", "预授权已完成，可撤销或退还该完成交易"),
    ("AlreadyTipped", "原交易已加小费，只能退货"),
    ("TipExceedsLimit", "小费超过上限"),
    ("RefundExceedsOriginal", "超过原交易可退金额"),
    ("CompletionExceedsOriginal", "超过预授权可完成的金额"),
    ("OriginalWithoutReference", "原交易缺少主机参考号，须向收单行办理"),
    ("OfflineRefused", "现在不能脱机收款"),
    ("UnknownCode", "不是可受理的付款码，请重扫"),
    ("NoActionNeeded", "这一行不需要处理"),
    ("ReversalPending", "有冲正未应答，暂不能结算"),
    ("AdvicesPending", "有通知未上送，暂不能结算"),
    ("NoSettlement", "没有这个批次的结算"),
    ("KindSwitchedOff", "收单机构已关闭本终端的这种交易"),
    ("OtherBatch", "原交易不在本批次，只能退货"),
    ("AmountMismatch", "金额与原交易不符，须全额"),
    ("StorageFailed", "流水无法使用，请联系维修"),
    ("InvalidReference", "交易名须为 1 到 64 个可见字符"),
    ("InvalidAmount", "金额超出范围"),
    ("UnknownCurrency", "不支持的货币"),
    ("UnknownKind", "本终端不支持这种交易"),
    ("UnknownOption", "未知的选项"),
    ("InvalidOption", "选项的值有误"),
    ("InvalidArgument", "参数超出范围"),
];

/// What to say of a refusal: in Chinese the table's text with the terminal's own where it says more, such as a reason.
pub(crate) fn text(name: &str, text: &str, language: Language) -> String {
    let chinese = CHINESE.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
    match (language, chinese) {
        (Language::ZhCn, Some(chinese)) => match name {
            // These end in what only the terminal knows.
            "NotReady"
            | "LockedOut"
            | "HostRefused"
            | "InvalidArgument"
            | "AmountMismatch"
            | "RefundExceedsOriginal"
            | "CompletionExceedsOriginal"
            | "TipExceedsLimit"
            | "OfflineRefused" => {
                format!("{chinese}（{text}）")
            }
            _ => chinese.to_owned(),
        },
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_one_of_the_interfaces() {
        let xml = include_str!("../../../dbus/org.posd.Terminal1.xml");
        for (name, _) in CHINESE {
            let documented = xml.lines().any(|line| line.trim_start().starts_with(&format!("{name} ")));
            assert!(documented, "{name}");
        }
        assert_eq!(text("Busy", "x", Language::ZhCn), "终端正忙，请稍后再试");
        assert_eq!(text("LockedOut", "wait 7 s", Language::ZhCn), "密码错误次数过多，请等待（wait 7 s）");
        assert_eq!(text("Busy", "x", Language::En), "x");
        assert_eq!(text("Unheard", "x", Language::ZhCn), "x");
    }
}
