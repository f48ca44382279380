//! What a slip says.

use crate::{
    full_pan::FullPan,
    locale::Locale,
    strokes::Strokes,
    transaction_type::TransactionType,
    verification::{Verification, read_stored},
};
use serde::{Deserialize, Serialize};

/// Whose copy a slip is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Copy {
    /// 商户存根: carries the signature line.
    Merchant,
    /// 银行存根: as the merchant's.
    Bank,
    /// 持卡人存根: no signature line.
    Cardholder,
}

/// How the card was read; the letter behind the card number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// S: swiped.
    Swipe,
    /// I: inserted.
    Insert,
    /// C: contactless.
    Contactless,
    /// M: manual entry.
    Manual,
    /// N: no card.
    None,
    /// 扫码: a QR code, of the customer or of the terminal; no letter.
    Qr,
}

/// What the slip says of the transaction that this one refers to. What is printed of it is the type's matter; what is
/// not known is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Original {
    /// 原凭证号, 1 to 999999.
    pub trace: Option<u32>,
    /// 原参考号, 12 characters.
    pub rrn: Option<String>,
    /// 原交易日期, as it shall stand on the slip: `YYYY/MM/DD` or `MM/DD`.
    pub date: Option<String>,
    /// 预授权码 or 原预授权码, 6 characters.
    pub authorisation_code: Option<String>,
}

/// One line of the goods (商品信息).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goods {
    /// Its name.
    pub name: String,
    /// How many, in thousandths: 500 is half a kilogram, 1000 is one piece.
    pub quantity: u32,
    /// Its price for this quantity, in minor units.
    pub amount: u64,
}

/// The slip of a transaction as data (reference section 6). Stored in the journal: what is stored of it holds nothing
/// that rule 10 forbids there, so the card's expiry is not among its lines. A field that is not in the stored form of
/// an older receipt has its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The transaction type.
    pub transaction_type: TransactionType,
    /// 商户名称.
    pub merchant_name: String,
    /// 商户编号, 15 characters.
    pub merchant: String,
    /// 终端编号, 8 characters.
    pub terminal: String,
    /// 操作员号.
    pub operator: String,
    /// 发卡行: the bank of field 44.1 by its name, else the code.
    pub issuer: Option<String>,
    /// 收单行: the same of field 44.2.
    pub acquirer: Option<String>,
    /// 卡号, masked: first 6, last 4. For a customer's QR code the code, masked; empty where there is none.
    pub masked_pan: String,
    /// How the card was read.
    pub entry: Entry,
    /// 批次号, 1 to 999999.
    pub batch: u32,
    /// 凭证号 = trace number, 1 to 999999.
    pub trace: u32,
    /// 授权码.
    pub authorisation_code: Option<String>,
    /// 交易参考号, 12 characters.
    pub rrn: Option<String>,
    /// 日期/时间, `YYYY/MM/DD HH:MM:SS`.
    pub date_time: String,
    /// 金额 in minor units, always positive: the type says whether it has a minus sign. With a tip it is the total.
    pub amount: u64,
    /// ISO 4217 alphabetic code of the amount.
    pub currency: String,
    /// The app's own reference of the sale.
    pub reference: String,
    /// A line the app asked for.
    pub note: Option<String>,
    /// Texts of the host (field 63.2), decoded.
    pub host_texts: Vec<String>,
    /// The card's data, for chip cards.
    pub chip: Option<Chip>,
    /// How the cardholder was verified: wording and signature line.
    #[serde(alias = "signature", deserialize_with = "read_stored")]
    pub verification: Verification,
    /// The terminal is in test mode: the slip is void.
    pub test: bool,
    /// The language of free texts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub locale: Locale,
    /// The part of the amount that is a tip (小费), in minor units.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tip: Option<u64>,
    /// What was asked for, in minor units, where the host approved a part of it only (部分批准).
    #[serde(default, skip_serializing_if = "is_default")]
    pub requested: Option<u64>,
    /// 分期期数: into how many instalments the amount is split.
    #[serde(default, skip_serializing_if = "is_default")]
    pub instalments: Option<u8>,
    /// 余额 in minor units, negative where the cardholder owes it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub balance: Option<i64>,
    /// The transaction that this one refers to.
    #[serde(default, skip_serializing_if = "is_default")]
    pub original: Original,
    /// 支付方式: the wallet that a QR payment was made with, by its name in the profile.
    #[serde(default, skip_serializing_if = "is_default")]
    pub wallet: Option<String>,
    /// 付款凭证码: what the host gave for a QR payment (field 59, A4), 20 digits.
    #[serde(default, skip_serializing_if = "is_default")]
    pub voucher: Option<String>,
    /// 外卡组织: the card organisation of a foreign card, three letters.
    #[serde(default, skip_serializing_if = "is_default")]
    pub organisation: Option<String>,
    /// The goods.
    #[serde(default, skip_serializing_if = "is_default")]
    pub goods: Vec<Goods>,
    /// Approved by the terminal alone: the host has not authorised it yet.
    #[serde(default, skip_serializing_if = "is_default")]
    pub not_yet_authorised: bool,
    /// The signature that the cardholder drew on a screen.
    #[serde(default, skip_serializing_if = "is_default")]
    pub strokes: Option<Strokes>,
    /// No full card number on the cardholder's copy, whatever the type.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mask_cardholder_copy: bool,
    /// The card number in clear, set at print time only, for the types that print it
    /// ([`TransactionType::prints_full_pan`]). Never stored.
    #[serde(skip)]
    pub full_pan: Option<FullPan>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The chip's lines: hexadecimal as the books write them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chip {
    /// TC (9F26 of the second GENERATE AC), 16 hex digits.
    pub transaction_certificate: Option<String>,
    /// ARQC (9F26 of the first GENERATE AC).
    pub arqc: Option<String>,
    /// AID (84).
    pub aid: String,
    /// TVR (95).
    pub tvr: String,
    /// TSI (9B).
    pub tsi: String,
    /// ATC (9F36).
    pub atc: String,
    /// PAN SN (5F34).
    pub pan_sequence: Option<String>,
    /// APPLAB (50).
    pub label: Option<String>,
    /// 应用首选名 (9F12).
    pub preferred_name: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{everything, receipt};

    /// What the first release stored.
    const FIRST: &str = r#"{"transaction_type":"sale","merchant_name":"示例商户","merchant":"898000000000001","terminal":"00000001","operator":"01","issuer":"01020000","acquirer":"48021000","masked_pan":"621234******0019","entry":"insert","batch":7,"trace":123,"authorisation_code":"A12345","rrn":"000000000123","date_time":"2026/01/02 03:04:05","amount":1234,"currency":"CNY","reference":"order-1","note":null,"host_texts":["谢谢惠顾"],"chip":{"transaction_certificate":"0123456789ABCDEF","arqc":"FEDCBA9876543210","aid":"A000000333010101","tvr":"0080048000","tsi":"E800","atc":"0001","pan_sequence":"001","label":"UnionPay Debit","preferred_name":"银联借记卡"},"signature":true,"test":false}"#;

    #[test]
    fn an_older_receipt_is_read() {
        assert_eq!(serde_json::from_str::<Receipt>(FIRST).unwrap(), receipt());
        let unsigned = FIRST.replace(r#""signature":true"#, r#""signature":false"#);
        let unsigned: Receipt = serde_json::from_str(&unsigned).unwrap();
        assert_eq!(unsigned.verification, Verification::NotRequired);
        let silent = FIRST.replace(r#""signature":true,"#, "");
        assert!(serde_json::from_str::<Receipt>(&silent).is_err());
    }

    /// Receipts lie in journals and go over the bus in this form.
    #[test]
    fn the_stored_form_stays() {
        let stored = FIRST.replace(r#""signature":true"#, r#""verification":"signature""#);
        assert_eq!(serde_json::to_string(&receipt()).unwrap(), stored);
        let more = r#","verification":{"no-pin":{"limit":100000}},"test":false,"locale":"en","tip":200,"requested":2000,"instalments":12,"balance":-5,"original":{"trace":122,"rrn":"000000000122","date":"2026/01/01","authorisation_code":"A12344"},"voucher":"20260102000000000123","organisation":"VIS","goods":[{"name":"苹果","quantity":500,"amount":600}],"not_yet_authorised":true,"strokes":[[[1,2],[3,4]]],"mask_cardholder_copy":true}"#;
        let stored = FIRST.replace(r#","signature":true,"test":false}"#, more);
        assert_eq!(serde_json::to_string(&everything()).unwrap(), stored);
        assert_eq!(
            serde_json::from_str::<Receipt>(&stored).unwrap(),
            Receipt { full_pan: None, ..everything() }
        );
        assert_eq!(
            serde_json::to_string(&[Copy::Merchant, Copy::Bank, Copy::Cardholder]).unwrap(),
            r#"["merchant","bank","cardholder"]"#
        );
    }

    #[test]
    fn rule_10_the_full_number_is_neither_stored_nor_shown() {
        let receipt = everything();
        assert!(receipt.full_pan.is_some());
        let stored = serde_json::to_string(&receipt).unwrap();
        for text in [stored, format!("{receipt:?}")] {
            assert!(!text.contains("6212340000000019"), "{text}");
        }
    }
}
