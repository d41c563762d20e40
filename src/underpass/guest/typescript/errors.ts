// Errors of tool calls, by their cause; the names are those of the host and of Python programs.

/** What the host answers in place of a value. */
export class HostError extends Error {
  /** What to do next; empty when there is nothing useful to say. */
  readonly hint: string;
  /** Facts that a program may act on. */
  readonly data: Record<string, unknown>;

  constructor(message: string, hint = "", data: Record<string, unknown> = {}) {
    super(message);
    this.name = new.target.name;
    this.hint = hint;
    this.data = data;
  }
}

/** There is no room for a file in the workspace; it was not written. */
export class WorkspaceFull extends HostError {}

/** No result that was kept has that handle. */
export class ResultNotFound extends HostError {}

/** A tool call failed. Its subclasses say why. */
export class ToolError extends HostError {
  /** The server that was called. */
  get server(): string | undefined {
    return this.data.server as string | undefined;
  }

  /** The tool that was called. */
  get tool(): string | undefined {
    return this.data.tool as string | undefined;
  }
}

/** The server has no such tool, or there is no such server. */
export class ToolNotFound extends ToolError {}
/** The arguments do not fit the tool's schema. */
export class ToolArgumentsInvalid extends ToolError {}
/** The tool ran and reported an error. */
export class ToolFailed extends ToolError {}
/** The tool did not answer in time. */
export class ToolTimeout extends ToolError {}
/** The server is not reachable, or died during the call. */
export class ToolUnavailable extends ToolError {}
/** The tool's definition is no longer the trusted one; nothing was called. */
export class ToolChanged extends ToolError {}
/** The policy, or the person who was asked, does not allow the call; nothing was called. */
export class PermissionDenied extends ToolError {}
/** A limit on calls, concurrency or bytes was reached. */
export class ToolLimitExceeded extends ToolError {}

/** Something about a skill: it is not there, cannot be used, or could not be saved. */
export class SkillError extends HostError {}
/** There is no such skill, or no such version of it. */
export class SkillNotFound extends SkillError {}
/** What a skill consists of breaks the rules of the format. */
export class SkillInvalid extends SkillError {}
/** A skill waits for a person's approval, or its folder is not trusted. */
export class SkillRefused extends SkillError {}
/** A tool that a skill calls is gone or changed, and its cases fail. */
export class SkillStale extends SkillError {}
/** A skill could not be saved; what was there before is as it was. */
export class SkillNotSaved extends SkillError {}

const KINDS = new Map<unknown, typeof HostError>([
  ["WorkspaceFull", WorkspaceFull],
  ["ResultNotFound", ResultNotFound],
  ["ToolNotFound", ToolNotFound],
  ["ToolArgumentsInvalid", ToolArgumentsInvalid],
  ["ToolFailed", ToolFailed],
  ["ToolTimeout", ToolTimeout],
  ["ToolUnavailable", ToolUnavailable],
  ["ToolChanged", ToolChanged],
  ["PermissionDenied", PermissionDenied],
  ["ToolLimitExceeded", ToolLimitExceeded],
  ["SkillError", SkillError],
  ["SkillNotFound", SkillNotFound],
  ["SkillInvalid", SkillInvalid],
  ["SkillRefused", SkillRefused],
  ["SkillStale", SkillStale],
  ["SkillNotSaved", SkillNotSaved],
]);

/** Return the error that the host describes. */
export function errorFrom(frame: Record<string, unknown>): HostError {
  const { type, message, hint, ...data } = frame;
  const Kind = KINDS.get(type) ?? ToolError;
  return new Kind(String(message ?? "the tool call failed"), String(hint ?? ""), data);
}

/** Return the error that a frame of the host describes, with the stack of where the program asked. */
export function raiseFrom(frame: Record<string, unknown>, site: Error): HostError {
  const error = errorFrom(frame);
  const frames = String(site.stack ?? "").replace(/^.*\n/, "");
  Object.defineProperty(error, "stack", {
    value: `${error.name}: ${error.message}\n${frames}`,
    configurable: true,
    writable: true,
  });
  return error;
}
