//! The language of a slip's free texts.

use serde::{Deserialize, Serialize};

/// The language of the free texts; labels are in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Locale {
    /// Chinese.
    #[default]
    #[serde(rename = "zh-CN")]
    ZhCn,
    /// English.
    #[serde(rename = "en")]
    En,
}

impl Locale {
    /// The one of two texts.
    pub(crate) fn pick(self, chinese: &'static str, english: &'static str) -> &'static str {
        match self {
            Locale::ZhCn => chinese,
            Locale::En => english,
        }
    }
}
