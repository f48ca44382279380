//! The two languages that a cashier is spoken to in.

use std::ffi::{OsStr, OsString};

/// A language of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// 简体中文.
    #[value(name = "zh-CN")]
    ZhCn,
    /// English.
    #[value(name = "en")]
    En,
}

impl Language {
    /// Its tag, as the terminal takes it.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Language::ZhCn => "zh-CN",
            Language::En => "en",
        }
    }

    /// One of two texts.
    pub(crate) fn pick<T>(self, zh: T, en: T) -> T {
        match self {
            Language::ZhCn => zh,
            Language::En => en,
        }
    }

    /// The language that the help must be in, which is before the arguments are read: `--lang`, else the locale.
    pub(crate) fn wanted(arguments: &[OsString], variable: impl Fn(&str) -> Option<OsString>) -> Language {
        let named = arguments.iter().enumerate().find_map(|(place, argument)| match argument.to_str()? {
            "--lang" => arguments.get(place + 1).and_then(|value| value.to_str()),
            argument => argument.strip_prefix("--lang="),
        });
        match named {
            Some("zh-CN") => return Language::ZhCn,
            Some("en") => return Language::En,
            _ => {}
        }
        // The first that is set decides, as in setlocale(3).
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .filter_map(variable)
            .find(|value| value.as_os_str() != OsStr::new(""));
        match locale {
            Some(locale) if locale.to_string_lossy().starts_with("zh") => Language::ZhCn,
            _ => Language::En,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(arguments: &[&str], variables: &[(&str, &str)]) -> Language {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        Language::wanted(&arguments, variable)
    }

    #[test]
    fn the_argument_comes_before_the_locale() {
        let chinese = [("LANG", "zh_CN.UTF-8")];
        assert_eq!(wanted(&["posctl", "status"], &chinese), Language::ZhCn);
        assert_eq!(wanted(&["posctl", "--lang", "en"], &chinese), Language::En);
        assert_eq!(wanted(&["posctl", "--lang=zh-CN"], &[]), Language::ZhCn);
        assert_eq!(wanted(&["posctl", "--lang"], &[]), Language::En);
        assert_eq!(wanted(&[], &[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")]), Language::En);
        assert_eq!(wanted(&[], &[("LC_ALL", ""), ("LANG", "zh_CN.UTF-8")]), Language::ZhCn);
    }
}
