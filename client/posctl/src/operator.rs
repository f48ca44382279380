//! Operators: login, lock screen, and the operator table.

use crate::{Failure, exit::Exit, voice::Voice};
use clap::{Args, Subcommand};
use posd_client::{Error, Terminal};
use serde_json::{Value, json};
use std::io::{self, BufRead, Write};

/// Log in and out, lock the screen, and keep the operator table.
///
/// Passwords are typed on the PIN pad.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// Read the password from the standard input, where the device has no PIN pad; for `change-password` the old and
    /// the new one, each in a line of its own.
    #[arg(long, global = true)]
    password_on_stdin: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Log an operator in, by its own password (操作员登录).
    Login {
        /// Two digits, from 01.
        operator: String,
    },
    /// Log the operator out.
    Logout,
    /// Who is in the operator table.
    List,
    /// Add an operator, by the supervisor's password (00). Its initial password is 0000.
    Add {
        /// Two digits, 01 to 98.
        operator: String,
    },
    /// Delete an operator, by the supervisor's password (00).
    Delete {
        /// Two digits, 01 to 98.
        operator: String,
    },
    /// Give an operator its initial password back, by the supervisor's password; for 00 by the manager's (99).
    Reset {
        /// Two digits, 00 to 98.
        operator: String,
    },
    /// Change an operator's own password: the old one, the new one, the new one again.
    ChangePassword {
        /// Two digits; 00 is the supervisor, 99 the manager.
        operator: String,
    },
    /// Lock the screen: nothing new is sold until it is unlocked (锁屏).
    Lock,
    /// Unlock the screen, by the password of the operator logged in.
    Unlock {
        /// By the supervisor's password instead.
        #[arg(long)]
        supervisor: bool,
    },
}

impl Action {
    /// Its name, whom it is about, and how many passwords it takes.
    fn parts(&self) -> (&'static str, &str, usize) {
        match self {
            Action::Login { operator } => ("login", operator, 1),
            Action::Logout => ("logout", "", 0),
            Action::List => ("list", "", 0),
            Action::Add { operator } => ("add", operator, 1),
            Action::Delete { operator } => ("delete", operator, 1),
            Action::Reset { operator } => ("reset", operator, 1),
            Action::ChangePassword { operator } => ("change-password", operator, 2),
            Action::Lock => ("lock", "", 0),
            Action::Unlock { supervisor } => ("unlock", if *supervisor { "00" } else { "" }, 1),
        }
    }
}

pub(crate) async fn run(arguments: Arguments, voice: Voice) -> Result<Exit, Failure> {
    let (name, operator, passwords) = arguments.action.parts();
    let given = if arguments.password_on_stdin {
        typed(&mut io::stdin().lock(), passwords)?
    } else {
        if passwords > 0 {
            let (zh, en) = hint(&arguments.action);
            voice.hint(zh, en)?;
        }
        vec![String::new(); passwords]
    };
    let terminal = Terminal::connect().await?;
    match perform(&terminal, &arguments.action, operator, &given).await? {
        Some(Value::Array(table)) if !voice.json => {
            table.iter().try_for_each(|row| line(&mut io::stdout(), row, voice))?;
        }
        said => {
            let whom = if operator.is_empty() { String::new() } else { format!(" {operator}") };
            let (zh, en) = (format!("{name}{whom}：完成"), format!("{name}{whom}: done"));
            voice.say(zh, en, &said.unwrap_or(json!({ "done": name })))?;
        }
    }
    Ok(Exit::Done)
}

async fn perform(
    terminal: &Terminal,
    action: &Action,
    operator: &str,
    given: &[String],
) -> Result<Option<Value>, Error> {
    let password = given.first().map_or("", String::as_str);
    match action {
        Action::Login { .. } => terminal.log_in(operator, password).await?,
        Action::Logout => terminal.log_out().await?,
        Action::Add { .. } => terminal.add_operator(operator, password).await?,
        Action::Delete { .. } => terminal.delete_operator(operator, password).await?,
        Action::Reset { .. } => terminal.reset_password(operator, password).await?,
        Action::ChangePassword { .. } => {
            terminal.change_password(operator, password, given.get(1).map_or("", String::as_str)).await?;
        }
        Action::Lock => terminal.lock().await?,
        Action::Unlock { .. } => terminal.unlock(operator, password).await?,
        Action::List => {
            let row = |it: posd_client::Operator| json!({"operator": it.number, "initial": it.initial, "locked-out": it.locked_out});
            return Ok(Some(terminal.operators().await?.into_iter().map(row).collect()));
        }
    }
    Ok(None)
}

/// So many passwords, each in a line of its own. An empty one would be asked for on the pad.
fn typed(input: &mut impl BufRead, count: usize) -> Result<Vec<String>, Failure> {
    let mut all = Vec::new();
    for _ in 0..count {
        let mut line = String::new();
        input.read_line(&mut line)?;
        let password = line.trim_end_matches(['\r', '\n']).to_owned();
        if password.is_empty() {
            return Err(Failure::Usage("there is no password on the standard input".to_owned()));
        }
        all.push(password);
    }
    Ok(all)
}

fn hint(action: &Action) -> (&'static str, &'static str) {
    let supervisor =
        ("请主管（00）在密码键盘上输入密码", "type the supervisor's password (00) on the PIN pad");
    match action {
        Action::ChangePassword { .. } => (
            "请在密码键盘上输入旧密码，再输入新密码，再重复一次新密码",
            "type the old password on the PIN pad, then the new one, then the new one again",
        ),
        Action::Reset { operator } if operator == "00" => {
            ("请管理员（99）在密码键盘上输入密码", "type the manager's password (99) on the PIN pad")
        }
        Action::Add { .. } | Action::Delete { .. } | Action::Reset { .. } => supervisor,
        Action::Unlock { supervisor: true } => supervisor,
        _ => ("请在密码键盘上输入密码", "type the password on the PIN pad"),
    }
}

fn line(out: &mut impl Write, row: &Value, voice: Voice) -> io::Result<()> {
    let mark = |key: &str, word: &'static str| if row[key] == true { word } else { "" };
    let words = [
        mark("initial", voice.pick("初始密码，须修改", "initial password, must be changed")),
        mark("locked-out", voice.pick("密码错误次数过多，已锁定", "locked out after wrong tries")),
    ];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let text = format!("{}  {}", row["operator"].as_str().unwrap_or_default(), words.join("; "));
    writeln!(out, "{}", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn passwords_are_lines_and_never_empty() {
        assert_eq!(typed(&mut "1357\r\n8642\n".as_bytes(), 2).unwrap(), ["1357", "8642"]);
        assert_eq!(typed(&mut "1357".as_bytes(), 1).unwrap(), ["1357"]);
        assert!(typed(&mut "1357\n".as_bytes(), 2).is_err());
        assert!(typed(&mut "\n1357\n".as_bytes(), 1).is_err());
    }

    #[test]
    fn a_line_of_the_table_says_what_is_wrong_with_it() {
        let text = |row: Value| {
            let mut out = Vec::new();
            line(&mut out, &row, Voice { json: false, language: Language::En }).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(json!({"operator": "01", "initial": false, "locked-out": false})), "01\n");
        let both = text(json!({"operator": "02", "initial": true, "locked-out": true}));
        assert_eq!(both, "02  initial password, must be changed; locked out after wrong tries\n");
    }
}
