//! Downloads, and how they stand.

use crate::{Failure, exit::Exit, voice::Voice};
use posd_client::{Download, Terminal};
use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

/// Every set that comes down, in the order in which they are asked for.
const ALL: [&str; 5] = ["parameters", "ca-keys", "aids", "contactless", "blacklist"];

/// How often the terminal is asked how it goes.
const TICK: Duration = Duration::from_millis(200);

/// Longest wait for a download to end. The terminal goes on with it.
const PATIENCE: Duration = Duration::from_secs(900);

/// Exit code 0: everything asked for is in force. 13: a download failed; what was in force before still is.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What to download: `parameters`, `ca-keys`, `aids`, `contactless`, `blacklist`, or `all`; `parameters-upload` tells
    /// the host what is in force.
    set: Option<String>,
}

pub(crate) async fn run(arguments: Arguments, voice: Voice) -> Result<Exit, Failure> {
    let terminal = Terminal::connect().await?;
    let mut out = io::stdout();
    let wanted: Vec<String> = match arguments.set.as_deref() {
        None => Vec::new(),
        Some("all") => ALL.map(str::to_owned).to_vec(),
        Some(set) => vec![set.to_owned()],
    };
    for set in &wanted {
        terminal.download(set).await?;
    }
    let end = Instant::now() + PATIENCE;
    let mut shown = Vec::new();
    let all = loop {
        let all = terminal.state().await?.downloads;
        let open = |one: &&Download| matches!(one.stage.as_str(), "waiting" | "running");
        let mine = |one: &&Download| wanted.contains(&one.set);
        if !voice.json {
            for one in all.iter().filter(mine).filter(|one| one.stage == "running") {
                let now = (one.set.clone(), one.done, one.total);
                if shown.last() != Some(&now) {
                    writeln!(out, "{:12} {}/{}", one.set, one.done, one.total)?;
                    shown.push(now);
                }
            }
        }
        if !all.iter().filter(mine).any(|one| open(&one)) {
            break all;
        }
        if Instant::now() > end {
            let (zh, en) =
                ("用时较长，稍后用 posctl download 查看", "it takes long; ask again with `posctl download`");
            return Err(Failure::Fault(voice.pick(zh, en).to_owned()));
        }
        tokio::time::sleep(TICK).await;
    };
    let told: Vec<&Download> =
        all.iter().filter(|one| wanted.is_empty() || wanted.contains(&one.set)).collect();
    if voice.json {
        let list: Vec<serde_json::Value> = told
            .iter()
            .map(|one| {
                serde_json::json!({
                    "set": one.set, "stage": one.stage, "done": one.done, "total": one.total,
                    "taken": one.taken, "fault": one.fault,
                })
            })
            .collect();
        writeln!(out, "{}", serde_json::Value::from(list))?;
    } else {
        for one in &told {
            writeln!(out, "{:18} {:8} {:>3} {}", one.set, one.stage, one.total, one.fault)?;
        }
    }
    let failed = !wanted.is_empty() && told.iter().any(|one| one.stage == "failed");
    Ok(if failed { Exit::NotGood } else { Exit::Done })
}
