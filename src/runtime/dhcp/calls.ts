/** What plugins ask the daemon for, decoded from their calls; every refusal is a sentence that the plugin shows. */
import * as Effect from "effect/Effect";
import { argsIn, grantRecord, leasesRecord, type RpcArgs } from "../../effects/dhcp/rpc.ts";
import { EMPTY, LEASES, RESULT } from "../../effects/dhcp/rpc_types.ts";
import type { GobRecord, GobStruct } from "../../effects/dhcp/gob/encode.ts";
import type { DhcpSpeech, DhcpTerms } from "../../machines/dhcp_event.ts";
import { DhcpConfig } from "../../plugins/dhcp_config.ts";
import { speechOf } from "../../plugins/dhcp_speech.ts";
import { decodeConfig } from "../../spec/decode_config.ts";
import { CniCode, type CniFailure, failureText, Refused } from "../../spec/failure.ts";
import { member } from "../../spec/fold_keys.ts";
import { isJsonObject, type JsonObject, jsonOf, tooDeep, tooLong } from "../../spec/json.ts";
import type { AttachmentKey } from "../../spec/key.ts";
import { checkContainerId, checkIfName, checkNetworkName } from "../../spec/names.ts";
import { NoLease } from "./client.ts";
import type { Keeper, KeeperNeeds } from "./keeper.ts";

/** An answer: a struct and its type. */
export interface CallAnswer {
  readonly type: GobStruct;
  readonly record: GobRecord;
}

const refused = ({ code, msg, details }: CniFailure): Refused =>
  new Refused({ code, msg, ...(details === undefined ? {} : { details }) });

/** The request config of a call. */
function configIn({ stdin }: RpcArgs): Effect.Effect<JsonObject, Refused> {
  const fault = tooLong(stdin) ?? tooDeep(stdin);
  const raw = fault === null ? jsonOf(stdin) : undefined;
  if (isJsonObject(raw)) return Effect.succeed(raw);
  const msg = `Cannot use the network configuration of the call: ${fault ?? "it is not a JSON object"}`;
  return Effect.fail(new Refused({ code: CniCode.DECODING_FAILURE, msg }));
}

const nameIn = (raw: JsonObject): string => {
  const name = member(raw, "name");
  return typeof name === "string" ? name : "";
};

/** Names become paths in the book. */
function keyIn({ containerId, ifName }: RpcArgs, raw: JsonObject): Effect.Effect<AttachmentKey, Refused> {
  const network = nameIn(raw);
  const fault = checkNetworkName(network) ?? checkContainerId(containerId) ?? checkIfName(ifName);
  return fault === null ? Effect.succeed({ network, containerId, ifName }) : Effect.fail(refused(fault));
}

/** CNI_ARGS as Go's daemon reads them: pieces without a "=" are passed over. */
export const looseArgs = (text: string): ReadonlyMap<string, string> =>
  new Map(
    text.split(";").flatMap((piece) => {
      const at = piece.indexOf("=");
      return at < 0 ? [] : [[piece.slice(0, at), piece.slice(at + 1)] as const];
    }),
  );

const grantOf = ({ address, gateway, routes, dns }: DhcpTerms): CallAnswer => ({
  type: RESULT,
  record: grantRecord({
    ips: [{ address, ...(gateway === undefined ? {} : { gateway }) }],
    routes,
    ...(dns === undefined ? {} : { dns }),
  }),
});

const allocate = (keeper: Keeper, args: RpcArgs) =>
  Effect.gen(function* () {
    const raw = yield* configIn(args);
    const key = yield* keyIn(args, raw);
    const config = yield* decodeConfig(DhcpConfig, raw);
    const { clientId, options } = yield* speechOf(config, key, looseArgs(args.args));
    const hex = [...options].map(([code, value]) => [`${code}`, value.toHex()] as const);
    const speech: DhcpSpeech = {
      clientId: clientId.toHex(),
      options: Object.fromEntries(hex),
      priority: config.ipam.priority,
    };
    return grantOf(yield* keeper.allocate({ key, netns: args.netns, speech }));
  });

const release = (keeper: Keeper, args: RpcArgs) =>
  Effect.gen(function* () {
    const key = yield* keyIn(args, yield* configIn(args));
    yield* keeper.release(key);
    return { type: EMPTY, record: {} };
  });

const leases = (keeper: Keeper, args: RpcArgs) =>
  Effect.map(configIn(args), (raw): CallAnswer => ({
    type: LEASES,
    record: leasesRecord(keeper.held(nameIn(raw), args.containerId, args.ifName)),
  }));

/** Answers one call; ends with the sentence that the caller is told. A call of a method that there is not is one, too. */
export const answerCall = (
  keeper: Keeper,
  method: string,
  body: GobRecord,
): Effect.Effect<CallAnswer, string, KeeperNeeds> => {
  const calls: Readonly<
    Record<string, (keeper: Keeper, args: RpcArgs) => Effect.Effect<CallAnswer, Refused | NoLease, KeeperNeeds>>
  > = {
    "DHCP.Allocate": allocate,
    "DHCP.Release": release,
    "DHCP.Leases": leases,
  };
  const call = Object.hasOwn(calls, method) ? calls[method] : undefined;
  if (call === undefined) return Effect.fail(`rpc: can't find method ${method}`);
  return Effect.mapError(
    call(keeper, argsIn(body)),
    (error) => error._tag === "NoLease" ? error.why : failureText(error),
  );
};
