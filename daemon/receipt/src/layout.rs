//! The lines of one copy of a receipt, in the order of the reference (section 6).

use crate::{
    allow_list::mask,
    data::{Copy, Entry, Goods, Receipt},
    line::{Line, Lines, amount, currency, fit},
    transaction_type::{Money, Note},
};

/// Most texts of the host: field 63.2 has three.
const HOST_TEXTS: usize = 4;
/// Most lines of goods.
const GOODS: usize = 100;
/// Longest name of goods, in characters.
const GOODS_NAME: usize = 40;

/// The letter behind the card number.
pub(crate) fn letter(entry: Entry) -> Option<char> {
    match entry {
        Entry::Swipe => Some('S'),
        Entry::Insert => Some('I'),
        Entry::Contactless => Some('C'),
        Entry::Manual => Some('M'),
        Entry::None => Some('N'),
        Entry::Qr => None,
    }
}

/// The lines of a copy. `reprint` adds the mark of one that may have been printed before.
pub fn layout(receipt: &Receipt, copy: Copy, reprint: bool) -> Vec<Line> {
    let row = receipt.transaction_type.row();
    let mut lines = Lines::default();
    lines.double("银联POS签购单");
    lines.centre(match copy {
        Copy::Merchant => "商户存根 MERCHANT COPY",
        Copy::Bank => "银行存根 BANK COPY",
        Copy::Cardholder => "持卡人存根 CARDHOLDER COPY",
    });
    lines.marks(receipt.test, reprint);
    lines.rule();
    lines.pair("商户名称 MERCHANT NAME", &receipt.merchant_name);
    lines.pair("商户编号 MERCHANT NO", &receipt.merchant);
    lines.pair("终端编号 TERMINAL NO", &receipt.terminal);
    lines.pair("操作员号 OPERATOR NO", &receipt.operator);
    lines.some("发卡行 ISSUER", receipt.issuer.as_deref());
    lines.some("卡组织 CARD ORG", receipt.organisation.as_deref());
    card(receipt, copy, &mut lines);
    lines.some("收单行 ACQ", receipt.acquirer.as_deref());
    let name = match receipt.entry {
        Entry::Qr => receipt.transaction_type.name_by_code(),
        _ => receipt.transaction_type.name(),
    };
    lines.pair("交易类型 TXN TYPE", &name);
    lines.pair("批次号 BATCH NO", &format!("{:06}", receipt.batch));
    lines.pair("凭证号 VOUCHER NO", &format!("{:06}", receipt.trace));
    lines.some("授权码 AUTH NO", receipt.authorisation_code.as_deref());
    lines.pair("日期/时间", &receipt.date_time);
    lines.some("交易参考号 REF NO", receipt.rrn.as_deref());
    lines.rule();
    amounts(receipt, row.money, &mut lines);
    lines.rule();
    goods(&receipt.goods, &mut lines);
    if receipt.not_yet_authorised {
        lines.centre("***尚未经主机授权***");
        lines.centre("NOT YET AUTHORISED BY THE HOST");
    }
    remarks(receipt, row.notes, &mut lines);
    let signs = copy != Copy::Cardholder && row.money != Money::None && receipt.verification.signs();
    let agrees = copy != Copy::Cardholder && receipt.transaction_type.is_agreed_to();
    let wording = receipt.verification.wording(receipt.locale);
    if signs || agrees || wording.is_some() {
        lines.rule();
    }
    if let Some(wording) = wording {
        lines.left(&wording);
    }
    if signs {
        lines.left("持卡人签名 SIGNATURE");
        lines.0.push(Line::Signature(receipt.strokes.clone()));
    }
    if agrees {
        lines.left("本人确认以上交易,");
        lines.left("同意将其计入本卡账户");
        lines.left("I ACKNOWLEDGE SATISFACTORY RECEIPT OF RELATIVE GOODS/SERVICE");
    }
    if let Some(rrn) = receipt.rrn.as_deref() {
        lines.qr(&format!("{}/{:06}/{:06}/{rrn}", receipt.terminal, receipt.batch, receipt.trace));
    }
    lines.cut()
}

fn card(receipt: &Receipt, copy: Copy, lines: &mut Lines) {
    // Masked again here, so that whatever the data holds no full number is drawn.
    let masked = mask(receipt.masked_pan.trim());
    let Some(letter) = letter(receipt.entry) else {
        lines.some("支付方式 WALLET", receipt.wallet.as_deref().map(wallet_name).as_deref());
        lines.some("付款码 QR CODE", Some(&masked));
        return;
    };
    let hidden = copy == Copy::Cardholder && receipt.mask_cardholder_copy;
    let wanted = receipt.transaction_type.prints_full_pan() && !hidden;
    // A number that is not this card's is the caller's mistake: it gets on nobody's paper.
    match receipt.full_pan.as_ref().filter(|pan| wanted && pan.masked() == masked) {
        Some(pan) => {
            lines.0.push(Line::Card { label: "卡号 CARD NO".to_owned(), pan: pan.clone(), letter });
        }
        None => lines.pair("卡号 CARD NO", &format!("{masked} {letter}")),
    }
}

/// The wallets that everybody knows by another name than the profile's; any other as the profile has it.
fn wallet_name(name: &str) -> String {
    let known = match name {
        "unionpay" => "云闪付 UnionPay",
        "wechat" => "微信支付 WeChat Pay",
        "alipay" => "支付宝 Alipay",
        other => other,
    };
    known.to_owned()
}

fn amounts(receipt: &Receipt, money: Money, lines: &mut Lines) {
    let currency = currency(&receipt.currency);
    let sign = match money {
        Money::Plain => "",
        Money::Minus => "-",
        Money::None => {
            balance(receipt, currency, lines);
            return;
        }
    };
    if let Some(requested) = receipt.requested.filter(|requested| *requested > receipt.amount) {
        lines.left(receipt.locale.pick("***部分批准***", "***PARTIAL APPROVAL***"));
        lines.pair("应付金额 REQUESTED", &format!("{currency} {}", amount(requested)));
    }
    if let Some(tip) = receipt.tip {
        // A tip above the total is the caller's mistake; the total is what the card pays.
        let base = receipt.amount.saturating_sub(tip);
        lines.pair("金额 AMOUNT", &format!("{currency} {sign}{}", amount(base)));
        lines.pair("小费 TIP", &format!("{currency} {sign}{}", amount(tip)));
        lines.left("总计 TOTAL");
    } else {
        lines.left("金额 AMOUNT");
    }
    lines.double(&format!("{currency} {sign}{}", amount(receipt.amount)));
    if let Some(instalments) = receipt.instalments {
        lines.pair("分期期数 INSTALMENTS", &instalments.to_string());
    }
    balance(receipt, currency, lines);
}

fn balance(receipt: &Receipt, currency: &str, lines: &mut Lines) {
    if let Some(balance) = receipt.balance {
        let sign = if balance < 0 { "-" } else { "" };
        lines.pair("余额 BALANCE", &format!("{currency} {sign}{}", amount(balance.unsigned_abs())));
    }
}

/// Thousandths without trailing zeros.
fn quantity(thousandths: u32) -> String {
    let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn goods(goods: &[Goods], lines: &mut Lines) {
    if goods.is_empty() {
        return;
    }
    lines.left("商品信息 GOODS");
    for item in goods.iter().take(GOODS) {
        let name: String = fit(&item.name).chars().take(GOODS_NAME).collect();
        lines.pair(&format!("{name} x{}", quantity(item.quantity)), &amount(item.amount));
    }
    if goods.len() > GOODS {
        lines.left(&format!("… {}", goods.len() - GOODS));
    }
    lines.rule();
}

fn remarks(receipt: &Receipt, notes: &[Note], lines: &mut Lines) {
    lines.left("备注 REFERENCE");
    lines.some("订单号 ORDER", Some(&receipt.reference));
    let original = &receipt.original;
    for note in notes {
        match note {
            Note::Trace => {
                let trace = original.trace.map(|trace| format!("{trace:06}"));
                lines.some("原凭证号 ORIG VOUCHER", trace.as_deref());
            }
            Note::PreAuthCode => lines.some("预授权码 AUTH CODE", original.authorisation_code.as_deref()),
            Note::OriginalPreAuthCode => {
                lines.some("原预授权码 ORIG AUTH", original.authorisation_code.as_deref());
            }
            Note::Rrn => lines.some("原参考号 ORIG REF", original.rrn.as_deref()),
            Note::Date => lines.some("原交易日期 ORIG DATE", original.date.as_deref()),
        }
    }
    if let Some(voucher) = receipt.voucher.as_deref().filter(|voucher| !voucher.trim().is_empty()) {
        lines.pair("付款凭证码 QR VOUCHER", voucher);
        lines.qr(voucher);
    }
    if let Some(note) = receipt.note.as_deref().filter(|note| !note.trim().is_empty()) {
        lines.left(note);
    }
    for text in receipt.host_texts.iter().filter(|text| !text.trim().is_empty()).take(HOST_TEXTS) {
        lines.left(text);
    }
    let Some(chip) = &receipt.chip else { return };
    lines.some("ARQC", chip.arqc.as_deref());
    lines.some("TC", chip.transaction_certificate.as_deref());
    lines.some("TVR", Some(&chip.tvr));
    lines.some("AID", Some(&chip.aid));
    lines.some("TSI", Some(&chip.tsi));
    lines.some("ATC", Some(&chip.atc));
    lines.some("PAN SN", chip.pan_sequence.as_deref());
    lines.some("APPLAB", chip.label.as_deref());
    lines.some("应用首选名", chip.preferred_name.as_deref());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        FullPan, Locale, TransactionType, Verification,
        line::LONGEST,
        sample::{everything, receipt},
        text::text,
    };
    use proptest::prelude::*;

    const PAN: &str = "6212340000000019";

    fn texts(lines: &[Line]) -> Vec<&str> {
        let mut texts = Vec::new();
        for line in lines {
            match line {
                Line::Text { text, .. } | Line::Qr(text) => texts.push(text.as_str()),
                Line::Pair { label, value } => texts.extend([label.as_str(), value]),
                Line::Card { .. } | Line::Rule | Line::Signature(_) | Line::Cut => {}
            }
        }
        texts
    }

    /// The value of a label.
    fn value<'a>(lines: &'a [Line], wanted: &str) -> Option<&'a str> {
        lines.iter().find_map(|line| match line {
            Line::Pair { label, value } if label.starts_with(wanted) => Some(value.as_str()),
            _ => None,
        })
    }

    fn merchant(receipt: &Receipt) -> Vec<Line> {
        layout(receipt, Copy::Merchant, false)
    }

    fn of(transaction_type: TransactionType) -> Receipt {
        Receipt { transaction_type, ..receipt() }
    }

    #[test]
    fn all_copies_but_the_cardholders_are_signed() {
        let signed = |receipt: &Receipt, copy| layout(receipt, copy, false).contains(&Line::Signature(None));
        assert!(signed(&receipt(), Copy::Merchant));
        assert!(signed(&receipt(), Copy::Bank));
        assert!(!signed(&receipt(), Copy::Cardholder));
        let unsigned = Receipt { verification: Verification::NotRequired, ..receipt() };
        assert!(!signed(&unsigned, Copy::Merchant));
        let limit = Verification::NoPin { limit: 100_000 };
        assert!(signed(&Receipt { verification: limit, ..receipt() }, Copy::Merchant));
        // Nobody agrees to pay a balance.
        let lines = merchant(&of(TransactionType::BalanceInquiry));
        assert!(!lines.contains(&Line::Signature(None)));
        assert!(!texts(&lines).iter().any(|text| text.contains("ACKNOWLEDGE")));
    }

    #[test]
    fn nobody_acknowledges_goods_by_an_undo() {
        use TransactionType as T;
        let undoes = [T::Void, T::Refund, T::PreAuthCancel, T::CompletionCancel];
        for transaction_type in T::ALL {
            let lines = merchant(&of(transaction_type));
            let says = |words: &str| texts(&lines).iter().any(|text| text.contains(words));
            let pays = !undoes.contains(&transaction_type) && transaction_type != T::BalanceInquiry;
            assert_eq!(says("ACKNOWLEDGE"), pays, "{}", transaction_type.name());
            assert_eq!(says("同意将其计入本卡账户"), pays, "{}", transaction_type.name());
            // Who has shown a card and no PIN signs for what comes back too.
            let signed = transaction_type != T::BalanceInquiry;
            assert_eq!(lines.contains(&Line::Signature(None)), signed, "{}", transaction_type.name());
        }
    }

    #[test]
    fn the_wording_of_the_verification_is_on_every_copy() {
        let receipt = Receipt { verification: Verification::Device, ..receipt() };
        for copy in [Copy::Merchant, Copy::Bank, Copy::Cardholder] {
            let lines = layout(&receipt, copy, false);
            assert!(texts(&lines).contains(&"移动设备已验证用户，免密免签"));
            assert!(!lines.contains(&Line::Signature(None)));
        }
    }

    #[test]
    fn each_copy_says_whose_it_is() {
        for (copy, heading) in [
            (Copy::Merchant, "商户存根 MERCHANT COPY"),
            (Copy::Bank, "银行存根 BANK COPY"),
            (Copy::Cardholder, "持卡人存根 CARDHOLDER COPY"),
        ] {
            assert_eq!(texts(&layout(&receipt(), copy, false))[1], heading);
        }
    }

    #[test]
    fn marks_stand_where_they_are_due_and_nowhere_else() {
        for (reprint, test, not_yet_authorised) in
            [(false, false, true), (false, true, false), (true, false, false), (true, true, true)]
        {
            let receipt = Receipt { test, not_yet_authorised, ..receipt() };
            let lines = layout(&receipt, Copy::Cardholder, reprint);
            let has = |mark: &str| texts(&lines).iter().any(|text| text.contains(mark));
            assert_eq!(has("****重打印/DUPLICATED****"), reprint);
            assert_eq!(has("***测试/TESTING,凭证无效***"), test);
            assert_eq!(has("尚未经主机授权"), not_yet_authorised);
            assert_eq!(has("NOT YET AUTHORISED"), not_yet_authorised);
        }
    }

    /// Type, what follows its label, the sign of the amount and the notes, as the reference has them.
    #[test]
    fn each_type_prints_its_name_its_sign_and_its_notes() {
        use TransactionType as T;
        const NOTES: [&str; 5] = ["原凭证号", "预授权码", "原预授权码", "原参考号", "原交易日期"];
        type Case = (T, &'static str, &'static str, &'static [(&'static str, &'static str)]);
        let cases: [Case; 15] = [
            (T::Sale, "消费/SALE", "RMB 12.34", &[]),
            (T::Void, "消费撤销/VOID", "RMB -12.34", &[("原凭证号", "000122")]),
            (
                T::Refund,
                "退货/REFUND",
                "RMB -12.34",
                &[("原参考号", "000000000122"), ("原交易日期", "2026/01/01")],
            ),
            (T::PreAuth, "预授权/AUTH", "RMB 12.34", &[]),
            (T::PreAuthIncrement, "追加预授权/AUTH INCREMENT", "RMB 12.34", &[("原预授权码", "A12344")]),
            (T::PreAuthCancel, "预授权撤销/AUTH CANCEL", "RMB 12.34", &[("原预授权码", "A12344")]),
            (T::Completion, "预授权完成(请求)/AUTH COMPLETE", "RMB 12.34", &[("预授权码", "A12344")]),
            (T::CompletionAdvice, "预授权完成(通知)/AUTH COMPLETE", "RMB 12.34", &[("预授权码", "A12344")]),
            (T::CompletionCancel, "预授权完成撤销/COMPLETE VOID", "RMB -12.34", &[("原预授权码", "A12344")]),
            (T::BalanceInquiry, "余额查询/BALANCE", "", &[]),
            (T::OfflineSale, "脱机消费/OFFLINE SALE", "RMB 12.34", &[]),
            (T::OfflineSettlement, "离线结算/OFFLINE SETTLE", "RMB 12.34", &[]),
            (T::Adjustment, "小费/TIP", "RMB 12.34", &[("原凭证号", "000122")]),
            (T::Instalment, "分期付款/INSTALMENT", "RMB 12.34", &[]),
            (T::PhoneOrder, "订购/PHONE ORDER", "RMB 12.34", &[]),
        ];
        assert_eq!(cases.map(|(transaction_type, ..)| transaction_type), T::ALL);
        for (transaction_type, name, printed, notes) in cases {
            let receipt =
                Receipt { transaction_type, tip: None, requested: None, voucher: None, ..everything() };
            let lines = merchant(&receipt);
            assert_eq!(value(&lines, "交易类型"), Some(name));
            let double: Vec<_> = lines
                .iter()
                .filter_map(
                    |line| if let Line::Text { text, double: true, .. } = line { Some(text) } else { None },
                )
                .skip(1)
                .collect();
            assert_eq!(double, if printed.is_empty() { vec![] } else { vec![printed] }, "{name}");
            let found: Vec<_> = NOTES.iter().filter_map(|note| Some((*note, value(&lines, note)?))).collect();
            assert_eq!(found, notes, "{name}");
        }
    }

    #[test]
    fn rule_10_a_full_number_is_on_the_papers_that_the_rules_name() {
        let printed = |receipt: &Receipt, copy| {
            let lines = layout(receipt, copy, false);
            // Neither a window nor anything that shows the lines has it.
            assert!(!text(&lines).contains(PAN) && !format!("{lines:?}").contains(PAN));
            assert!(text(&lines).contains("621234******0019 I"));
            String::from_utf8_lossy(&crate::escpos(&lines)).contains(PAN)
        };
        for transaction_type in TransactionType::ALL {
            let full = Receipt { full_pan: FullPan::new(PAN), ..of(transaction_type) };
            for copy in [Copy::Merchant, Copy::Bank, Copy::Cardholder] {
                assert_eq!(printed(&full, copy), transaction_type.prints_full_pan());
                assert!(!printed(&of(transaction_type), copy));
                let masks = Receipt { mask_cardholder_copy: true, ..full.clone() };
                let expected = transaction_type.prints_full_pan() && copy != Copy::Cardholder;
                assert_eq!(printed(&masks, copy), expected);
            }
            // Another card's number.
            let other = Receipt { full_pan: FullPan::new("6212340000000027"), ..of(transaction_type) };
            assert!(!printed(&other, Copy::Merchant));
            assert!(!String::from_utf8_lossy(&crate::escpos(&merchant(&other))).contains("6212340000000027"));
        }
    }

    #[test]
    fn the_letter_says_how_the_card_was_read() {
        for (entry, letter) in [
            (Entry::Swipe, " S"),
            (Entry::Insert, " I"),
            (Entry::Contactless, " C"),
            (Entry::Manual, " M"),
            (Entry::None, " N"),
        ] {
            let lines = merchant(&Receipt { entry, ..receipt() });
            assert_eq!(value(&lines, "卡号"), Some(format!("621234******0019{letter}").as_str()));
        }
    }

    #[test]
    fn a_qr_payment_has_a_code_instead_of_a_card_and_its_voucher_drawn() {
        let qr = Receipt {
            entry: Entry::Qr,
            masked_pan: "6220000000000000019".to_owned(),
            wallet: Some("wechat".to_owned()),
            voucher: Some("20260102000000000123".to_owned()),
            verification: Verification::Qr,
            chip: None,
            ..receipt()
        };
        let lines = merchant(&qr);
        assert_eq!(value(&lines, "卡号"), None);
        assert_eq!(value(&lines, "付款码"), Some("622000*********0019"));
        assert_eq!(value(&lines, "交易类型"), Some("扫码消费/QR SALE"));
        assert_eq!(value(&lines, "付款凭证码"), Some("20260102000000000123"));
        assert_eq!(value(&lines, "支付方式"), Some("微信支付 WeChat Pay"));
        assert!(lines.contains(&Line::Qr("20260102000000000123".to_owned())));
        assert!(texts(&lines).contains(&"扫码交易,免签名"));
        // The terminal's own code was scanned: there is none of the customer.
        let lines = merchant(&Receipt { masked_pan: String::new(), ..qr });
        assert_eq!(value(&lines, "付款码"), None);
    }

    #[test]
    fn tips_and_parts_add_up() {
        let tipped = Receipt { tip: Some(234), ..receipt() };
        let lines = merchant(&tipped);
        assert_eq!(value(&lines, "金额 AMOUNT"), Some("RMB 10.00"));
        assert_eq!(value(&lines, "小费"), Some("RMB 2.34"));
        assert!(texts(&lines).contains(&"总计 TOTAL") && texts(&lines).contains(&"RMB 12.34"));
        let part = Receipt { requested: Some(2000), instalments: Some(12), ..receipt() };
        let lines = merchant(&part);
        assert_eq!(value(&lines, "应付金额"), Some("RMB 20.00"));
        assert!(texts(&lines).contains(&"***部分批准***") && texts(&lines).contains(&"RMB 12.34"));
        assert_eq!(value(&lines, "分期期数"), Some("12"));
        let lines = merchant(&Receipt { locale: Locale::En, ..part });
        assert!(texts(&lines).contains(&"***PARTIAL APPROVAL***"));
        // What was asked for was approved.
        let lines = merchant(&Receipt { requested: Some(1234), ..receipt() });
        assert_eq!(value(&lines, "应付金额"), None);
    }

    #[test]
    fn a_balance_has_its_sign() {
        let inquiry = |balance| Receipt { balance: Some(balance), ..of(TransactionType::BalanceInquiry) };
        assert_eq!(value(&merchant(&inquiry(123_456)), "余额 BALANCE"), Some("RMB 1234.56"));
        assert_eq!(value(&merchant(&inquiry(-5)), "余额 BALANCE"), Some("RMB -0.05"));
        assert!(value(&merchant(&inquiry(i64::MIN)), "余额 BALANCE").is_some());
        assert!(!texts(&merchant(&inquiry(1))).iter().any(|text| text.contains("12.34")));
    }

    #[test]
    fn goods_are_listed_with_their_quantity() {
        let item = |name: &str, quantity| Goods { name: name.to_owned(), quantity, amount: 600 };
        let goods =
            vec![item("苹果", 500), item("茶", 1000), item("米", 1250), item("盐", 10_000), item("x", 1)];
        let lines = merchant(&Receipt { goods: goods.clone(), ..receipt() });
        for (label, price) in [
            ("苹果 x0.5", "6.00"),
            ("茶 x1", "6.00"),
            ("米 x1.25", "6.00"),
            ("盐 x10", "6.00"),
            ("x x0.001", "6.00"),
        ] {
            assert_eq!(value(&lines, label), Some(price), "{label}");
        }
        let amount = texts(&lines).iter().position(|text| *text == "RMB 12.34");
        assert!(amount < texts(&lines).iter().position(|text| *text == "商品信息 GOODS"));
        let long = merchant(&Receipt { goods: vec![item(&"长".repeat(500), 1000); 1000], ..receipt() });
        assert!(long.len() < 150 && texts(&long).contains(&"… 900"));
        assert!(value(&long, &format!("{} x1", "长".repeat(40))).is_some());
    }

    #[test]
    fn a_signature_from_a_screen_stands_in_its_place() {
        let strokes = everything().strokes;
        let lines = merchant(&Receipt { strokes: strokes.clone(), ..receipt() });
        assert!(lines.contains(&Line::Signature(strokes.clone())));
        assert!(text(&lines).contains("[已电子签名 signed"));
        let lines = layout(&Receipt { strokes, ..receipt() }, Copy::Cardholder, false);
        assert!(!lines.iter().any(|line| matches!(line, Line::Signature(_))));
    }

    #[test]
    fn a_strangers_text_is_cut_off() {
        let long = "长".repeat(5000);
        let receipt = Receipt { note: Some(long.clone()), host_texts: vec![long; 1000], ..receipt() };
        let lines = merchant(&receipt);
        assert!(lines.len() < 50);
        assert!(texts(&lines).iter().all(|text| text.chars().count() <= LONGEST));
    }

    proptest! {
        #[test]
        fn rule_10_no_full_number_is_drawn(pan in "[0-9]{11,19}", stars in 0usize..4) {
            // Not masked, or masked badly.
            let pan: String = pan.chars().enumerate().map(|(at, c)| if at >= 6 && at < 6 + stars { '*' } else { c }).collect();
            let lines = layout(&Receipt { masked_pan: pan, ..receipt() }, Copy::Merchant, true);
            for text in texts(&lines).iter().filter(|text| text.contains('*') && text.ends_with(" I")) {
                prop_assert!(text.chars().filter(char::is_ascii_digit).count() <= 10);
            }
        }
    }
}
