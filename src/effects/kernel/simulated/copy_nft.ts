/** nf_tables of a copied machine: what a batch refers to is copied when it is needed, since sets cannot be listed. */
import * as Effect from "effect/Effect";
import type { HostError, HostView } from "../host.ts";
import type { NftCommand, NftElement, NftField, NftTable, NftType } from "../nft.ts";
import type { Side } from "../op.ts";
import { elementKey } from "../same.ts";
import type { SimNetns, SimSet } from "./state.ts";

const nameOf = ({ family, table }: NftTable): string => `${family} ${table}`;

const typeOf = (field: NftField): NftType => {
  if ("ip" in field) return field.ip.includes(":") ? "ipv6_addr" : "ipv4_addr";
  if ("mac" in field) return "ether_addr";
  if ("port" in field) return "inet_service";
  return "protocol" in field ? "inet_proto" : "ifname";
};

/** The element that a command adds or removes, or null. */
const elementOf = (command: NftCommand): NftElement | null => {
  if ("add" in command) return command.add === "element" ? command : null;
  return command.remove === "element" ? command : null;
};

/** A set as an element says that it is. */
const setFor = ({ key, value }: NftElement): SimSet => ({
  key: key.map(typeOf),
  value: value === undefined ? null : "verdict" in value ? "verdict" : value.map(typeOf),
  comment: null,
  elements: new Map(),
});

/** Copies a table with the names of its chains. One without chains counts as missing. */
const copyTable = Effect.fnUntraced(function* (view: HostView, on: Side, netns: SimNetns, which: NftTable) {
  const chains = yield* view.chains(on, which);
  if (chains.length === 0) return;
  netns.tables.set(nameOf(which), {
    comment: null,
    chains: new Map(chains.map((name) => [name, { hook: null, comment: null, rules: [] }])),
    sets: new Map(),
  });
});

/** The tables of one side, each copied when it is first asked for. */
export class CopiedTables {
  readonly #tables = new Set<string>();
  /** Tables that the machine has, whose sets are taken to be there. */
  readonly #real = new Set<string>();
  readonly #elements = new Set<string>();
  readonly #view: HostView;
  readonly #on: Side;
  readonly #netns: SimNetns;

  constructor(view: HostView, on: Side, netns: SimNetns) {
    this.#view = view;
    this.#on = on;
    this.#netns = netns;
  }

  /** Copies what these commands refer to. Ends with `HostError` when it cannot look. */
  prepare(commands: readonly NftCommand[]): Effect.Effect<void, HostError> {
    return Effect.forEach(commands, (command) => this.#prepare(command), { discard: true });
  }

  readonly #prepare = Effect.fnUntraced({ self: this }, function* (this: CopiedTables, command: NftCommand) {
    const table = nameOf(command);
    if (!this.#tables.has(table)) {
      this.#tables.add(table);
      yield* copyTable(this.#view, this.#on, this.#netns, command);
      if (this.#netns.tables.has(table)) this.#real.add(table);
    }
    const element = elementOf(command);
    if (element !== null && this.#real.has(table)) yield* this.#copyElement(element);
  });

  readonly #copyElement = Effect.fnUntraced({ self: this }, function* (this: CopiedTables, which: NftElement) {
    const key = `${nameOf(which)} ${which.set} ${elementKey(which.key)}`;
    if (this.#elements.has(key)) return;
    this.#elements.add(key);
    const sets = this.#netns.tables.get(nameOf(which))?.sets;
    const set = sets?.get(which.set) ?? setFor(which);
    sets?.set(which.set, set);
    const found = yield* this.#view.element(this.#on, which);
    if (found !== null) set.elements.set(elementKey(which.key), found);
  });

  /** Whether the copy, and not the machine, knows of that element. */
  knows(which: NftElement): boolean {
    return this.#elements.has(`${nameOf(which)} ${which.set} ${elementKey(which.key)}`) ||
      (this.#tables.has(nameOf(which)) && !this.#real.has(nameOf(which)));
  }

  /** Whether the copy has that table. */
  hasTable(which: NftTable): boolean {
    return this.#netns.tables.has(nameOf(which));
  }
}
