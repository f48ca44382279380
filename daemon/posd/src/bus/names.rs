//! Every wire name, once: what the daemon answers to and what it describes of itself come from these tables.

/// The bus name.
pub(crate) const NAME: &str = "org.posd.Terminal1";
/// The terminal's object.
pub(crate) const TERMINAL: &str = "/org/posd/Terminal1";
/// The transactions' parent; an object's path is this, a slash, and its number.
pub(crate) const TRANSACTIONS: &str = "/org/posd/Terminal1/transaction";
/// The settlements' parent; an object's path is this, a slash, and its batch.
pub(crate) const SETTLEMENTS: &str = "/org/posd/Terminal1/settlement";
/// What errors are named after.
pub(crate) const ERROR: &str = "org.posd.Error";
pub(crate) const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
pub(crate) const INTROSPECTABLE: &str = "org.freedesktop.DBus.Introspectable";
pub(crate) const PEER: &str = "org.freedesktop.DBus.Peer";

/// A named value and its signature.
pub(crate) type Argument = (&'static str, &'static str);

/// A method: arguments in, arguments out.
#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) input: &'static [Argument],
    pub(crate) output: &'static [Argument],
}

/// A signal.
#[derive(Debug)]
pub(crate) struct Signal {
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static [Argument],
}

/// An interface. Every property can be read and none written.
#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) name: &'static str,
    pub(crate) methods: &'static [Method],
    pub(crate) properties: &'static [Argument],
    pub(crate) signals: &'static [Signal],
}

macro_rules! methods {
    ($($name:literal ($($in:literal: $in_type:literal),*) -> ($($out:literal: $out_type:literal),*);)*) => {
        &[$(Method { name: $name, input: &[$(($in, $in_type)),*], output: &[$(($out, $out_type)),*] }),*]
    };
}

/// `org.posd.Terminal1`.
pub(crate) static TERMINAL_INTERFACE: Interface = Interface {
    name: "org.posd.Terminal1",
    methods: methods! {
        "CreateTransaction"("reference": "s", "kind": "s", "amount": "t", "currency": "s", "options": "a{sv}")
            -> ("transaction": "o");
        "NewAttempt"("reference": "s") -> ("transaction": "o");
        "FindTransaction"("reference": "s") -> ("transaction": "o");
        "GetTransaction"("id": "t") -> ("transaction": "o");
        "ListTransactions"("before": "t", "limit": "u") -> ("transactions": "aa{sv}");
        "UnacknowledgedResults"() -> ("transactions": "aa{sv}");
        "AcknowledgeResult"("id": "t") -> ();
        "PendingReversals"() -> ("reversals": "aa{sv}");
        "Resolve"("id": "t", "booked": "b", "numbers": "a{sv}", "authority": "s") -> ();
        "ForwardNow"() -> ("left": "u");
        "ListQueue"("filter": "s") -> ("rows": "aa{sv}");
        "OfflineReadiness"() -> ("readiness": "a{sv}");
        "RetryQueued"("advice": "t") -> ();
        "ResolveQueued"("advice": "t", "booked": "b", "numbers": "a{sv}", "authority": "s") -> ();
        "SignIn"() -> ();
        "SignOut"() -> ();
        "LogIn"("operator": "s", "password": "s") -> ();
        "LogOut"() -> ();
        "Lock"() -> ();
        "Unlock"("operator": "s", "password": "s") -> ();
        "ChangePassword"("operator": "s", "old": "s", "new": "s") -> ();
        "AddOperator"("operator": "s", "authority": "s") -> ();
        "DeleteOperator"("operator": "s", "authority": "s") -> ();
        "ResetPassword"("operator": "s", "authority": "s") -> ();
        "ListOperators"() -> ("operators": "a(sbb)");
        "AuditHead"() -> ("sequence": "t", "hash": "s");
        "Download"("set": "s") -> ();
        "Diagnose"() -> ("checks": "a(sbsa{ss}a{ss})");
        "Settle"() -> ("settlement": "o");
        "GetSettlement"("batch": "u") -> ("settlement": "o");
    },
    properties: &[
        ("State", "s"),
        ("Reasons", "as"),
        ("ReasonTexts", "a{ss}"),
        ("MerchantName", "s"),
        ("MerchantNumber", "s"),
        ("TerminalNumber", "s"),
        ("HelpLine", "s"),
        ("Operator", "s"),
        ("Locked", "b"),
        ("SignedIn", "b"),
        ("BatchNumber", "u"),
        ("PendingReversalCount", "u"),
        ("UnresolvedRefundCount", "u"),
        ("QueueLength", "u"),
        ("NeedsActionCount", "u"),
        ("HostRequirement", "y"),
        ("UpdateRequested", "b"),
        ("UpdateSafe", "b"),
        ("Downloads", "a(ssuuxs)"),
        ("Version", "s"),
    ],
    signals: &[],
};

/// `org.posd.Terminal1.Transaction`.
pub(crate) static TRANSACTION_INTERFACE: Interface = Interface {
    name: "org.posd.Terminal1.Transaction",
    methods: methods! {
        "Start"() -> ();
        "Cancel"() -> ("answer": "s");
        "SelectApplication"("index": "u") -> ();
        "Confirm"() -> ();
        "Sign"("strokes": "aa(yy)") -> ();
        "PresentCode"("code": "s") -> ();
        "PrintReceipt"("copy": "s") -> ("job": "t");
        "PrintJobs"() -> ("jobs": "a(tsbs)");
        "Receipt"() -> ("data": "s", "text": "s");
    },
    properties: &[
        ("Id", "t"),
        ("Reference", "s"),
        ("Attempt", "u"),
        ("Kind", "s"),
        ("Amount", "t"),
        ("Currency", "s"),
        ("State", "s"),
        ("Sequence", "t"),
        ("Prompt", "s"),
        ("PromptText", "a{ss}"),
        ("Deadline", "x"),
        ("QueuePosition", "u"),
        ("PinDigits", "y"),
        ("Candidates", "as"),
        ("Code", "s"),
        ("Outcome", "s"),
        ("Result", "a{sv}"),
    ],
    signals: &[
        Signal { name: "Finished", arguments: &[("sequence", "t"), ("outcome", "s"), ("result", "a{sv}")] },
        Signal {
            name: "PrintJobChanged",
            arguments: &[("job", "t"), ("copy", "s"), ("reprint", "b"), ("state", "s")],
        },
    ],
};

/// `org.posd.Terminal1.Settlement`.
pub(crate) static SETTLEMENT_INTERFACE: Interface = Interface {
    name: "org.posd.Terminal1.Settlement",
    methods: methods! {
        "Lines"() -> ("lines": "aa{sv}");
        "MatchDetails"("lines": "a(usts)") -> ("mismatches": "aa{sv}");
        "Slip"("what": "s") -> ("data": "s", "text": "s");
        "Print"("what": "s") -> ("job": "t");
    },
    properties: &[
        ("Batch", "u"),
        ("State", "s"),
        ("Step", "s"),
        ("Sequence", "t"),
        ("Progress", "(uu)"),
        ("NextTry", "x"),
        ("Result", "a{sv}"),
        ("Mismatches", "aa{sv}"),
        ("Fees", "a{sv}"),
    ],
    signals: &[
        Signal { name: "Finished", arguments: &[("sequence", "t"), ("outcome", "s"), ("result", "a{sv}")] },
        Signal {
            name: "PrintJobChanged",
            arguments: &[("job", "t"), ("what", "s"), ("reprint", "b"), ("state", "s")],
        },
    ],
};

/// The standard interfaces that every object here has.
pub(crate) static STANDARD_INTERFACES: [Interface; 3] = [
    Interface {
        name: PROPERTIES,
        methods: methods! {
            "Get"("interface_name": "s", "property_name": "s") -> ("value": "v");
            "GetAll"("interface_name": "s") -> ("props": "a{sv}");
            "Set"("interface_name": "s", "property_name": "s", "value": "v") -> ();
        },
        properties: &[],
        signals: &[Signal {
            name: "PropertiesChanged",
            arguments: &[
                ("interface_name", "s"),
                ("changed_properties", "a{sv}"),
                ("invalidated_properties", "as"),
            ],
        }],
    },
    Interface {
        name: INTROSPECTABLE,
        methods: methods! { "Introspect"() -> ("xml_data": "s"); },
        properties: &[],
        signals: &[],
    },
    Interface {
        name: PEER,
        methods: methods! { "Ping"() -> (); "GetMachineId"() -> ("machine_uuid": "s"); },
        properties: &[],
        signals: &[],
    },
];

/// The path of a transaction's object.
pub(crate) fn transaction_path(id: u64) -> String {
    format!("{TRANSACTIONS}/{id}")
}

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    /// A parent with nothing of its own but the child of that name, if any is told.
    Parent(Option<&'static str>),
    /// The terminal.
    Terminal,
    /// A transaction, which may or may not be the caller's.
    Transaction(u64),
    /// The settlement of a batch, which may or may not be there.
    Settlement(u32),
}

/// The node of a path; `None` where there cannot be one.
pub(crate) fn node(path: &str) -> Option<Node> {
    Some(match path {
        "/" => Node::Parent(Some("org")),
        "/org" => Node::Parent(Some("posd")),
        "/org/posd" => Node::Parent(Some("Terminal1")),
        TERMINAL => Node::Terminal,
        // Lists nobody's transactions.
        TRANSACTIONS | SETTLEMENTS => Node::Parent(None),
        _ => match path.strip_prefix(SETTLEMENTS).and_then(|rest| rest.strip_prefix('/')) {
            Some(batch) => Node::Settlement(number(batch)?),
            None => Node::Transaction(number(path.strip_prefix(TRANSACTIONS)?.strip_prefix('/')?)?),
        },
    })
}

/// One spelling for each object.
fn number<N: std::str::FromStr + ToString>(text: &str) -> Option<N> {
    text.parse().ok().filter(|number: &N| number.to_string() == text)
}

/// A node's description of itself.
pub(crate) fn introspection(node: Node) -> String {
    let mut xml = String::from(
        "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n \
         \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n",
    );
    let (own, children): (&[&Interface], Vec<&str>) = match node {
        Node::Parent(child) => (&[], child.into_iter().collect()),
        Node::Terminal => (&[&TERMINAL_INTERFACE], vec!["settlement", "transaction"]),
        Node::Transaction(_) => (&[&TRANSACTION_INTERFACE], Vec::new()),
        Node::Settlement(_) => (&[&SETTLEMENT_INTERFACE], Vec::new()),
    };
    for interface in own.iter().copied().chain(&STANDARD_INTERFACES) {
        describe(interface, &mut xml);
    }
    for child in children {
        xml.push_str(&format!("  <node name=\"{child}\"/>\n"));
    }
    xml.push_str("</node>\n");
    xml
}

fn describe(interface: &Interface, xml: &mut String) {
    xml.push_str(&format!("  <interface name=\"{}\">\n", interface.name));
    let arguments = |list: &[Argument], direction: &str| {
        list.iter()
            .map(|(name, signature)| {
                format!("      <arg name=\"{name}\" type=\"{signature}\"{direction}/>\n")
            })
            .collect::<String>()
    };
    for method in interface.methods {
        let body =
            arguments(method.input, " direction=\"in\"") + &arguments(method.output, " direction=\"out\"");
        xml.push_str(&format!("    <method name=\"{}\">\n{body}    </method>\n", method.name));
    }
    for (name, signature) in interface.properties {
        xml.push_str(&format!("    <property name=\"{name}\" type=\"{signature}\" access=\"read\"/>\n"));
    }
    for signal in interface.signals {
        let body = arguments(signal.arguments, "");
        xml.push_str(&format!("    <signal name=\"{}\">\n{body}    </signal>\n", signal.name));
    }
    xml.push_str("  </interface>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_for_each_object() {
        assert_eq!(node("/org/posd/Terminal1/transaction/7"), Some(Node::Transaction(7)));
        assert_eq!(node("/org/posd/Terminal1/transaction/07"), None);
        assert_eq!(node("/org/posd/Terminal1/transaction/+7"), None);
        assert_eq!(node("/org/posd/Terminal1/transactions"), None);
        assert_eq!(node("/org/posd/Terminal1/settlement/12"), Some(Node::Settlement(12)));
        assert_eq!(node("/org/posd/Terminal1/settlement/012"), None);
        assert_eq!(node("/org/posd/Terminal1/settlement"), Some(Node::Parent(None)));
        assert_eq!(node("/com"), None);
    }
}
