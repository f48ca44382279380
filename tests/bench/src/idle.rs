//! Idleness: nothing may wake `posd` or `posd-vault` but their watchdog, and here there is none.

use crate::{Report, Scale, house::House, process::switches, vault::Vault};
use std::time::Duration;

/// Until what the last sale left has been done.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) async fn measure(scale: &Scale, report: &mut Report) {
    let mut house = House::open("", true).await;
    house.sell().await;
    let vault = Vault::start(house.stack.programs());
    let _link = vault.connect();
    tokio::time::sleep(SETTLE).await;
    let processes = [("posd", house.posd()), ("posd-vault", vault.process())];
    let before = processes.map(|(_, process)| switches(process));
    tokio::time::sleep(Duration::from_secs(scale.idle_s)).await;
    for ((name, process), before) in processes.into_iter().zip(before) {
        let name = format!("{name}, wake-ups in {} s of idleness", scale.idle_s);
        report.count(name, switches(process) - before, 0);
    }
}
