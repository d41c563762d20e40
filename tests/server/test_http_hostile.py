"""Requests that the HTTP service must refuse or outlive."""

import json
import socket
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest
from mcp.server import Server
from tests.patience import LONG
from tests.server.http_service import Service, call

from underpass.server.http import HttpService
from underpass.server.http_address import Address

pytestmark = [pytest.mark.requirement("R06")]

ECHO = call("hostile", "echo", {"a": 1})


def works(service: Service) -> bool:
    return service.post(ECHO).json()["result"]["content"][0]["text"] == '{"a":1}'


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer wrong", "Basic {}", "Bearer {}x", "{}", "Bearer \xff", "bearer {} {}"],
)
def test_without_the_token_nothing_is_answered(service: Service, authorization: str) -> None:
    given = authorization.replace("{}", service.token)
    headers = [(b"Authorization", given.encode("latin-1"))] if given else []
    for method in ("GET", "POST", "DELETE", "OPTIONS", "PUT"):
        for path in ("/mcp", "/", "/health", "/../mcp"):
            url = httpx2.URL(service.url).copy_with(path=path)
            answer = httpx2.request(method, url, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert service.token not in answer.text
    assert service.post(ECHO, Authorization=f"bearer {service.token}").status_code == 200


def test_a_second_token_beside_the_right_one_is_refused(service: Service) -> None:
    headers = [("Authorization", f"Bearer {service.token}"), ("Authorization", "Bearer wrong")]
    assert httpx2.post(service.url, headers=headers).status_code == 401


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "example.org:{}",
        "127.0.0.1.example.org:{}",
        "localhost.example.org",
        "",
        "[::1",
        "a:b:c",
    ],
)
def test_a_request_for_another_name_is_refused(service: Service, host: str) -> None:
    given = host.format(httpx2.URL(service.url).port)
    assert service.post(ECHO, Host=given).status_code == 421


@pytest.mark.parametrize("host", ["localhost:{}", "LOCALHOST", "127.0.0.1", "[::1]:{}", "10.1.2.3:80"])
def test_a_request_for_this_machine_or_a_number_is_taken(service: Service, host: str) -> None:
    given = host.format(httpx2.URL(service.url).port)
    assert service.post(ECHO, Host=given).status_code == 200


def test_pages_of_other_sites_are_refused(service: Service) -> None:
    own = f"http://{httpx2.URL(service.url).netloc.decode()}"
    assert service.post(ECHO, Origin=own).status_code == 200
    for origin in ("http://example.org", "null", "http://127.0.0.1:1", own + ".example.org", "file://"):
        assert service.post(ECHO, Origin=origin).status_code == 403
    answer = httpx2.options(service.url, headers={"Origin": "http://example.org"})
    assert "access-control-allow-origin" not in answer.headers


def test_a_body_of_20_mb_is_refused_whether_its_size_is_told_or_not(service: Service) -> None:
    large = json.dumps(call("hostile", "echo", {"a": "x" * 20_000_000})).encode()

    def parts() -> Iterator[bytes]:
        for start in range(0, len(large), 100_000):
            yield large[start : start + 100_000]

    assert service.post(large).status_code == 413
    headers = {"Authorization": f"Bearer {service.token}"}
    assert httpx2.post(service.url, content=parts(), headers=headers, timeout=LONG).status_code == 413
    assert works(service)


def test_arguments_of_15_mb_are_taken(service: Service) -> None:
    answer = service.post(call("hostile", "echo", {"a": "x" * 15_000_000}))
    assert len(answer.text) > 15_000_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"7",
        b"[" * 100_000,
        b'{"jsonrpc": "2.0", "id": 1}',
        b"9" * 10_000,
    ],
)
def test_a_body_that_is_no_message_is_refused(service: Service, body: bytes) -> None:
    assert service.post(body).status_code in {400, 202}
    assert works(service)


def test_other_paths_methods_types_and_versions_are_refused(service: Service) -> None:
    headers = {"Authorization": f"Bearer {service.token}"}
    assert httpx2.get(service.url.replace("/mcp", "/other"), headers=headers).status_code == 404
    assert httpx2.put(service.url, headers=headers).status_code == 405
    assert service.post(ECHO, Content_Type="text/plain").status_code == 400
    assert service.post(ECHO, MCP_Protocol_Version="1999-01-01").status_code == 400
    assert service.post(ECHO, Mcp_Name="run_code").status_code == 400
    assert service.post(ECHO, Accept="text/html").status_code == 406


def test_bytes_that_are_no_http_are_refused_and_log_no_traceback(service: Service) -> None:
    address = ("127.0.0.1", httpx2.URL(service.url).port or 0)
    for sent in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\r\n" * 50_000,
    ):
        with socket.create_connection(address) as connection:
            connection.settimeout(LONG)
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(100)[:12] in {b"", b"HTTP/1.1 400"}
    assert works(service)


def test_two_hundred_silent_connections_hold_up_nobody(service: Service) -> None:
    address = ("127.0.0.1", httpx2.URL(service.url).port or 0)
    silent = [socket.create_connection(address) for _ in range(200)]
    for number, connection in enumerate(silent):
        connection.send(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n"[:number])
    assert works(service)
    for connection in silent:
        connection.close()


def test_a_client_that_leaves_in_the_middle_of_a_body_harms_nobody(service: Service) -> None:
    address = ("127.0.0.1", httpx2.URL(service.url).port or 0)
    head = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {service.token}\r\n"
    for _ in range(20):
        with socket.create_connection(address) as connection:
            connection.sendall(head.encode() + b"Content-Length: 100\r\n\r\n{")
    assert works(service)


@asynccontextmanager
async def impatient() -> AsyncGenerator[tuple[str, int]]:
    """A service of no tools that waits for a tenth of a second only."""
    service = HttpService(
        Server("empty"),
        token="t" * 16,
        names={"localhost"},
        max_argument_bytes=1_000,
        body_seconds=0.1,
        silence=0.1,
    )
    address = Address.parse("127.0.0.1:0")
    with address.listen() as listening:
        with anyio.fail_after(LONG):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(service.serve, listening)
                yield listening.getsockname()
                service.close()


async def answer_to(address: tuple[str, int], sent: bytes) -> bytes:
    """All that the service says to what is sent, until it hangs up."""
    async with await anyio.connect_tcp(*address) as stream:
        received = b""
        await stream.send(sent)
        try:
            while True:
                received += await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return received


SLOW = (
    b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer tttttttttttttttt\r\n"
    b"Content-Length: 10\r\n"
)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"POST /mcp HT", b""),
        (SLOW, b""),
        (SLOW + b"\r\n12345", b"HTTP/1.1 408"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET", b"HTTP/1.1 401"),
    ],
)
async def test_who_does_not_finish_a_request_is_hung_up_on(sent: bytes, answer: bytes) -> None:
    async with impatient() as address:
        assert (await answer_to(address, sent))[:12] == answer


@pytest.mark.anyio
async def test_a_service_that_is_cancelled_lets_go_of_its_port() -> None:
    address: Any = None
    with anyio.CancelScope() as scope:
        async with impatient() as address:
            scope.cancel()
            await anyio.sleep_forever()
    with pytest.raises(OSError, match="All connection attempts failed"):
        await anyio.connect_tcp(*address)
