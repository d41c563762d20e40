"""A real Prometheus reads the metrics, and answers what is asked about them."""

import json
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import anyio.to_thread
import pytest
import yaml
from deploy.generate import ALERTS, OVERVIEW, TOOLS
from tests.metrics.conftest import Open
from tests.patience import LONG

from underpass import Underpass

pytestmark = [
    pytest.mark.requirement("R35", "R40"),
    pytest.mark.skipif(which("prometheus") is None, reason="no prometheus (Debian's package prometheus)"),
]


@contextmanager
def exposed(up: Underpass) -> Generator[tuple[str, threading.Semaphore]]:
    """Serve the metrics; the semaphore counts how often they were read."""
    reads = threading.Semaphore(0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text, content_type = up.instruments.exposition()
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            self.wfile.write(text)
            reads.release()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}", reads
        server.shutdown()
        thread.join()


@contextmanager
def prometheus(folder: Path, target: str) -> Generator[str]:
    """Start a Prometheus that reads ``target`` each second, and give its address."""
    configuration = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "underpass", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as taken:
        address = f"127.0.0.1:{taken.server_port}"
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        yield address
    finally:
        process.kill()
        process.wait()


def asked(address: str, query: str) -> list[Any]:
    with urlopen(f"http://{address}/api/v1/query?query={quote(query)}", timeout=LONG) as answer:
        return json.load(answer)["data"]["result"]


@pytest.mark.anyio
async def test_a_real_prometheus_reads_the_metrics_and_answers_for_them(opened: Open, tmp_path: Path) -> None:
    async with opened() as up:
        for _ in range(3):
            await up.run("from mcp_servers import demo\nlen(await demo.words(n=500))")
        await up.run("1/0")
        tokens = (await anyio.to_thread.run_sync(up.statistics.summary)).tokens
        with exposed(up) as (target, reads), prometheus(tmp_path, target) as address:
            # What the first reads gave is stored by the time of the third.
            for _ in range(3):
                assert await anyio.to_thread.run_sync(lambda: reads.acquire(timeout=LONG))

            async def one(query: str) -> float:
                (found,) = await anyio.to_thread.run_sync(asked, address, query)
                return float(found["value"][1])

            assert await one('up{job="underpass"}') == 1
            assert await one("sum(underpass_executions_total)") == 4
            assert await one('underpass_executions_total{outcome="ok"}') == 3
            assert await one('sum(underpass_context_tokens_total{kind=~"calls|results"})') == (
                tokens.calls + tokens.results
            )
            assert await one("underpass_execution_duration_seconds_count") == 4
            assert await one('sum(underpass_tool_calls_total{server="demo",tool="words"})') == 3
            for query in expressions():
                # Answered: neither a mistake in the query nor a label that there is not twice.
                await anyio.to_thread.run_sync(asked, address, query)


def expressions() -> list[str]:
    drawn = [query for panel in (*OVERVIEW, *TOOLS) for query in panel.queries.values()]
    fixed = (query.replace("$__rate_interval", "1m").replace("$__range", "1h") for query in drawn)
    return [*fixed, *(alert.expression for alert in ALERTS)]
