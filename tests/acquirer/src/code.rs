//! Field 59 of a code payment: tag of 2 characters, length of 3 digits, value (reference 8).

/// Reads a list of objects.
///
/// # Errors
/// The offset at which the list is malformed.
pub(crate) fn parse(data: &[u8]) -> Result<Vec<(String, String)>, usize> {
    let mut objects = Vec::new();
    let mut at = 0;
    while at < data.len() {
        let text =
            |from: usize, to: usize| data.get(from..to).and_then(|part| std::str::from_utf8(part).ok());
        let tag = text(at, at + 2).ok_or(at)?;
        let length = text(at + 2, at + 5)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
            .and_then(|digits| digits.parse::<usize>().ok())
            .ok_or(at)?;
        let value = text(at + 5, at + 5 + length).ok_or(at)?;
        objects.push((tag.to_owned(), value.to_owned()));
        at += 5 + length;
    }
    Ok(objects)
}

/// The value of a tag.
pub(crate) fn find<'a>(objects: &'a [(String, String)], tag: &str) -> Option<&'a str> {
    objects.iter().find(|(known, _)| known == tag).map(|(_, value)| value.as_str())
}

/// One object.
pub(crate) fn object(tag: &str, value: &str) -> Vec<u8> {
    format!("{tag}{:03}{value}", value.len()).into_bytes()
}

/// Whether a code is a UnionPay C2B code (付款码): 19 digits that begin with 62.
pub(crate) fn is_c2b(code: &str) -> bool {
    code.len() == 19 && code.starts_with("62") && code.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_references_terminal_information() {
        let text = "A206501002020201600000202540043180300600005204008EC7CD42405008321702  ";
        assert_eq!(text.len(), 70);
        let outer = parse(text.as_bytes()).unwrap();
        let inner = parse(find(&outer, "A2").unwrap().as_bytes()).unwrap();
        assert_eq!(inner.len(), 5);
        assert_eq!(find(&inner, "03"), Some("000052"));
        assert_eq!(find(&inner, "05"), Some("321702  "));
        assert_eq!(parse(&text.as_bytes()[..69]), Err(0));
        assert_eq!(object("A3", "12"), b"A300212");
    }
}
