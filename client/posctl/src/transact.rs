//! Transactions: one command for each type that is served, all from the client library's table.

use crate::{
    Failure, code,
    exit::Exit,
    language::Language,
    show,
    voice::{Voice, minor_units, yuan},
};
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};
use posd_client::{
    AmountOf, CreateOptions, Details, External, KINDS, Kind, OptionType, OptionValue, Original, Terminal,
    Transaction,
};
use std::{
    io::{self, Write},
    time::Duration,
};
use zeroize::Zeroizing;

/// The longest list that the terminal gives at once.
const PAGE: u32 = 200;

/// The type that the customer pays for with a code of his own.
const BY_CODE: &str = "qr-scan";

/// The types that the terminal of this package serves.
pub(crate) fn offered() -> impl Iterator<Item = &'static Kind> {
    let served: Vec<&str> = posd_terminal::served().map(|kind| kind.word()).collect();
    KINDS.iter().filter(move |kind| served.contains(&kind.word))
}

/// The type that a command is for.
pub(crate) fn of_command(name: &str) -> Option<&'static Kind> {
    offered().find(|kind| kind.word == name)
}

/// A type's command.
pub(crate) fn command(kind: &'static Kind, language: Language) -> Command {
    let text = |zh: &'static str, en: &'static str| language.pick(zh, en);
    let option =
        |name: &'static str, zh, en| Arg::new(name).long(name).help(text(zh, en)).value_name("VALUE");
    let flag = |name: &'static str, zh, en| option(name, zh, en).action(ArgAction::SetTrue);
    let about = match language {
        Language::ZhCn if kind.help_zh.starts_with(kind.zh) => kind.help_zh.to_owned(),
        Language::ZhCn => format!("{}：{}", kind.zh, kind.help_zh),
        Language::En => format!("{} ({})", kind.help_en, kind.zh),
    };
    let mut command = Command::new(kind.word)
        .about(about)
        .after_help(text(
            "跟踪到交易结束；退出码见 posctl --help。加 --json 时每个变化一行，最后一行 state 为 finished。",
            "Follows the transaction to its end; exit codes are in posctl --help. With --json each change is a line, \
             and the last line's state is finished.",
        ));
    // Word for word, this is how it was called first.
    if kind.word == "sale" {
        command = command.alias("sell");
    }
    let amount = |zh, en| Arg::new("amount").help(text(zh, en)).value_name("AMOUNT");
    command = match kind.amount {
        AmountOf::Nothing => command,
        AmountOf::Choice => {
            command.arg(amount("金额（元），例如 12.34", "The amount in yuan, such as 12.34").required(true))
        }
        AmountOf::UpToOriginal | AmountOf::Original => command.arg(amount(
            "金额（元）；不写则为原交易的全额",
            "The amount in yuan; all of the original where absent",
        )),
    };
    command = command.arg(
        option(
            "reference",
            "您给这笔交易起的名字；同一个名字绝不会重复收款",
            "Your own name for it; the same name never charges twice",
        )
        .required(true),
    );
    if kind.follows {
        command = command
            .arg(option("original", "原交易的名字（您当时的 --reference）", "Your own name for the original"))
            .arg(
                option("trace", "原凭证号（本批次）", "Its trace number (凭证号), in the present batch")
                    .value_parser(clap::value_parser!(u32).range(1..=999_999)),
            )
            .arg(option("rrn", "原参考号", "Its reference number (参考号)"));
        let alone = ArgGroup::new("which").args(["original", "trace", "rrn"]).required(true);
        command = if kind.external { external(command, language) } else { command.group(alone) };
    }
    for further in kind.further {
        let argument = option(further.key, further.zh, further.en).required(further.required);
        command = command.arg(match further.of {
            OptionType::Number => argument.value_parser(clap::value_parser!(u32)),
            OptionType::Text | OptionType::Money => argument,
        });
    }
    if kind.word == BY_CODE {
        command = command.arg(flag(
            "code-on-stdin",
            "从标准输入读付款码，不用扫码枪",
            "Read the payment code from the standard input instead of the scanner",
        ));
    }
    if kind.partial {
        command = command.arg(flag("allow-partial", "接受部分批准", "Accept that the host approves a part"));
    }
    command
        .arg(option("note", "签购单上的一行备注", "A line for the receipt"))
        .arg(
            option(
                "goods",
                "一行商品：名称,数量,元，例如 苹果,0.5,6.00；可多次给出",
                "One line of the goods: NAME,QUANTITY,YUAN, such as 苹果,0.5,6.00; may be given several times",
            )
            .action(ArgAction::Append)
            .value_parser(goods),
        )
        .arg(flag(
            "new-attempt",
            "上一次未扣款时，用同一个名字再试一次",
            "Open the next attempt of one that ended without a charge",
        ))
        .arg(flag(
            "sign-on-screen",
            "持卡人在屏幕上签名，随后用 sign 命令交付",
            "The cardholder signs on a screen; hand it over with the command sign",
        ))
        .arg(flag("no-wait", "终端忙时立即拒绝，不排队", "Refuse instead of queueing"))
        .arg(
            option(
                "patience",
                "结果未知时最多等待多少秒（默认 60）",
                "Seconds to wait while the outcome is unknown (60)",
            )
            .value_parser(clap::value_parser!(u64).range(..=86_400))
            .default_value("60")
            .hide_default_value(true),
        )
}

/// The options for an original that is not in the terminal's journal: its date, and what else its slip says.
fn external(command: Command, language: Language) -> Command {
    let option = |name: &'static str, zh: &'static str, en: &'static str| {
        Arg::new(name).long(name).help(language.pick(zh, en)).value_name("VALUE")
    };
    command
        .arg(option(
            "date",
            "原交易日期 MMDD：原交易不在本机流水中（其他终端或以前的流水），须主管确认",
            "Its date by the host, MMDD: it is not in this terminal's journal; the supervisor is asked",
        ))
        .arg(option("authorisation-code", "原授权码", "Its authorisation code").requires("date"))
        .arg(
            option("batch", "原批次号", "Its batch number")
                .requires("date")
                .value_parser(clap::value_parser!(u32).range(1..=999_999)),
        )
        .group(
            ArgGroup::new("which").args(["original", "trace", "rrn", "date"]).required(true).multiple(true),
        )
        // Without a date it is named in one way.
        .group(ArgGroup::new("own").args(["original"]).conflicts_with_all(["trace", "rrn", "date"]))
}

/// How the original is named.
fn original_of(matches: &ArgMatches) -> Option<Original> {
    let text = |name: &str| matches.try_get_one::<String>(name).ok().flatten().cloned();
    let number = |name: &str| matches.try_get_one::<u32>(name).ok().flatten().copied();
    match text("date") {
        Some(date) => Some(Original::External(External {
            date,
            rrn: text("rrn"),
            authorisation_code: text("authorisation-code"),
            batch: number("batch"),
            trace: number("trace"),
        })),
        None => text("original")
            .map(Original::Reference)
            .or(number("trace").map(Original::Trace))
            .or(text("rrn").map(Original::Rrn)),
    }
}

/// A line of goods: its name, quantity in thousandths and amount in minor units.
fn goods(text: &str) -> Result<(String, u32, u64), String> {
    let wrong = || format!("{text:?}: 苹果,0.5,6.00");
    let mut parts = text.rsplitn(3, ',');
    let (amount, quantity, name) = (parts.next(), parts.next(), parts.next());
    let (Some(amount), Some(quantity), Some(name)) = (amount, quantity, name) else { return Err(wrong()) };
    let (whole, rest) = quantity.split_once('.').unwrap_or((quantity, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || rest.len() > 3 || !digits(whole) || !digits(rest) {
        return Err(wrong());
    }
    let thousandths = format!("{whole}{rest:0<3}").parse().map_err(|_| wrong())?;
    Ok((name.to_owned(), thousandths, minor_units(amount).ok_or_else(wrong)?))
}

/// Makes or finds the transaction, starts it, and follows it to its end.
pub(crate) async fn run(
    terminal: &Terminal,
    kind: &'static Kind,
    matches: &ArgMatches,
    voice: Voice,
) -> Result<Exit, Failure> {
    let text = |name: &str| matches.try_get_one::<String>(name).ok().flatten().cloned();
    let flag = |name: &str| matches.try_get_one::<bool>(name).ok().flatten().copied().unwrap_or(false);
    let original = original_of(matches);
    let amount = match (text("amount"), kind.amount) {
        (Some(amount), _) => money(&amount, voice)?,
        (None, AmountOf::Nothing) => 0,
        (None, _) => whole(terminal, original.as_ref(), voice).await?,
    };
    let mut further = Vec::new();
    for option in kind.further {
        let value = match option.of {
            OptionType::Number => matches.get_one::<u32>(option.key).copied().map(OptionValue::Number),
            OptionType::Text => text(option.key).map(OptionValue::Text),
            OptionType::Money => match text(option.key) {
                Some(value) => Some(OptionValue::Money(money(&value, voice)?)),
                None => None,
            },
        };
        further.extend(value.map(|value| (option.key, value)));
    }
    let options = CreateOptions {
        locale: Some(voice.language.tag().to_owned()),
        allow_partial: flag("allow-partial"),
        no_wait: flag("no-wait"),
        sign_on_screen: flag("sign-on-screen"),
        note: text("note"),
        goods: matches.get_many("goods").into_iter().flatten().cloned().collect(),
        original,
        further,
    };
    let code = if flag("code-on-stdin") { Some(code::read()?) } else { None };
    let reference = text("reference").unwrap_or_default();
    let mut transaction = terminal.create_of(kind.word, &reference, amount, &options).await?;
    if flag("new-attempt") {
        transaction = terminal.new_attempt(&reference).await?;
    }
    let patience = Duration::from_secs(matches.get_one::<u64>("patience").copied().unwrap_or(60));
    let details = follow(&transaction, patience, code, voice).await?;
    if !voice.json {
        show::transaction(&mut io::stdout(), &details, voice.language)?;
    }
    Ok(Exit::of(&details))
}

pub(crate) fn money(amount: &str, voice: Voice) -> Result<u64, Failure> {
    minor_units(amount).ok_or_else(|| {
        Failure::Usage(voice.pick(
            format!("{amount:?} 不是金额：请写成 12.34 这样的元"),
            format!("{amount:?} is no amount in yuan: write it like 12.34"),
        ))
    })
}

/// What the original moved. Whether it is one that this may be done to, the terminal says.
async fn whole(terminal: &Terminal, original: Option<&Original>, voice: Voice) -> Result<u64, Failure> {
    let missing = || {
        Failure::Usage(voice.pick(
            "您的交易里没有这笔原交易：请写明金额".to_owned(),
            "no transaction of yours is that original: give the amount".to_owned(),
        ))
    };
    let details = match original.ok_or_else(missing)? {
        Original::Reference(reference) => terminal.find(reference).await?.details().await?,
        Original::External(_) => return Err(missing()),
        other => {
            let batch = u64::from(terminal.state().await?.batch);
            let is_it = |details: &Details| match other {
                Original::Trace(trace) => {
                    details.result_number("trace") == Some(u64::from(*trace))
                        && details.result_number("batch") == Some(batch)
                }
                Original::Rrn(rrn) => details.result_text("rrn").as_deref() == Some(rrn),
                Original::Reference(_) | Original::External(_) => false,
            };
            let mut before = None;
            loop {
                let page = terminal.list(before, PAGE).await?;
                before = page.last().map(|details| details.id);
                if let Some(found) = page.into_iter().find(is_it) {
                    break found;
                }
                before.ok_or_else(missing)?;
            }
        }
    };
    details.result_number("charged").ok_or_else(missing)
}

/// Starts it where it has not, and shows each change. Ends early where the outcome stays unknown: it resolves by
/// itself, and the same reference finds it.
async fn follow(
    transaction: &Transaction,
    patience: Duration,
    mut code: Option<Zeroizing<String>>,
    voice: Voice,
) -> Result<Details, Failure> {
    let mut following = transaction.follow().await?;
    let mut details = following.details()?;
    if details.state == "created" {
        transaction.start().await?;
    } else if voice.json && details.state == "finished" {
        voice.say("", "", &details.json())?;
    }
    let mut out = io::stdout();
    let mut shown = (String::new(), String::new(), 0);
    let mut give_up = None;
    while !details.is_over() {
        if details.state == "resolving" {
            let end = *give_up.get_or_insert_with(|| tokio::time::Instant::now() + patience);
            match tokio::time::timeout_at(end, following.next()).await {
                Ok(change) => details = change?,
                Err(_) => return Ok(details),
            }
        } else {
            details = following.next().await?;
        }
        let now = (details.state.clone(), details.prompt.clone(), details.pin_digits);
        // The transaction goes on whether or not anybody reads this.
        let _ = match voice.json {
            true => voice.say("", "", &details.json()),
            false if now != shown => show::progress(&mut out, &details, voice.language)
                .and_then(|()| write!(out, "{}", code::blocks(details.code.reveal()).unwrap_or_default())),
            false => Ok(()),
        };
        shown = now;
        if details.state == "waiting-code"
            && let Some(code) = code.take()
        {
            transaction.present_code(&code).await?;
        }
    }
    Ok(details)
}

/// A type's name and a transaction's amount, for lists.
pub(crate) fn name_and_amount(details: &Details, language: Language) -> (String, String) {
    let name =
        posd_client::kind(&details.kind).map_or(details.kind.as_str(), |kind| kind.name(language.tag()));
    (name.to_owned(), yuan(details.amount))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_goods() {
        assert_eq!(goods("苹果,0.5,6.00"), Ok(("苹果".to_owned(), 500, 600)));
        assert_eq!(goods("tea, green,12,3").map(|line| line.1), Ok(12_000));
        for wrong in ["", "a", "a,1", "a,x,1", "a,1.0001,1", "a,1,x", "a,.5,1"] {
            assert!(goods(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_clients_table_has_every_type_of_the_dialect_in_its_order() {
        let dialect: Vec<&str> = posd_unionpay::Kind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(KINDS.iter().map(|kind| kind.word).collect::<Vec<_>>(), dialect);
        for (row, kind) in KINDS.iter().zip(posd_unionpay::Kind::ALL) {
            assert_eq!(row.follows, kind.row().original.is_some(), "{kind}");
            assert_eq!(row.amount == AmountOf::Nothing, !kind.row().amount, "{kind}");
        }
    }

    #[test]
    fn each_type_that_is_served_has_a_command_that_wants_what_it_needs() {
        for kind in offered() {
            let parse = |arguments: &[&str]| {
                command(kind, Language::En).try_get_matches_from([&[kind.word], arguments].concat())
            };
            command(kind, Language::ZhCn).debug_assert();
            let original: &[&str] = if kind.follows { &["--original", "b"] } else { &[] };
            let amount: &[&str] = if kind.amount == AmountOf::Choice { &["12.34"] } else { &[] };
            let required: Vec<&str> = kind
                .further
                .iter()
                .filter(|further| further.required)
                .flat_map(|further| [further.key, "3"])
                .collect();
            let required: Vec<String> =
                required.chunks(2).flat_map(|pair| [format!("--{}", pair[0]), pair[1].to_owned()]).collect();
            let required: Vec<&str> = required.iter().map(String::as_str).collect();
            let all = [amount, &["--reference", "a"], original, &required].concat();
            assert!(parse(&all).is_ok(), "{} {:?}", kind.word, parse(&all).err());
            assert!(parse(&all[amount.len()..]).is_err() == (kind.amount == AmountOf::Choice));
            assert!(parse(amount).is_err(), "{} needs a reference", kind.word);
            if kind.follows {
                assert!(parse(&["--reference", "a"]).is_err());
                assert!(parse(&["--reference", "a", "--original", "b", "--trace", "1"]).is_err());
                let elsewhere = ["--reference", "a", "--date", "0131", "--authorisation-code", "A12345"];
                assert_eq!(parse(&elsewhere).is_ok(), kind.external, "{}", kind.word);
            }
        }
    }
}
