"""What every attempt in TypeScript may use."""

from __future__ import annotations

PRELUDE = r"""
const refusals = ["NotCapable", "PermissionDenied", "NotFound", "NotSupported"];
const codes = ["EPERM", "EACCES", "ENOENT", "EROFS", "EXDEV", "ENOTDIR", "ERR_ACCESS_DENIED"];
// deno-lint-ignore-file no-explicit-any
async function refused(attempt: () => any): Promise<boolean> {
  try { await attempt(); } catch (error: any) {
    const text = `${error?.name} ${error?.code} ${error?.message} ${error?.cause?.message ?? ""}`;
    if (refusals.includes(error?.name) || codes.includes(error?.code)) return true;
    if (/Requires \w+ access|requires .*permission|os error (1|2|13|18|30)\b|not permitted|denied/i.test(text)) return true;
    throw error;
  }
  return false;
}
async function all(...attempts: (() => any)[]): Promise<boolean> {
  for (const attempt of attempts) if (!await refused(attempt)) return false;
  return true;
}
// The channel to the host as our guest has it: descriptors 0 and 1.
const raw = (data: Uint8Array): number => Object.getPrototypeOf(Deno.stdout).writeSync.call(Deno.stdout, data);
function frame(body: string | Uint8Array, length?: number): Uint8Array {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const whole = new Uint8Array(4 + bytes.length);
  new DataView(whole.buffer).setUint32(0, length ?? bytes.length, true);
  whole.set(bytes, 4);
  return whole;
}
const say = (body: string | Uint8Array, length?: number) => raw(frame(body, length));
const never = () => new Promise(() => {});
"""
