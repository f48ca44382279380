//! Every slip that a terminal prints.

use crate::{
    data::{Copy, Receipt},
    detail_list::DetailList,
    initialisation::Initialisation,
    layout::layout,
    line::Line,
    reversal_fault::ReversalFault,
    settlement::Settlement,
};
use serde::{Deserialize, Serialize};

/// A slip as data; the rest of it is its kind's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Slip {
    /// 签购单: of a transaction.
    Receipt(Box<Receipt>),
    /// 冲正不成功: a reversal that failed.
    ReversalFault(ReversalFault),
    /// 结算单.
    Settlement(Settlement),
    /// 交易明细.
    DetailList(DetailList),
    /// The terminal's set-up.
    Initialisation(Initialisation),
}

impl Slip {
    /// The lines of the slip. `copy` matters to a receipt only; `reprint` adds the mark of one that may have been
    /// printed before.
    pub fn lines(&self, copy: Copy, reprint: bool) -> Vec<Line> {
        match self {
            Slip::Receipt(receipt) => layout(receipt, copy, reprint),
            Slip::ReversalFault(slip) => slip.lines(reprint),
            Slip::Settlement(slip) => slip.lines(reprint),
            Slip::DetailList(slip) => slip.lines(reprint),
            Slip::Initialisation(slip) => slip.lines(reprint),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{sample::slips, text};

    /// The texts in the order that the slips take them.
    fn sample() -> [Slip; 4] {
        let texts = [
            "示例商户",
            "898000000000001",
            "00000001",
            "01",
            "2026/01/02 03:04:05",
            "621234******0019",
            "CNY",
            "order-1",
            "95516",
            "CNY",
            "CUP",
            "VIS",
            "01",
            "CNY",
            "621234******0019",
            "A12345",
            "621234******0027",
            "host-a.example:5000",
            "host-b.example:5000",
            "6000060000",
            "demo",
        ];
        slips(texts.map(str::to_owned).to_vec())
    }

    fn printed(place: usize) -> String {
        text(&sample()[place].lines(Copy::Merchant, false))
    }

    #[test]
    fn a_failed_reversal() {
        let expected = "
     冲正不成功,请人工处理
        REVERSAL FAILED
     ***故障单,非凭证联***
   FAULT SLIP, NOT A RECEIPT
  ***测试/TESTING,凭证无效***
--------------------------------
商户名称 MERCHANT NAME  示例商户
商户编号 MERCHANT NO
                 898000000000001
终端编号 TERMINAL NO    00000001
操作员号 OPERATOR NO          01
日期/时间    2026/01/02 03:04:05
卡号 CARD NO  621234******0019 I
交易类型 TXN TYPE      消费/SALE
批次号 BATCH NO           000007
凭证号 VOUCHER NO         000123
订单号 ORDER             order-1
--------------------------------
金额 AMOUNT
           RMB 12.34
--------------------------------
此交易可能已扣款,冲正尚未成功。
请勿重复收款,并与收单机构联系。
客服电话 HELP LINE         95516
";
        assert_eq!(printed(0), expected[1..]);
    }

    #[test]
    fn a_settlement() {
        let expected = "
             结算单
           SETTLEMENT
  ***测试/TESTING,凭证无效***
--------------------------------
商户名称 MERCHANT NAME  示例商户
商户编号 MERCHANT NO
                 898000000000001
终端编号 TERMINAL NO    00000001
操作员号 OPERATOR NO          01
日期/时间    2026/01/02 03:04:05
批次号 BATCH NO           000007
货币 CURRENCY                RMB
--------------------------------
内卡 DOMESTIC CARDS  平 BALANCED
借记 DEBIT 3               37.02
贷记 CREDIT 1              12.34
--------------------------------
外卡 FOREIGN CARDS
                 不平 UNBALANCED
借记 DEBIT 3               37.02
贷记 CREDIT 1              12.34
--------------------------------
按类型 BY TYPE
消费/SALE 2                24.68
退货/REFUND 1              12.34
--------------------------------
按卡组织 BY CARD ORGANISATION
CUP 2                      24.68
VIS 2                      24.68
--------------------------------
按操作员 BY OPERATOR
01 2                       24.68
--------------------------------
其中扫码 QR PAYMENTS
扫码消费/QR SALE 2         24.68
--------------------------------
预估手续费 ESTIMATED FEES   0.15
";
        assert_eq!(printed(1), expected[1..]);
    }

    #[test]
    fn a_list_of_details() {
        let expected = "
            交易明细
      TRANSACTION DETAILS
  ***测试/TESTING,凭证无效***
--------------------------------
商户名称 MERCHANT NAME  示例商户
商户编号 MERCHANT NO
                 898000000000001
终端编号 TERMINAL NO    00000001
操作员号 OPERATOR NO          01
日期/时间    2026/01/02 03:04:05
批次号 BATCH NO           000007
货币 CURRENCY                RMB
--------------------------------
000123 消费               A12345
621234******0019 I         12.34
000123 退货
621234******0027 I        -12.34
--------------------------------
笔数 COUNT                     2
";
        assert_eq!(printed(2), expected[1..]);
    }

    #[test]
    fn an_initialisation() {
        let expected = "
           终端初始化
    TERMINAL INITIALISATION
  ***测试/TESTING,凭证无效***
--------------------------------
商户名称 MERCHANT NAME  示例商户
商户编号 MERCHANT NO
                 898000000000001
终端编号 TERMINAL NO    00000001
操作员号 OPERATOR NO          01
日期/时间    2026/01/02 03:04:05
--------------------------------
主机 HOST 1  host-a.example:5000
主机 HOST 2  host-b.example:5000
TPDU                  6000060000
参数 PROFILE                demo
批次号 BATCH NO           000007
";
        assert_eq!(printed(3), expected[1..]);
    }

    #[test]
    fn every_slip_is_stored_and_read() {
        for slip in sample() {
            let stored = serde_json::to_string(&slip).unwrap();
            assert_eq!(serde_json::from_str::<Slip>(&stored).unwrap(), slip);
        }
        let receipt = Slip::Receipt(Box::new(crate::sample::receipt()));
        let stored = serde_json::to_string(&receipt).unwrap();
        assert!(stored.starts_with(r#"{"receipt":{"transaction_type":"sale""#));
        assert_eq!(serde_json::from_str::<Slip>(&stored).unwrap(), receipt);
    }

    #[test]
    fn rule_10_a_number_that_came_unmasked_is_masked() {
        for slip in slips(vec!["6212340000000019".to_owned(); 21]) {
            for line in slip.lines(Copy::Merchant, false) {
                if let Line::Pair { label, value } = line {
                    let both = format!("{label} {value}");
                    assert!(!both.contains("6212340000000019 I"), "{both}");
                }
            }
        }
    }

    #[test]
    fn a_copy_of_any_slip_is_marked() {
        for slip in sample() {
            let marked =
                |reprint| text(&slip.lines(Copy::Merchant, reprint)).contains("****重打印/DUPLICATED****");
            assert!(marked(true) && !marked(false));
        }
    }
}
