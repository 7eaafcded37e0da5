/** The ifb of an attachment: what the container sends waits there. Its alias says whose it is. */
import * as Effect from "effect/Effect";
import type { HostError, Link } from "../../effects/kernel/host.ts";
import { type Act, perform } from "../../engine/act.ts";
import type { EffectError } from "../../engine/plugin.ts";
import { View } from "../../engine/view.ts";
import { CniCode, Refused } from "../../spec/failure.ts";
import type { AttachmentKey } from "../../spec/key.ts";
import { MAX_IF_NAME_BYTES } from "../../spec/names.ts";
import type { ResultInterface } from "../../spec/result.ts";
import { hashedName } from "../adopt_look.ts";
import { PRESENT } from "../ensure.ts";
import { attachmentComment, attachmentOf } from "../nft_elements.ts";

/** What its name begins with, as Go's plugin has it. */
const PREFIX = "bwp";

/** Its name, as Go's plugin makes it up: the interfaces that a container has on one network would share it. */
export const ifbName = ({ network, containerId }: AttachmentKey): Effect.Effect<string> =>
  hashedName(PREFIX, network + containerId, MAX_IF_NAME_BYTES);

/** The name for a further interface of a container on the same network. */
const furtherName = ({ network, containerId, ifName }: AttachmentKey): Effect.Effect<string> =>
  hashedName(PREFIX, `${network}${containerId}/${ifName}`, MAX_IF_NAME_BYTES);

const taken = (name: string, { kind, alias }: Link) =>
  new Refused({
    code: CniCode.RESOURCE_TAKEN,
    msg: `Cannot create "${name}" on the host: there is a link of that name, of kind "${kind ?? "device"}"${
      alias === undefined ? "" : `, of "${alias}"`
    }`,
    details: "it was left by an earlier attachment; run DEL for this attachment first",
  });

/** A name that is free: Go's, unless another interface of the container has it. */
const freeName: (key: AttachmentKey) => Effect.Effect<string, HostError | Refused, View> = Effect.fnUntraced(
  function* (key) {
    const { host } = yield* View;
    const usual = yield* ifbName(key);
    const there = yield* host.link("host", usual);
    if (there === null) return usual;
    const owner = there.kind === "ifb" ? attachmentOf({ comment: there.alias }) : null;
    if (owner === null || owner.ifName === key.ifName) return yield* taken(usual, there);
    const further = yield* furtherName(key);
    const other = yield* host.link("host", further);
    return other === null ? further : yield* taken(further, other);
  },
);

/** The words that go with EOPNOTSUPP where the kernel does not know the kind (rtnl_newlink, net/core/rtnetlink.c). */
const UNKNOWN_KIND = "Unknown device type";

/** Makes the ifb of what comes in by the link `end`, with its MTU and length of queue, and sets it up. */
export const createIfb: (
  key: AttachmentKey,
  end: Link,
) => Effect.Effect<ResultInterface, EffectError | Refused, View | Act> = Effect.fnUntraced(function* (key, end) {
  const { host } = yield* View;
  const name = yield* freeName(key);
  const { mac } = yield* Effect.catchTag(
    perform({ op: "link.create", on: "host", name, link: { kind: "ifb" }, mtu: end.mtu }),
    "HostError",
    Effect.fnUntraced(function* (error) {
      const there = PRESENT.has(error.errno) ? yield* host.link("host", name) : null;
      if (there !== null) return yield* taken(name, there);
      if (error.extack?.startsWith(UNKNOWN_KIND) !== true) return yield* Effect.fail(error);
      return yield* new Refused({
        code: CniCode.PLUGIN_NOT_AVAILABLE,
        msg: `Cannot create "${name}" on the host: the kernel has no links of kind "ifb" (${error.errno})`,
        details: "load its module: modprobe ifb",
      });
    }),
  );
  const set = { up: true, txQueueLen: end.txQueueLen, alias: attachmentComment(key) };
  yield* perform({ op: "link.set", on: "host", name, set });
  return { name, mac };
});

/** Whether the link is the attachment's by its alias, or may be by its name: Go's plugin gives no alias. */
const isOf = (key: AttachmentKey, usual: string, { kind, name, alias }: Link): boolean =>
  kind === "ifb" && (alias === undefined ? name === usual : alias === attachmentComment(key));

/** The ifbs that an attachment has; Go's, which has no alias, for any interface of the container. */
export const ifbsOf: (key: AttachmentKey) => Effect.Effect<readonly Link[], HostError, View> = Effect.fnUntraced(
  function* (key) {
    const { host } = yield* View;
    const usual = yield* ifbName(key);
    const found: Link[] = [];
    for (const name of [usual, yield* furtherName(key)]) {
      const link = yield* host.link("host", name);
      if (link !== null && isOf(key, usual, link)) found.push(link);
    }
    return found;
  },
);

/** The attachments of a network that ifbs name. Those of Go's plugin do not tell theirs. */
export const tracesOfIfbs: (network: string) => Effect.Effect<readonly AttachmentKey[], HostError, View> = Effect
  .fnUntraced(function* (network) {
    const { host } = yield* View;
    const ifbs = (yield* host.links("host")).filter(({ kind, name }) => kind === "ifb" && name.startsWith(PREFIX));
    return ifbs.flatMap(({ alias }) => {
      const key = attachmentOf({ comment: alias });
      return key?.network === network ? [key] : [];
    });
  });
