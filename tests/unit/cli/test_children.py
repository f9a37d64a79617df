"""What a plugin's forks keep of the process."""

import subprocess
import sys
from pathlib import Path

# A role whose handler forks in a thread. The child stays until the parent has taken its own port anew.
ROLE = """
import asyncio, os, socket, sys
from cli.process import run

gate, key = os.pipe()
begun, begin = os.pipe()
kept = socket.socket(socket.AF_UNIX)
kept.bind(sys.argv[1])
kept.listen()

def fork():
    child = os.fork()
    if not child:
        os.close(key)
        os.write(begin, b"x")
        os.read(gate, 1)
        if kept.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) != 1:
            os._exit(7)
    else:
        os.read(begun, 1)
    return child

async def main(stopping):
    serve = lambda reader, writer: None
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    child = await asyncio.to_thread(fork)
    server.close()
    again = await asyncio.start_server(serve, host, port)
    os.write(key, b"x")
    _, status = await asyncio.wait_for(asyncio.to_thread(os.waitpid, child, 0), 20)
    again.close()
    print("the child ended with", os.waitstatus_to_exitcode(status))
    return 0

raise SystemExit(run(main, plugins=True))
"""


def test_a_child_ends_with_the_code_that_forked_it_and_holds_no_port(tmp_path: Path) -> None:
    """Also one that was forked in a thread; what it made itself stays open."""
    command = [sys.executable, "-c", ROLE, str(tmp_path / "own.sock")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout, ran.returncode) == ("the child ended with 0\n", 0), ran.stderr
