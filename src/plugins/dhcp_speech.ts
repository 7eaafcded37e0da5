/** What a DHCP client says of an attachment, by its configuration: who it is, what it asks for, what it provides. */
import * as Effect from "effect/Effect";
import { CniCode, Refused } from "../spec/failure.ts";
import { OPTION, OPTION_NAMES, optionCode } from "../spec/dhcp_option.ts";
import type { AttachmentKey } from "../spec/key.ts";
import type { DhcpConfig } from "./dhcp_config.ts";

/** Options by code, and the client's own id: its type byte, and the rest. */
export interface Speech {
  readonly clientId: Uint8Array<ArrayBuffer>;
  readonly options: ReadonlyMap<number, Uint8Array<ArrayBuffer>>;
}

/** Longest value of an option, and longest client id behind its type byte, in bytes. */
const LONGEST_VALUE = 255, LONGEST_ID = 254;
/** Largest message that servers may send, in bytes (option 57). */
const MAX_SIZE = [1500 >> 8, 1500 & 0xff];

/** What is asked for by default: as Go does, router and mask, and what the `dns` of the result is made of. */
const DEFAULT_REQUESTS = [
  OPTION.ROUTERS,
  OPTION.SUBNET_MASK,
  OPTION.NAME_SERVERS,
  OPTION.DOMAIN_NAME,
  OPTION.DOMAIN_SEARCH,
];
/** What is asked for where nothing else is. */
const LEAST_REQUESTS = [OPTION.SUBNET_MASK, OPTION.ROUTERS, OPTION.DOMAIN_NAME, OPTION.NAME_SERVERS];

/** What the client says by itself in each message: nobody else may. */
const RESERVED: ReadonlySet<number> = new Set([
  OPTION.REQUESTED_ADDRESS,
  OPTION.OVERLOAD,
  OPTION.MESSAGE_TYPE,
  OPTION.SERVER_ID,
  OPTION.PARAMETER_LIST,
]);

const encoder = new TextEncoder();

const refuse = (key: string, value: string, why: string, details: string): Refused =>
  new Refused({ code: CniCode.INVALID_NETWORK_CONFIG, msg: `Cannot use "ipam.${key}" "${value}": ${why}`, details });

const codeOf = (key: string, option: string): Effect.Effect<number, Refused> => {
  const code = optionCode(option);
  if (code !== null) return Effect.succeed(code);
  const names = Object.keys(OPTION_NAMES).join(", ");
  return Effect.fail(
    refuse(key, option, "can not parse option", `an option is a number from 1 to 254, or one of ${names}`),
  );
};

const requested = Effect.fnUntraced(function* ({ ipam: { request } }: DhcpConfig) {
  const codes: number[] = [];
  for (const [at, { option }] of request.entries()) {
    // An entry may be there for skipDefault alone.
    if (option !== "") codes.push(yield* codeOf(`request[${at}].option`, option));
  }
  if (!request.some(({ skipDefault }) => skipDefault)) codes.push(...DEFAULT_REQUESTS);
  return Uint8Array.from(new Set(codes.length === 0 ? LEAST_REQUESTS : codes));
});

const provided = Effect.fnUntraced(function* ({ ipam: { provide } }: DhcpConfig, args: ReadonlyMap<string, string>) {
  const options = new Map<number, Uint8Array<ArrayBuffer>>();
  for (const [at, { option, value, fromArg }] of provide.entries()) {
    const key = `provide[${at}]`;
    const code = yield* codeOf(`${key}.option`, option);
    if (RESERVED.has(code)) {
      return yield* refuse(`${key}.option`, option, "the client sets it by itself", "leave it out");
    }
    const text = (fromArg === "" ? undefined : args.get(fromArg)) ?? value;
    const bytes = encoder.encode(text);
    if (bytes.length > LONGEST_VALUE) {
      const why = `its value has ${bytes.length} bytes, at most ${LONGEST_VALUE} fit`;
      return yield* refuse(`${key}.option`, option, why, `the value begins with ${text.slice(0, 32)}`);
    }
    if (bytes.length > 0) options.set(code, bytes);
  }
  return options;
});

/** Go's id of a client: changing it would change the addresses of those that are known by it. */
export const clientIdOf = ({ network, containerId, ifName }: AttachmentKey): Uint8Array<ArrayBuffer> =>
  Uint8Array.of(0, ...encoder.encode(`${containerId}/${network}/${ifName}`).subarray(0, LONGEST_ID));

/**
 * What is said for an attachment; `args` are CNI_ARGS. Refused (code 7): an option that is none, one that the client sets by
 * itself, a value that is too long.
 */
export const speechOf: (
  config: DhcpConfig,
  key: AttachmentKey,
  args: ReadonlyMap<string, string>,
) => Effect.Effect<Speech, Refused> = Effect.fnUntraced(function* (config, key, args) {
  const options = yield* provided(config, args);
  const clientId = options.get(OPTION.CLIENT_ID) ?? clientIdOf(key);
  options.set(OPTION.PARAMETER_LIST, yield* requested(config));
  if (!options.has(OPTION.MAX_SIZE)) options.set(OPTION.MAX_SIZE, Uint8Array.from(MAX_SIZE));
  return { clientId, options };
});
