//! The whole command line in the cashier's language: the English of the declarations, or the Chinese of the table here.

use crate::{Arguments, example, exit::Exit, language::Language, transact};
use clap::{Arg, ArgAction, Command, CommandFactory};

/// The Chinese help: a command by its path, an argument by its command's path and its name.
const CHINESE: &[(&str, &str)] = &[
    ("", "操作本机的支付终端"),
    ("--json", "以 JSON 输出，每项一行"),
    ("--lang", "所有文字的语言；不写则按系统语言"),
    ("status", "终端状态"),
    ("sign-in", "签到"),
    ("sign-out", "签退"),
    ("operator", "操作员登录、退出、锁屏，管理操作员；密码在密码键盘上输入"),
    (
        "operator --password-on-stdin",
        "没有密码键盘时，从标准输入读密码；change-password 读两行：旧密码、新密码",
    ),
    ("operator login", "操作员登录"),
    ("operator login --operator", "两位数字，从 01 起"),
    ("operator logout", "操作员退出"),
    ("operator list", "列出操作员"),
    ("operator add", "增加操作员，须主管（00）密码；初始密码 0000"),
    ("operator add --operator", "两位数字，01 到 98"),
    ("operator delete", "删除操作员，须主管（00）密码"),
    ("operator delete --operator", "两位数字，01 到 98"),
    ("operator reset", "恢复操作员的初始密码，须主管密码；恢复 00 须管理员（99）密码"),
    ("operator reset --operator", "两位数字，00 到 98"),
    ("operator change-password", "修改自己的密码：旧密码、新密码、重复新密码"),
    ("operator change-password --operator", "两位数字；00 是主管，99 是管理员"),
    ("operator lock", "锁屏：解锁前不能开始新的交易"),
    ("operator unlock", "解锁，须当前操作员的密码"),
    ("operator unlock --supervisor", "改用主管的密码"),
    ("audit", "审计：谁做了什么，记录是否完整"),
    ("audit verify", "从头到尾检查审计链，指出第一处破坏"),
    ("audit verify --file", "流水文件；只读，可与 posd 同时进行"),
    ("audit verify --head", "另外保存的链尾，编号:散列；能发现末尾被截断或重写"),
    ("audit list", "列出审计记录，旧的在前"),
    ("audit list --file", "流水文件；只读，可与 posd 同时进行"),
    ("audit list --after", "只列出此编号之后的记录"),
    ("audit list --limit", "最多列出多少条"),
    ("audit head", "链尾（编号:散列），请另外保存"),
    ("download", "从主机下载：参数、公钥、卡应用、非接参数、黑名单；不写名称则显示各项状态"),
    (
        "download --set",
        "parameters、ca-keys、aids、contactless、blacklist 或 all；parameters-upload 上送参数",
    ),
    ("settle", "结算：先发送未完成的，再与主机对账、上送明细、关闭批次；断电后自动继续"),
    ("settle show", "显示一次结算"),
    ("settle show --batch", "批次号；不写则为最近一次"),
    ("settle export", "终端的交易明细，供核对：CSV，加 --json 为 JSON"),
    ("settle export --batch", "批次号；不写则为最近一次"),
    (
        "settle match",
        "与主机的明细文件逐笔核对：CSV 或 JSON，含 trace、amount，可含 kind、rrn、batch、terminal",
    ),
    ("settle match --file", "主机的明细文件；金额以分为单位，带小数点则为元"),
    ("settle match --batch", "批次号；不写则为最近一次"),
    ("settle slip", "显示结算单或交易明细"),
    ("settle slip --batch", "批次号；不写则为最近一次"),
    ("settle slip --details", "改为交易明细"),
    ("settle print", "打印结算单或交易明细"),
    ("settle print --batch", "批次号；不写则为最近一次"),
    ("settle print --details", "改为交易明细"),
    ("setup", "初始化：商户编号、终端编号、主机、参数文件；逐项提问，或取自文件"),
    ("setup --config", "posd 的配置文件；未提到的保持原样"),
    ("setup --from", "不提问：答案取自此文件，形式同配置文件，可只写要改的"),
    ("setup --check", "只检查，不写入"),
    ("diagnose", "自检：设备、打印机与纸、密钥、流水、空间、时钟、公钥、主机"),
    ("present-code", "提交顾客的付款码，从标准输入读取"),
    ("present-code --id", "等待扫码的交易编号"),
    ("code", "画出一笔交易显示给顾客的收款码"),
    ("code --id", "交易编号"),
    ("code --png", "画成这个 PNG 文件"),
    ("show", "显示一笔交易"),
    ("show --id", "交易编号"),
    ("show --reference", "您给交易起的名字：显示最近一次"),
    ("list", "列出您的交易，新的在前"),
    ("list --limit", "最多多少笔，1 到 200"),
    ("list --before", "只列出比此编号更早的"),
    ("results", "列出还没有程序确认收到的最终结果"),
    ("acknowledge", "确认收到一个最终结果"),
    ("acknowledge --id", "交易编号"),
    ("cancel", "取消一笔交易"),
    ("cancel --id", "交易编号"),
    ("confirm", "确认卡片应用，或确认签名无误"),
    ("confirm --id", "交易编号"),
    ("sign", "交付持卡人在屏幕上签的名"),
    ("sign --id", "交易编号"),
    ("sign --file", "笔画，JSON：[[[x, y], …], …]，x 为 0 到 255，y 为 0 到 95；不写则从标准输入读"),
    ("select", "选择卡片应用"),
    ("select --id", "交易编号"),
    ("select --index", "列表中的位置，从 0 起"),
    ("queue", "存储转发队列：主机尚未受理或拒绝受理的冲正、通知、脱机消费"),
    ("queue list", "列出队列，旧的在前（默认）"),
    ("queue list --filter", "open 待上送或需处理；needs-action 需处理；recent 最近的，不论结果"),
    ("queue forward", "立即把全部待上送的各送一次"),
    ("queue retry", "原因排除后，把一笔需处理的重新上送"),
    ("queue retry --advice", "列表中的编号"),
    ("queue resolve", "已与收单行人工处理的一笔：由主管确认，不再上送"),
    ("queue resolve --advice", "列表中的编号"),
    ("queue resolve --booked", "收单行已入账"),
    ("queue resolve --not-booked", "收单行未入账"),
    ("queue resolve --rrn", "收单行记录中的参考号"),
    ("queue resolve --authorisation-code", "收单行记录中的授权码"),
    ("queue resolve --date", "收单行记录中的日期，MMDD"),
    ("queue resolve --password-on-stdin", "没有密码键盘时，从标准输入读主管密码"),
    ("offline", "脱机还能收多少，为什么不能"),
    ("reversals", "主机尚未应答的冲正"),
    ("resolve", "结果未知的交易（无应答的退货，或主机始终不应答的冲正）：向收单行核实后，由主管确认结果"),
    ("resolve --id", "交易编号"),
    ("resolve --booked", "收单行已入账"),
    ("resolve --not-booked", "收单行未入账"),
    ("resolve --rrn", "收单行记录中的参考号"),
    ("resolve --authorisation-code", "收单行记录中的授权码"),
    ("resolve --date", "收单行记录中的日期，MMDD"),
    ("resolve --amount", "收单行实际入账的金额（少于交易金额时），如 12.34"),
    ("resolve --password-on-stdin", "没有密码键盘时，从标准输入读主管密码"),
    ("print", "打印一联签购单"),
    ("print --id", "交易编号"),
    ("print --copy", "merchant 商户联、bank 银行联或 cardholder 持卡人联"),
    ("receipt", "显示签购单，或画成图片"),
    ("receipt --id", "交易编号"),
    ("receipt --png", "画到这个 PNG 文件"),
    ("till", "全屏收银台：输入金额，看状态，看签购单和今日交易"),
    ("decode", "把十六进制数据解释成文字（iso8583、tlv、tvr、cvm），卡数据会掩码"),
    ("decode --kind", "iso8583（从长度前缀开始的整帧，或从消息类型开始的报文）、tlv、tvr 或 cvm"),
    ("decode --hex", "十六进制数据，空格不计"),
];

/// The simulator is a developer's tool: its help is in English only.
const ENGLISH_ONLY: &str = "sim";

/// The command line in a language.
pub(crate) fn command(language: Language) -> Command {
    let mut command = Arguments::command().disable_help_subcommand(true);
    for kind in transact::offered() {
        command = command.subcommand(transact::command(kind, language));
    }
    command = command.after_help(Exit::help(language));
    let command = if language == Language::ZhCn { chinese(command, "") } else { command };
    let mut command = with_examples(command, "", language);
    if language == Language::ZhCn {
        command.build();
        command = chinese_usage(command);
    }
    command
}

/// Usages are made by the library, with one English word of its own.
fn chinese_usage(mut command: Command) -> Command {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").replace("[OPTIONS]", "[选项]");
    command = command.override_usage(usage);
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names.into_iter().filter(|name| name != ENGLISH_ONLY) {
        command = command.mut_subcommand(name, chinese_usage);
    }
    command
}

/// What each command's help ends in: examples, and where the exit codes are.
fn with_examples(mut command: Command, path: &str, language: Language) -> Command {
    // The simulator's help is in English whatever the language.
    let language = if path.starts_with(ENGLISH_ONLY) { Language::En } else { language };
    let examples = example::of(path);
    if !examples.is_empty() {
        let exit = language.pick("退出码见 posctl --help。", "Exit codes are in posctl --help.");
        let more = command.get_after_help().map_or(exit.to_owned(), ToString::to_string);
        let lines: String = examples.iter().map(|example| format!("\n  {example}")).collect();
        command = command.after_help(format!("{}{lines}\n\n{more}", language.pick("例：", "For example:")));
    }
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        let path = format!("{path} {name}").trim_start().to_owned();
        command = command.mut_subcommand(name, |sub| with_examples(sub, &path, language));
    }
    command
}

fn text(path: &str) -> Option<&'static str> {
    CHINESE.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
}

/// The path of an argument in the table.
fn argument_path(path: &str, id: &str) -> String {
    format!("{path} --{}", id.replace('_', "-")).trim_start().to_owned()
}

fn chinese(mut command: Command, path: &str) -> Command {
    if let Some(text) = text(path) {
        command = command.about(text).long_about(None);
    }
    let translate = |argument: Arg| match text(&argument_path(path, argument.get_id().as_str())) {
        Some(text) => argument.help(text).long_help(None),
        None => argument,
    };
    command = command.mut_args(|argument| {
        let heading = if argument.is_positional() { "参数" } else { "选项" };
        translate(argument).help_heading(heading)
    });
    let help = Arg::new("help").short('h').long("help").action(ArgAction::Help).help("显示帮助");
    command = command.disable_help_flag(true).arg(help.help_heading("选项"));
    if path.is_empty() {
        let version = Arg::new("version").short('V').long("version").action(ArgAction::Version);
        command = command.disable_version_flag(true).arg(version.help("显示版本").help_heading("选项"));
    }
    command = command
        .subcommand_help_heading("命令")
        .subcommand_value_name("命令")
        .help_template("{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}");
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        let path = format!("{path} {name}").trim_start().to_owned();
        command =
            command.mut_subcommand(name, |sub| if path == ENGLISH_ONLY { sub } else { chinese(sub, &path) });
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Every command and argument that is declared, by its path.
    fn declared(command: &Command, path: &str, all: &mut BTreeSet<String>) {
        all.insert(path.to_owned());
        for argument in command.get_arguments() {
            all.insert(argument_path(path, argument.get_id().as_str()));
        }
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != ENGLISH_ONLY) {
            declared(sub, format!("{path} {}", sub.get_name()).trim_start(), all);
        }
    }

    #[test]
    fn every_command_and_argument_has_its_chinese_and_nothing_else_has() {
        let mut all = BTreeSet::new();
        declared(&Arguments::command(), "", &mut all);
        let table: BTreeSet<String> = CHINESE.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(table, all);
        assert_eq!(table.len(), CHINESE.len(), "each stands once");
    }

    #[test]
    fn the_command_line_is_well_made_in_both_languages() {
        for language in [Language::ZhCn, Language::En] {
            command(language).debug_assert();
            // Everything is reached by the same words, whatever the language.
            let parsed = command(language).try_get_matches_from(["posctl", "list", "--limit", "3", "--json"]);
            assert!(parsed.unwrap().get_flag("json"));
        }
    }

    /// Every command that can be run, by its path.
    fn runnable(command: &Command, path: &str, all: &mut BTreeSet<String>) {
        if !path.is_empty() && !command.is_subcommand_required_set() {
            all.insert(path.to_owned());
        }
        for sub in command.get_subcommands() {
            runnable(sub, format!("{path} {}", sub.get_name()).trim_start(), all);
        }
    }

    #[test]
    fn every_command_has_an_example_that_is_understood() {
        let mut all = BTreeSet::new();
        runnable(&command(Language::En), "", &mut all);
        assert_eq!(example::paths().map(str::to_owned).collect::<BTreeSet<_>>(), all);
        assert_eq!(example::paths().count(), all.len(), "each stands once");
        for path in all {
            for example in example::of(&path) {
                let words: Vec<&str> = example.split(' ').collect();
                assert!(example.starts_with(&format!("posctl {path}")), "{example}");
                let parsed = command(Language::En).try_get_matches_from(words);
                assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
            }
        }
    }

    #[test]
    fn help_ends_in_examples_and_where_the_exit_codes_are() {
        let of = |language, path: &[&str]| {
            let mut command = command(language);
            command.build();
            let mut command = &mut command;
            for name in path {
                command = command.find_subcommand_mut(name).unwrap();
            }
            [command.render_help().to_string(), command.render_long_help().to_string()]
        };
        for help in of(Language::ZhCn, &["refund"]).iter().chain(&of(Language::ZhCn, &["settle", "match"])) {
            assert!(help.contains("例：\n  posctl ") && help.contains("退出码见 posctl --help"), "{help}");
            assert!(help.contains("--json") && !help.contains("example"), "{help}");
        }
        for help in of(Language::En, &["refund"]).iter().chain(&of(Language::En, &["operator", "login"])) {
            assert!(help.contains("For example:\n  posctl ") && help.contains("xit codes are in"), "{help}");
        }
        assert!(of(Language::ZhCn, &["sim", "pin"])[0].contains("For example:"));
    }

    #[test]
    fn help_is_in_one_language() {
        let help = |language, path: &[&str]| {
            let mut command = command(language);
            command.build();
            let mut command = &mut command;
            for name in path {
                command = command.find_subcommand_mut(name).unwrap();
            }
            command.render_long_help().to_string()
        };
        let chinese = help(Language::ZhCn, &[]);
        for word in ["用法：", "命令:", "签到", "退出码", "消费撤销", "显示帮助"] {
            assert!(chinese.contains(word), "{word}\n{chinese}");
        }
        for word in ["Usage", "Options", "Print", "Exit codes", "Show"] {
            assert!(!chinese.contains(word), "{word}\n{chinese}");
        }
        let refund = help(Language::ZhCn, &["refund"]);
        assert!(refund.contains("用法：posctl refund [选项]") && !refund.contains("OPTIONS"), "{refund}");
        assert!(help(Language::En, &["refund"]).contains("Usage: posctl refund [OPTIONS]"));
        assert!(help(Language::En, &[]).contains("Exit codes:"));
        assert!(help(Language::ZhCn, &["void"]).contains("原凭证号"));
        assert!(help(Language::En, &["void"]).contains("Its trace number"));
        assert!(help(Language::ZhCn, &["operator", "login"]).contains("两位数字"));
    }
}
