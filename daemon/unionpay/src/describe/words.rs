//! Names of subfields, data objects and management codes, Chinese and English.

use super::{Part, value::part};
use crate::bcd::hex;
use crate::download::Parameters;

/// The totals of a settlement: 62 digits.
pub(super) fn totals(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    for side in ["内卡 domestic", "外卡 foreign"] {
        for (length, meaning) in [
            (12, "借记金额 debit amount"),
            (3, "借记笔数 debit count"),
            (12, "贷记金额 credit amount"),
            (3, "贷记笔数 credit count"),
            (1, ""),
        ] {
            let Some((value, after)) = rest.split_at_checked(length) else { return parts };
            let result = match value {
                "0" => "未定义 undefined",
                "1" => "对账平 balanced",
                "2" => "对账不平 unbalanced",
                _ => "出错 error",
            };
            let meaning = if length == 1 { result } else { meaning };
            let name = format!("48.{}", parts.len() + 1);
            parts.push(part(&name, value.to_owned(), &format!("{side}: {meaning}")));
            rest = after;
        }
    }
    parts
}

/// Terminal parameters.
pub(super) fn parameters_in_words(parameters: &Parameters) -> Vec<Part> {
    let number = |value: Option<u8>| value.map(|value| value.to_string());
    let flag = |value: Option<bool>| value.map(|value| if value { "1" } else { "0" }.to_owned());
    let [first, second, third] = parameters.phones.clone();
    let values = [
        ("11", number(parameters.application_type), "应用类型 application type"),
        ("12", number(parameters.reply_timeout_s), "超时 wait for an answer, seconds"),
        ("13", number(parameters.connect_tries), "重拨次数 tries to connect"),
        ("14", first, "电话一 first telephone number"),
        ("15", second, "电话二 second telephone number"),
        ("16", third, "电话三 third telephone number"),
        ("17", parameters.management_phone.clone(), "管理电话 management's telephone number"),
        ("18", flag(parameters.tips), "支持小费 tips"),
        ("19", number(parameters.tip_percent), "小费百分比 largest tip, per cent"),
        ("20", flag(parameters.manual_entry), "支持手工输入卡号 typed card numbers"),
        ("21", flag(parameters.auto_sign_out), "自动签退 sign-out after settlement"),
        ("22", parameters.merchant_name.clone(), "商户名称 merchant name"),
        ("23", number(parameters.resend_tries), "重发次数 tries of reversals and advices"),
        ("24", number(parameters.offline_mode), "离线上送方式 how offline transactions are sent"),
        ("25", number(parameters.master_key_index), "主密钥索引 master key index"),
        ("26", parameters.switches.map(|switches| hex(&switches.0)), "交易开关 allowed transactions"),
        ("51", parameters.chip.clone(), "IC卡参数 chip parameters"),
    ];
    let told = values.into_iter().filter_map(|(name, value, meaning)| Some(part(name, value?, meaning)));
    told.collect()
}

/// What a data object is, for those of downloads and of field 55 that people ask about.
pub(super) fn meaning_of(tag: u32) -> &'static str {
    match tag {
        0x82 => "AIP",
        0x84 => "DF名 DF name",
        0x91 => "发卡行认证数据 issuer authentication data",
        0x95 => "TVR",
        0x9A => "交易日期 transaction date",
        0x9C => "交易类型 transaction type",
        0x9F02 => "授权金额 amount",
        0x9F03 => "其它金额 other amount",
        0x9F06 => "RID/AID",
        0x9F08 | 0x9F09 => "应用版本号 application version",
        0x9F10 => "发卡行应用数据 issuer application data",
        0x9F1A => "终端国家代码 terminal country",
        0x9F1B => "最低限额 floor limit",
        0x9F1E => "接口设备序列号 device serial number",
        0x9F22 => "公钥索引 key index",
        0x9F26 => "应用密文 cryptogram",
        0x9F27 => "密文信息数据 cryptogram information",
        0x9F33 => "终端性能 terminal capabilities",
        0x9F34 => "CVM结果 CVM results",
        0x9F35 => "终端类型 terminal type",
        0x9F36 => "ATC",
        0x9F37 => "不可预知数 unpredictable number",
        0x9F41 => "交易序列计数器 sequence counter",
        0x9F7B => "电子现金限额 electronic cash limit",
        0x5F2A => "货币代码 currency",
        0xDF01 => "应用选择指示符 selection indicator",
        0xDF02 => "公钥模 modulus",
        0xDF03 => "公钥校验值 checksum",
        0xDF04 => "公钥指数 exponent",
        0xDF05 => "公钥有效期 expiry",
        0xDF06 => "哈希算法 hash algorithm",
        0xDF07 => "公钥算法 key algorithm",
        0xDF11 => "TAC缺省 default",
        0xDF12 => "TAC联机 online",
        0xDF13 => "TAC拒绝 denial",
        0xDF14 => "缺省DDOL default DDOL",
        0xDF15 => "偏置随机选择阈值 random selection threshold",
        0xDF16 => "偏置随机选择最大百分数 largest percentage",
        0xDF17 => "随机选择目标百分数 target percentage",
        0xDF18 => "联机PIN能力 online PIN",
        0xDF19 => "非接脱机最低限额 contactless floor limit",
        0xDF20 => "非接交易限额 contactless limit",
        0xDF21 => "非接CVM限额 contactless CVM limit",
        0xDF31 => "脚本结果 script results",
        _ => "",
    }
}

/// What a message with this network management code (60.3) is.
pub(super) fn management_in_words(code: u16) -> &'static str {
    match code {
        1 | 3 | 4 | 5 | 6 => "签到 sign-in",
        2 => "签退 sign-out",
        201 => "批结算/批上送 settlement, batch upload",
        202 => "批上送结束(不平) batch end, unbalanced",
        203 => "IC卡TC上送(平) chip records, balanced",
        204 => "IC卡失败上送(平) failed chip records, balanced",
        205 => "IC卡TC上送(不平) chip records, unbalanced",
        206 => "IC卡失败上送(不平) failed chip records, unbalanced",
        207 => "批上送结束(平) batch end, balanced",
        301 => "回响测试 echo",
        360 => "参数下载 parameter download",
        361 => "参数下载结束 end of parameter download",
        362 => "参数上送 parameter upload",
        370 => "公钥下载 CA key download",
        371 => "公钥下载结束 end of CA key download",
        372 | 373 => "公钥查询 CA key query",
        380 => "IC卡参数下载 card application download",
        381 => "IC卡参数下载结束 end of card application download",
        382 => "IC卡参数查询 card application query",
        390 => "黑名单下载 blacklist download",
        391 => "黑名单下载结束 end of blacklist download",
        394 => "非接参数下载 contactless parameter download",
        395 => "非接参数下载结束 end of contactless parameter download",
        800..=809 => "电子签名上送 signature upload",
        951 => "脚本结果通知 script result",
        _ => "",
    }
}

/// The first character of a list or an item.
pub(super) fn paging_in_words(character: u8) -> String {
    let meaning = match character {
        b'0' => "无 none",
        b'1' => "全部 all",
        b'2' => "后续还有 more follows",
        b'3' => "最后 last",
        _ => "未知 unknown",
    };
    format!("{} ({meaning})", char::from(character).escape_default())
}
