//! Examples, which the help of each command ends in: what a cashier or an administrator types.

/// The example commands by the path of their command.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("status", &["posctl status", "posctl status --json"]),
    ("sign-in", &["posctl sign-in"]),
    ("sign-out", &["posctl sign-out"]),
    ("operator login", &["posctl operator login 01"]),
    ("operator logout", &["posctl operator logout"]),
    ("operator list", &["posctl operator list"]),
    ("operator add", &["posctl operator add 03"]),
    ("operator delete", &["posctl operator delete 03"]),
    ("operator reset", &["posctl operator reset 03"]),
    ("operator change-password", &["posctl operator change-password 03"]),
    ("operator lock", &["posctl operator lock"]),
    ("operator unlock", &["posctl operator unlock", "posctl operator unlock --supervisor"]),
    (
        "audit verify",
        &[
            "posctl audit verify /var/lib/posd/journal.db",
            "posctl audit verify /var/lib/posd/journal.db --head 48:5153fa3280db8755b5a72d4ad4e81244fe611434e3cc2dc32eafc2a0d01e9675",
        ],
    ),
    ("audit list", &["posctl audit list /var/lib/posd/journal.db --limit 50"]),
    ("audit head", &["posctl audit head"]),
    ("download", &["posctl download", "posctl download ca-keys"]),
    ("setup", &["posctl setup", "posctl setup --from fleet.toml --check"]),
    ("diagnose", &["posctl diagnose"]),
    ("present-code", &["posctl present-code 3"]),
    ("code", &["posctl code 3", "posctl code 3 --png code.png"]),
    ("show", &["posctl show 3", "posctl show --reference order-1"]),
    ("list", &["posctl list --limit 50"]),
    ("results", &["posctl results"]),
    ("acknowledge", &["posctl acknowledge 3"]),
    ("cancel", &["posctl cancel 3"]),
    ("confirm", &["posctl confirm 3"]),
    ("sign", &["posctl sign 3 strokes.json"]),
    ("select", &["posctl select 3 0"]),
    ("settle", &["posctl settle"]),
    ("settle show", &["posctl settle show", "posctl settle show 7"]),
    ("settle export", &["posctl settle export 7"]),
    ("settle match", &["posctl settle match host.csv --batch 7"]),
    ("settle slip", &["posctl settle slip", "posctl settle slip 7 --details"]),
    ("settle print", &["posctl settle print 7 --details"]),
    ("queue", &["posctl queue"]),
    ("queue list", &["posctl queue list needs-action"]),
    ("queue forward", &["posctl queue forward"]),
    ("queue retry", &["posctl queue retry 2"]),
    (
        "queue resolve",
        &["posctl queue resolve 2 --not-booked", "posctl queue resolve 2 --booked --rrn 112701000010"],
    ),
    ("offline", &["posctl offline"]),
    ("reversals", &["posctl reversals"]),
    ("resolve", &["posctl resolve 7 --booked --rrn 112701000010", "posctl resolve 7 --not-booked"]),
    ("print", &["posctl print 3", "posctl print 3 merchant"]),
    ("receipt", &["posctl receipt 3", "posctl receipt 3 --png receipt.png"]),
    ("till", &["posctl till"]),
    (
        "decode",
        &[
            "posctl decode tvr 0080048000",
            "posctl decode tlv 9F2608E0F56331D135EDF2",
            "posctl decode iso8583 003C6004…",
        ],
    ),
    ("sale", &["posctl sale 12.34 --reference order-1"]),
    (
        "void",
        &[
            "posctl void --reference undo-1 --original order-1",
            "posctl void 12.34 --reference undo-1 --trace 2",
        ],
    ),
    (
        "refund",
        &[
            "posctl refund 5.00 --reference back-1 --original order-1",
            "posctl refund 5.00 --reference back-2 --rrn 112701000002 --date 0131",
        ],
    ),
    ("pre-auth", &["posctl pre-auth 300 --reference room-1"]),
    ("pre-auth-cancel", &["posctl pre-auth-cancel --reference no-room-1 --original room-1"]),
    ("completion", &["posctl completion 280.50 --reference checkout-1 --original room-1"]),
    ("completion-advice", &["posctl completion-advice 280.50 --reference checkout-1 --original room-1"]),
    ("completion-cancel", &["posctl completion-cancel --reference no-checkout-1 --original checkout-1"]),
    ("balance-inquiry", &["posctl balance-inquiry --reference ask-1"]),
    ("offline-sale", &["posctl offline-sale 12.34 --reference order-7"]),
    ("tip", &["posctl tip 2.00 --reference tip-1 --original order-1"]),
    ("instalment", &["posctl instalment 1200 --reference sofa-1 --instalments 6"]),
    ("phone-order", &["posctl phone-order 12.34 --reference call-1"]),
    (
        "qr-scan",
        &[
            "posctl qr-scan 8.80 --reference order-2",
            "posctl qr-scan 8.80 --reference order-2 --code-on-stdin",
        ],
    ),
    ("qr-show", &["posctl qr-show 5.00 --reference order-3"]),
    ("sim card insert", &["posctl sim card insert", "posctl sim card insert credit"]),
    ("sim card remove", &["posctl sim card remove"]),
    ("sim card tap", &["posctl sim card tap", "posctl sim card tap phone", "posctl sim card tap --torn 3"]),
    ("sim card swipe", &["posctl sim card swipe", "posctl sim card swipe chip"]),
    ("sim card collide", &["posctl sim card collide"]),
    ("sim card leave", &["posctl sim card leave"]),
    ("sim pin", &["posctl sim pin 1234", "posctl sim pin cancel"]),
    ("sim password", &["posctl sim password 01 1357", "posctl sim password 03 8642 --new"]),
    ("sim typed-card", &["posctl sim typed-card 6212340000000019 3012"]),
    ("sim scan", &["posctl sim scan 134567890123456789"]),
    ("sim paper", &["posctl sim paper out", "posctl sim paper in"]),
    ("sim auto", &["posctl sim auto on"]),
    ("sim host delay", &["posctl sim host delay 5000"]),
    ("sim host drop", &["posctl sim host drop sale"]),
    ("sim host drop-answer", &["posctl sim host drop-answer sale"]),
    ("sim host decline", &["posctl sim host decline 05"]),
    ("sim host fault", &["posctl sim host fault wrong-mac"]),
    ("sim host pay", &["posctl sim host pay 5"]),
    ("sim host clear", &["posctl sim host clear"]),
    ("sim host ledger", &["posctl sim host ledger"]),
];

/// The examples of a command, by its path.
pub(crate) fn of(path: &str) -> &'static [&'static str] {
    EXAMPLES.iter().find(|(name, _)| *name == path).map_or(&[], |(_, examples)| examples)
}

/// Every path that has examples.
#[cfg(test)]
pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    EXAMPLES.iter().map(|(path, _)| *path)
}
