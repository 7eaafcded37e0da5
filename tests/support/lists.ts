/** Network lists for tests. */
import * as Effect from "effect/Effect";
import { type NetworkList, parseNetworkList } from "../../src/spec/network_list.ts";

/** The list `net` of these plugin types, which have no keys of their own. */
export const listOf = (cniVersion: string, ...types: readonly string[]): NetworkList =>
  Effect.runSync(
    parseNetworkList(JSON.stringify({ cniVersion, name: "net", plugins: types.map((type) => ({ type })) }), "a test"),
  );
