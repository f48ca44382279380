"""Calls what it is told and tells what it hears, through GDBus: one JSON value a line, in and out."""
import json
import sys
import time

from gi.repository import Gio, GLib

connection = Gio.DBusConnection.new_for_address_sync(
    sys.argv[1],
    Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
signals = []


def hear(_connection, _sender, path, interface, member, arguments):
    if path.startswith("/org/posd"):
        signals.append([path, interface, member, list(arguments.unpack()), int(time.monotonic() * 1000)])


def bus(member, signature="()", arguments=()):
    connection.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", member,
                         GLib.Variant(signature, arguments), None, Gio.DBusCallFlags.NONE, -1, None)


def given(value):
    """A dictionary's values are variants; everything else is as the signature says."""
    kinds = {bool: "b", int: "u", str: "s"}
    if isinstance(value, dict):
        return {key: GLib.Variant(kinds[type(inner)], inner) for key, inner in value.items()}
    return value


def destination(path):
    """The bus itself has its own object; all others are the terminal's."""
    return "org.freedesktop.DBus" if path == "/org/freedesktop/DBus" else "org.posd.Terminal1"


def call(path, interface, method, signature, arguments):
    try:
        answer = connection.call_sync(
            destination(path), path, interface, method,
            GLib.Variant(f"({signature})", [given(argument) for argument in arguments]), None,
            Gio.DBusCallFlags.NONE, 60000, None).unpack()
    except GLib.Error as error:
        return {"error": Gio.DBusError.get_remote_error(error)}
    return {"returned": answer[0] if len(answer) == 1 else list(answer) if answer else None}


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


connection.signal_subscribe(None, None, None, None, None, Gio.DBusSignalFlags.NO_MATCH_RULE, hear)
bus("AddMatch", "(s)", ("type='signal',path_namespace='/org/posd/Terminal1'",))
say("ready")
loop = GLib.MainLoop()
GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN | GLib.IOCondition.HUP, told)
loop.run()
