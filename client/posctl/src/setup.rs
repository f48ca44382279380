//! Initialisation (初始化): who the merchant is and where the host is, by questions or from a file for fleets.
//!
//! It writes the daemon's configuration file and nothing else; the daemon takes it at its next start.

use crate::{Failure, exit::Exit, language::Language, voice::Voice};
use posd::configuration::{self, Configuration, Problem};
use serde_json::json;
use std::{
    fs,
    io::{self, BufRead, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use toml::{Table, Value};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The daemon's configuration file. What it says already is kept where nothing else is said.
    #[arg(long, default_value = "/etc/posd/posd.toml")]
    config: PathBuf,
    /// Ask nothing: take the answers from this file, which has the form of the configuration file and may leave out what
    /// stays as it is.
    #[arg(long)]
    from: Option<PathBuf>,
    /// Check only; write nothing.
    #[arg(long)]
    check: bool,
}

/// One question of the dialogue.
struct Question {
    /// Where the answer stands in the file.
    place: &'static [&'static str],
    zh: &'static str,
    en: &'static str,
    /// May stay empty: then the entry is left out.
    optional: bool,
    check: fn(&str, &Path) -> Result<(), Problem>,
}

const QUESTIONS: &[Question] = &[
    Question {
        place: &["merchant", "name"],
        zh: "商户名称",
        en: "Merchant name, as it stands on slips",
        optional: false,
        check: |text, _| configuration::merchant_name(text),
    },
    Question {
        place: &["merchant", "number"],
        zh: "商户编号（15位）",
        en: "Merchant number (15 characters)",
        optional: false,
        check: |text, _| configuration::merchant_number(text),
    },
    Question {
        place: &["merchant", "terminal"],
        zh: "终端编号（8位）",
        en: "Terminal number (8 characters)",
        optional: false,
        check: |text, _| configuration::terminal_number(text),
    },
    Question {
        place: &["host", "address"],
        zh: "主机地址:端口",
        en: "Host, address:port",
        optional: false,
        check: |text, _| configuration::address(text),
    },
    Question {
        place: &["host", "second"],
        zh: "备用主机地址:端口（可空）",
        en: "Second host, address:port (may stay empty)",
        optional: true,
        check: |text, _| configuration::address(text),
    },
    Question {
        place: &["host", "tpdu"],
        zh: "TPDU（10位十六进制；空则用参数文件的）",
        en: "TPDU (10 hexadecimal digits; empty takes the profile's)",
        optional: true,
        check: |text, _| configuration::tpdu(text),
    },
    Question {
        place: &["profile"],
        zh: "收单机构参数文件",
        en: "The acquirer's profile, a file",
        optional: false,
        check: configuration::profile_file,
    },
    Question {
        place: &["card"],
        zh: "卡片应用与公钥文件",
        en: "Card applications and CA keys, a file",
        optional: false,
        check: configuration::card_file,
    },
    Question {
        place: &["journal"],
        zh: "流水文件",
        en: "The journal, a file",
        optional: false,
        check: |text, _| configuration::not_empty(text),
    },
    Question {
        place: &["vault"],
        zh: "安全模块套接字",
        en: "The secure module's socket",
        optional: false,
        check: |text, _| configuration::not_empty(text),
    },
];

/// What the dialogue proposes where no file says anything.
const PROPOSED: [(&[&str], &str); 4] = [
    (&["profile"], "profiles/unionpay.toml"),
    (&["card"], "card.toml"),
    (&["journal"], "/var/lib/posd/journal.db"),
    (&["vault"], "/run/posd-vault/vault.sock"),
];

pub(crate) fn run(arguments: &Arguments, voice: Voice) -> Result<Exit, Failure> {
    let usage = |text: String| Failure::Usage(text);
    let mut table = read(&arguments.config)?.unwrap_or_default();
    match &arguments.from {
        Some(file) => {
            let answers = read(file)?.ok_or_else(|| usage(format!("{} is not there", file.display())))?;
            merge(&mut table, answers);
        }
        None if arguments.check => {}
        None => {
            let input = io::stdin();
            ask_all(&mut table, &arguments.config, voice.language, &mut input.lock(), &mut io::stdout())?;
        }
    }
    let text = format!(
        "# Written by `posctl setup`. /usr/share/doc/posd explains each entry.\n\n{}",
        toml::to_string_pretty(&table).map_err(|error| usage(error.to_string()))?
    );
    // The daemon's own reading decides, in the directory where it will read.
    if let Err(error) = Configuration::parse(&arguments.config, &text) {
        return Err(usage(error.to_string()));
    }
    let path = arguments.config.display().to_string();
    if arguments.check {
        voice.say("配置正确", "the configuration is good", &json!({"good": true, "config": path}))?;
        return Ok(Exit::Done);
    }
    write(&arguments.config, &text)?;
    voice.say(
        format!("已写入 {path}；重启 posd 后生效（systemctl restart posd）"),
        format!("written: {path}; posd takes it at its next start (systemctl restart posd)"),
        &json!({"done": "setup", "config": path}),
    )?;
    Ok(Exit::Done)
}

fn read(path: &Path) -> Result<Option<Table>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => match text.parse::<Table>() {
            Ok(table) => Ok(Some(table)),
            Err(error) => Err(Failure::Usage(format!("{}: {error}", path.display()))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::Usage(format!("{}: {error}", path.display()))),
    }
}

/// What `answers` says goes before what stands there; tables are merged, but for the printer, which is one thing.
fn merge(table: &mut Table, answers: Table) {
    for (key, value) in answers {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) if key != "printer" => merge(old, new),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

fn get<'a>(table: &'a Table, place: &[&str]) -> Option<&'a str> {
    let (last, tables) = place.split_last()?;
    let mut at = table;
    for name in tables {
        at = at.get(*name)?.as_table()?;
    }
    at.get(*last)?.as_str()
}

fn set(table: &mut Table, place: &[&str], text: &str) {
    match place {
        [last] if text.is_empty() => {
            table.remove(*last);
        }
        [last] => {
            table.insert((*last).to_owned(), Value::String(text.to_owned()));
        }
        [first, rest @ ..] => {
            let inner = table.entry((*first).to_owned()).or_insert_with(|| Value::Table(Table::new()));
            if let Some(inner) = inner.as_table_mut() {
                set(inner, rest, text);
            }
        }
        [] => {}
    }
}

/// Asks each question until its answer is good. An empty answer keeps what stands there; `-` empties what may be empty.
fn ask_all(
    table: &mut Table,
    config: &Path,
    language: Language,
    input: &mut impl BufRead,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let home = config.parent().unwrap_or(Path::new(""));
    for question in QUESTIONS {
        let proposed = PROPOSED.iter().find(|(place, _)| *place == question.place).map(|(_, text)| *text);
        let now = get(table, question.place).or(proposed).unwrap_or_default().to_owned();
        loop {
            write!(out, "{}", language.pick(question.zh, question.en))?;
            if now.is_empty() {
                write!(out, ": ")?;
            } else {
                write!(out, " [{now}]: ")?;
            }
            out.flush()?;
            let mut line = String::new();
            if input.read_line(&mut line)? == 0 {
                let text = language.pick("输入结束，未写入", "the input ended; nothing is written");
                return Err(Failure::Usage(text.to_owned()));
            }
            let given = line.trim();
            let answer = match given {
                "" => now.as_str(),
                "-" if question.optional => "",
                given => given,
            };
            if answer.is_empty() && question.optional {
                set(table, question.place, "");
                break;
            }
            match (question.check)(answer, home) {
                Ok(()) => {
                    set(table, question.place, answer);
                    break;
                }
                Err(problem) => writeln!(out, "  {}", language.pick(problem.zh, problem.en))?,
            }
        }
    }
    Ok(())
}

/// Replaces the file at once: a power cut leaves the old one or the new one.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    if let Some(home) = path.parent().filter(|home| !home.as_os_str().is_empty()) {
        fs::File::open(home)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging");
        fs::copy(packaging.join("profiles/unionpay.toml"), home.path().join("profile.toml")).unwrap();
        fs::copy(packaging.join("emv/test.toml"), home.path().join("card.toml")).unwrap();
        home
    }

    fn arguments(home: &Path, from: Option<&str>, check: bool) -> Arguments {
        Arguments {
            config: home.join("posd.toml"),
            from: from.map(|text| {
                let file = home.join("answers.toml");
                fs::write(&file, text).unwrap();
                file
            }),
            check,
        }
    }

    fn run(arguments: &Arguments) -> Result<Exit, Failure> {
        super::run(arguments, Voice { json: true, language: Language::En })
    }

    const ANSWERS: &str = r#"
        profile = "profile.toml"
        card = "card.toml"
        journal = "journal.db"
        vault = "vault.sock"
        [merchant]
        name = "示例商户"
        number = "898000000000001"
        terminal = "00000001"
        [host]
        address = "192.0.2.1:8583"
        second = "192.0.2.2:8583"
        tpdu = "6000060000"
    "#;

    #[test]
    fn a_file_for_a_fleet_is_checked_then_written_and_merged_over_what_is_there() {
        let home = home();
        run(&arguments(home.path(), Some(ANSWERS), true)).unwrap();
        assert!(!home.path().join("posd.toml").exists(), "--check writes nothing");
        run(&arguments(home.path(), Some(ANSWERS), false)).unwrap();
        run(&arguments(home.path(), Some("[merchant]\nterminal = \"00000002\""), false)).unwrap();
        let table = read(&home.path().join("posd.toml")).unwrap().unwrap();
        assert_eq!(get(&table, &["merchant", "terminal"]), Some("00000002"));
        assert_eq!(get(&table, &["merchant", "number"]), Some("898000000000001"));
        assert_eq!(get(&table, &["host", "second"]), Some("192.0.2.2:8583"));
        run(&arguments(home.path(), None, true)).unwrap();
    }

    #[test]
    fn what_the_daemon_would_refuse_is_not_written() {
        let home = home();
        run(&arguments(home.path(), Some(ANSWERS), false)).unwrap();
        let before = fs::read_to_string(home.path().join("posd.toml")).unwrap();
        for wrong in [
            "[merchant]\nnumber = \"1\"",
            "[merchant]\nterminal = \"1\"",
            "[merchant]\nname = \" \"",
            "[host]\naddress = \"192.0.2.1\"",
            "[host]\nsecond = \"192.0.2.1:0\"",
            "[host]\ntpdu = \"7000060000\"",
            "profile = \"nowhere.toml\"",
            "colour = \"red\"",
        ] {
            assert!(run(&arguments(home.path(), Some(wrong), false)).is_err(), "{wrong}");
            assert_eq!(fs::read_to_string(home.path().join("posd.toml")).unwrap(), before, "{wrong}");
        }
    }

    #[test]
    fn a_wrong_answer_is_asked_again_with_the_reason() {
        let home = home();
        let config = home.path().join("posd.toml");
        let answers = "示例商户\n12\n898000000000001\n00000001\nhost\n192.0.2.1:8583\n\n6000\n-\nprofile.toml\n\njournal.db\n\n";
        for (language, reason) in [(Language::En, "15 printable characters"), (Language::ZhCn, "15位")] {
            let mut table = Table::new();
            let mut out = Vec::new();
            ask_all(&mut table, &config, language, &mut answers.as_bytes(), &mut out).unwrap();
            let said = String::from_utf8(out).unwrap();
            assert!(said.contains(reason), "{said}");
            assert_eq!(get(&table, &["merchant", "number"]), Some("898000000000001"));
            assert_eq!((get(&table, &["host", "second"]), get(&table, &["host", "tpdu"])), (None, None));
            assert_eq!(get(&table, &["card"]), Some("card.toml"), "as proposed");
            let text = toml::to_string_pretty(&table).unwrap();
            assert!(Configuration::parse(&config, &text).is_ok());
        }
        let mut cut = "示例商户\n".as_bytes();
        assert!(ask_all(&mut Table::new(), &config, Language::En, &mut cut, &mut Vec::new()).is_err());
    }
}
