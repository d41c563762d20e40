"""Settings: defaults, ``underpass.toml``, ``UNDERPASS_*`` variables, arguments; the later wins."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from underpass.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from underpass.broker.policy.rule import Rule

CONFIG_NAME = ".mcp.json"
SETTINGS_NAME = "underpass.toml"
_MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RunSettings:
    """``[run]``: the limits of one run."""

    timeout: float = 30.0
    """Wall-clock seconds."""
    max_tokens: int = 2000
    """Bound of all that returns to the model."""
    memory_mb: int = 512
    cpu_seconds: int = 30
    check: bool = True
    """Whether types are checked before anything runs."""
    file_mb: int = 100
    """The largest file, in MiB."""
    tmp_mb: int = 64
    """The size of ``/tmp``, in MiB; it is memory."""
    open_files: int = 256
    output_bytes: int = 10 * _MB
    """Printed output that is kept."""
    result_bytes: int = 16 * _MB
    """The value, as JSON. Reading it takes the host up to 25 times as much memory."""


@dataclass(frozen=True, slots=True)
class CallLimits:
    """``[calls]``: the limits of the tool calls of one run."""

    max_calls: int = 1000
    concurrency: int = 32
    """Calls in flight at once; the others wait."""
    timeout: float = 60.0
    """Seconds that one call may take."""
    max_argument_bytes: int = 16 * _MB
    """The arguments of one call, as JSON."""
    max_result_bytes: int = 64 * _MB
    """The result of one call, as JSON."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """``[servers]``: how servers are started."""

    start_timeout: float = 30.0
    """Seconds until a server must have answered the first request."""
    idle_seconds: float = 300.0
    """A server that nobody has needed for so long is stopped; 0 never stops one."""
    ping_seconds: float = 30.0
    """How often a started server is asked whether it lives, and how long it has to answer; 0 never asks."""


@dataclass(frozen=True, slots=True)
class EnvironmentSettings:
    """``[sandbox.environments.NAME]``: packages that programs can import."""

    packages: tuple[str, ...]
    """Requirements such as ``pandas>=2``; a registry has them, so no addresses and no paths."""
    preload: tuple[str, ...]
    """Modules that are imported before a program asks for them, once for all sandboxes."""
    lock: Path
    """The file of pinned versions and hashes; beside ``underpass.toml``."""


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """``[sandbox]``: where code runs."""

    tier: Literal["process", "none"] = "process"
    """``none`` gives no isolation at all: for trusted development only."""
    walls: Literal["any", "full"] = "any"
    """``full`` refuses to run code where namespaces are forbidden; Landlock and seccomp alone are fewer."""
    environments: Mapping[str, EnvironmentSettings] = field(default_factory=dict[str, EnvironmentSettings])
    """Packages for programs, by the name that a run asks for."""


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """``[workspace]``: the quota of each agent's workspace."""

    quota_mb: int = 100
    """MiB of all its files together."""
    max_files: int = 10_000
    """Files and folders."""
    checkpoints: int = 50
    """Checkpoints that an agent may keep, besides the automatic ones."""
    checkpoints_mb: int = 500
    """MiB of the contents of all its checkpoints together; what several share counts once."""


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """``[journal]``: how long runs are remembered, and whether those that died go on by themselves."""

    days: float = 30.0
    """Older runs are forgotten."""
    max_mb: int = 500
    """MiB of all that is kept of runs; the oldest are forgotten first."""
    resume: Literal["off", "auto"] = "off"
    """``auto`` continues runs that died with their process, where that needs nobody's decision."""


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """``[audit]``: the record of runs, decisions and calls."""

    days: float = 365.0
    """Older rows are removed."""
    max_mb: int = 1000
    """MiB of all rows; the oldest are removed first."""
    required: bool = False
    """Whether calls that cannot be recorded are refused."""
    key: str = field(default="", repr=False)
    """A key of the rows' hashes: ``keyring://NAME``, or the key itself."""


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """``[metrics]``: how long the figures of runs are kept."""

    days: float = 90.0
    """Older ones are removed; 0 keeps none at all."""
    max_mb: int = 100
    """MiB of all; the oldest are removed first."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """``[sessions]``: sandboxes that stay between runs."""

    idle_seconds: float = 600.0
    """A session that nobody has used for so long is ended."""
    max: int = 16
    """Sessions of all agents together; the one that is idle the longest goes first."""
    memory_mb: int = 2048
    """MiB of all sessions together, beyond which idle ones are ended."""


@dataclass(frozen=True, slots=True)
class DiscoverySettings:
    """``[discovery]``: how tools are found, and when a client of ``serve`` is given all of them at once."""

    threshold: float = 0.02
    """The share of the window that all definitions may take for that; 0 for never."""
    window_tokens: int = 200_000
    """The model's window, in tokens."""
    semantic: Literal["auto", "off"] = "auto"
    """``auto`` searches by meaning as well where the extra ``semantic`` is installed."""


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """``[policy]``: which calls may be made."""

    trusted: tuple[str, ...] = ()
    """Servers whose word counts that a tool only reads, or may be called twice."""
    unknown: Literal["allow", "ask", "deny"] = "allow"
    """What happens to a call that no rule is about, and that is not destructive by its server's word."""
    rules: tuple[Rule, ...] = ()
    """The first that fits decides."""
    wait_seconds: float = 300.0
    """How long a run waits for a person's answer; the call is refused then."""
    ask_elsewhere: bool = False
    """Whether a question waits for ``underpass approvals`` where nobody can be asked on the spot."""


@dataclass(frozen=True, slots=True)
class PrivacySettings:
    """``[privacy]``: personal data that code, and so the model, sees as tokens only.

    Tools are named as ``server``, ``server.tool`` or a pattern such as ``server.get_*``.
    """

    servers: tuple[str, ...] = ()
    """Tools in whose results every text is searched."""
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Fields of results whose whole values are tokens, by tool."""
    names: Path | tuple[str, ...] = ()
    """Names of people to be found, or the file that has one in each line."""
    restore: tuple[str, ...] = ()
    """Tools whose arguments get the values that tokens stand for."""
    kinds: tuple[str, ...] = ("email", "phone", "card", "iban", "name")
    """What is searched for."""
    region: str = ""
    """The country (``DE``) whose telephone numbers are known without its prefix."""

    @property
    def is_used(self) -> bool:
        """Whether any tool has personal data, or may get it."""
        return bool(self.servers or self.fields or self.restore)


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """``[cache]``: whose results are kept, so that the same call need not be made again."""

    tools: tuple[str, ...] = ()
    """Tools that only read: ``git.git_log``, or ``web.*`` for all of a server that do not say otherwise."""
    read_only: bool = False
    """Whether the tools count as well that a trusted server calls read-only."""
    ttl_seconds: float = 300.0
    """How long a result is good."""
    ttl: Mapping[str, float] = field(default_factory=dict[str, float])
    """Seconds for some tools, by name or pattern; 0 keeps nothing of one that only reads."""
    memory_mb: int = 64
    disk_mb: int = 256
    """MiB in the state folder; 0 keeps nothing there."""
    runs: bool = False
    """Whether results of whole runs are kept, for those that do not say."""

    @property
    def is_used(self) -> bool:
        """Whether anything is kept at all."""
        return bool(self.tools) or self.read_only


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """``[flow]``: where data may go, by where it came from."""

    private: tuple[str, ...] = ()
    """Servers, or tools as ``server.tool``, that give what others must not see."""
    untrusted: tuple[str, ...] = ()
    """Servers and tools that give what strangers have written."""
    sinks: tuple[str, ...] = ()
    """Servers and tools that lead outside, whatever the servers say of them."""
    not_sinks: tuple[str, ...] = ()
    """Servers and tools that lead nowhere that matters."""
    mixed: Literal["allow", "ask", "deny"] = "ask"
    """What happens to a call that leads outside, in a run that has read private and untrusted data."""
    private_values: Literal["allow", "ask", "deny"] = "ask"
    """What happens to a call that takes a private value to another server."""
    match_chars: int = 12
    """Characters from which a private text, or a part that is like a code, is looked for in arguments."""


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """``[agents.NAME]``: how one agent carries out commands."""

    modes: tuple[Literal["python", "typescript", "direct"], ...] = ("python", "typescript", "direct")
    """How it may call tools."""
    fallback: bool = True
    """Whether its model may call tools directly where its programs fail."""
    rollout: float = 100.0
    """The percentage of its commands for which mode ``auto`` may choose programs; all others are direct."""
    auto_save: bool = True
    """Whether its programs that worked are recorded, and promoted to skills as ``skills.promote`` says."""


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """``[service]``: `underpass serve --http`."""

    open: tuple[str, ...] = ("health", "metrics")
    """What needs no token."""
    requests_per_second: float = 100.0
    """Of each token, on average; 0 is no limit."""
    burst: int = 1_000
    """Requests of a token at once, after a pause."""
    max_runs: int = 2_000
    """Runs at once; more are refused."""
    grace_seconds: float = 10.0
    """How long runs and requests may take to finish when the service ends."""
    log: Literal["json", "text", "off"] = "json"
    """How each request is logged, on stderr."""


@dataclass(frozen=True, slots=True)
class SkillSettings:
    """``[skills]``: functions that are kept of what worked."""

    user_folder: str = ""
    """The user's library; by default ``underpass/skills`` in ``$XDG_DATA_HOME``."""
    promote: Literal["off", "review", "auto"] = "review"
    """What comes of programs that recur: nothing, skills that wait for a person, or skills at once."""
    catalog_tokens: int = 600
    """Tokens of the list of skills that a model is shown at most."""
    tools: bool = False
    """Whether clients of ``serve`` are given the tools ``save_skill`` and ``search_skills`` as well."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, by section."""

    run: RunSettings = field(default_factory=RunSettings)
    calls: CallLimits = field(default_factory=CallLimits)
    servers: ServerSettings = field(default_factory=ServerSettings)
    sandbox: SandboxSettings = field(default_factory=SandboxSettings)
    workspace: WorkspaceSettings = field(default_factory=WorkspaceSettings)
    journal: JournalSettings = field(default_factory=JournalSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    discovery: DiscoverySettings = field(default_factory=DiscoverySettings)
    sessions: SessionSettings = field(default_factory=SessionSettings)
    policy: PolicySettings = field(default_factory=PolicySettings)
    flow: FlowSettings = field(default_factory=FlowSettings)
    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    service: ServiceSettings = field(default_factory=ServiceSettings)
    skills: SkillSettings = field(default_factory=SkillSettings)
    agents: Mapping[str, AgentSettings] = field(default_factory=dict[str, AgentSettings])


_SWITCH = {"true": True, "1": True, "false": False, "0": False}
_MAY_BE_ZERO = (
    "servers.idle_seconds",
    "servers.ping_seconds",
    "discovery.threshold",
    "cache.disk_mb",
    "metrics.days",
    "service.requests_per_second",
)
_CHOICES = {
    "sandbox.tier": ("process", "none"),
    "sandbox.walls": ("any", "full"),
    "discovery.semantic": ("auto", "off"),
    "journal.resume": ("off", "auto"),
    "policy.unknown": ("allow", "ask", "deny"),
    "flow.mixed": ("allow", "ask", "deny"),
    "flow.private_values": ("allow", "ask", "deny"),
    "service.log": ("json", "text", "off"),
    "skills.promote": ("off", "review", "auto"),
}


_FREE = ("audit.key", "skills.user_folder")
"""Any text; errors do not repeat it, for it may be a secret."""


def load_settings(
    folder: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    arguments: Mapping[str, Any] | None = None,
) -> Settings:
    """Return the settings in force.

    Parameters:
        folder: where ``underpass.toml`` is looked for: beside the configuration in use.
        environ: a setting's variable is ``UNDERPASS_<SECTION>_<KEY>``: ``UNDERPASS_RUN_TIMEOUT=60``.
        arguments: values by dotted name, such as ``{"run.timeout": 60}``; None leaves a setting alone.

    Raises:
        ConfigError: a key is unknown or a value has the wrong type (``line``, where it is the file's).
    """
    settings = Settings()
    try:
        for name, value, origin in _from_file(folder / SETTINGS_NAME):
            settings = _with(settings, name, value, origin, folder)
    except ConfigError as error:
        raise _with_line(error, folder / SETTINGS_NAME) from error.__cause__
    for name, value, origin in (
        *_from_environment(environ),
        *((name, value, "") for name, value in (arguments or {}).items() if value is not None),
    ):
        settings = _with(settings, name, value, origin, folder)
    return settings


def find_config(start: Path, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the configuration in use: ``$UNDERPASS_CONFIG``, or the nearest ``.mcp.json``.

    The nearest is the one in ``start`` or in the closest of its parents. The file that the variable
    names is returned without looking whether it exists, so that a wrong name is not passed over.
    """
    if named := environ.get("UNDERPASS_CONFIG"):
        return Path(named).expanduser()
    folder = start.absolute()
    candidates = (directory / CONFIG_NAME for directory in (folder, *folder.parents))
    return next((path for path in candidates if path.is_file()), None)


def state_dir(config_path: Path | None, cwd: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Where state lives: ``$UNDERPASS_HOME``, or ``.underpass`` beside the configuration or in ``cwd``."""
    if home := environ.get("UNDERPASS_HOME"):
        return Path(home).expanduser().absolute()
    return (config_path.absolute().parent if config_path else cwd.absolute()) / ".underpass"


def _from_file(path: Path) -> Iterator[tuple[str, Any, str]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", path=str(path)) from error
    for section, values in content.items():
        if not isinstance(values, dict):
            raise unknown_setting(section, [known.name for known in fields(Settings)], str(path))
        for key, value in cast("dict[str, Any]", values).items():
            yield f"{section}.{key}", value, str(path)
        if not values:
            _section(Settings(), section, str(path))


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, Any, str]]:
    for section in fields(Settings):
        prefix = f"UNDERPASS_{section.name.upper()}_"
        for variable, value in environ.items():
            if variable.startswith(prefix):
                yield f"{section.name}.{variable[len(prefix) :].lower()}", value, f"${variable}"


def _with(settings: Settings, name: str, value: object, origin: str, folder: Path) -> Settings:
    section_name, _, key = name.partition(".")
    section = _section(settings, section_name, origin)
    if section_name == "agents":
        from underpass.agent.declared import read_agent

        return replace(settings, agents={**section, key: read_agent(key, value, origin)})
    known = [known.name for known in fields(section)]
    if key not in known:
        raise unknown_setting(name, [f"{section_name}.{other}" for other in known], origin)
    default = getattr(section, key)
    if section_name == "privacy":
        from underpass.broker.privacy.declared import read_setting

        converted = read_setting(key, value, folder.absolute(), origin)
    elif name in ("cache.tools", "cache.ttl"):
        from underpass.broker.cache.declared import read_setting

        converted = read_setting(key, value, origin)
    elif isinstance(default, Mapping):
        # Few have environments, and everyone waits for the imports of this module.
        from underpass.environments.declared import read_environments

        converted = read_environments(value, folder.absolute(), origin)
    elif name == "policy.rules":
        from underpass.broker.policy.reading import read_rules

        converted = read_rules(value, origin)
    elif isinstance(default, tuple):
        converted = _texts(name, value, origin)
    else:
        converted = _converted(name, value, default, origin)
    return replace(settings, **{section_name: replace(section, **{key: converted})})


def _section(settings: Settings, name: str, origin: str) -> Any:
    known = [known.name for known in fields(settings)]
    if name not in known:
        raise unknown_setting(name, known, origin)
    return getattr(settings, name)


def _converted(name: str, value: object, default: object, origin: str) -> object:
    """Bring a value to its setting's type; variables are text, files and arguments are typed."""
    wanted = "a number" if isinstance(default, float) else "a whole number"
    if isinstance(default, str):
        if name in _FREE:
            if isinstance(value, str):
                return value
            where = f"{origin}: " if origin else ""
            raise ConfigError(f"{where}{name} must be a text", setting=name)
        if value in _CHOICES[name]:
            return value
        wanted = " or ".join(map(repr, _CHOICES[name]))
    elif isinstance(default, bool):
        if isinstance(chosen := _SWITCH.get(value, value) if isinstance(value, str) else value, bool):
            return chosen
        wanted = "true or false"
    elif isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            number = float(value) if isinstance(default, float) else int(value)
        except ValueError:
            number = -1
        zero = name in _MAY_BE_ZERO
        if (number > 0 or (zero and number == 0)) and (isinstance(value, str) or number == value):
            return number
        wanted += ", 0 or more" if zero else " above 0"
    where = f"{origin}: " if origin else ""
    raise ConfigError(f"{where}{name} must be {wanted}, but is {value!r}", setting=name)


def _texts(name: str, value: object, origin: str) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) and origin.startswith("$") else value
    if isinstance(items, list | tuple):
        texts = cast("list[object]", items)
        if all(isinstance(text, str) for text in texts):
            return tuple(stripped for text in texts if (stripped := str(text).strip()))
    where = f"{origin}: " if origin else ""
    raise ConfigError(f"{where}{name} must be a list of texts, but is {value!r}", setting=name)


def _with_line(error: ConfigError, path: Path) -> ConfigError:
    from underpass.toml_lines import line_of

    line = (
        line_of(path.read_text(encoding="utf-8"), error.data["setting"]) if "setting" in error.data else None
    )
    if line is None:
        return error
    message = error.message.replace(f"{path}: ", f"{path}: line {line}: ", 1)
    return ConfigError(message, hint=error.hint, **{**error.data, "path": str(path), "line": line})


def unknown_setting(name: str, known: list[str], origin: str) -> ConfigError:
    """Return the error for a setting that there is not, with the nearest that there are."""
    close = did_you_mean(name, known)
    hint = f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(known)}"
    where = f"{origin}: " if origin else ""
    return ConfigError(f"{where}there is no setting {name!r}", hint=hint, setting=name, known=known)
