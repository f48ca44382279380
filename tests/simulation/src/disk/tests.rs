use super::*;
use rusqlite::{Connection, ErrorCode, OpenFlags};

fn connect(disk: &Disk) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags_and_vfs(disk.path("db"), flags, disk.vfs_name())?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch("CREATE TABLE IF NOT EXISTS number (n INTEGER PRIMARY KEY, pad BLOB)")?;
    Ok(connection)
}

fn insert(connection: &Connection, n: i64) -> rusqlite::Result<usize> {
    connection.execute("INSERT INTO number VALUES (?1, randomblob(600))", [n])
}

fn count(connection: &Connection) -> i64 {
    connection.query_row("SELECT count(*) FROM number", [], |row| row.get(0)).unwrap()
}

fn is_sound(connection: &Connection) -> bool {
    connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap() == "ok"
}

#[test]
fn the_write_ahead_log_is_really_used() {
    let disk = Disk::new(1);
    let connection = connect(&disk).unwrap();
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    insert(&connection, 1).unwrap();
    assert!(disk.names().contains(&"db-wal".to_owned()), "{:?}", disk.names());
    let before = disk.syncs();
    insert(&connection, 2).unwrap();
    assert_eq!(disk.syncs() - before, 1, "one sync a commit");
}

#[test]
fn two_connections_share_a_file_and_two_disks_nothing() {
    let (disk, other) = (Disk::new(1), Disk::new(1));
    let (first, second) = (connect(&disk).unwrap(), connect(&disk).unwrap());
    insert(&first, 1).unwrap();
    assert_eq!(count(&second), 1);
    first.execute_batch("BEGIN IMMEDIATE").unwrap();
    let busy = insert(&second, 2).unwrap_err();
    assert_eq!(busy.sqlite_error_code(), Some(ErrorCode::DatabaseBusy));
    first.execute_batch("COMMIT").unwrap();
    insert(&second, 2).unwrap();
    assert_eq!(count(&first), 2);
    assert_eq!(count(&connect(&other).unwrap()), 0);
}

/// With every sync where it belongs nothing that was answered is ever lost, wherever the power goes.
#[test]
fn what_is_synced_survives_and_what_is_torn_is_repaired() {
    for (seed, crash_at) in (0..20).flat_map(|seed| (1..120).map(move |at| (seed, at))) {
        let disk = Disk::new(seed);
        disk.crash_in(crash_at);
        let mut answered = 0;
        if let Ok(connection) = connect(&disk) {
            connection.pragma_update(None, "wal_autocheckpoint", 8).unwrap_or(());
            while answered < 20 && insert(&connection, answered + 1).is_ok() {
                answered += 1;
            }
        }
        disk.heal();
        let connection = connect(&disk).unwrap();
        assert!(is_sound(&connection), "seed {seed}, crash at change {crash_at}");
        let found = count(&connection);
        assert!(
            found == answered || found == answered + 1,
            "seed {seed}, crash at {crash_at}: {answered} answered, {found} found"
        );
    }
}

#[test]
fn what_is_not_synced_is_lost_often_and_kept_often() {
    let lost = (0..40)
        .filter(|seed| {
            let disk = Disk::new(*seed);
            let connection = connect(&disk).unwrap();
            connection.pragma_update(None, "synchronous", "NORMAL").unwrap();
            insert(&connection, 1).unwrap();
            disk.crash();
            drop(connection);
            count(&connect(&disk).unwrap()) == 0
        })
        .count();
    assert!((5..40).contains(&lost), "{lost} of 40");
}

#[test]
fn the_same_seed_takes_the_same_bytes() {
    let after_crash = |seed| {
        let disk = Disk::new(seed);
        let mut state = lock(&disk.state);
        state.create("f").unwrap();
        state.write("f", 0, &[1; 9000]).unwrap();
        state.sync("f").unwrap();
        state.write("f", 100, &[2; 8000]).unwrap();
        state.truncate("f", 7000).unwrap();
        state.write("f", 6000, &[3; 3000]).unwrap();
        drop(state);
        disk.crash();
        disk.bytes("f").unwrap()
    };
    assert_eq!(after_crash(9), after_crash(9));
    assert!((0..9).any(|seed| after_crash(seed) != after_crash(9)));
    // Whatever is lost, a sector is never older than its last sync nor mixed with what never stood there.
    assert!((0..50).all(|seed| after_crash(seed).iter().take(100).all(|byte| *byte == 1)));
}

#[test]
fn a_kill_loses_nothing_until_the_power_goes_too() {
    let disk = Disk::new(4);
    let connection = connect(&disk).unwrap();
    connection.pragma_update(None, "synchronous", "NORMAL").unwrap();
    insert(&connection, 1).unwrap();
    disk.kill();
    assert!(insert(&connection, 2).is_err(), "a dead process writes nothing");
    drop(connection);
    assert_eq!(count(&connect(&disk).unwrap()), 1);
}

#[test]
fn each_failure_is_told_and_then_over() {
    let disk = Disk::new(5);
    let connection = connect(&disk).unwrap();
    disk.fail_write_in(1);
    assert_eq!(insert(&connection, 1).unwrap_err().sqlite_error_code(), Some(ErrorCode::SystemIoFailure));
    disk.fail_sync_in(1);
    assert_eq!(insert(&connection, 1).unwrap_err().sqlite_error_code(), Some(ErrorCode::SystemIoFailure));
    disk.set_full(true);
    let mut full = Ok(0);
    for n in 1..100 {
        full = insert(&connection, n);
        if full.is_err() {
            break;
        }
    }
    assert_eq!(full.unwrap_err().sqlite_error_code(), Some(ErrorCode::DiskFull));
    disk.heal();
    insert(&connection, 1000).unwrap();
    assert!(is_sound(&connection));
}

#[test]
fn corruption_is_what_it_says() {
    let disk = Disk::new(6);
    let connection = connect(&disk).unwrap();
    (0..50).for_each(|n| assert!(insert(&connection, n).is_ok()));
    drop(connection);
    assert!(disk.corrupt("db", 4096 * 2 + 3, 0xFF));
    assert!(!disk.corrupt("db", 1 << 30, 0xFF));
    let connection = connect(&disk).unwrap();
    assert!(!is_sound(&connection));
}
