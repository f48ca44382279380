"""Calls what it is told and tells what it hears: one JSON value a line, in and out."""
import json
import sys

import dbus
import dbus.lowlevel
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

connection = dbus.bus.BusConnection(sys.argv[1], mainloop=DBusGMainLoop())
signals = []


def plain(value):
    """A D-Bus value as JSON has it."""
    if isinstance(value, dbus.Boolean):
        return bool(value)
    if isinstance(value, (dbus.Byte, int)):
        return int(value)
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return str(value)


def hear(_connection, message):
    if message.get_type() == 4 and message.get_path().startswith("/org/posd"):
        signals.append([message.get_path(), message.get_interface(), message.get_member(),
                        plain(message.get_args_list())])
    return dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED


def call(path, interface, method, signature, arguments):
    try:
        return {"returned": plain(connection.call_blocking(
            "org.posd.Terminal1", path, interface, method, signature, arguments, timeout=60.0))}
    except dbus.DBusException as error:
        return {"error": error.get_dbus_name()}


def say(value):
    print(json.dumps(value), flush=True)


connection.add_message_filter(hear)
connection.add_match_string("type='signal',path_namespace='/org/posd/Terminal1'")
connection.call_blocking("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId", "", ())
say("ready")
for line in sys.stdin:
    command = json.loads(line)
    if "call" in command:
        say(call(*command["call"]))
    else:
        # What the bus has for this connection comes in before the answer to a call.
        connection.call_blocking("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId",
                                 "", ())
        while GLib.MainContext.default().iteration(False):
            pass
        say(signals)
