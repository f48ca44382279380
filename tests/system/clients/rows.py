"""Prints every row of a journal, as SQL, without writing to it."""
import sqlite3
import sys

database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
for line in database.iterdump():
    print(line)
