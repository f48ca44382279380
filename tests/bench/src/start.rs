//! From exec to the bus name, with a journal that is empty and with one that is full: it must not grow with the rows.

use crate::{Report, Scale, house::House, report::median};
use futures_util::StreamExt;
use nix::{sys::signal, unistd::Pid};
use posd_client::CreateOptions;
use posd_journal::Journal;
use posd_runner::Journal as _;
use posd_terminal::{
    Attempt, Device, Original, PrintJob, Records, Reference, Reversal, ReversalReason, ReversalState,
    SaleKey, Sealed, Write,
};
use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use zbus::{MatchRule, MessageStream, message::Type};

/// Rows of one commit while a journal is filled.
const AT_ONCE: u64 = 500;

pub(crate) async fn measure(scale: &Scale, report: &mut Report) {
    let mut house = House::open("", true).await;
    house.sell().await;
    terminate(house.stack.posd().unwrap());
    let directory = house.directory.path().to_owned();
    let template = Template::read(&house.journal());
    let (empty, full) = (directory.join("empty.db"), directory.join("full.db"));
    drop(Journal::open(&empty).unwrap());
    template.fill(&full, scale.rows);

    report.count(
        format!("read calls to open a journal and recover, {} rows more than none", scale.rows),
        reads(&full).abs_diff(reads(&empty)),
        0,
    );
    let mut times = [const { Vec::new() }; 2];
    for _ in 0..scale.starts {
        for (journal, times) in ["empty.db", "full.db"].iter().zip(&mut times) {
            let (posd, took) = start(&house, journal).await;
            times.push(took.as_secs_f64() * 1e3);
            drop(posd);
        }
    }
    let [empty, full] = times.map(median);
    report.goal("exec to bus name, empty journal, median", empty, "ms", 20.0);
    report.goal(format!("exec to bus name, {} rows, median", scale.rows), full, "ms", 20.0);
    report.figure("  the one against the other", full / empty, "x");
    check(&house, report).await;
}

/// Nothing is sold while the journal's full check runs.
async fn check(house: &House, report: &mut Report) {
    let (_posd, _) = start(house, "full.db").await;
    let since = Instant::now();
    let sale = house.terminal.create("while-checking", 100, &CreateOptions::default()).await.unwrap();
    let started = sale.start().await;
    let checking = |reasons: &[String]| reasons.iter().any(|reason| reason == "journal-checking");
    let early = started.is_ok() && checking(&house.terminal.state().await.unwrap().reasons);
    report.count("sales begun before the journal's full check has passed", u64::from(early), 0);
    if let Err(error) = &started {
        assert!(matches!(error.refused(), Some("NotReady" | "NotSignedIn" | "NoOperator")), "{error}");
    }
    let refused = started.is_err_and(|error| error.refused() == Some("NotReady"));
    report.figure("Start is answered NotReady right after the name (1: yes)", f64::from(refused), "");
    while checking(&house.terminal.state().await.unwrap().reasons) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    report.figure("the full check, after the name", since.elapsed().as_secs_f64() * 1e3, "ms");
}

/// Starts `posd` with a journal; from before its exec to its name on the bus.
async fn start(house: &House, journal: &str) -> (Posd, Duration) {
    let directory = house.directory.path();
    let text = std::fs::read_to_string(directory.join("posd.toml")).unwrap();
    let configuration = directory.join("start.toml");
    std::fs::write(&configuration, text.replace("journal.db", journal)).unwrap();
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender("org.freedesktop.DBus")
        .interface("org.freedesktop.DBus")
        .member("NameOwnerChanged")
        .arg(0, posd_client::NAME)
        .build();
    let mut owners =
        MessageStream::for_match_rule(rule.unwrap(), house.terminal.connection(), None).await.unwrap();
    let mut command = Command::new(house.stack.programs().join("posd"));
    command.arg("--config").arg(configuration).env("DBUS_SYSTEM_BUS_ADDRESS", house.stack.bus_address());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let since = Instant::now();
    let posd = Posd(command.spawn().unwrap());
    loop {
        let change = tokio::time::timeout(Duration::from_secs(20), owners.next()).await;
        let change = change.expect("posd takes its name").unwrap().unwrap();
        let (_, _, owner): (String, String, String) = change.body().deserialize().unwrap();
        if !owner.is_empty() {
            return (posd, since.elapsed());
        }
    }
}

/// A `posd` of this bench's own, told to end with this.
struct Posd(Child);

impl Drop for Posd {
    fn drop(&mut self) {
        terminate(&mut self.0);
    }
}

fn terminate(child: &mut Child) {
    signal::kill(Pid::from_raw(child.id().try_into().unwrap()), signal::Signal::SIGTERM).unwrap();
    child.wait().unwrap();
}

/// How often this thread reads from files while it opens a journal and asks what recovery asks.
fn reads(journal: &Path) -> u64 {
    let count = || -> u64 {
        let text = std::fs::read_to_string("/proc/thread-self/io").unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("syscr: ")).unwrap();
        line.parse().unwrap()
    };
    let before = count();
    let journal = Journal::open(journal).unwrap();
    journal.device().unwrap();
    assert!(journal.open_reversals().unwrap().is_empty());
    assert!(journal.open_advices().unwrap().is_empty());
    assert!(journal.unresolved().unwrap().is_empty());
    assert!(journal.open_print_jobs().unwrap().is_empty());
    count() - before
}

/// One real sale's rows, of which the full journal has many.
struct Template {
    device: Device,
    attempt: Attempt,
    jobs: Vec<PrintJob>,
}

impl Template {
    fn read(journal: &Path) -> Template {
        let journal = Journal::open(journal).unwrap();
        let attempt = journal.attempt(1).unwrap().unwrap();
        Template { device: journal.device().unwrap(), jobs: journal.print_jobs(1).unwrap(), attempt }
    }

    fn fill(&self, path: &Path, rows: u64) {
        let mut journal = Journal::open(path).unwrap();
        let ids: Vec<u64> = (1..=rows).collect();
        for chunk in ids.chunks(AT_ONCE as usize) {
            let writes: Vec<Write> = chunk.iter().flat_map(|id| self.rows(*id)).collect();
            journal.commit(&writes).unwrap();
        }
        let mut device = self.device.clone();
        device.next_transaction = rows + 1;
        device.next_job = 2 * rows + 1;
        journal.commit(&[Write::Device(device)]).unwrap();
    }

    fn rows(&self, id: u64) -> Vec<Write> {
        let mut attempt = self.attempt.clone();
        attempt.id = id;
        attempt.key =
            SaleKey { uid: attempt.key.uid, reference: Reference::new(&format!("full-{id}")).unwrap() };
        attempt.trace = Some(id.try_into().unwrap());
        attempt.rrn = Some(format!("{id:012}"));
        attempt.authorisation_code = Some(format!("{id:06}"));
        attempt.acknowledged = true;
        let reversal = Reversal {
            transaction: id,
            state: ReversalState::Disarmed,
            reason: ReversalReason::NoAnswer,
            original: Original {
                kind: posd_unionpay::Kind::Sale,
                family: Default::default(),
                entry: posd_unionpay::request::Entry::Chip,
                linked: None,
                batch: attempt.batch.unwrap(),
                trace: attempt.trace.unwrap(),
                amount: 1234,
                currency: 156,
                card_sequence: Some(1),
                pin_entered: true,
                authorisation_code: None,
                rrn: None,
                field55: vec![0x9F; 60],
                wallet: None,
                voucher: None,
            },
            card: Sealed(vec![0x5A; 64]),
            tries: Vec::new(),
            closing: None,
        };
        let job = |(place, job): (u64, &PrintJob)| PrintJob {
            id: 2 * id - place,
            transaction: id,
            state: posd_terminal::PrintState::Done,
            ..job.clone()
        };
        let jobs = (0..2).zip(&self.jobs).map(job).map(Write::PrintJob);
        let rows = [Write::Attempt(Box::new(attempt)), Write::Reversal(Box::new(reversal))];
        rows.into_iter().chain(jobs).collect()
    }
}
