//! Memory after many sales, and whether it grows.

use crate::{
    Report, Scale,
    house::House,
    process::{Memory, memory},
    vault::Vault,
};
use std::time::Duration;

const KIB: f64 = 1024.0;

/// Sales in a batch before it is settled; a batch has room for 950.
const BATCH: usize = 500;

pub(crate) async fn measure(scale: &Scale, report: &mut Report) {
    let mut house = House::open("", true).await;
    let sales = scale.sales_for_memory;
    let begin = memory(house.posd());
    sell(&mut house, sales).await;
    let first = memory(house.posd());
    sell(&mut house, sales).await;
    let second = memory(house.posd());
    rows(report, "posd", [begin, first, second], sales, 9.0);

    // In the stack the simulator stands in the secure module's place; this is the real one, which has no card here: it
    // is asked what a sale asks of it.
    let vault = Vault::start(house.stack.programs());
    let mut link = vault.connect();
    let begin = memory(vault.process());
    link.load_keys();
    (0..sales).for_each(|_| link.sale());
    let first = memory(vault.process());
    (0..sales).for_each(|_| link.sale());
    let second = memory(vault.process());
    rows(report, "posd-vault", [begin, first, second], sales, 4.0);
}

fn rows(report: &mut Report, name: &str, [begin, first, second]: [Memory; 3], sales: usize, goal: f64) {
    report.figure(format!("{name}, resident at the start"), begin.resident / KIB, "MB");
    report.goal(format!("{name}, resident after {sales} sales"), first.resident / KIB, "MB", goal);
    report.figure("  its share (Pss)", first.proportional / KIB, "MB");
    report.figure("  private", first.private / KIB, "MB");
    let growth = second.resident - first.resident;
    report.goal(format!("{name}, resident growth over {sales} more"), growth, "KiB", 0.0);
    report.figure("  private growth", second.private - first.private, "KiB");
}

async fn sell(house: &mut House, sales: usize) {
    for sold in 1..=sales {
        let (id, _) = house.sell().await;
        house.terminal.acknowledge(id).await.unwrap();
        let sale = house.terminal.get(id).await.unwrap();
        // A shop sells no faster than it prints.
        while sale.print_jobs().await.unwrap().iter().any(|job| job.state != "done") {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        if sold % BATCH == 0 {
            let settlement = house.terminal.settle().await.unwrap();
            let end = settlement.follow(|_| ()).await.unwrap();
            assert_eq!((end.state(), end.outcome()), ("finished", "balanced"));
        }
    }
}
