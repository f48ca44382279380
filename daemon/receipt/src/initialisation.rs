//! The slip of an initialisation or sign-in (签到).

use crate::{
    heading::Heading,
    line::{Line, Lines},
};
use serde::{Deserialize, Serialize};

/// What the terminal was set up with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Initialisation {
    /// The terminal and the time.
    pub heading: Heading,
    /// The hosts' addresses in the order they are tried.
    pub hosts: Vec<String>,
    /// TPDU, 10 hex digits.
    pub tpdu: String,
    /// The name of the acquirer's profile.
    pub profile: String,
    /// 批次号, where the terminal has signed in.
    #[serde(default)]
    pub batch: Option<u32>,
}

/// Most hosts.
const HOSTS: usize = 8;

impl Initialisation {
    pub(crate) fn lines(&self, reprint: bool) -> Vec<Line> {
        let mut lines = Lines::default();
        lines.double("终端初始化");
        lines.centre("TERMINAL INITIALISATION");
        lines.marks(self.heading.test, reprint);
        self.heading.draw(&mut lines);
        lines.rule();
        for (place, host) in self.hosts.iter().take(HOSTS).enumerate() {
            lines.pair(&format!("主机 HOST {}", place + 1), host);
        }
        lines.pair("TPDU", &self.tpdu);
        lines.pair("参数 PROFILE", &self.profile);
        let batch = self.batch.map(|batch| format!("{batch:06}"));
        lines.some("批次号 BATCH NO", batch.as_deref());
        lines.cut()
    }
}
