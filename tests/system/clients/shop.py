"""A storefront app in Python: sells once and says what it saw, one word a line. It uses nothing of posd's own code."""

import json
import socket
import sys

import dbus
import dbus.bus
import dbus.mainloop.glib
from gi.repository import GLib

address, devices, reference, amount = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
NAME, PATH = "org.posd.Terminal1", "/org/posd/Terminal1"
TRANSACTION, PROPERTIES = "org.posd.Terminal1.Transaction", "org.freedesktop.DBus.Properties"


def tell(**command):
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(devices)
        line.sendall((json.dumps(command) + "\n").encode())
        return json.loads(line.makefile().readline())


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.bus.BusConnection(address)
terminal = dbus.Interface(bus.get_object(NAME, PATH, introspect=False), NAME)
path = terminal.CreateTransaction(
    reference, "sale", dbus.UInt64(amount), "CNY", dbus.Dictionary({"locale": "en"}, signature="sv")
)
loop = GLib.MainLoop()
sequence = 0


def changed(interface, properties, invalidated):
    global sequence
    assert interface == TRANSACTION
    if "Sequence" in properties:
        assert properties["Sequence"] > sequence, "the sequence number does not grow"
        sequence = int(properties["Sequence"])
    state = properties.get("State")
    if state:
        print("state", state, flush=True)
    if state == "waiting-card":
        tell(card="insert")
    if state == "waiting-removal":
        tell(card="remove")


def finished(number, outcome, result):
    assert number == sequence, "Finished comes with the last change's number"
    print("finished", outcome, result.get("cause"), flush=True)
    loop.quit()


bus.add_signal_receiver(changed, "PropertiesChanged", PROPERTIES, path=path)
bus.add_signal_receiver(finished, "Finished", TRANSACTION, path=path)
dbus.Interface(bus.get_object(NAME, path, introspect=False), TRANSACTION).Start()
GLib.timeout_add_seconds(30, loop.quit)
loop.run()
