/** Rules of sbr: which are made, and which are a plugin's and not somebody's own. */
import * as Effect from "effect/Effect";
import type { HostError, PolicyRule, Route } from "../../effects/kernel/host.ts";
import { type Act, perform } from "../../engine/act.ts";
import type { EffectError } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import type { Family } from "../../spec/cidr.ts";
import { CniCode, Refused } from "../../spec/failure.ts";
import { isKernelTable } from "../../spec/routing.ts";
import { orAlready, PRESENT } from "../ensure.ts";
import { freeTables, nextPriority, usedTables } from "../routing_tables.ts";
import type { Source } from "./config.ts";

/** The first table that is chosen, as Go's plugin does it. */
const FIRST_TABLE = 100;

/** How often a table is chosen anew because somebody else has chosen it at the same moment. */
const TRIES = 16;

/**
 * Whether the table, by the routes in it, may be one that sbr has made for an interface: it leads there, and nowhere else.
 * With the interface its routes have gone.
 */
const isTableOf = (ifName: string, isThere: boolean, table: number, routes: readonly Route[]): boolean => {
  if (table < FIRST_TABLE || isKernelTable(table)) return false;
  const own = routes.filter((route) => route.table === table);
  return own.every(({ link }) => link === ifName) && own.length > 0 === isThere;
};

/**
 * The rules that an sbr may have made for these sources: nothing but the source is in them, and nobody has signed them, as
 * many programs do (FRA_PROTOCOL). `table` is the one of the configuration; null for tables of sbr's own.
 */
export const rulesOfSbr: (
  family: Family,
  sources: readonly string[],
  ifName: string,
  table: number | null,
) => Effect.Effect<readonly PolicyRule[], HostError, View> = Effect.fnUntraced(
  function* (family, sources, ifName, table) {
    const { host } = yield* View;
    const rules = (yield* host.policyRules("container", family)).filter(({ from, plain, protocol }) =>
      plain && protocol === 0 && from !== null && sources.includes(from)
    );
    if (rules.length === 0) return [];
    const routes = table === null ? yield* host.routes("container", family) : [];
    const isThere = (yield* host.link("container", ifName)) !== null;
    return rules.filter((rule) =>
      table === null ? isTableOf(ifName, isThere, rule.table, routes) : rule.table === table
    );
  },
);

type Made<A> = Effect.Effect<A, EffectError | Refused, View | Act>;

/** Has what comes from the source looked up in that table; a rule that does so already will do, and stays its maker's. */
export const leadTo: (source: Source, table: number) => Made<void> = Effect.fnUntraced(
  function* ({ from, family }, table) {
    const { host } = yield* View;
    const rules = yield* host.policyRules("container", family);
    if (rules.some((rule) => rule.plain && rule.from === from && rule.table === table)) return;
    const add = perform({ op: "rule.add", on: "container", from, table, priority: nextPriority(rules) });
    yield* orAlready(PRESENT)(add);
  },
);

/** Spreads those who have chosen the same table over several. */
const spread = ({ from }: Source, width: number): number =>
  [...from].reduce((sum, character) => sum * 31 + (character.codePointAt(0) ?? 0), 7) % width;

/**
 * Finds a table for the source that nobody uses, and leads to it; that of an sbr that was here before is used again. Who
 * chooses the same table at the same moment is refused by `alone`, and so chooses another.
 */
export const leadToOwn: (source: Source, ifName: string) => Made<number> = Effect.fnUntraced(
  function* (source, ifName) {
    const { host } = yield* View;
    const { from, family } = source;
    const [earlier] = yield* rulesOfSbr(family, [from], ifName, null);
    if (earlier !== undefined) return earlier.table;
    for (let tries = 0; tries < TRIES; tries++) {
      const free = freeTables(yield* usedTables, FIRST_TABLE, 1 + 2 * tries);
      const table = free[spread(source, free.length)] ?? FIRST_TABLE;
      const priority = nextPriority(yield* host.policyRules("container", family));
      const add = perform({ op: "rule.add", on: "container", from, table, priority, alone: true });
      if ((yield* orAlready(PRESENT)(Effect.as(add, true))) === true) return table;
    }
    return yield* new Refused({
      code: CniCode.TRY_AGAIN_LATER,
      msg: `Cannot choose a routing table for ${from}: others have taken ${TRIES} of them at the same moment`,
    });
  },
);
