//! Where a slip comes from.

use crate::{line::Lines, locale::Locale};
use serde::{Deserialize, Serialize};

/// What the slips that are no receipt have in common: the terminal and the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heading {
    /// 商户名称.
    pub merchant_name: String,
    /// 商户编号, 15 characters.
    pub merchant: String,
    /// 终端编号, 8 characters.
    pub terminal: String,
    /// 操作员号; empty where nobody is logged in.
    pub operator: String,
    /// 日期/时间, `YYYY/MM/DD HH:MM:SS`.
    pub date_time: String,
    /// The terminal is in test mode: the slip is void.
    #[serde(default)]
    pub test: bool,
    /// The language of free texts.
    #[serde(default)]
    pub locale: Locale,
}

impl Heading {
    pub(crate) fn draw(&self, lines: &mut Lines) {
        lines.rule();
        lines.pair("商户名称 MERCHANT NAME", &self.merchant_name);
        lines.pair("商户编号 MERCHANT NO", &self.merchant);
        lines.pair("终端编号 TERMINAL NO", &self.terminal);
        lines.some("操作员号 OPERATOR NO", Some(&self.operator));
        lines.pair("日期/时间", &self.date_time);
    }
}
