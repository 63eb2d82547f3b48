"""tinyproxy and squid themselves, on loopback: each knows two names, forbids a third, and wants a password."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

from warehouse.embedded.host import free_port

Kind = Literal["tinyproxy", "squid"]
KINDS: Final[tuple[Kind, ...]] = ("tinyproxy", "squid")
USER: Final = "me:p-of-the-tests"
NAMES: Final = ("api.example", "files.example", "localstack.example")
FORBIDDEN: Final = "forbidden.example"


@contextmanager
def real_proxy(kind: Kind) -> Iterator[int]:
    """The port of a proxy that runs until the block is left; `NAMES` and `FORBIDDEN` lead to this machine there."""
    program = shutil.which(kind) or shutil.which(kind, path="/usr/sbin")
    assert program, f"there is no {kind} here: apt-get install {kind}"
    port = free_port()
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)  # squid is no root
        hosts = " ".join(("localhost", *NAMES, FORBIDDEN))
        _write(folder / "hosts", f"127.0.0.1 {hosts}\n")
        _write(folder / "resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        running = opened.enter_context(subprocess.Popen(_COMMANDS[kind](program, folder, port)))
        try:
            until = time.monotonic() + 20
            while time.monotonic() < until:
                assert running.poll() is None, f"{kind} has ended: its complaint is above"
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.05)
            yield port
        finally:
            running.terminate()
            running.wait(20)


def _tinyproxy(program: str, folder: Path, port: int) -> list[str]:
    """It looks names up as the system does, so it gets a system of its own for that."""
    user, _, password = USER.partition(":")
    _write(folder / "filter", f"^{FORBIDDEN}$\n")
    _write(
        folder / "conf",
        f"Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 20\nMaxClients 50\nBasicAuth {user} {password}\n"
        f'LogLevel Critical\nFilter "{folder}/filter"\nFilterExtended On\n',
    )
    binds = [f"mount --bind {folder}/{name} /etc/{name}" for name in ("hosts", "resolv.conf")]
    return ["unshare", "-rm", "sh", "-c", " && ".join([*binds, f"exec {program} -d -c {folder}/conf"])]


def _squid(program: str, folder: Path, port: int) -> list[str]:
    user, _, password = USER.partition(":")
    made = subprocess.run(["openssl", "passwd", "-apr1", password], capture_output=True, text=True, check=True)
    _write(folder / "users", f"{user}:{made.stdout}")
    _write(
        folder / "conf",
        f"http_port 127.0.0.1:{port}\nhosts_file {folder}/hosts\ndns_nameservers 127.0.0.1\ndns_timeout 2 seconds\n"
        f"auth_param basic program /usr/lib/squid/basic_ncsa_auth {folder}/users\nauth_param basic realm tests\n"
        f"acl known proxy_auth REQUIRED\nacl forbidden dstdomain {FORBIDDEN}\nhttp_access deny forbidden\n"
        "http_access allow known\nhttp_access deny all\npid_filename none\naccess_log none\ncache_log /dev/null\n"
        "cache deny all\ncoredump_dir none\nshutdown_lifetime 0 seconds\npinger_enable off\nvisible_hostname tests\n"
        "netdb_filename none\nmax_filedescriptors 1024\n",
    )
    return [program, "-N", "-f", str(folder / "conf")]


_COMMANDS: Final[Mapping[Kind, Callable[[str, Path, int], list[str]]]] = {"tinyproxy": _tinyproxy, "squid": _squid}


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o644)
