#!/usr/bin/env bash
# One would guess: a number that is written otherwise than the tool expects stays a text, or is refused; `1,5` is 1.5 or nothing.
# What happens: csvkit (agate) first removes every comma as a separator of thousands, wherever it stands: 1,5 is 15, 2,25 is 225, and
#   1.234,5 is 1.2345. The column is made a number, and csvsql creates and fills a table with it. 50% is 50. With --locale de_DE the
#   same file is right, and the English one is wrong by the same rule: 1.5 is 15.
# Why it matters: half of Europe's meters write a decimal comma. The factor depends on how many digits stand behind it, so one column is
#   wrong by 10 here and by 100 there, never by so much everywhere that a check of units would find it; the exit code is 0.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check csvkit==2.2.0 agate==1.14.2
cd "$work"
cat >german.csv <<'CSV'
meter;power;energy;share
m1;1,5;1.234,5;50%
m2;2,25;2.345,75;5%
CSV
cat >english.csv <<'CSV'
meter;power;energy;share
m1;1.5;1,234.5;50%
m2;2.25;2,345.75;5%
CSV
venv/bin/python - <<'PY'
import importlib.metadata
import sqlite3
import subprocess


def loaded(file: str, locale: str) -> tuple[str, list[tuple[object, ...]]]:
    """The table that csvsql makes of the file: its declaration, and its rows without the meter's name."""
    command = ["venv/bin/csvsql", "--db", "sqlite:///readings.db", "--overwrite", "--insert", "--tables", "reading"]
    subprocess.run([*command, "--delimiter", ";", "--locale", locale, file], check=True)
    with sqlite3.connect("readings.db") as database:
        declared = database.execute("SELECT sql FROM sqlite_schema WHERE name = 'reading'").fetchone()[0]
        return declared, database.execute("SELECT power, energy, share FROM reading ORDER BY meter").fetchall()


print(f"csvkit {importlib.metadata.version('csvkit')}, agate {importlib.metadata.version('agate')}")
seen = {}
for file, locale in (("german.csv", "en_US"), ("german.csv", "de_DE"), ("english.csv", "en_US"), ("english.csv", "de_DE")):
    declared, seen[file, locale] = loaded(file, locale)
    print(f"  {file}, locale {locale}: {seen[file, locale]}")
    assert all(f"{column} FLOAT" in declared for column in ("power", "energy", "share")), "a column is a text"
right = [(1.5, 1234.5, 50), (2.25, 2345.75, 5)]
wrong = [(15, 1.2345, 50), (225, 2.34575, 5)]
assert seen["german.csv", "en_US"] == wrong, "a decimal comma is read, or left alone"
assert seen["english.csv", "de_DE"] == wrong, "a decimal point is read, or left alone"
assert seen["german.csv", "de_DE"] == seen["english.csv", "en_US"] == right
PY
