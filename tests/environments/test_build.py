import os
import re
import sys
from pathlib import Path

import anyio
import pytest
from tests.environments.wheels import Registry

from underpass.config import Settings, load_settings
from underpass.environments import find
from underpass.environments.build import build, exclusive
from underpass.environments.lock import read_lock
from underpass.environments.store import remove, root, statuses
from underpass.errors import ConfigError, SandboxUnavailable

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R11")]


def settings(folder: Path, **environments: list[str] | dict[str, list[str]]) -> Settings:
    """Settings with environments: a list of packages, or the whole table."""
    tables = {
        name: table if isinstance(table, dict) else {"packages": table}
        for name, table in environments.items()
    }
    return load_settings(folder, environ={}, arguments={"sandbox.environments": tables})


def state_of(chosen: Settings, state: Path) -> dict[str, str]:
    return {status.name: status.state for status in statuses(chosen, state)}


async def test_a_package_of_the_registry_is_pinned_with_its_hash_and_installed(tmp_path: Path) -> None:
    chosen = settings(tmp_path, data={"packages": ["six>=1.16"], "preload": ["six", "json"]})
    state = tmp_path / ".underpass"
    steps: list[str] = []
    assert state_of(chosen, state) == {"data": "not built"}
    built = await build("data", chosen, state, steps.append)
    assert (built.fresh, built.lock_change) == (True, "made")
    assert [step.partition(" ")[0] for step in steps] == ["Resolving", "Installing", "Compiling…"]
    text = built.lock.read_text()
    assert re.search(r"^six==1\.\S+ \\\n    --hash=sha256:[0-9a-f]{64}\n\Z", text, re.MULTILINE)
    assert "://" not in text
    assert str(tmp_path) not in text
    assert list((built.path / "__pycache__").glob("six.*.pyc"))
    [status] = statuses(chosen, state)
    assert (status.state, status.path) == ("built", built.path)
    assert status.size > 30_000
    environment = find("data", chosen, state)
    assert (environment.name, environment.packages, environment.preload) == (
        "data", built.path, ("six", "json"),
    )  # fmt: skip


async def test_a_second_build_changes_nothing(registry: Registry, tmp_path: Path) -> None:
    registry.wheel("cargo")
    chosen = settings(tmp_path, data=["cargo"])
    first = await build("data", chosen, tmp_path)
    text = first.lock.read_text()
    steps: list[str] = []
    second = await build("data", chosen, tmp_path, steps.append)
    assert (second.fresh, second.lock_change, second.path) == (False, "unchanged", first.path)
    assert steps == []
    assert first.lock.read_text() == text


async def test_the_lock_decides_whatever_the_registry_has_by_now(registry: Registry, tmp_path: Path) -> None:
    registry.wheel("cargo", "1.0", needs="crate>=1")
    registry.wheel("crate", "1.0")
    chosen = settings(tmp_path, data=["cargo"])
    first = await build("data", chosen, tmp_path)
    assert first.pins == ("cargo==1.0", "crate==1.0")
    registry.wheel("cargo", "2.0")
    registry.wheel("crate", "2.0")
    remove("data", chosen, tmp_path, owned=True)
    assert not first.path.exists()
    again = await build("data", chosen, tmp_path)
    assert (again.pins, again.lock_change, again.path) == (first.pins, "unchanged", first.path)


async def test_changed_packages_make_an_environment_outdated_and_the_next_build_resolves_again(
    registry: Registry, tmp_path: Path
) -> None:
    for name in ("cargo", "crate"):
        registry.wheel(name)
    first = await build("data", settings(tmp_path, data=["cargo"]), tmp_path)
    changed = settings(tmp_path, data=["crate", "cargo"])
    assert state_of(changed, tmp_path) == {"data": "outdated"}
    with pytest.raises(ConfigError, match="its packages changed") as caught:
        find("data", changed, tmp_path)
    assert caught.value.hint == "underpass env build data"
    second = await build("data", changed, tmp_path)
    assert second.lock_change == "refreshed"
    assert second.path != first.path
    # The order of packages and the spaces in them mean nothing.
    assert state_of(settings(tmp_path, data=["cargo", " crate"]), tmp_path) == {"data": "built"}


async def test_what_the_sandbox_reads_is_open_to_it_whatever_the_umask(
    registry: Registry, tmp_path: Path
) -> None:
    registry.wheel("cargo")
    before = os.umask(0o077)
    try:
        built = await build("data", settings(tmp_path, data=["cargo"]), tmp_path)
    finally:
        os.umask(before)
    for path in (built.path.parent, built.path, *built.path.rglob("*")):
        assert path.stat().st_mode & 0o755 >= (0o755 if path.is_dir() else 0o644), path


async def test_an_environment_that_is_not_built_is_named_with_the_command_that_builds_it(
    tmp_path: Path,
) -> None:
    chosen = settings(tmp_path, data=["six"], web=["lxml"])
    with pytest.raises(ConfigError, match="it is not built") as caught:
        find("data", chosen, tmp_path)
    assert caught.value.hint == "underpass env build data"
    with pytest.raises(ConfigError) as caught:
        find("dta", chosen, tmp_path)
    assert caught.value.hint == "did you mean 'data'?"
    with pytest.raises(ConfigError) as caught:
        find("zzz", chosen, tmp_path)
    assert caught.value.hint == "there are: data, web"
    with pytest.raises(ConfigError) as caught:
        find("zzz", settings(tmp_path), tmp_path)
    assert "[sandbox.environments.zzz]" in caught.value.hint


async def test_a_wheel_that_is_not_the_pinned_one_is_refused(registry: Registry, tmp_path: Path) -> None:
    registry.wheel("cargo")
    chosen = settings(tmp_path, data=["cargo"])
    await build("data", chosen, tmp_path)
    remove("data", chosen, tmp_path, owned=True)
    registry.wheel("cargo", text="import os  # not what was reviewed\n")
    with pytest.raises(ConfigError, match=r"no cargo==1\.0 with a pinned hash") as caught:
        await build("data", chosen, tmp_path)
    assert "remove the lock" in caught.value.hint
    assert state_of(chosen, tmp_path) == {"data": "not built"}
    assert not list(root(tmp_path).glob("partial-*"))


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://x.example/",
        "-e .",
        "cargo @ https://x.example/cargo.whl --hash=sha256:" + "0" * 64,
        "cargo==1.0",
        "cargo>=1.0 --hash=sha256:" + "0" * 64,
        "cargo==1.0 --hash=md5:00",
    ],
)
async def test_a_lock_can_name_nothing_but_pins_with_hashes(tmp_path: Path, line: str) -> None:
    chosen = settings(tmp_path, data=["cargo"])
    chosen.sandbox.environments["data"].lock.write_text(f'# packages: ["cargo"]\n{line}\n')
    with pytest.raises(ConfigError, match="is no pin with a SHA-256 hash"):
        await build("data", chosen, tmp_path)


@pytest.mark.parametrize("heading", ["", "# packages: {", "# packages: 1"])
async def test_a_lock_that_does_not_say_what_it_is_of_is_outdated(tmp_path: Path, heading: str) -> None:
    chosen = settings(tmp_path, data=["cargo"])
    chosen.sandbox.environments["data"].lock.write_text(f"{heading}\n")
    assert state_of(chosen, tmp_path) == {"data": "outdated"}


async def test_a_lock_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"lock\.txt cannot be read"):
        read_lock(tmp_path / "lock.txt")


async def test_a_package_without_a_wheel_is_refused_and_its_program_never_runs(
    registry: Registry, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    registry.source("cargo", f"open({str(ran)!r}, 'w')\n")
    with pytest.raises(ConfigError, match="cargo has no wheel") as caught:
        await build("data", settings(tmp_path, data=["cargo"]), tmp_path)
    assert "only wheels" in caught.value.hint
    assert not ran.exists()


async def test_packages_that_cannot_be_had_are_named_with_the_reason(
    registry: Registry, tmp_path: Path
) -> None:
    registry.wheel("cargo", needs="crate<2")
    for version in ("1.0", "2.0"):
        registry.wheel("crate", version)
    for packages, message, hint in (
        (["crgo"], "the registry has no package 'crgo'", "spelling"),
        (["crate==3"], "no release fits 'crate==3'", "1.0, 2.0"),
        (["cargo", "crate==2.0"], "cargo 1.0 depends on crate<2", "loosen"),
        (["cargo; python_version < '3'"], "none of its packages is for this Python", "after ;"),
    ):
        with pytest.raises(ConfigError) as caught:
            await build("data", settings(tmp_path, data=packages), tmp_path)
        assert message in caught.value.message
        assert hint in caught.value.hint
    assert not (tmp_path / "underpass-env-data.txt").exists()
    assert not list(root(tmp_path).glob("partial-*"))


@pytest.mark.parametrize("retries", ["0", "1"])
async def test_a_registry_that_does_not_answer_is_told_from_a_package_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, retries: str
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_RETRIES", retries)
    with pytest.raises(SandboxUnavailable, match="the package registry cannot be used") as caught:
        await build("data", settings(tmp_path, data=["six"]), tmp_path)
    assert "network" in caught.value.hint


async def test_an_interpreter_without_pip_is_an_error_that_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await anyio.run_process([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")])
    bare = str(tmp_path / "bare" / "bin" / "python")
    monkeypatch.setattr("underpass.environments.pip._PIP", (bare, "-I", "-m", "pip"))
    with pytest.raises(SandboxUnavailable, match="there is no pip") as caught:
        await build("data", settings(tmp_path, data=["six"]), tmp_path)
    assert "ensurepip" in caught.value.hint


async def test_another_failure_of_pip_is_shown_in_its_words(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.wheel("cargo")
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "absent.pem"))
    (registry.folder / "cargo-1.0-py3-none-any.whl").write_bytes(b"no archive")
    with pytest.raises(SandboxUnavailable, match="pip failed"):
        await build("data", settings(tmp_path, data=["cargo"]), tmp_path)


async def test_a_folder_that_cannot_be_made_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(SandboxUnavailable, match="cannot be built or removed") as caught:
        await build("data", settings(tmp_path, data=["six"]), tmp_path / "state")
    assert "UNDERPASS_HOME" in caught.value.hint


async def test_a_module_to_preload_must_be_in_the_packages(registry: Registry, tmp_path: Path) -> None:
    registry.wheel("cargo")
    for module, hint in (("cargoo.hold", "did you mean cargo?"), ("zzz", "correct preload")):
        chosen = settings(tmp_path, data={"packages": ["cargo"], "preload": [module]})
        with pytest.raises(ConfigError, match=f"preloads '{module}'") as caught:
            await build("data", chosen, tmp_path)
        assert hint in caught.value.hint


async def test_an_interrupted_build_leaves_nothing_that_counts_as_built(
    registry: Registry, tmp_path: Path
) -> None:
    registry.wheel("cargo")
    chosen = settings(tmp_path, data=["cargo"])
    for word in ("Resolving", "Installing", "Compiling"):
        with anyio.CancelScope() as scope:

            def interrupt(step: str, scope: anyio.CancelScope = scope, word: str = word) -> None:
                if step.startswith(word):
                    scope.cancel()

            await build("data", chosen, tmp_path, interrupt)
        assert scope.cancelled_caught
        assert state_of(chosen, tmp_path) == {"data": "not built"}
        assert not list(root(tmp_path).glob("partial-*"))
    assert (await build("data", chosen, tmp_path)).fresh


async def test_what_a_killed_build_left_is_cleared_by_the_next(registry: Registry, tmp_path: Path) -> None:
    registry.wheel("cargo")
    left = root(tmp_path) / "partial-x" / "made"
    left.mkdir(parents=True)
    assert (await build("data", settings(tmp_path, data=["cargo"]), tmp_path)).fresh
    assert not left.exists()


async def test_builders_at_the_same_time_wait_for_the_one_that_installs(
    registry: Registry, tmp_path: Path
) -> None:
    registry.wheel("cargo")
    chosen = settings(tmp_path, data=["cargo"])
    fresh: list[bool] = []

    async def one() -> None:
        fresh.append((await build("data", chosen, tmp_path)).fresh)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(one)
    assert sorted(fresh) == [False, False, False, True]


async def test_a_builder_that_waits_says_so(registry: Registry, tmp_path: Path) -> None:
    registry.wheel("cargo")
    chosen = settings(tmp_path, data=["cargo"])
    waiting = anyio.Event()

    def note(step: str) -> None:
        if step.startswith("Waiting"):
            waiting.set()

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks, exclusive(tmp_path):
            tasks.start_soon(build, "data", chosen, tmp_path, note)
            await waiting.wait()
            assert state_of(chosen, tmp_path) == {"data": "not built"}
    assert state_of(chosen, tmp_path) == {"data": "built"}


async def test_removing_clears_what_no_environment_names_and_spares_what_others_use(
    registry: Registry, tmp_path: Path
) -> None:
    for name in ("cargo", "crate", "barrel"):
        registry.wheel(name)
    old = await build("data", settings(tmp_path, data=["barrel"]), tmp_path)
    chosen = settings(tmp_path, data=["cargo"], web=["crate"])
    data = await build("data", chosen, tmp_path)
    web = await build("web", chosen, tmp_path)
    assert old.path.exists()
    freed = remove("data", chosen, tmp_path, owned=True)
    assert freed > 0
    assert (old.path.exists(), data.path.exists(), web.path.exists()) == (False, False, True)
    assert data.lock.exists()
    assert remove("data", chosen, tmp_path, owned=True) == 0
    with pytest.raises(ConfigError, match="no environment is named 'old'"):
        remove("old", chosen, tmp_path, owned=True)


async def test_a_state_folder_of_several_projects_keeps_the_environments_of_the_others(
    registry: Registry, tmp_path: Path
) -> None:
    registry.wheel("cargo")
    registry.wheel("crate")
    here, there, shared = tmp_path / "here", tmp_path / "there", tmp_path / "shared"
    here.mkdir()
    there.mkdir()
    ours, theirs = settings(here, data=["cargo"]), settings(there, data=["crate"])
    built = [await build("data", chosen, shared) for chosen in (ours, theirs)]
    remove("data", ours, shared, owned=False)
    assert [one.path.exists() for one in built] == [False, True]
