//! A sale's own time, from Start to finished, with card, people and host answering at once; and its durable commits.

use crate::{
    Report, Scale,
    bare::{Bare, Plan},
    house::{House, heard, signals_of},
    process::{Trace, processor_time},
    report::median,
    wal,
};
use std::time::Duration;

/// The goal of the whole: the outcome must be as durable as the intent, and the sequence numbers before them.
const COMMITS: u64 = 3;

pub(crate) async fn measure(scale: &Scale, report: &mut Report) {
    let mut house = House::open("copies = []", true).await;
    let plan = count(&mut house, report).await;
    let mut bare = Bare::start(&house.stack.bus_address(), house.directory.path(), plan).await;
    // Both logs go round once, so that what is timed writes over blocks that are there.
    for _ in 0..scale.sales.min(40) {
        house.sell().await;
        bare.sell().await;
    }
    let processes = [house.posd(), house.stack.module().unwrap().id(), house.stack.acquirer().unwrap().id()];
    let used = || processes.map(processor_time);
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let (mut whole, mut own, mut least, mut ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut processor = [const { Vec::new() }; 3];
    for _ in 0..scale.sales {
        let before = used();
        let (_, took) = house.sell().await;
        let after = used();
        let spent: [f64; 3] = std::array::from_fn(|i| milliseconds(after[i].saturating_sub(before[i])));
        for (all, one) in processor.iter_mut().zip(spent) {
            all.push(one);
        }
        let (took, bare) = (milliseconds(took), milliseconds(bare.sell().await));
        // Card and host do not answer at once, they compute; while they do, posd waits.
        let of_posd = took - spent[1] - spent[2];
        whole.push(took);
        own.push(of_posd);
        least.push(bare);
        ratios.push(of_posd / bare);
    }
    report.figure("sale, Start to finished, median", median(whole), "ms");
    report.figure("  less the processor time of simulated card and host", median(own), "ms");
    report.figure("  three bare write+fdatasync and as many bare messages", median(least), "ms");
    report.goal("sale's own time against the bare one, median", median(ratios), "x", 1.5);
    let [posd, module, host] = processor.map(median);
    report.figure("sale, processor time of posd", posd, "ms");
    report.figure("  of the simulated secure module and card", module, "ms");
    report.figure("  of the test host", host, "ms");
}

/// Counts commits, fsyncs and messages of one sale.
async fn count(house: &mut House, report: &mut Report) -> Plan {
    // The first sale is not like the others: the connection is new to the daemon.
    house.sell().await;
    let journal = house.journal();
    let count = || wal::commits(&journal).len() as u64;

    let before = count();
    let (transaction, mut following) = house.create().await;
    report.count("durable commits of creating a sale", count() - before, 1);

    let owner = owner(house).await;
    let mut signals = signals_of(house.terminal.connection(), &owner).await;
    let trace = Trace::attach(house.posd(), "fdatasync,fsync", house.directory.path());
    let before = count() as usize;
    transaction.start().await.unwrap();
    let mut details = following.next().await.unwrap();
    while details.state != "finished" {
        details = following.next().await.unwrap();
    }
    let commits = wal::commits(&journal)[before..].to_vec();
    let syncs = trace.calls();
    let signals = heard(&mut signals).await;
    // No more came while the signals were waited for.
    let late = count() as usize - before - commits.len();
    report.count("durable commits from Start to Finished", commits.len() as u64, COMMITS);
    report.count("  fdatasync and fsync calls in that time", syncs, COMMITS);
    report.count("  commits after Finished that nobody asked for", late as u64, 0);
    report.figure("  bytes committed", commits.iter().sum::<usize>() as f64, "B");
    report.figure("  signals", signals.len() as f64, "");

    let before = count();
    house.terminal.acknowledge(details.id).await.unwrap();
    report.count("durable commits of acknowledging", count() - before, 1);
    let before = count();
    transaction.print("merchant").await.unwrap();
    while transaction.print_jobs().await.unwrap().iter().any(|job| job.state != "done") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    report.count("durable commits of printing one copy", count() - before, 3);
    Plan { commits, signals }
}

async fn owner(house: &House) -> String {
    let bus = "org.freedesktop.DBus";
    let call = house.terminal.connection().call_method(
        Some(bus),
        "/org/freedesktop/DBus",
        Some(bus),
        "GetNameOwner",
        &posd_client::NAME,
    );
    call.await.unwrap().body().deserialize().unwrap()
}
