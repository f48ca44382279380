"""Calls what it is told and tells what it hears, through libdbus: one JSON value a line, in and out."""
import json
import sys
import time

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
                        plain(message.get_args_list()), int(time.monotonic() * 1000)])
    return dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED


def bus(member):
    connection.call_blocking("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", member, "", ())


def destination(path):
    """The bus itself has its own object; all others are the terminal's."""
    return "org.freedesktop.DBus" if path == "/org/freedesktop/DBus" else "org.posd.Terminal1"


def call(path, interface, method, signature, arguments):
    try:
        return {"returned": plain(connection.call_blocking(
            destination(path), path, interface, method, signature, arguments, timeout=60.0))}
    except dbus.DBusException as error:
        return {"error": error.get_dbus_name()}


def say(value):
    print(json.dumps(value), flush=True)


def told(_source, _condition):
    line = sys.stdin.readline()
    if not line:
        loop.quit()
        return False
    command = json.loads(line)
    if "call" in command:
        say(call(*command["call"]))
    else:
        # What the bus has for this connection comes in before the answer to a call, and is heard after it.
        bus("GetId")
        GLib.idle_add(lambda: say(signals))
    return True


connection.add_message_filter(hear)
connection.add_match_string("type='signal',path_namespace='/org/posd/Terminal1'")
bus("GetId")
say("ready")
loop = GLib.MainLoop()
GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, told)
loop.run()
