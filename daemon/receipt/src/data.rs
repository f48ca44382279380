//! What a slip says.

use serde::{Deserialize, Serialize};

/// Whose copy a slip is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Copy {
    /// 商户存根: carries the signature line.
    Merchant,
    /// 持卡人存根: no signature line.
    Cardholder,
}

/// The transaction type as the slip names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransactionType {
    /// 消费/SALE.
    Sale,
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
}

/// A slip as data (reference section 6). Stored in the journal: it holds nothing that rule 10 forbids there, so the
/// card's expiry is not among its lines.
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
    /// 发卡行: field 44.1.
    pub issuer: Option<String>,
    /// 收单行: field 44.2.
    pub acquirer: Option<String>,
    /// 卡号, masked: first 6, last 4.
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
    /// 金额 in minor units.
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
    /// The cardholder must sign.
    pub signature: bool,
    /// The terminal is in test mode: the slip is void.
    pub test: bool,
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
    use crate::sample::receipt;

    /// Receipts lie in journals and go over the bus in this form.
    #[test]
    fn the_stored_form_stays() {
        let stored = r#"{"transaction_type":"sale","merchant_name":"示例商户","merchant":"898000000000001","terminal":"00000001","operator":"01","issuer":"01020000","acquirer":"48021000","masked_pan":"621234******0019","entry":"insert","batch":7,"trace":123,"authorisation_code":"A12345","rrn":"000000000123","date_time":"2026/01/02 03:04:05","amount":1234,"currency":"CNY","reference":"order-1","note":null,"host_texts":["谢谢惠顾"],"chip":{"transaction_certificate":"0123456789ABCDEF","arqc":"FEDCBA9876543210","aid":"A000000333010101","tvr":"0080048000","tsi":"E800","atc":"0001","pan_sequence":"001","label":"UnionPay Debit","preferred_name":"银联借记卡"},"signature":true,"test":false}"#;
        assert_eq!(serde_json::to_string(&receipt()).unwrap(), stored);
        assert_eq!(serde_json::from_str::<Receipt>(stored).unwrap(), receipt());
        assert_eq!(
            serde_json::to_string(&[Copy::Merchant, Copy::Cardholder]).unwrap(),
            r#"["merchant","cardholder"]"#
        );
    }
}
