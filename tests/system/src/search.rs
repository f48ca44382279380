//! Looking for what must not be there: in files, in a process's memory.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
};

/// What is looked for: what it is, and its bytes.
pub type Needle = (&'static str, Vec<u8>);

/// Which of the needles stand in some bytes.
pub fn found(bytes: &[u8], needles: &[Needle]) -> Vec<&'static str> {
    let stands = |needle: &[u8]| {
        let first = needle[0];
        let mut rest = bytes;
        while let Some(place) = rest.iter().position(|byte| *byte == first) {
            if rest[place..].starts_with(needle) {
                return true;
            }
            rest = &rest[place + 1..];
        }
        false
    };
    needles.iter().filter(|(_, needle)| stands(needle)).map(|(what, _)| *what).collect()
}

/// Which of the needles stand in a process's readable memory.
pub fn found_in_memory(process: u32, needles: &[Needle]) -> Vec<&'static str> {
    let maps = File::open(format!("/proc/{process}/maps")).unwrap();
    let mut memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let mut all = Vec::new();
    for line in BufReader::new(maps).lines() {
        let line = line.unwrap();
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        // The kernel's own pages cannot be read.
        if !rights.starts_with('r') || line.contains("[vvar") || line.contains("[vsyscall") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let (start, end) = (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        memory.seek(SeekFrom::Start(start)).unwrap();
        // A region may be gone by now.
        if memory.read_exact(&mut bytes).is_ok() {
            all.extend(found(&bytes, needles));
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// Digits packed two to a byte.
pub fn packed(digits: &str) -> Vec<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16).unwrap() as u8;
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| value(pair[0]) << 4 | pair.get(1).map_or(0xF, |d| value(*d)))
        .collect()
}
