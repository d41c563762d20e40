// A process for one program: it warms up, says so, and waits.

import { send } from "./channel.ts";
import { prepare, serve } from "./program.ts";

await prepare();
send({ op: "ready" });
await serve();
