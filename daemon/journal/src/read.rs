//! Rows to records.

use crate::fault;
use posd_terminal::{Advice, Attempt, Device, PrintJob, Reversal, Sealed, StorageFault};
use rusqlite::{Connection, OptionalExtension, Params, Row};
use serde::de::DeserializeOwned;

/// A record whose sealed card data stands in a column of its own.
pub(crate) trait Record: DeserializeOwned {
    fn put_card(&mut self, card: Option<Vec<u8>>);
}

impl Record for Attempt {
    fn put_card(&mut self, card: Option<Vec<u8>>) {
        self.card = card.map(Sealed);
    }
}

impl Record for Reversal {
    fn put_card(&mut self, card: Option<Vec<u8>>) {
        self.card = Sealed(card.unwrap_or_default());
    }
}

impl Record for Advice {
    fn put_card(&mut self, card: Option<Vec<u8>>) {
        self.card = Sealed(card.unwrap_or_default());
    }
}

impl Record for PrintJob {
    fn put_card(&mut self, _: Option<Vec<u8>>) {}
}

type Columns = (String, Option<Vec<u8>>);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?))
}

fn record<T: Record>((text, card): Columns) -> Result<T, StorageFault> {
    let mut record: T = serde_json::from_str(&text).map_err(|error| StorageFault(error.to_string()))?;
    record.put_card(card);
    Ok(record)
}

pub(crate) fn one<T: Record>(
    connection: &Connection,
    query: &str,
    parameters: impl Params,
) -> Result<Option<T>, StorageFault> {
    let mut statement = connection.prepare_cached(query).map_err(fault)?;
    statement.query_row(parameters, columns).optional().map_err(fault)?.map(record).transpose()
}

pub(crate) fn many<T: Record>(
    connection: &Connection,
    query: &str,
    parameters: impl Params,
) -> Result<Vec<T>, StorageFault> {
    let mut statement = connection.prepare_cached(query).map_err(fault)?;
    let rows = statement.query_map(parameters, columns).map_err(fault)?;
    rows.map(|row| row.map_err(fault).and_then(record)).collect()
}

pub(crate) fn device(connection: &Connection) -> Result<Device, StorageFault> {
    let mut statement = connection.prepare_cached("SELECT record FROM device").map_err(fault)?;
    let text: Option<String> = statement.query_row([], |row| row.get(0)).optional().map_err(fault)?;
    match text {
        None => Ok(Device::default()),
        Some(text) => serde_json::from_str(&text).map_err(|error| StorageFault(error.to_string())),
    }
}
