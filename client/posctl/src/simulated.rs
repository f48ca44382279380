//! The simulator's devices and the test host, through their control sockets.

use crate::voice::Voice;
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

/// Moves the simulator's devices.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The simulator's directory; `make run` prints it.
    #[arg(long, env = "POSD_SIMULATOR", global = true)]
    directory: Option<PathBuf>,
    #[command(subcommand)]
    device: Device,
}

#[derive(Debug, Subcommand)]
enum Device {
    /// The card, at either reader.
    Card {
        /// What happens to it.
        #[command(subcommand)]
        action: Card,
    },
    /// The PIN that the customer will type.
    Pin {
        /// 4 to 12 digits, or `cancel`, or `wait`: nobody types.
        pin: String,
    },
    /// The password that an operator will type.
    Password {
        /// Two digits; 00 is the supervisor, 99 the manager.
        operator: String,
        /// Digits, or `cancel`.
        password: String,
        /// It is the next new password that the operator chooses, when asked to change it.
        #[arg(long)]
        new: bool,
    },
    /// The card that the cashier will type for a phone order.
    TypedCard {
        /// 13 to 19 digits, or `cancel`.
        number: String,
        /// Year and month, YYMM.
        #[arg(default_value = "3012")]
        expiry: String,
    },
    /// The code scanner reads a code.
    Scan {
        /// What it reads, such as 6212340000000000019.
        code: String,
    },
    /// The printer's paper.
    Paper {
        /// In or out.
        state: Paper,
    },
    /// A customer who does the right thing: inserts the card, types its PIN, takes it out.
    Auto {
        /// `on` or `off`.
        #[arg(default_value = "on")]
        state: Switch,
    },
    /// The test host.
    Host {
        /// What it does.
        #[command(subcommand)]
        action: Host,
    },
}

#[derive(Debug, Subcommand)]
enum Card {
    /// Insert one.
    Insert {
        /// `debit`, `credit`, `offline-pin`, `enciphered-pin`, `combined` (CDA), `combo`, `confirm`, `mute` (its
        /// chip is broken) or `offline` (one that is sold to offline); the same as before where absent.
        profile: Option<String>,
    },
    /// Take it out.
    Remove,
    /// Hold one to the contactless reader, for as long as it is read.
    Tap {
        /// `debit`, `phone` (whose user it has verified) or `chip-only` (one that must be inserted); the same as before where
        /// absent.
        profile: Option<String>,
        /// It is taken away too early: at the command of that number; at 0 it does not answer at all.
        #[arg(long, value_parser = clap::value_parser!(u8).range(0..=100))]
        torn: Option<u8>,
    },
    /// Draw one through the stripe reader, while that is asked for.
    Swipe {
        /// `stripe` (one without a chip), `no-pin` (the same, with a PIN as its holder likes), `chip` or `damaged`;
        /// `stripe` where absent.
        profile: Option<String>,
    },
    /// Hold two to the contactless reader at once.
    Collide,
    /// Take what is held to the contactless reader away.
    Leave,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Paper {
    In,
    Out,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Debug, Subcommand)]
enum Host {
    /// Answer so many milliseconds later.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// Lose requests of this kind: sale, reversal, sign-in …
    Drop {
        /// The kind.
        #[arg(default_value = "sale")]
        message: String,
    },
    /// Book, then lose the answer.
    DropAnswer {
        /// The kind.
        #[arg(default_value = "sale")]
        message: String,
    },
    /// Decline sales with this response code.
    Decline {
        /// Two characters.
        #[arg(default_value = "05")]
        code: String,
    },
    /// Any fault by its name, as the test host knows it, for the next sale.
    Fault {
        /// Such as wrong-mac, wrong-trace, garble, duplicate, close-before.
        name: String,
    },
    /// The customer pays a code payment that waits for it.
    Pay {
        /// Trace number of the payment.
        trace: u32,
        /// Its batch number.
        #[arg(long, default_value_t = 1)]
        batch: u32,
    },
    /// Do everything right again.
    Clear,
    /// Show the books.
    Ledger,
}

/// Does it; what the device says.
pub(crate) fn run(arguments: &Arguments, voice: Voice) -> Result<String, String> {
    let directory = arguments
        .directory
        .as_deref()
        .ok_or("which simulator? give --directory or set POSD_SIMULATOR to what `make run` prints")?;
    let devices = |command: Value| tell(&directory.join("devices.sock"), &command, voice);
    let host = |command: Value| tell(&directory.join("host.sock"), &command, voice);
    match &arguments.device {
        Device::Card { action: Card::Insert { profile } } => {
            devices(json!({"card": "insert", "profile": profile}))
        }
        Device::Card { action: Card::Remove } => devices(json!({"card": "remove"})),
        Device::Card { action: Card::Tap { profile, torn } } => {
            let mut command = json!({"card": "tap", "profile": profile});
            if let Some(torn) = torn {
                command["torn"] = json!(torn);
            }
            devices(command)
        }
        Device::Card { action: Card::Swipe { profile } } => {
            devices(json!({"card": "swipe", "profile": profile}))
        }
        Device::Card { action: Card::Collide } => devices(json!({"card": "collide"})),
        Device::Card { action: Card::Leave } => devices(json!({"card": "leave"})),
        Device::Pin { pin } => devices(json!({"pin": pin})),
        Device::Password { operator, password, new } => {
            let command = if *new { "new-password" } else { "password" };
            devices(json!({command: {operator: password}}))
        }
        Device::TypedCard { number, .. } if number == "cancel" => devices(json!({"typed-card": number})),
        Device::TypedCard { number, expiry } => {
            devices(json!({"typed-card": {"number": number, "expiry": expiry}}))
        }
        Device::Scan { code } => devices(json!({"scan": code})),
        Device::Paper { state } => devices(json!({"paper": matches!(state, Paper::In)})),
        Device::Auto { state } => devices(json!({"auto": matches!(state, Switch::On)})),
        Device::Host { action } => match action {
            Host::Delay { ms } => host(json!({"fault": "delay", "ms": ms})),
            Host::Drop { message } => host(json!({"fault": "drop-request", "message": message})),
            Host::DropAnswer { message } => host(json!({"fault": "drop-answer", "message": message})),
            Host::Decline { code } => host(json!({"fault": "decline", "code": code, "message": "sale"})),
            Host::Fault { name } => host(json!({"fault": name, "message": "sale", "count": 1})),
            Host::Pay { trace, batch } => {
                host(json!({"pay": {"terminal": "00000001", "batch": batch, "trace": trace}}))
            }
            Host::Clear => host(json!({"clear": true})),
            Host::Ledger => host(json!({"ledger": true})),
        },
    }
}

fn tell(socket: &Path, command: &Value, voice: Voice) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{}: {error}; does the simulator run?", socket.display());
    let mut stream = UnixStream::connect(socket).map_err(failed)?;
    writeln!(stream, "{command}").map_err(failed)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).map_err(failed)?;
    let answer: Value =
        serde_json::from_str(&answer).map_err(|_| "the simulator's answer is no JSON".to_owned())?;
    match answer.get("error").and_then(Value::as_str) {
        Some(error) => Err(error.to_owned()),
        None if voice.json => Ok(answer.to_string()),
        None if answer.get("ok").is_some() => Ok(voice.pick("完成", "done").to_owned()),
        None => serde_json::to_string_pretty(&answer).map_err(|error| error.to_string()),
    }
}
