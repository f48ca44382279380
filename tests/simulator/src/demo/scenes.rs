//! Single sales, and what can go wrong with one: a wrong PIN, a silent host, a power cut.

use super::{DemoError, Till, customer, frame, must, say, scene, show_change};
use posd_client::CreateOptions;
use serde_json::{Value, json};
use std::time::Duration;

/// Shows them; the first sale's receipt as a PNG picture.
pub(super) async fn show(till: &mut Till) -> Result<Vec<u8>, DemoError> {
    let picture = first_sale(till).await?;
    wrong_pin(till).await?;
    no_answer(till).await?;
    power_cut(till).await?;
    the_books(till)?;
    Ok(picture)
}

async fn first_sale(till: &Till) -> Result<Vec<u8>, DemoError> {
    scene("签到 Sign-in, 操作员登录 operator login")?;
    till.terminal.sign_in().await?;
    till.terminal.log_in("01", "").await?;
    let state = till.terminal.state().await?;
    must(state.signed_in && state.operator == "01", "signed in, operator 01")?;
    say(&format!(
        "   {} {}  批次 {:06}  操作员 {}",
        state.merchant_name, state.merchant, state.batch, state.operator
    ))?;

    scene("消费 A sale of CNY 12.34")?;
    let sale = till.terminal.create("demo-1", 1234, &CreateOptions::default()).await?;
    let details = till.sell(&sale).await?;
    must(
        details.outcome == "approved",
        format!("approved, but: {} {}", details.outcome, till.result(&details, "cause")),
    )?;
    let (rrn, code) = (till.result(&details, "rrn"), till.result(&details, "authorisation-code"));
    let certificate = till.result(&details, "transaction-certificate");
    say(&format!("   {}  RRN {rrn}  授权码 {code}", till.result(&details, "text")))?;
    must(!rrn.is_empty() && !code.is_empty(), "RRN and authorisation code are there")?;
    let checked = till.stack.devices(json!({"certificate": true}))?;
    must(checked["good"] == true && checked["certificate"] == certificate.as_str(), "the card's TC is good")?;
    say(&format!("   TC {certificate} (checked with the issuer's key: good)"))?;
    till.terminal.acknowledge(details.id).await?;

    let (_, text) = sale.receipt().await?;
    say(&frame(&text))?;
    let path = till.stack.directory().join("receipt.png");
    till.posctl(&["receipt", &details.id.to_string(), "--png", &path.display().to_string()]).await?;
    let mut slips = 0;
    for _ in 0..100 {
        let printed = till.stack.devices(json!({"slips": true}))?;
        let printed = printed["slips"].as_array().map_or(&[][..], Vec::as_slice);
        // The first slip of a new terminal says what it was initialised with.
        slips = printed.iter().filter(|slip| slip.to_string().contains(" COPY")).count();
        if slips >= 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    must(slips == 2, format!("two copies are printed, but: {slips}"))?;
    Ok(std::fs::read(path)?)
}

async fn wrong_pin(till: &Till) -> Result<(), DemoError> {
    scene("密码错 A wrong PIN, and a second attempt with the right one")?;
    till.stack.devices(json!({"pin": "9999"}))?;
    let sale = till.terminal.create("demo-2", 5000, &CreateOptions::default()).await?;
    let first = till.sell(&sale).await?;
    must(first.outcome == "declined" && till.result(&first, "response-code") == "55", "declined with 55")?;
    say(&format!("   {}: {}", first.outcome, till.result(&first, "text")))?;
    till.stack.devices(json!({"pin": "1234"}))?;
    let again = till.terminal.new_attempt("demo-2").await?;
    let second = till.sell(&again).await?;
    must(second.outcome == "approved" && second.attempt == 2, "the second attempt is approved")?;
    say(&format!("   attempt {}: {}  RRN {}", second.attempt, second.outcome, till.result(&second, "rrn")))?;
    Ok(())
}

async fn no_answer(till: &Till) -> Result<(), DemoError> {
    scene("无应答 The host never answers: the sale is reversed by itself")?;
    till.stack.host(json!({"fault": "drop-answer", "message": "sale", "count": 1}))?;
    let sale = till.terminal.create("demo-3", 8800, &CreateOptions::default()).await?;
    let details = till.sell(&sale).await?;
    must(
        details.outcome == "failed" && till.result(&details, "cause") == "reversed",
        "failed, cause reversed",
    )?;
    say(&format!("   {}: {}", details.outcome, till.result(&details, "text")))?;
    Ok(())
}

async fn power_cut(till: &mut Till) -> Result<(), DemoError> {
    scene("断电 posd is killed while the host is being asked")?;
    till.stack.host(json!({"fault": "delay", "ms": 60000, "message": "sale", "count": 1}))?;
    let sale = till.terminal.create("demo-4", 6600, &CreateOptions::default()).await?;
    let mut following = sale.follow().await?;
    sale.start().await?;
    let mut before = String::new();
    loop {
        let change = following.next().await?;
        show_change(&change)?;
        customer(&till.stack, &change, &before)?;
        if change.state == "authorizing" {
            break;
        }
        before = change.state;
    }
    // Let the request reach the host, so that there is something to reverse.
    tokio::time::sleep(Duration::from_millis(300)).await;
    till.stack.kill_posd();
    say("   -- SIGKILL --")?;
    till.stack.devices(json!({"card": "remove"}))?;
    till.stack.start_posd()?;
    say("   -- restarted; the app asks again with its own reference --")?;
    let same = till.terminal.create("demo-4", 6600, &CreateOptions::default()).await?;
    must(same.path() == sale.path(), "the same reference gives the same transaction")?;
    let details = till.sell(&same).await?;
    must(
        details.outcome == "failed" && till.result(&details, "cause") == "reversed",
        "failed, cause reversed",
    )?;
    say(&format!("   {}: {}", details.outcome, till.result(&details, "text")))?;

    till.terminal.log_in("01", "").await?;
    let next = till.terminal.new_attempt("demo-4").await?;
    let details = till.sell(&next).await?;
    must(details.outcome == "approved", "the next attempt is approved")?;
    say(&format!(
        "   attempt {}: {}  RRN {}",
        details.attempt,
        details.outcome,
        till.result(&details, "rrn")
    ))?;
    Ok(())
}

/// The host's books agree: three sales stand, and what was reversed was reversed before the next one came.
fn the_books(till: &Till) -> Result<(), DemoError> {
    scene("对账 The host's books")?;
    let charges = till.ledger("charges")?;
    let standing: Vec<&Value> = charges.iter().filter(|charge| charge["state"] == "booked").collect();
    let mut amounts: Vec<u64> = standing.iter().filter_map(|charge| charge["amount"].as_u64()).collect();
    amounts.sort_unstable();
    must(amounts == [1234, 5000, 6600], format!("the host holds 12.34, 50.00 and 66.00, but: {amounts:?}"))?;
    say(&format!("   {} charges, {} standing: CNY 12.34, 50.00 and 66.00", charges.len(), standing.len()))?;
    Ok(())
}
