"""`underpass dashboard`."""

from __future__ import annotations

from pathlib import Path

import click

from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import print_json
from underpass.config import find_config, state_dir
from underpass.errors import ConfigError


@click.command(epilog=examples("underpass dashboard", "underpass dashboard --print"))
@click.option("--print", "only_print", is_flag=True, help="Print the address instead of opening it.")
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The token of `underpass serve --http`, where that had the option, too.",
)
@config_option
@json_option
def command(*, only_print: bool, token_file: Path | None, config: Path | None, as_json: bool) -> None:
    """Open the dashboard of the service that runs here: `underpass serve --http`.

    The address is good once, for a minute. The browser gets a cookie for twelve hours, or until the service
    ends.
    """
    from underpass.server.http_notice import read_notice
    from underpass.server.http_token import find_token

    state = state_dir(config or find_config(Path.cwd()), Path.cwd())
    url = read_notice(state)
    if url is None:
        raise ConfigError("no service runs here", hint="`underpass serve --http 127.0.0.1:8765` starts one")
    address = url + _ticket(url, find_token(state, file=token_file).secret)
    if as_json:
        print_json({"url": address})
    elif only_print or not _open(address):
        click.echo(address)


def _ticket(url: str, token: str) -> str:
    import httpx2

    try:
        answer = httpx2.post(
            f"{url}/api/dashboard/ticket", headers={"Authorization": f"Bearer {token}"}, timeout=10.0
        )
    except httpx2.HTTPError as error:
        raise ConfigError(f"the service at {url} does not answer: {error}") from error
    if answer.status_code != 201:
        raise ConfigError(
            f"the service at {url} refused the token ({answer.status_code})",
            hint="give the one that it was started with: --token-file, or $UNDERPASS_TOKEN",
        )
    return str(answer.json()["path"])


def _open(address: str) -> bool:
    import webbrowser

    return webbrowser.open(address)
