from collections.abc import Generator

import pytest
from tests.server.http_service import Service, project, serving


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    """One service for all tests of a module."""
    with serving(project(tmp_path_factory.mktemp("service"))) as running:
        yield running
