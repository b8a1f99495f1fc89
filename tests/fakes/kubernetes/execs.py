"""Commands in the containers of the fake cluster: ``cat`` of a node's files, as frames of the exec protocol."""

import base64
import hashlib
import ipaddress
import json
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.kubernetes.faults import Answer
from tests.fakes.kubernetes.requests import Request
from tests.fakes.kubernetes.store import Object

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDOUT, _STDERR, _ERROR = 1, 2, 3
_NET = "/proc/sys/net/ipv4"
FORWARDING = {f"{_NET}/ip_forward": "1\n", **{f"{_NET}/conf/{one}/forwarding": "1\n" for one in ("all", "default")}}
"""What every network has."""
OF_A_NODE = {f"{_NET}/conf/{one}/forwarding": "1\n" for one in ("eth0", "cni0")}


class Execs:
    """What commands in containers print.

    Attributes:
        files: by node, what differs from a healthy one: a file's text, or None for one that is not there.
        listening: by Pod (``namespace/name``), what its sockets are bound to: ``127.0.0.1:8080``. Those of the others
            are bound to every address, on the ports that they declare.
        without_cat: Pods (``namespace/name``) in which there is no ``cat``.
        commands: those that were run, in order.
    """

    def __init__(self) -> None:
        self.files: dict[str, dict[str, str | None]] = {}
        self.listening: dict[str, list[str]] = {}
        self.without_cat: set[str] = set()
        self.commands: list[list[str]] = []

    def answer(self, pod: Object, request: Request) -> Answer:
        """Return the answer to a request for a WebSocket, with all its frames."""
        offered = [one.strip() for one in request.headers.get("sec-websocket-protocol", "").split(",")]
        protocol = next((one for one in _PROTOCOLS if one in offered), None)
        if request.headers.get("upgrade", "").lower() != "websocket" or protocol is None:
            return Answer(HTTPStatus.BAD_REQUEST, b"you must specify at least 1 of stdin, stdout, stderr", "text/plain")
        command = [value for name, value in parse_qsl(urlsplit(request.target).query) if name == "command"]
        self.commands.append(command)
        key = request.headers.get("sec-websocket-key", "").encode()
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": accept,
            "Sec-WebSocket-Protocol": protocol,
        }
        frames = self._frames(pod, command)
        return Answer(HTTPStatus.SWITCHING_PROTOCOLS, b"".join(frames), "", headers, frames[0] + _CLOSE)

    def _frames(self, pod: Object, command: list[str]) -> list[bytes]:
        meta = pod["metadata"]
        if command[:1] != ["cat"] or f"{meta['namespace']}/{meta['name']}" in self.without_cat:
            message = f'exec: "{command[0]}": executable file not found in $PATH: unknown'
            failed = {"metadata": {}, "status": "Failure", "message": message, "reason": "InternalError", "code": 500}
            return [b"", _message(_ERROR, json.dumps(failed)), _CLOSE]
        files = self._files_of(pod)
        printed = "".join(files[path] for path in command[1:] if path in files)
        missing = [path for path in command[1:] if path not in files]
        frames = [_message(_STDOUT, printed)]
        if not missing:
            return [*frames, _message(_ERROR, '{"metadata":{},"status":"Success"}'), _CLOSE]
        complaints = (f"cat: can't open '{path}': No such file or directory\n" for path in missing)
        frames.append(_message(_STDERR, "".join(complaints)))
        ended = {
            "metadata": {},
            "status": "Failure",
            "message": "command terminated with non-zero exit code: exit status 1",
            "reason": "NonZeroExitCode",
            "details": {"causes": [{"reason": "ExitCode", "message": "1"}]},
        }
        return [*frames, _message(_ERROR, json.dumps(ended)), _CLOSE]

    def _files_of(self, pod: Object) -> Mapping[str, str]:
        """Return the files that a container sees: in the node's own network those of the node."""
        if not pod["spec"].get("hostNetwork"):
            return FORWARDING | self._sockets_of(pod)
        changed = FORWARDING | OF_A_NODE | self.files.get(pod["spec"].get("nodeName", ""), {})
        return {path: text for path, text in changed.items() if text is not None}

    def _sockets_of(self, pod: Object) -> dict[str, str]:
        meta = pod["metadata"]
        declared = [port["containerPort"] for one in pod["spec"]["containers"] for port in one.get("ports", ())]
        places = self.listening.get(f"{meta['namespace']}/{meta['name']}", [f"0.0.0.0:{port}" for port in declared])
        of_six = [place for place in places if place.startswith("[")]
        of_four = [place for place in places if place not in of_six]
        return {"/proc/net/tcp": _table(of_four), "/proc/net/tcp6": _table(of_six)}


_HEADING = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def _table(places: list[str]) -> str:
    """Return the kernel's list of sockets: words of four bytes, the least byte first; and one that is connected."""
    rows = []
    for number, place in enumerate(places):
        host, _, port = place.rpartition(":")
        packed = ipaddress.ip_address(host.strip("[]")).packed
        address = "".join(packed[start : start + 4][::-1].hex().upper() for start in range(0, len(packed), 4))
        nobody = "0" * len(address)
        rows.append(
            f"{number:4}: {address}:{int(port):04X} {nobody}:0000 0A 00000000:00000000 00:00000000 00000000 0\n"
        )
        rows.append(
            f"{number:4}: {address}:{int(port) + 1:04X} {nobody}:01BB 01 00000000:00000000 00:00000000 00000000\n"
        )
    return _HEADING + "".join(rows)


_CLOSE = b"\x88\x02\x03\xe8"


def _message(channel: int, text: str) -> bytes:
    payload = bytes([channel]) + text.encode()
    size = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
    return b"\x82" + size + payload
