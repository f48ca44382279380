"""A sale as a storefront app in Python makes it: create, subscribe, start. Prints each signal as JSON."""
import json
import sys

import dbus
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

address, reference, amount = sys.argv[1:]
bus = dbus.bus.BusConnection(address, mainloop=DBusGMainLoop())
terminal = dbus.Interface(bus.get_object("org.posd.Terminal1", "/org/posd/Terminal1", introspect=False),
                          "org.posd.Terminal1")
path = terminal.CreateTransaction(reference, "sale", dbus.UInt64(amount), "CNY",
                                  dbus.Dictionary({"locale": "en"}, signature="sv"))
transaction = bus.get_object("org.posd.Terminal1", path, introspect=False)
loop = GLib.MainLoop()


def changed(_interface, properties, _invalidated):
    print(json.dumps({"changed": {"Sequence": int(properties["Sequence"]),
                                  "State": str(properties["State"]) if "State" in properties else None}}))


def finished(sequence, outcome, result):
    print(json.dumps({"finished": int(sequence), "outcome": str(outcome), "rrn": str(result.get("rrn", ""))}))
    # Whatever comes after the end is told too.
    GLib.timeout_add(300, loop.quit)


transaction.connect_to_signal("PropertiesChanged", changed, dbus_interface="org.freedesktop.DBus.Properties")
transaction.connect_to_signal("Finished", finished, dbus_interface="org.posd.Terminal1.Transaction")
transaction.Start(dbus_interface="org.posd.Terminal1.Transaction")
GLib.timeout_add_seconds(25, loop.quit)
loop.run()
print(json.dumps({"path": str(path)}))
