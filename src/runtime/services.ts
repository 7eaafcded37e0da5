/** What the runtime's verbs run on. */
import type { NetworkLock } from "../effects/lock/network_lock.ts";
import type { Services as EngineServices } from "../engine/command.ts";

/** The engine's services, and the order of verbs, which only the runtime keeps. */
export type Services = EngineServices | NetworkLock;
