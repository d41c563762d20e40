"""Thesauri from documents, files and over the network."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from terraphim.errors import ThesaurusInvalid, ThesaurusUnavailable
from terraphim.thesaurus import Concept, Limits, Thesaurus, load

pytestmark = pytest.mark.requirement("R49")

DOCUMENT = '{"name":"n","data":{"rust":{"id":7,"nterm":"Rust","url":"https://r","display_value":"RUST"}}}'


def test_a_thesaurus_comes_back_as_it_was_written() -> None:
    thesaurus = Thesaurus.from_json(DOCUMENT)
    assert thesaurus.name == "n"
    assert dict(thesaurus.terms) == {"rust": Concept(7, "Rust", "https://r", "RUST")}
    assert Thesaurus.from_json(thesaurus.to_json()).terms == thesaurus.terms
    assert Thesaurus.from_json(json.loads(DOCUMENT)).terms == thesaurus.terms


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ("", "$"),
        ("{invalid json}", "$"),
        ("[]", "$"),
        ('{"data":{}}', "name"),
        ('{"name":3,"data":{}}', "name"),
        ('{"name":"n"}', "data"),
        ('{"name":"n","data":[]}', "data"),
        ('{"name":"n","data":{"a b":4}}', 'data["a b"]'),
        ('{"name":"n","data":{"a\\"":{"id":1}}}', 'data["a\\""].nterm'),
        ('{"name":"n","data":{"a":{"nterm":"x"}}}', 'data["a"].id'),
        ('{"name":"n","data":{"a":{"id":-1,"nterm":"x"}}}', 'data["a"].id'),
        ('{"name":"n","data":{"a":{"id":true,"nterm":"x"}}}', 'data["a"].id'),
        ('{"name":"n","data":{"a":{"id":1.5,"nterm":"x"}}}', 'data["a"].id'),
        ('{"name":"n","data":{"a":{"id":99999999999999999999,"nterm":"x"}}}', 'data["a"].id'),
        ('{"name":"n","data":{"a":{"id":1,"nterm":null}}}', 'data["a"].nterm'),
        ('{"name":"n","data":{"a":{"id":1,"nterm":"x","url":[]}}}', 'data["a"].url'),
        ('{"name":"n","data":{"a":{"id":1,"nterm":"x","display_value":{}}}}', 'data["a"].display_value'),
    ],
)
def test_an_error_names_the_place_in_the_document(document: str, path: str) -> None:
    with pytest.raises(ThesaurusInvalid) as refused:
        Thesaurus.from_json(document)
    assert refused.value.data["path"] == path


@pytest.mark.anyio
async def test_a_file_is_loaded_if_it_is_there_and_not_too_large(tmp_path: Path) -> None:
    file = tmp_path / "thesaurus.json"
    file.write_text(DOCUMENT)
    assert len(await load(str(file))) == 1
    for location, limits in [
        (str(file), Limits(bytes=10)),
        (str(tmp_path / "none.json"), Limits()),
        (str(tmp_path), Limits()),
        ("a\0b", Limits()),
        ("http://localhost/thesaurus.json", Limits()),
        ("file:///etc/hostname", Limits()),
        ("https://", Limits()),
    ]:
        with pytest.raises(ThesaurusUnavailable) as refused:
            await load(location, limits=limits)
        assert refused.value.data["location"] == location
        assert refused.value.data["reason"]


@pytest.mark.anyio
async def test_what_would_block_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ThesaurusUnavailable):
        await load(str(tmp_path / "pipe"))


@contextmanager
def _https_server(folder: Path) -> Generator[str]:
    """An https server with a certificate of its own; yields its address."""
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    subprocess.run(
        [*command, "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        match self.path:
            case "/thesaurus.json":
                self._answer(200, DOCUMENT.encode())
            case "/moved":
                self._answer(302, b"", "/thesaurus.json")
            case "/plain":
                self._answer(302, b"", "http://localhost/thesaurus.json")
            case "/round":
                self._answer(302, b"", "/round")
            case _:
                self._answer(404, b"")

    def _answer(self, status: int, body: bytes, location: str | None = None) -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        pass


@pytest.mark.anyio
async def test_an_https_address_is_loaded_within_its_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost")
    with _https_server(tmp_path) as address:
        with pytest.raises(ThesaurusUnavailable):
            await load(f"{address}/thesaurus.json")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        assert len(await load(f"{address}/thesaurus.json")) == 1
        assert len(await load(f"{address}/moved")) == 1
        for path, limits, reason in [
            ("plain", Limits(), "no https"),
            ("round", Limits(), "more than 5"),
            ("missing", Limits(), "404"),
            ("thesaurus.json", Limits(bytes=20), "larger than 20"),
            ("thesaurus.json", Limits(seconds=0.0), "longer than 0 s"),
        ]:
            with pytest.raises(ThesaurusUnavailable) as refused:
                await load(f"{address}/{path}", limits=limits)
            assert reason in refused.value.message
