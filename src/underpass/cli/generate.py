"""`underpass generate`, also installed as `mcp-codegen`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from underpass.cli.listings import ask_servers, report
from underpass.cli.options import config_option, examples, json_option
from underpass.cli.output import out, print_json, progress, text
from underpass.cli.running import chosen, configuration, observations
from underpass.cli.terms import counted
from underpass.codegen.calls import Language
from underpass.codegen.manifest import read_manifest
from underpass.codegen.modules import Package
from underpass.codegen.names import identifiers, namespace_identifier, server_identifier
from underpass.codegen.observed import unobserved
from underpass.codegen.package import Written, write_files, write_package
from underpass.codegen.python import PythonPackage
from underpass.codegen.typescript import TypeScriptPackage


@click.command(
    epilog=examples(
        "underpass generate --format python --output ./mcp_servers",
        "underpass generate --output ./mcp_servers --server git",
        "underpass generate --output ./mcp_servers --manifest tools.jsonl",
        "underpass generate --format typescript --output ./mcp-servers",
        "underpass generate --output ./mcp-servers/git.ts --server git",
    )
)
@click.option(
    "--format",
    "language",
    type=click.Choice(["python", "typescript"]),
    help="The language of the modules; by default python, and typescript for a file that ends in .ts.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The folder of the package, made if absent; or a .ts file for one server's tools alone.",
)
@click.option(
    "--server", help="This server only. By default a .ts file is for the server that it is named after."
)
@click.option("--declarations", is_flag=True, help="Write a .d.ts file as well (TypeScript).")
@click.option(
    "--templates",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of templates that replace the packaged ones of the same name.",
)
@click.option(
    "--manifest",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Read tool definitions from this JSON-lines file; no server is started.",
)
@config_option
@json_option
def command(
    *,
    language: Language | None,
    output: Path,
    server: str | None,
    declarations: bool,
    templates: Path | None,
    manifest: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Write the servers' tools as an importable, typed package.

    Name the output folder mcp_servers (mcp-servers for TypeScript): that is the name programs import.
    Exit status 1 when a server could not be listed; the others are written all the same.
    """
    single = output.suffix == ".ts"
    language = language or ("typescript" if single else "python")
    _check(language, output, declarations=declarations)
    choose = _Choice(server, output if single else None)
    if manifest:
        known = read_manifest(manifest)
        listings, errors = chosen(known, choose.among(tuple(known))), dict[str, str]()
        observed = unobserved
    else:
        path = configuration(config)
        listings, errors = ask_servers(path, choose.among)
        observed = observations(path)
    made = PythonPackage if language == "python" else TypeScriptPackage
    package = made(listings, templates=templates, observed=observed)
    with progress("Generating modules…"):
        if not isinstance(package, TypeScriptPackage):
            written = _write(package, output, errors, {})
        elif not single:
            extra = {"mcp-servers.d.ts": package.declarations()} if declarations else {}
            written = _write(package, output, errors, extra)
        elif errors:
            written = Written((), (), ())
        else:
            [name] = package.packages.values()
            written = write_files(package.single(name, output.stem, declarations=declarations), output.parent)
    files = len(written.written) + len(written.unchanged)
    tools = sum(len(listing.tools) for listing in listings.values())
    findings = [
        *(finding for listing in listings.values() for finding in listing.findings),
        *package.findings,
    ]
    if as_json:
        print_json(
            {
                "format": language,
                "output": str(output),
                "files": files,
                "changed": len(written.written) + len(written.removed),
                "servers": {name: package.packages[name] for name in sorted(listings)},
                "tools": tools,
                "findings": [asdict(finding) for finding in findings],
                "errors": errors,
            }
        )
    else:
        report(findings, errors)
        found = f"{counted(tools, 'tool')} of {counted(len(listings), 'server')}"
        out().print(text(f"{output}: {found} in {counted(files, 'file')}"))
    if errors:
        raise click.exceptions.Exit(1)


def _check(language: Language, output: Path, *, declarations: bool) -> None:
    if language == "python" and (declarations or output.suffix == ".ts"):
        raise click.UsageError("--declarations and .ts files go with --format typescript")
    if output.suffix == ".ts" and (output.stem.startswith("_") or output.stem.endswith(".d")):
        raise click.UsageError(f"{output.name} would be in the way of what modules share: name it otherwise")


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which servers modules are made of: the one that is named, or all; for a single file always one."""

    server: str | None
    file: Path | None

    def among(self, names: Sequence[str]) -> str | None:
        """Return the one server that is meant, or ``None`` for all."""
        if self.server is not None or self.file is None or len(names) == 1:
            return self.server or (names[0] if self.file else None)
        for name in names:
            if self.file.stem in {name, namespace_identifier(name), server_identifier(name)}:
                return name
        raise click.UsageError(
            f"{self.file.name} is named after no server: choose one with --server ({', '.join(names[:20])})"
        )


def _write(package: Package, output: Path, errors: Mapping[str, str], extra: Mapping[str, str]) -> Written:
    # A server that cannot be asked just now keeps the modules that it has.
    unreached = identifiers([*package.packages, *errors], package.modules.layout.servers)
    return write_package({**package.files(), **extra}, output, keep=[unreached[name] for name in errors])
